"""Whether the node groups of a region have room for its pods, with the most of the service that it may have."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from capacity.facts import GIB
from capacity.instances import InstanceType, known
from capacity.nodes import Pod, enough
from capacity.plan import COMPONENTS, SERVICE, Component, pods_of_zone
from policies.checks import sizes
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Unreadable, number_at, text_at, texts_at
from policies.checks.sizes import Part
from policies.checks.tokens import NODE_GROUP
from policies.checks.whole import Whole, each

_USE: Final = "soma.io/nodes"
"""Label of nodes; settings/aws.py has it for the program."""


@dataclass(frozen=True)
class Room:
    """What nodes of one use leave for pods, all zones together."""

    cores: float
    memory: float
    """Bytes."""
    urn: str
    """Of one of the groups."""


def room(whole: Whole) -> Mapping[str, Room]:
    """By use of the nodes, without those of which the machines are not known. Raises Unreadable."""
    found: dict[str, Room] = {}
    unknown: set[str] = set()
    for group in whole.of(NODE_GROUP):
        use, machine, number = _use(group), _smallest(group), _desired(group)
        if machine is None:
            unknown.add(use)
        else:
            before = found.get(use, Room(0.0, 0.0, group.urn))
            cores, memory = number * machine.allocatable_cores, number * machine.allocatable_bytes
            found[use] = Room(before.cores + cores, before.memory + memory, before.urn)
    return {use: one for use, one in found.items() if use not in unknown}


def takes_pods(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Each group the pods of its zone, in whatever order the scheduler places them; the spare node counts.

    Machines of which the table in capacity/instances.py has none alike are not judged. Raises Unreadable.
    """
    del limits
    groups = whole.of(NODE_GROUP)
    if not groups:
        return
    every = sizes.parts(whole)
    zones = max(1, *(sum(_use(other) == _use(group) for other in groups) for group in groups))
    pods = pods_of_zone(zones, *_components(every))
    yield from each(groups, lambda group: _short(group, pods.get(_use(group), ())))


def _use(group: Resource) -> str:
    return text_at(group.inputs, "labels", _USE)


def _components(every: Sequence[Part]) -> tuple[int, tuple[Component, ...]]:
    """Number of memory namespaces, and what the resources say of each component."""
    found: list[Component] = []
    for name in COMPONENTS:
        own = [part for part in every if part.component == name]
        cpu, memory = (max((part.requests[what] for part in own), default=0.0) for what in ("cpu", "memory"))
        found.append(Component(name, sum(part.pods for part in own), cpu, memory, 0, {}))
    return max(1, sum(part.component == SERVICE for part in every)), tuple(found)


def _short(group: Resource, pods: Sequence[Pod]) -> Iterator[str]:
    machine, there = _smallest(group), _desired(group)
    pods = [pod for pod in pods if pod.number > 0]
    if machine is None or not pods:
        return
    key = f"aws.nodes.{_use(group)}"
    cores, memory = machine.allocatable_cores, machine.allocatable_bytes
    if large := [pod for pod in pods if pod.cpu > cores or pod.memory > memory]:
        yield f"{_pods(large)} find no room on any {_left(machine)}: state larger {key}.instance_types"
    elif (needed := enough(pods, cores, memory)) > there:
        yield (
            f"{there} nodes for {_pods(pods)} in a zone, which may need {needed}, and one more as a spare, of "
            f"{_left(machine)}: raise {key}.per_zone, or state larger {key}.instance_types"
        )


def _smallest(group: Resource) -> InstanceType | None:
    """Of the machines that AWS may choose from, those that are known."""
    machines = [machine for machine in map(known, texts_at(group.inputs, "instanceTypes")) if machine is not None]
    return min(machines, key=lambda one: (one.allocatable_cores, one.allocatable_bytes), default=None)


def _desired(group: Resource) -> int:
    found = number_at(group.inputs, "scalingConfig", "desiredSize")
    if found is None:
        raise Unreadable("scalingConfig.desiredSize is missing")
    return found


def _pods(pods: Sequence[Pod]) -> str:
    return ", ".join(f"{pod.number} × {pod.name} ({pod.cpu:g} cores, {pod.memory / GIB:.3g} GiB)" for pod in pods)


def _left(machine: InstanceType) -> str:
    left = f"{machine.allocatable_cores:.2f} cores and {machine.allocatable_bytes / GIB:.1f} GiB"
    return f"{machine.name}, which leaves {left} for pods"
