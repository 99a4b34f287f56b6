"""`python -m state store`: the bucket of the stacks' state. `python -m state destroy REGION`: what its end takes."""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from components.aws.state_store import StateStoreArgs
from promotion.errors import PromotionError
from promotion.files import Checkout
from promotion.terminal import ask, ended, say
from settings import Settings, SettingsError
from state import cli, leaving, store
from state.errors import StateError


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 when done, 1 when refused, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    return ended(lambda: options.command(options), StateError, PromotionError, SettingsError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m state", description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(), help="the project's checkout (default: here)")
    commands = parser.add_subparsers(required=True, metavar="command")
    making = commands.add_parser("store", help="the bucket, its copy, and the key for the secrets: made, or kept")
    making.set_defaults(command=_store)
    making.add_argument("--account", help="its twelve digits (default: aws.account of the first region)")
    making.add_argument("--region", help="what AWS calls the bucket's region (default: the first region's)")
    making.add_argument("--copy-region", help="what AWS calls the copy's (default: the second region's)")
    making.add_argument("--yes", action="store_true", help="do not ask")
    giving_up = commands.add_parser("destroy", help="what it takes to give a region up; destroys nothing")
    giving_up.set_defaults(command=_destroy)
    giving_up.add_argument("region", help="its stack")
    return parser


def _store(options: argparse.Namespace) -> None:
    args = _args(options)
    cli.require()
    access = cli.CliAccess(options.directory, args, say)
    store.make(access, args, say, lambda question: options.yes or ask(question))


def _args(options: argparse.Namespace) -> StateStoreArgs:
    """All that is wrong with them at once."""
    asked = (options.account, options.region, options.copy_region)
    regions = {} if all(asked) else Checkout(options.directory).settings()
    account, region, copy_region = (one or other for one, other in zip(asked, _stated(regions), strict=True))
    faults = [
        *(["--account: name it, twelve digits"] if not re.fullmatch(r"\d{12}", account or "") else []),
        *(["--region: name it, such as us-east-1"] if not region else []),
        *(["--copy-region: name it: another region than the bucket's"] if copy_region in (None, "", region) else []),
    ]
    if faults or account is None or region is None or copy_region is None:
        raise StateError("\n".join(faults))
    return StateStoreArgs(account, region, copy_region, {"project": "somafractalmemory"})


def _stated(regions: Mapping[str, Settings]) -> tuple[str | None, str | None, str | None]:
    """Account, region and region of the copy, as far as the stack files say them."""
    every = list(regions.values())
    places = [settings.region.aws_region for settings in every[:2]]
    account = next((settings.aws.account for settings in every if settings.aws.account), None)
    first, second, *_ = [*places, None, None]
    return account, first, second


def _destroy(options: argparse.Namespace) -> None:
    regions = Checkout(options.directory).settings()
    cli.require()
    resources = cli.exported(options.directory, options.region)
    for line in leaving.guide(options.region, regions.get(options.region), resources):
        say(line)


if __name__ == "__main__":
    sys.exit(main())
