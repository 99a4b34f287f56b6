"""The command line of the sizing model."""

import argparse
import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from capacity import as_set, documents, files, observed, prices, review, stack, steps, tables, workload
from capacity.plan import Plan, plan, plan_on
from capacity.prices import PriceError, Prices
from settings.pages import delivered

_EXAMPLE = """Inputs are keys of a workload: in a file (--workload), and as key=value after it, such as
  python -m capacity estimate memories_per_day=200 concurrent_users=10 objectives.latency_ms=2000
docs/capacity.md has them all."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 when done, 1 when refused."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (
        workload.WorkloadError,
        documents.FileError,
        PriceError,
        stack.TooLargeError,
        observed.ReviewError,
    ) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m capacity",
        description="What a workload needs, why, until when, and what it costs.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, words: str, run: object, *, inputs: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(command=run)
        sub.add_argument("--prices", type=Path, default=prices.FILE, metavar="FILE", help="another table of prices")
        if inputs:
            sub.add_argument("--workload", type=Path, metavar="FILE", help="keys of the workload, as YAML or JSON")
            sub.add_argument("changes", nargs="*", metavar="key=value", help="keys of the workload, over the file's")
        return sub

    shape = command("estimate", "the plan as tables", _estimate).add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one JSON document")
    shape.add_argument("--yaml", action="store_true", help="the keys of a stack file")
    explain = command("explain", "every number with its arithmetic and sources", _explain)
    explain.add_argument("--only", default="", metavar="NAME", help="numbers whose name begins so, such as qdrant")
    compare = command("compare", "two workloads side by side", _compare, inputs=False)
    compare.add_argument("files", nargs=2, type=Path, metavar="FILE", help="a workload")
    apply = command("apply", "write the plan into a stack file; shows the difference first", _apply)
    apply.add_argument("--stack", required=True, help="its file is Pulumi.<stack>.yaml")
    apply.add_argument("--directory", type=Path, default=Path(), help="the checkout (default: here)")
    apply.add_argument("--aws", action="store_true", help="the node groups of the platform aws as well")
    apply.add_argument("--new", action="store_true", help="the region is not made yet: nothing of it has to stay")
    apply.add_argument("--yes", action="store_true", help="write without asking")
    growth = command("growth", "each component against its limit, by month", _growth)
    growth.add_argument("--png", type=Path, metavar="FILE", help="a picture as well")
    seen = command("review", "compare what a region uses with what it has and with its plan", _review)
    seen.add_argument("--prometheus", required=True, metavar="URL", help="the Prometheus that watches it")
    seen.add_argument("--stack", required=True, help="its file is Pulumi.<stack>.yaml")
    seen.add_argument("--directory", type=Path, default=Path(), help="the checkout (default: here)")
    seen.add_argument("--days", type=int, default=7, choices=range(1, 91), metavar="N", help="days to look back (7)")
    seen.add_argument("--reviews", type=Path, default=Path("reviews"), help="where reviews are kept (reviews)")
    docs = command("docs", "docs/capacity.md, computed", _docs, inputs=False).add_mutually_exclusive_group()
    docs.add_argument("--write", type=Path, metavar="FILE", help="write the page")
    docs.add_argument("--check", type=Path, metavar="FILE", help="fail when the file is not the page")
    return parser


def _given(options: argparse.Namespace) -> tuple[Plan, Prices]:
    table = prices.read(options.prices)
    return plan(files.given(options.workload, options.changes), table), table


def _today() -> datetime.date:
    return datetime.date.today()  # noqa: DTZ011 (the operator's day)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _estimate(options: argparse.Namespace) -> int:
    made, table = _given(options)
    if options.json:
        sys.stdout.write(json.dumps(tables.as_json(made, table, _today()), indent=2) + "\n")
    elif options.yaml:
        sys.stdout.write(f"# {stack.presumed(made)}\n{files.yaml_text(stack.values(made))}")
    else:
        sys.stdout.write(tables.whole(made, table, _today()))
    return 0


def _explain(options: argparse.Namespace) -> int:
    made, _ = _given(options)
    figures = [figure for figure in made.explain() if figure.name.startswith(options.only)]
    if not figures:
        known = sorted({figure.name.partition(".")[0] for figure in made.explain()})
        sys.stderr.write(f"no number is called {options.only}…: names begin with {', '.join(known)}\n")
        return 1
    sys.stdout.write("\n\n".join(map(str, figures)) + "\n")
    return 0


def _compare(options: argparse.Namespace) -> int:
    table = prices.read(options.prices)
    one, other = (plan(files.given(file, []), table) for file in options.files)
    names = [file.name for file in options.files]
    if names[0] == names[1]:
        names = [str(file) for file in options.files]
    sys.stdout.write(tables.compared(one, other, (names[0], names[1]), table, _today()))
    return 0


def _apply(options: argparse.Namespace) -> int:
    table, asked = prices.read(options.prices), files.given(options.workload, options.changes)
    target = files.StackFile(options.directory, options.stack)
    alone = plan(target.suits(asked), table)
    made = plan_on(alone.workload, target.suited(alone.layout, new=options.new), table)
    planned, wanted = stack.values(made, options.stack), stack.blocks(alone)
    change = target.changed(planned, wanted, new=options.new)
    if options.aws:  # nodes are for what the stack then has, which may be more than the plan
        groups = stack.groups(as_set.sized(made, change.settings))
        change = target.changed(planned | groups, wanted, new=options.new)
    difference = target.difference(change.text)
    sys.stdout.write(difference or f"{target.file.name} says all this already\n")
    sys.stdout.writelines(f"{line}\n" for line in change.left)
    for line in tables.warnings(made, _today()):
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{tables.bill(as_set.sized(made, change.settings), options.stack, table)}\n")
    if not difference or not (options.yes or _agreed()):
        sys.stdout.write("nothing was written\n" if difference else "")
        return 0
    target.write(change.text)
    sys.stdout.write(f"{target.file.name} is written: `pulumi preview -s {options.stack}` shows what follows\n")
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        sys.stdout.write("nobody to ask: --yes writes it\n")
        return False
    sys.stdout.write("write this? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _growth(options: argparse.Namespace) -> int:
    from capacity import growth

    made, _ = _given(options)
    sys.stdout.write(growth.text(made))
    if options.png is not None:
        try:
            written = growth.picture(made, options.png)
        except ImportError:
            sys.stderr.write("no picture: install matplotlib (pip install '.[capacity]')\n")
            return 1
        except (OSError, ValueError) as error:
            sys.stderr.write(f"{options.png}: no picture: {error}\n")
            return 1
        sys.stdout.write(f"{written} is written\n")
    return 0


def _review(options: argparse.Namespace) -> int:
    table = prices.read(options.prices)
    target = files.StackFile(options.directory, options.stack)
    region = target.settings()
    stated = options.workload is not None or options.changes
    asked = target.suits(files.given(options.workload, options.changes)) if stated else region.planned_workload
    made = plan_on(asked, as_set.layout(region), table) if asked else None
    since, before = review.last(options.reviews, options.stack)
    found = observed.uses(observed.prometheus(options.prometheus), region, made, options.days, before)
    proposed = steps.step(found, region)
    said = review.text(found, proposed, region, since)
    file = review.written(options.reviews, options.stack, _now(), found, proposed)
    sys.stdout.write(f"{said}{file} is written: the next review compares with it\n")
    return 0


def _docs(options: argparse.Namespace) -> int:
    from capacity.page import page

    return delivered(page, options.write, options.check, "the model says")
