"""What components and settings cost over a bare program, and what the policies cost beside it."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from policies.rules import Rule, judges_single
from rehearsal import packs, paths
from rehearsal.bench.measure import Measure, seconds, side_by_side
from rehearsal.bench.projects import HOME, bare, evaluate
from rehearsal.engine.model import Plan
from rehearsal.progress import Progress

ROUNDS = 15
PACK_ROUNDS = 5


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
        *(one for directory in packs.directories(paths.CHECKOUT) for one in _pack(directory, plan, scratch)),
    ]


_NOTHING = """
from pulumi_policy import PolicyPack, ResourceValidationPolicy, StackValidationPolicy

say = lambda args, report: None
single = [ResourceValidationPolicy(f"single-{{n}}", "nothing", say) for n in range({single})]
stack = [StackValidationPolicy(f"stack-{{n}}", "nothing", say) for n in range({stack})]
PolicyPack("nothing", [*single, *stack])
"""


def _pack(directory: Path, plan: Plan, scratch: Path) -> list[Measure]:
    """Beside a pack of as many policies that look at nothing: what the SDK itself takes."""
    idle = _idle(directory, scratch)
    started = seconds(lambda: packs.Pack(directory, "bench", HOME).close())
    with packs.Pack(directory, "bench", HOME) as pack, packs.Pack(idle, "bench", HOME) as nothing:
        turns = side_by_side(
            PACK_ROUNDS,
            lambda _: pack.ask(plan.resources, HOME),
            lambda _: nothing.ask(plan.resources, HOME),
        )
    return [
        Measure(f"start the policy pack {directory.name}", started, "s"),
        Measure(f"ask it about {len(plan.resources)} resources", turns.one, "s"),
        Measure("the same over as many policies that look at nothing", turns.ratio, "ratio"),
    ]


def _idle(directory: Path, scratch: Path) -> Path:
    rules: Sequence[Rule] = importlib.import_module(f"policies.{directory.name.replace('-', '_')}").RULES
    single = sum(judges_single(rule) for rule in rules)
    idle = scratch / f"idle-{directory.name}"
    idle.mkdir()
    options = f"{{name: python, options: {{virtualenv: {sys.prefix}}}}}"
    (idle / "PulumiPolicy.yaml").write_text(f"runtime: {options}\n", encoding="utf-8")
    program = _NOTHING.format(single=single, stack=len(rules) - single)
    (idle / "__main__.py").write_text(program, encoding="utf-8")
    return idle
