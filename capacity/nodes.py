"""Nodes of each zone: those of the stores, and those of everything else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from math import ceil, inf
from typing import Final, NamedTuple

from capacity.beside import PODS
from capacity.instances import Machine, Machines
from capacity.rounding import NEARLY

_KEPT: Final = 16_384
"""Pools: sizes are rounded, so that pods of many plans are alike."""


class Pod(NamedTuple):
    """Pods of a zone that are alike."""

    name: str
    number: int
    cpu: float
    memory: float
    apart: bool = False
    """Whether each has a node of its own among its kind."""


class Sums(NamedTuple):
    """Of pods."""

    cpus: float
    """Cores that they request together."""
    memories: float
    """Bytes that they request together."""
    cpu: float
    """Cores of the one that requests most."""
    memory: float
    """Bytes of the one that requests most."""
    number: int
    fewest: int
    """Nodes that any machine has to have for them."""


NOTHING: Final = Sums(0.0, 0.0, 0.0, 0.0, 0, 1)


@dataclass(frozen=True, eq=False, slots=True)
class Alike:
    """Pods that many pools have alike. What is known of them is kept for the object."""

    pods: tuple[Pod, ...] = ()
    sums: Sums = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sums", _together(self.pods))


class Pool(NamedTuple):
    """Nodes of one use, the same in each zone."""

    use: str
    instance_type: str | None
    """None where no machine of the table is large enough."""
    per_zone: int
    """That take the pods in whatever order they come; one more is the spare."""
    pods: tuple[Pod, ...]

    @property
    def with_spare(self) -> int:
        """Nodes of a zone, one of which may be away."""
        return self.per_zone + 1


def _together(pods: Sequence[Pod], others: Sums = NOTHING) -> Sums:
    """The sums of pods and others."""
    cpus, memories, cpu, memory, all_of_them, fewest = others
    for _, number, its_cpu, its_memory, apart in pods:
        cpus += number * its_cpu
        memories += number * its_memory
        all_of_them += number
        if its_cpu > cpu:
            cpu = its_cpu
        if its_memory > memory:
            memory = its_memory
        if apart and number > fewest:
            fewest = number
    return Sums(cpus, memories, cpu, memory, all_of_them, fewest)


ALONE: Final = Alike()


@lru_cache(_KEPT)
def pool(use: str, pods: tuple[Pod, ...], machines: Machines, beside: Alike = ALONE) -> Pool:
    """The cheapest machines that take the pods of a zone, spare included; the first in the table of those as cheap."""
    sums = _together(pods, beside.sums)
    able = _able(sums, machines)
    best, chosen, per_zone = (inf, 0), None, sums.fewest
    for least, place, machine in sorted(able):
        if (least, place) > best:
            break
        number = enough(pods, machine.cpu, machine.memory, beside)
        cost = (number + 1) * machine.price, place
        if cost < best:
            best, chosen, per_zone = cost, machine.name, number
    return Pool(use, chosen, per_zone, (*pods, *beside.pods))


def _able(of: Sums, machines: Machines) -> list[tuple[float, int, Machine]]:
    """What machines that may be the cheapest cost at least, with their places.

    What all pods request together has to be there; and beside the largest pod what all others request. The latter is
    not so where a node has no room for two of them: then each closes one node to the other, however large it is. Where
    there is room, nodes that are enough by CPU and such by memory together are enough, and as many as there are pods
    are enough anywhere: no dearer machine needs a look.
    """
    cpus, memories, cpu, memory, number, fewest = of
    two, twice, others, rest = 2 * cpu, 2 * memory, cpus - cpu, memories - memory
    most = inf
    able: list[tuple[float, int, Machine]] = []
    for place, machine in machines.by_price:
        _, price, has_cpu, has_memory = machine
        if (1 + fewest) * price > most:
            break
        if cpu > has_cpu or memory > has_memory:
            continue
        by_cpu = others / (has_cpu - cpu) if two <= has_cpu else cpus / has_cpu
        by_memory = rest / (has_memory - memory) if twice <= has_memory else memories / has_memory
        least = ceil((by_memory if by_memory > by_cpu else by_cpu) - NEARLY)
        able.append(((1 + (least if least > fewest else fewest)) * price, place, machine))
        with_spare = 1.0 + number
        if two <= has_cpu and twice <= has_memory:
            by_both = 3 + fewest + by_cpu + by_memory
            if by_both < with_spare:
                with_spare = by_both
        if with_spare * price < most:
            most = with_spare * price
    return able


def enough(pods: Sequence[Pod], cpu: float, memory: float, beside: Alike = ALONE) -> int:
    """Nodes that take the pods in whatever order the scheduler places them, each of which is no larger than a node.

    The scheduler packs nothing: it places one pod after the other, on the emptiest node first, and moves none. So a pod
    finds no room for certain only where the others can stand in its way on every node. They do on a node where they
    leave less than it needs, of CPU or of memory, for which their shares of what may be used beside it add up to more
    than one; one more node than that is enough.

    How those beside are in each other's way is kept.
    """
    every = (*pods, *beside.pods)
    on = [closed(every, last, cpu - last.cpu, memory - last.memory) for last in pods]
    on += [kept + closed(pods, None, *left) for kept, left in _to_each_other(beside, cpu, memory)]
    return 1 + int(max(on) + NEARLY)


@cache
def _to_each_other(of: Alike, cpu: float, memory: float) -> tuple[tuple[float, tuple[float, float]], ...]:
    """For each of the pods as the last one: nodes that the others close to it, and what may be used beside it."""
    lefts = [(cpu - last.cpu, memory - last.memory) for last in of.pods]
    return tuple((closed(of.pods, last, *left), left) for last, left in zip(of.pods, lefts, strict=True))


def closed(pods: Sequence[Pod], last: Pod | None, cpu: float, memory: float) -> float:
    """The most nodes on which the pods leave no room for the last one; so much may be used beside it.

    Each closes a part of a node, at most the whole. The last one is no pod of these, or does not stand in its own way.
    """
    nodes = 0.0
    for pod in pods:
        _, number, its_cpu, its_memory, apart = pod
        if pod is last:
            number -= 1
        else:
            apart = False
        if apart or its_cpu >= cpu or its_memory >= memory:
            nodes += number
        else:
            by_cpu, by_memory = its_cpu / cpu, its_memory / memory
            nodes += number * (by_cpu if by_cpu > by_memory else by_memory)
    return nodes


PLATFORM: Final = tuple(
    Pod(name, int(of.pods.value) if of.pods else 1, of.cpu.value, of.memory.value) for name, of in PODS.items()
)
"""What runs beside the service in a zone, whatever the workload."""
