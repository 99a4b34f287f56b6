"""What regions carry, in words. Those alike are told once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from report.document import Capacity, Carried, Outgrown, Region

LAST: Final = "9999"
"""After every date."""
_BY: Final = {
    "cpu": "CPU",
    "memory": "memory",
    "pods": "number of pods",
    "storage": "volume",
    "wal_storage": "WAL volume",
    "snapshot_storage": "snapshot volume",
    "latency": "time to answer",
    "max_memories": "most memories of a namespace",
}
"""The last part of a name."""


@dataclass(frozen=True)
class Told:
    """Capacity of regions that have the same."""

    regions: tuple[str, ...]
    capacity: Capacity

    @property
    def where(self) -> str:
        return ", ".join(self.regions)

    @cached_property
    def fullest(self) -> Carried:
        """The component that holds the fewest memories."""
        return min(self.capacity.carries, key=lambda one: one.memories.amount)

    @cached_property
    def next_full(self) -> Carried | None:
        """The one that holds the fewest of the others."""
        others = [one for one in self.capacity.carries if one is not self.fullest]
        return min(others, key=lambda one: one.memories.amount, default=None)

    @cached_property
    def busiest(self) -> Carried:
        """The component that answers the fewest requests."""
        return min(self.capacity.carries, key=lambda one: one.requests.amount)

    @property
    def outgrown(self) -> Outgrown | None:
        """The first that is, by the plan."""
        every = [one.outgrown for one in self.capacity.carries if one.outgrown]
        return min(every, key=lambda one: one.on, default=None)

    @property
    def short(self) -> bool:
        """Something does not suffice until the plan ends."""
        plan, first = self.capacity.plan, self.outgrown
        return plan is not None and first is not None and first.on <= plan.end


def told(regions: Sequence[Region]) -> tuple[Told, ...]:
    """Of the regions that tell it, in their order."""
    alike: list[tuple[Capacity, list[str]]] = []
    for region in regions:
        if region.capacity is not None:
            names = next((names for capacity, names in alike if capacity == region.capacity), None)
            if names is None:
                alike.append((region.capacity, [region.name]))
            else:
                names.append(region.name)
    return tuple(Told(tuple(names), capacity) for capacity, names in alike)


def about(value: float) -> str:
    """Two digits that count, never more than there is: the model is not better than that."""
    if value < 10:
        return f"{math.floor(value * 10) / 10:g}"
    digits = len(str(int(value))) - 2
    return f"{int(value) // 10**digits * 10**digits:,}"


def by(name: str) -> str:
    """What is passed, such as `qdrant.memory`, without its component."""
    what = name.rpartition(".")[2]
    return _BY.get(what, what)


def headroom(carries: float, planned: float) -> float:
    """What is left beside the plan, in percents of what is carried; under nought where that is not enough."""
    return 100 * (1 - planned / carries) if carries else -math.inf
