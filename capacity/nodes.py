"""Nodes of each zone: those of the stores, and those of everything else."""

from collections.abc import Sequence
from typing import NamedTuple

from capacity import facts, rounding
from capacity.instances import LEFT, TYPES


class Pod(NamedTuple):
    """Pods of a zone that are alike."""

    name: str
    number: int
    cpu: float
    memory: float
    apart: bool = False
    """Whether each has a node of its own among its kind."""


class Pool(NamedTuple):
    """Nodes of one use, the same in each zone."""

    use: str
    instance_type: str | None
    """None where no machine of the table is large enough."""
    per_zone: int
    """That the pods fill; one more is the spare."""
    pods: tuple[Pod, ...]

    @property
    def with_spare(self) -> int:
        """Nodes of a zone, one of which may be away."""
        return self.per_zone + 1


def pool(use: str, pods: Sequence[Pod], prices: dict[str, float]) -> Pool:
    """The cheapest machines that take the pods of a zone, spare included; the smallest of those as cheap."""
    least = max((pod.number for pod in pods if pod.apart), default=1)
    cpu = sum(pod.number * pod.cpu for pod in pods)
    memory = sum(pod.number * pod.memory for pod in pods)
    largest_cpu = max(pod.cpu for pod in pods)
    largest_memory = max(pod.memory for pod in pods)
    best: tuple[float, str, int] | None = None
    for kind in TYPES:
        left_cpu, left_memory = LEFT[kind.name]
        if left_cpu < largest_cpu or left_memory < largest_memory:
            continue
        number = max(least, rounding.whole(cpu / left_cpu), rounding.whole(memory / left_memory))
        cost = (number + 1) * prices[kind.name]
        if best is None or cost < best[0]:
            best = (cost, kind.name, number)
    if best is None:
        return Pool(use, None, least, tuple(pods))
    _, name, number = best
    return Pool(use, name, _fewest(pods, number, *LEFT[name]), tuple(pods))


def _fewest(pods: Sequence[Pod], least: int, cpu: float, memory: float) -> int:
    """The fewest nodes, at least so many, that take the pods; each takes the largest one alone."""
    if fits(pods, least, cpu, memory):
        return least
    low, high = least, 2 * least
    while not fits(pods, high, cpu, memory):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(pods, middle, cpu, memory) else (middle, high)
    return high


def fits(pods: Sequence[Pod], nodes: int, cpu: float, memory: float) -> bool:
    """Whether so many nodes take the pods: the largest first, as many on each node as it has room for."""
    groups = [(nodes, cpu, memory)]
    for pod in sorted(pods, key=lambda one: -max(one.cpu / cpu, one.memory / memory)):
        left, after = pod.number, list[tuple[int, float, float]]()
        for number, free_cpu, free_memory in groups:
            most = min(int(free_cpu / pod.cpu), int(free_memory / pod.memory), 1 if pod.apart else left)
            for room in (most, left % most if most else 0):
                used = min(number, left // room) if room else 0
                if used:
                    after.append((used, free_cpu - room * pod.cpu, free_memory - room * pod.memory))
                    number, left = number - used, left - used * room
            if number:
                after.append((number, free_cpu, free_memory))
        if left:
            return False
        groups = after
    return True


PLATFORM = Pod("platform services", 1, facts.PLATFORM_CPU.value, facts.PLATFORM_BYTES.value)
"""Of one zone; they are several pods, none of them large."""
