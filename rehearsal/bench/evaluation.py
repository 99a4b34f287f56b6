"""What components and settings cost over a bare program."""

from pathlib import Path

from rehearsal import paths
from rehearsal.bench.measure import Measure, side_by_side
from rehearsal.bench.projects import HOME, bare, evaluate
from rehearsal.engine.model import Plan
from rehearsal.progress import Progress

ROUNDS = 15


def measure(scratch: Path, plan: Plan, progress: Progress, rounds: int = ROUNDS) -> list[Measure]:
    """`plan` is us-east's. Both programs run in one process an evaluation, and ran before the clock starts."""
    yardstick = bare(scratch / "bare", plan)
    with progress.step("program overhead"):
        evaluate(paths.CHECKOUT, HOME)
        evaluate(yardstick, HOME)
        turns = side_by_side(rounds, lambda _: evaluate(paths.CHECKOUT, HOME), lambda _: evaluate(yardstick, HOME))
    return [
        Measure("evaluate us-east over a bare program of the same resources", turns.ratio, "ratio", 1.25),
        Measure("evaluate us-east", turns.one, "s"),
    ]
