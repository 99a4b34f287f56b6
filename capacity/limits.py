"""When a plan is outgrown, by what first, and where the service is the limit and not the hardware."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from capacity import bisection, facts, service
from capacity.ledger import QUIET
from capacity.load import load
from capacity.plan import SERVICE, Layout, Plan, needs_of
from capacity.workload import Workload

LAST_DAY: Final = 365.25 * 20
"""Nobody plans beyond."""


class Outgrown(NamedTuple):
    """A need that passes what there is."""

    name: str
    """Component and what of it."""
    day: float | None
    """Days after the start; None for not within twenty years."""


@dataclass(frozen=True)
class ServiceLimit:
    """A limit of the service that no hardware moves."""

    name: str
    day: float | None
    words: str
    remedy: str


def date_of(workload: Workload, day: float, today: datetime.date) -> datetime.date:
    """The date of a day of the plan, which starts today unless the workload says when."""
    start = datetime.date.fromisoformat(workload.start) if workload.start else today
    return start + datetime.timedelta(days=int(day))


def outgrown(workload: Workload, layout: Layout, provided: Mapping[str, float]) -> list[Outgrown]:
    """When each need passes what is provided, the first one first."""

    def short(name: str, day: float) -> bool:
        return needs_of(workload, load(workload, day, QUIET), layout).flat()[name] > provided[name] * (1 + 1e-9)

    found = [Outgrown(name, first_day(partial(short, name))) for name in provided]
    return sorted(found, key=lambda one: LAST_DAY if one.day is None else one.day)


def first_day(holds: Callable[[float], bool], until: float = LAST_DAY) -> float | None:
    """The first day on which something holds that then holds for ever, to the day."""
    if holds(0):
        return 0.0
    if not holds(until):
        return None
    return bisection.ends(lambda day: not holds(day), until)[1]


def service_limits(workload: Workload) -> list[ServiceLimit]:
    """What the service itself cannot do, and from when on."""
    return [limit for limit in (_late(workload), _deleting(workload)) if limit.day is not None]


def _late(workload: Workload) -> ServiceLimit:
    def late(day: float) -> bool:
        return not service.needs(workload, load(workload, day, QUIET)).in_time

    day = first_day(late)
    at = load(workload, day or 0, QUIET)
    takes = service.costs(workload, at).store
    words = (
        f"a store reads all {at.memories / workload.namespaces:,.0f} memories of its namespace, takes {takes:,.2f} s "
        f"and keeps its process from everything else: 95 of 100 requests are not answered in "
        f"{workload.objectives.latency_ms:g} ms any more, however many pods there are"
    )
    return ServiceLimit("latency", day, words, _split(workload, _afterwards(workload, day)))


def _afterwards(workload: Workload, day: float | None) -> float:
    """The day up to which a remedy has to last: the horizon's, or a year after the limit where that is later."""
    return max(workload.horizon_months * facts.MONTH_DAYS, (day or 0) + 365)


def _split(workload: Workload, until: float) -> str:
    """Namespaces that lift it until a day, or what is left where none do."""
    for number in (n for n in _ROUND if n > workload.namespaces):
        wider = workload.model_copy(update={"namespaces": number})
        at = load(wider, until, QUIET)
        if service.needs(wider, at).in_time and at.memories / number <= workload.max_memories:
            return f"split memory.namespaces into {number}, or allow more than {workload.objectives.latency_ms:g} ms"
    keys = most_memories(workload.model_copy(update={"namespaces": _ROUND[-1]}))
    return (
        f"no number of memory.namespaces does: a store also lists the keys of all namespaces, and "
        f"{keys:,.0f} memories in all are the most for {workload.objectives.latency_ms:g} ms; allow more time, keep "
        "fewer (retention_days), lower max_memories, or give namespaces a region's Redis of their own"
    )


_ROUND: Final = (*range(1, 10), *range(10, 100, 5), *range(100, 1001, 50))


def most_memories(workload: Workload) -> float:
    """Memories that may be held in all so that the load of the first day is answered in time."""
    at = load(workload, 0, QUIET)

    def in_time(memories: float) -> bool:
        return service.needs(workload, at._replace(memories=memories)).in_time

    return bisection.ends(in_time, bisection.MOST)[0]


def _deleting(workload: Workload) -> ServiceLimit:
    def full(day: float) -> bool:
        return load(workload, day, QUIET).memories / workload.namespaces > workload.max_memories

    day = first_day(full)
    held = load(workload, _afterwards(workload, day), QUIET).memories
    namespaces = max(workload.namespaces + 1, -(-int(held) // workload.max_memories))
    return ServiceLimit(
        "max_memories",
        day,
        f"a namespace holds {workload.max_memories:,} memories: from then on each store deletes the least important, "
        "oldest one (its point stays in Qdrant)",
        f"split memory.namespaces into {namespaces}, or raise memory.max_memories to "
        f"{int(held / workload.namespaces) + 1:,} and let stores take longer",
    )


def first(of: Plan) -> Outgrown:
    """The binding constraint: what is outgrown first, the service's own limits among them."""
    found = outgrown(of.workload, of.layout, of.provided)
    found += [Outgrown(f"{SERVICE}.{limit.name}", limit.day) for limit in service_limits(of.workload)]
    return min(found, key=lambda one: LAST_DAY if one.day is None else one.day)
