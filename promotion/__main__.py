"""`python -m promotion us-west`: makes a region home, whether the present one lives or not; again to go on."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from promotion.access import Access
from promotion.command import Command, Wishes
from promotion.errors import PromotionError
from promotion.files import Checkout
from promotion.terminal import ask, ended, say
from settings import SettingsError


def main(arguments: Sequence[str] | None = None, access: Callable[[Checkout], Access] | None = None) -> int:
    """Exit code: 0 when done, 1 when refused or stopped, 130 when interrupted."""
    options = _parser().parse_args(arguments)

    def promote() -> None:
        checkout = Checkout(options.directory)
        reached = (access or _cli(options.directory))(checkout)
        command = Command(reached, checkout, say, ask)
        command.run(Wishes(options.region, options.yes, options.accept_loss, options.though_streaming, options.fence))

    return ended(promote, PromotionError, SettingsError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m promotion", description=__doc__)
    parser.add_argument("region", help="the region that is to be home")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--accept-loss", action="store_true", help="whatever the new home's PostgreSQL is behind")
    parser.add_argument(
        "--though-streaming", action="store_true", help="fail over, though the new home still streams from the old one"
    )
    parser.add_argument("--fence", metavar="REGION", help="of two regions that both believe to be home, the loser")
    parser.add_argument("--directory", type=Path, default=Path(), help="the project's checkout (default: here)")
    return parser


def _cli(directory: Path) -> Callable[[Checkout], Access]:
    from promotion.cli_access import CliAccess  # here: the Automation API takes a second to import

    return lambda checkout: CliAccess(directory, checkout.settings())


if __name__ == "__main__":
    sys.exit(main())
