"""What sizes carry: the memories that fill each component, and the requests that keep it as busy as it may be."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from capacity import bisection, rounding
from capacity.load import Load
from capacity.plan import COMPONENTS, SERVICE, Layout, needs_of
from capacity.workload import Workload

LATENCY: Final = f"{SERVICE}.latency"
MAX_MEMORIES: Final = f"{SERVICE}.max_memories"
"""What the service itself stands in the way of, whatever it runs on (capacity/limits.py)."""
_PARTS: Final = 1000
"""Requests a second are found to the thousandth."""


class Bound(NamedTuple):
    """How much something carries."""

    amount: float
    """Memories held, or requests a second at peak."""
    by: str
    """What more than that passes first: a name of `Needs.flat`, LATENCY or MAX_MEMORIES."""


@dataclass(frozen=True)
class Sizes:
    """What is there, and what it is asked for."""

    workload: Workload
    """Its mix of requests counts, what a memory is, and the objectives."""
    layout: Layout
    has: Mapping[str, float]
    """By the names of `Needs.flat`; what is not there is not judged."""

    @property
    def components(self) -> tuple[str, ...]:
        """Those of which something is there."""
        return tuple(one for one in COMPONENTS if any(name.startswith(f"{one}.") for name in self.has))

    def memories(self, at: Load) -> dict[str, Bound]:
        """The most memories that each component holds, at the rates of a load. As many points go with a memory as do
        in that load, at least one.
        """
        each = max(1.0, at.points / at.memories) if at.memories else 1.0
        return {
            one: _most(lambda n, one=one: self._passed(one, at._replace(memories=n, points=n * each)))
            for one in self.components
        }

    def requests(self, at: Load) -> dict[str, Bound]:
        """The most requests a second at peak that each component answers, in a load's mix and with its memories."""

        def asked(thousandths: float) -> Load:
            times = thousandths / _PARTS / at.requests
            return at._replace(stores=at.stores * times, reads=at.reads * times, searches=at.searches * times)

        found = {one: _most(lambda n, one=one: self._passed(one, asked(n))) for one in self.components}
        return {one: bound._replace(amount=bound.amount / _PARTS) for one, bound in found.items()}

    def _passed(self, component: str, at: Load) -> str:
        """What a load asks more of than there is; empty where it asks for no more."""
        asked = needs_of(self.workload, at, self.layout)
        if component == SERVICE and not asked.service.in_time:
            return LATENCY
        if component == SERVICE and asked.service.held > self.workload.max_memories:
            return MAX_MEMORIES
        needs = asked.flat()
        own = (name for name in needs if name.startswith(f"{component}.") and name in self.has)
        return next((name for name in own if rounding.more(needs[name], self.has[name])), "")


def users(workload: Workload, requests: float) -> float:
    """Users at the same time that make so many requests a second at peak."""
    return requests / workload.peak_factor * 60 / workload.requests_per_user_per_minute


def _most(passed: Callable[[float], str]) -> Bound:
    """The largest whole number that passes nothing, and what the next one passes."""
    low, high = bisection.ends(lambda n: not passed(n), bisection.MOST)
    whole = math.floor(low)
    if whole + 1 <= high and not passed(whole + 1):
        whole += 1
    return Bound(whole, passed(whole + 1))
