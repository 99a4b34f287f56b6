"""What the policy packs cost: their start, a region, ten times as much, and beside policies that look at nothing.

A call takes about half a millisecond before anybody has looked at a resource: that is gRPC between two processes in
Python, and less where the engine calls. Of a region on AWS, which is the largest, what a pack takes for itself is told
without as many calls that ask nothing.
"""

import importlib
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from policies.rules import Rule, judges_single
from rehearsal import packs, packs_wire, paths
from rehearsal.bench.measure import Measure, seconds, side_by_side
from rehearsal.bench.projects import HOME
from rehearsal.engine.model import Plan, PlannedResource
from rehearsal.progress import Progress

ROUNDS = 5
TIMES = 10
GOAL_SECONDS, GOAL_GROWTH = 0.15, 12.0


def measure(scratch: Path, plan: Plan, on_aws: Plan, progress: Progress, rounds: int = ROUNDS) -> list[Measure]:
    """`plan` is a whole region, `on_aws` a whole one there. The messages of the protocol, which are the engine's, are
    made before the clock starts.
    """
    found: list[Measure] = []
    region, whole = packs_wire.messages(plan.resources), packs_wire.messages(on_aws.resources)
    larger = packs_wire.messages(list(enlarged(plan.resources, TIMES)))
    for directory in packs.directories(paths.CHECKOUT):
        with progress.step(f"policy pack {directory.name}"):
            found += [*_pack(directory, scratch, region, larger, rounds), *_itself(directory, whole, rounds)]
    return found


def enlarged(resources: Sequence[PlannedResource], times: int) -> Iterator[PlannedResource]:
    """A region so many times in one stack: the first as it is, the others with names and namespaces of their own."""
    yield from resources
    for number in range(1, times):
        urns = {one.urn: f"{one.urn}-copy-{number}" for one in resources}
        names = {name: f"{name}-{number}" for one in resources for name in _namespaces(one)}
        for one in resources:
            yield replace(
                one,
                name=f"{one.name}-copy-{number}",
                urn=urns[one.urn],
                parent=urns.get(one.parent or "", one.parent),
                provider=urns.get(one.provider or "", one.provider),
                inputs=_renamed(one.inputs, names),
                outputs=_renamed(one.outputs, names),
                depends_on=tuple(urns.get(urn, urn) for urn in one.depends_on),
                property_dependencies={
                    name: tuple(urns.get(urn, urn) for urn in origins)
                    for name, origins in one.property_dependencies.items()
                },
            )


def _namespaces(resource: PlannedResource) -> Iterator[str]:
    if resource.type == "kubernetes:core/v1:Namespace":
        yield resource.inputs["metadata"]["name"]


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


_NOTHING = """
from pulumi_policy import PolicyPack, ResourceValidationPolicy, StackValidationPolicy

say = lambda args, report: None
single = [ResourceValidationPolicy(f"single-{{n}}", "nothing", say) for n in range({single})]
stack = [StackValidationPolicy(f"stack-{{n}}", "nothing", say) for n in range({stack})]
PolicyPack("nothing", [*single, *stack])
"""


def _pack(
    directory: Path, scratch: Path, region: packs_wire.Messages, larger: packs_wire.Messages, rounds: int
) -> list[Measure]:
    """Beside a pack of as many policies that look at nothing: what the SDK itself takes."""
    idle = _idle(directory, scratch)
    started = seconds(lambda: packs.Pack(directory, "bench", HOME).close())
    with packs.Pack(directory, "bench", HOME) as pack, packs.Pack(idle, "bench", HOME) as nothing:
        for one in (pack, nothing):
            one.configure(HOME)
            one.judge(region)  # what a process does but once is its start
        beside = side_by_side(rounds, lambda _: pack.judge(region), lambda _: nothing.judge(region))
        grown = side_by_side(rounds, lambda _: pack.judge(larger), lambda _: pack.judge(region))
    return [
        Measure(f"start the policy pack {directory.name}", started, "s"),
        Measure(f"ask it about {len(region.each)} resources", beside.one, "s", GOAL_SECONDS),
        Measure("the same over as many policies of the SDK that look at nothing", beside.ratio, "ratio"),
        Measure(f"the same for {TIMES} times as many resources", grown.ratio, "ratio", GOAL_GROWTH),
    ]


def _itself(directory: Path, region: packs_wire.Messages, rounds: int) -> list[Measure]:
    """What a pack takes beside the protocol, and what that takes: gRPC on both sides and the client in Python."""
    number = len(region.each)
    with packs.Pack(directory, "bench", HOME) as pack:
        pack.configure(HOME)
        pack.judge(region)
        turns = side_by_side(rounds, lambda _: pack.judge(region), lambda _: pack.idle(number + 1))
    own = statistics.median(one - idle for one, idle in zip(turns.ones, turns.others, strict=True))
    return [
        Measure(f"as many calls as {number} resources on AWS take, which ask nothing", turns.other, "s"),
        Measure("its own part of these resources, without those calls", own, "s", GOAL_SECONDS),
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
