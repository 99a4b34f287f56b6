"""Command line: `python -m rehearsal setup|preview|policies|up|down|status|record|pack-config|token|drill|bench`."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from rehearsal.errors import RehearsalError
from rehearsal.paths import shorter
from rehearsal.progress import Progress
from settings import SettingsError

WIDE = 200


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 when done, 1 when refused or failed, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    # SIGTERM ends like Ctrl-C: what was started is recorded, so that `down` finds it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return options.command(options, Progress())
    except (RehearsalError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt as interrupt:
        words = str(interrupt) or "`make up` goes on from here, `make down` ends what was started"
        sys.stderr.write(f"interrupted: {words}\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, command, words in (
        ("setup", _setup, "build or find the control-plane binaries"),
        ("preview", _preview, "what each region would create, with policy results; touches nothing"),
        ("policies", _policies, "what every policy pack says of every region on every platform; touches nothing"),
        ("up", _up, "bring every region up"),
        ("down", _down, "end the control planes and remove their state"),
        ("status", _status, "what is up now"),
        ("record", _record, "keep what the stacks are now, to test later programs against; touches nothing else"),
        ("pack-config", _pack_config, "what --policy-pack-config takes for a region, as its settings say"),
        ("token", _token, "what signs in to a region's control plane, as a kubeconfig's exec wants it"),
        ("drill", _drill, "lose zones, drain nodes, roll and load a region that is up; compare with the proof"),
        ("bench", _bench, "measure the promised numbers"),
    ):
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(command=command)
        sub.add_argument("--json", action="store_true", help="one JSON document on standard output, nothing else there")
        if command is _pack_config:
            sub.add_argument("region", help="its stack file is Pulumi.<region>.yaml")
            sub.add_argument(
                "--pack", default="high-availability", help="folder under policies/ (default: %(default)s)"
            )
        if command is _record:
            sub.add_argument("name", help="of the record, such as a release's version; one that is not taken")
        if command is _token:
            sub.add_argument("--region", required=True, help="name of the region, or what AWS calls it")
        if command is _drill:
            sub.add_argument("--region", help="name of the region (default: the home region)")
        if command in (_preview, _policies, _up, _down, _status, _pack_config, _drill):
            sub.add_argument(
                "--project",
                type=Path,
                metavar="FOLDER",
                help="another program of regions, such as examples/three-regions; what runs of it lies in its own "
                ".rehearsal",
            )
        if command in (_preview, _up, _down, _status, _drill):
            sub.add_argument(
                "--platform",
                choices=("kubernetes", "aws"),
                help="of every region, whatever its stack file says",
            )
        if command is _policies:
            sub.add_argument(
                "--config",
                type=Path,
                metavar="FILE",
                help="levels and values of the policies that judge all regions together, in the form of Pulumi's "
                "--policy-pack-config",
            )
        if command is _preview:
            sub.add_argument("--prices", type=Path, metavar="FILE", help="another table of prices than the project's")
        if command in (_preview, _up, _drill):
            page = sub.add_mutually_exclusive_group()
            page.add_argument("--report", type=Path, metavar="FILE", help="the page (default: in the run directory)")
            page.add_argument("--no-report", action="store_true", help="write no page")
        if command in (_preview, _up):
            sub.add_argument("--engine", choices=("in-process", "pulumi"), help="default: pulumi where it is on PATH")
    return parser


def _setup(options: argparse.Namespace, progress: Progress) -> int:
    from rehearsal import binaries

    found = binaries.ensure(progress)
    _print(options, {"binaries": str(found.directory)}, lambda console: console.print(f"ready: {found.directory}"))
    return 0


def _preview(options: argparse.Namespace, progress: Progress) -> int:
    from rehearsal import reporting
    from rehearsal.run import Rehearsal
    from rehearsal.summary import show

    summary = Rehearsal(progress, options.engine, _checkout(options), options.prices).preview()
    _print(options, summary.as_json(), lambda console: show(summary, console))
    _report(options, progress, lambda: reporting.of_run(summary, "preview", options.report))
    return int(any(region.refused for region in summary.regions))


def _policies(options: argparse.Namespace, progress: Progress) -> int:
    from rehearsal import judgement

    config = judgement.configuration(options.config) if options.config else {}
    found = judgement.judge(_program(options), progress, config)
    _print(options, [one.as_json() for one in found], lambda console: judgement.show(found, console))
    return int(any(one.refused for one in found))


def _up(options: argparse.Namespace, progress: Progress) -> int:
    from rehearsal import reporting
    from rehearsal.run import RefusedError, Rehearsal
    from rehearsal.summary import show

    try:
        summary = Rehearsal(progress, options.engine, _checkout(options)).up()
    except RefusedError as refused:
        planned = refused.summary
        _print(options, planned.as_json(), lambda console: show(planned, console))
        _report(options, progress, lambda: reporting.of_run(planned, "preview", options.report))
        raise
    _print(options, summary.as_json(), lambda console: show(summary, console))
    _report(options, progress, lambda: reporting.of_run(summary, "up", options.report))
    return 0


def _down(options: argparse.Namespace, progress: Progress) -> int:
    from rehearsal.run import down

    _checkout(options)
    ended = down(progress)
    words = f"ended and removed: {', '.join(ended)}" if ended else "nothing was up"
    _print(options, {"ended": list(ended)}, lambda console: console.print(words))
    return 0


def _status(options: argparse.Namespace, progress: Progress) -> int:
    from rehearsal.run import Rehearsal
    from rehearsal.summary import show_standing, standing_json

    standing = Rehearsal(progress, checkout=_checkout(options)).status()
    _print(options, standing_json(standing), lambda console: show_standing(standing, console))
    return 0


def _record(options: argparse.Namespace, progress: Progress) -> int:
    from rehearsal.record import STATES, record_all

    kept = record_all(options.name, progress)
    words = "\n".join(f"{of}: {count} resources" for of, count in kept.items())
    _print(options, kept, lambda console: console.print(f"{words}\nrecorded under {STATES / options.name}"))
    return 0


def _pack_config(options: argparse.Namespace, progress: Progress) -> int:
    from rehearsal import minimums, packs
    from rehearsal.engine.project import Project

    del progress
    program = _program(options)
    known = {directory.name: directory for directory in packs.directories(program)}
    settings = Project.load(program).settings()
    _named("pack", options.pack, known)
    _named("region", options.region, settings)
    options.json = True
    _print(options, minimums.configuration(known[options.pack], settings[options.region]), lambda _: None)
    return 0


def _token(options: argparse.Namespace, progress: Progress) -> int:
    from rehearsal.sign_in import credential

    del progress
    sys.stdout.write(f"{credential(options.region)}\n")
    return 0


def _drill(options: argparse.Namespace, progress: Progress) -> int:
    from rehearsal import reporting
    from rehearsal.drills import report
    from rehearsal.drills.run import drill
    from rehearsal.engine.project import Project

    settings = Project.load(_checkout(options)).settings()
    home = next(name for name, of in settings.items() if of.is_home)
    region = _named("region", options.region or home, settings)
    outcomes = drill(region, settings[region], progress)
    _print(options, report.as_json(region, outcomes), lambda console: report.show(region, outcomes, console))
    _report(options, progress, lambda: reporting.of_drills(region, outcomes, options.report))
    return int(not all(outcome.agrees for outcome in outcomes))


def _bench(options: argparse.Namespace, progress: Progress) -> int:
    from rehearsal import bench

    measured = bench.run(progress)
    _print(options, [entry.as_json() for entry in measured], lambda console: bench.show(measured, console))
    return int(any(entry.holds is False for entry in measured))


def _named(what: str, name: str, among: Collection[str]) -> str:
    if name not in among:
        raise RehearsalError(f"there is no {what} {name}: name one of {', '.join(among)}")
    return name


def _checkout(options: argparse.Namespace) -> Path:
    """Of the program as it is, or on the platform that was asked for."""
    from rehearsal import overlay

    program = _program(options)
    return overlay.on(options.platform, program) if options.platform else program


def _program(options: argparse.Namespace) -> Path:
    """The folder of the program: this checkout's, or that of another project, which has a run directory of its own."""
    from rehearsal import paths

    if options.project is None:
        return paths.CHECKOUT
    project: Path = options.project.resolve()
    if not (project / "Pulumi.yaml").is_file():
        raise RehearsalError(f"{project} holds no Pulumi.yaml: name the folder of a Pulumi program with --project")
    os.environ.setdefault(paths.HOME, str(project / paths.RUN))
    return project


def _report(options: argparse.Namespace, progress: Progress, write: Callable[[], Path]) -> None:
    """The page, and where it is. One that cannot be written is told of, and makes nothing fail."""
    if options.no_report:
        return
    try:
        page = write()
    except OSError as error:
        progress.note(
            f"no report: {error.filename or options.report}: {error.strerror}: name another place by --report"
        )
        return
    words = f"report: {shorter(str(page))}"
    if options.json:
        progress.note(words)
    else:
        sys.stdout.write(f"{words}\n")


def _print(options: argparse.Namespace, document: Any, show: Callable[[Console], None]) -> None:
    if options.json:
        sys.stdout.write(f"{json.dumps(document, indent=2)}\n")
    else:
        # into a file or a pipe, where rich takes 80 columns, tables are as wide as they are
        known = sys.stdout.isatty() or "COLUMNS" in os.environ
        show(Console(width=None if known else WIDE))


if __name__ == "__main__":
    sys.exit(main())
