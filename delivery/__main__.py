"""`python -m delivery gate|preview|comment|stages|stage|kubeconfig|drift|issue|propose`: docs/delivery.md."""

import argparse
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from delivery import checkout, comment, documents, order
from delivery.documents import Told
from delivery.errors import DeliveryError
from delivery.github import Repository
from promotion.cli_access import CliAccess
from promotion.errors import PromotionError
from promotion.files import Checkout
from promotion.terminal import ended, say
from rehearsal.errors import RehearsalError
from settings import Settings, SettingsError

ISSUE = "What is there differs from the main branch"
LOCK = "requirements.lock"
LOCK_WHY = (
    "`make lock` resolved `pyproject.toml` anew. Close and reopen this to have its checks run (docs/delivery.md)."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 when done, 1 when refused, failed or different, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what was begun is recorded
    found: list[int] = []
    code = ended(
        lambda: found.append(options.command(options) or 0),
        DeliveryError,
        PromotionError,
        RehearsalError,
        SettingsError,
    )
    return code or found[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m delivery", description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path(), help="the project's checkout (default: here)")
    parser.add_argument("--folder", type=Path, default=documents.FOLDER, help="of previews (default: %(default)s)")
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, command: object, words: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(command=command)
        return sub

    gate = add("gate", _gate, "what the checkout would lose of the regions that another commit describes")
    gate.add_argument("base", help="a commit, such as origin/main")
    preview = add("preview", _preview, "`pulumi preview` with every pack, kept as a file of each region")
    comment = add("comment", _comment, "the previews as one comment; without a token they are printed")
    comment.add_argument("--number", type=int, help="of the pull request")
    stages = add("stages", _stages, "the regions of both stages, as JSON")
    stage = add("stage", _stage, "bring one region, or all, to the checkout's commit")
    kubeconfig = add("kubeconfig", _kubeconfig, "let kubectl find a region's cluster on AWS, under the region's name")
    drift = add("drift", _drift, "what is there that the checkout does not say")
    add("issue", _issue, "what `drift` found as one issue; without a token it is printed")
    add("propose", _propose, "the lock file as it is here, as a pull request; without a token nothing is done")
    for sub in (preview, drift, stage, kubeconfig):
        sub.add_argument("region", nargs=None if sub is kubeconfig else "?", help="its stack")
    for sub in (stage, stages):
        sub.add_argument("--order", choices=order.ORDERS, default=order.STANDBY_FIRST, help="default: %(default)s")
    return parser


def _gate(options: argparse.Namespace) -> int:
    from delivery import base  # here: what evaluates programs takes a second to import
    from delivery.stage import lost
    from rehearsal.progress import Progress

    refused = lost(base.lost(options.base, options.directory.resolve(), Progress()))
    for one in refused:
        say(one)
    if not refused:
        say(f"nothing that holds data in {options.base} is deleted, replaced or made smaller without an approval")
        return 0
    say(f"{len(refused)} changes would lose data: approve them in policies/exceptions.yaml (docs/policies.md)")
    return 1


def _preview(options: argparse.Namespace) -> int:
    return int(any(told.failed for told in _asked(options, refresh=False)))


def _drift(options: argparse.Namespace) -> int:
    return int(any(told.failed or told.steps for told in _asked(options, refresh=True)))


def _asked(options: argparse.Namespace, refresh: bool) -> list[Told]:
    """A preview of each region that was asked for, written to its file. One that fails is one of them."""
    from delivery.previews import told
    from delivery.stacks import Stacks

    regions = Checkout(options.directory).settings()
    names = _named(options.region, regions)
    stacks, commit = Stacks(options.directory, regions, say), checkout.commit(options.directory)
    found: list[Told] = []
    for region in names:
        one = told(stacks, region, regions[region], commit, refresh)
        file = documents.write(one, options.folder)
        say(f"{region}: {len(one.steps)} changes, {'failed' if one.failed else 'nothing refused'} ({file})")
        for line in (*one.errors, *one.refused, *(f"{it[2]}: {it[4]}" for it in one.violations)):
            say(f"  {line}")
        found.append(one)
    return found


def _comment(options: argparse.Namespace) -> None:
    regions = Checkout(options.directory).settings()
    commit = checkout.commit(options.directory)
    told = documents.read(options.folder, _roles(regions), commit)
    text = comment.preview(told, order.stages(regions), commit)
    repository = Repository.of_environment()
    if repository is None or options.number is None:
        say(text)
    else:
        say(repository.comment(options.number, comment.MARK, text))


def _issue(options: argparse.Namespace) -> None:
    regions = Checkout(options.directory).settings()
    commit = checkout.commit(options.directory)
    told = documents.read(options.folder, _roles(regions), commit)
    differs = any(one.failed or one.steps for one in told)
    text = comment.drift(told, commit) if differs else None
    repository = Repository.of_environment()
    if repository is None:
        say(text or "nothing differs")
    else:
        say(repository.issue(comment.DRIFT_MARK, ISSUE, text))


def _propose(options: argparse.Namespace) -> None:
    text = (options.directory / LOCK).read_text(encoding="utf-8")
    repository = Repository.of_environment()
    if repository is None:
        raise DeliveryError(
            "a pull request is opened with a token: GITHUB_TOKEN and GITHUB_REPOSITORY (docs/delivery.md)"
        )
    say(repository.propose(LOCK, text, "update/lock", "Newer versions in the lock file", LOCK_WHY))


def _stages(options: argparse.Namespace) -> None:
    regions = Checkout(options.directory).settings()
    first, second = order.stages(regions, options.order)
    sys.stdout.write(f"{json.dumps({'first': first, 'second': second, 'all': [*first, *second]})}\n")


def _stage(options: argparse.Namespace) -> None:
    from delivery.stacks import Stacks
    from delivery.stage import Stage

    regions = Checkout(options.directory).settings()
    commit = checkout.clean(options.directory)
    stacks, cluster = Stacks(options.directory, regions, say), CliAccess(options.directory, regions)
    began = datetime.now(UTC)
    Stage(regions, stacks, cluster, commit, say).run(options.order, options.region)
    say(f"done in {(datetime.now(UTC) - began).total_seconds():.0f} s")


def _kubeconfig(options: argparse.Namespace) -> None:
    regions = Checkout(options.directory).settings()
    (region,) = _named(options.region, regions)
    say(checkout.kubeconfig(region, regions[region]))


def _named(region: str | None, regions: Mapping[str, Settings]) -> tuple[str, ...]:
    if region is not None and region not in regions:
        raise DeliveryError(f"there is no region {region}: name one of {', '.join(regions)}")
    return tuple(regions) if region is None else (region,)


def _roles(regions: Mapping[str, Settings]) -> dict[str, str]:
    return {name: "home" if settings.is_home else "standby" for name, settings in regions.items()}


if __name__ == "__main__":
    sys.exit(main())
