"""Nodes of each zone: those of the stores, and those of everything else."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from capacity import facts
from capacity.instances import LEFT


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
    cpu = memory = largest_cpu = largest_memory = 0.0
    for pod in pods:
        cpu, memory = cpu + pod.number * pod.cpu, memory + pod.number * pod.memory
        largest_cpu, largest_memory = max(largest_cpu, pod.cpu), max(largest_memory, pod.memory)
    best: tuple[float, str, int] | None = None
    for name, (left_cpu, left_memory) in LEFT.items():
        if left_cpu >= largest_cpu and left_memory >= largest_memory:
            number = max(least, math.ceil(cpu / left_cpu), math.ceil(memory / left_memory))
            cost = (number + 1) * prices[name]
            if best is None or cost < best[0]:
                best = (cost, name, number)
    if best is None:
        return Pool(use, None, least, tuple(pods))
    _, name, number = best
    return Pool(use, name, _fewest(pods, number, *LEFT[name]), tuple(pods))


def _fewest(pods: Sequence[Pod], least: int, cpu: float, memory: float) -> int:
    """The fewest nodes, at least so many, that take the pods; each takes the largest one alone."""
    for pod in pods:
        each = 1 if pod.apart else min(int(cpu / pod.cpu), int(memory / pod.memory))
        least = max(least, -(-pod.number // each))
    low, step = least - 1, 1
    while not fits(pods, low + step, cpu, memory):
        low, step = low + step, 2 * step
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(pods, middle, cpu, memory) else (middle, high)
    return high


def fits(pods: Sequence[Pod], nodes: int, cpu: float, memory: float) -> bool:
    """Whether so many nodes take the pods: the largest first, as many on each node as it has room for."""
    groups = [(nodes, cpu, memory)]
    for _, number, each_cpu, each_memory, apart in sorted(pods, key=lambda one: -max(one[2] / cpu, one[3] / memory)):
        left, after = number, list[tuple[int, float, float]]()
        for alike, free_cpu, free_memory in groups:
            most = min(int(free_cpu / each_cpu), int(free_memory / each_memory), left)
            if apart and most:
                most = 1
            for room in (most, left % most) if most else ():
                used = min(alike, left // room) if room else 0
                if used:
                    after.append((used, free_cpu - room * each_cpu, free_memory - room * each_memory))
                    alike, left = alike - used, left - used * room
            if alike:
                after.append((alike, free_cpu, free_memory))
        if left:
            return False
        groups = after
    return True


PLATFORM = Pod("platform services", 1, facts.PLATFORM_CPU.value, facts.PLATFORM_BYTES.value)
"""Of one zone; they are several pods, none of them large."""
