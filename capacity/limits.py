"""When a plan is outgrown, by what first, and where the service is the limit and not the hardware."""

import datetime
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from capacity import bisection, facts, link, rounding, service
from capacity.ledger import QUIET, shown
from capacity.load import load
from capacity.plan import (
    EDGE,
    POSTGRESQL,
    QDRANT,
    REDIS,
    SERVICE,
    Layout,
    Needs,
    Plan,
    last_load,
    layout_of,
    needs_of,
)
from capacity.workload import Workload

STORES: Final = (QDRANT, POSTGRESQL, REDIS)
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
    """A limit that no hardware moves, of the service itself or of something beside it."""

    name: str
    day: float | None
    words: str
    remedy: str
    component: str = SERVICE


def date_of(workload: Workload, day: float, today: datetime.date) -> datetime.date:
    """The date of a day of the plan, which starts today unless the workload says when."""
    start = datetime.date.fromisoformat(workload.start) if workload.start else today
    return start + datetime.timedelta(days=int(day))


def asked(workload: Workload, of: Needs) -> dict[str, float]:
    """`Needs.flat`, and numbers of what stands beside the components: poolers, and pods of each region's edge."""
    edges = {region.name: edge.pods for region, edge in zip(workload.regions, of.edges, strict=bool(of.edges))}
    return of.flat() | _beside(of.connections.poolers, edges)


def given(of: Plan) -> dict[str, float]:
    """What a plan gives of that."""
    edges = {region: pods.number for region, pods in of.edges.items()}
    return of.provided | _beside(of.component(POSTGRESQL).notes["poolers"], edges)


def _beside(poolers: float, edges: Mapping[str, int]) -> dict[str, float]:
    return {f"{POSTGRESQL}.poolers": poolers} | {f"{EDGE}.{region}.pods": pods for region, pods in edges.items()}


def outgrown(workload: Workload, layout: Layout, provided: Mapping[str, float]) -> list[Outgrown]:
    """When each need passes what is provided, by the names of `asked`, the first one first."""

    def short(name: str, day: float) -> bool:
        needs = needs_of(workload, load(workload, day, QUIET), layout)
        return rounding.more(asked(workload, needs)[name], provided[name])

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
    return [limit for limit in (late(workload), _deleting(workload)) if limit.day is not None]


def late(workload: Workload) -> ServiceLimit:
    """From when on stores take so long that no number of pods answers in time; its day is None for never."""

    def in_vain(day: float) -> bool:
        return not service.needs(workload, load(workload, day, QUIET)).in_time

    day = first_day(in_vain)
    at = load(workload, day or 0, QUIET)
    takes = service.costs(workload, at).store
    words = (
        f"a store reads all {_count(at.memories / workload.namespaces, 'memories')} of its namespace, takes "
        f"{takes:,.2f} s and keeps its process from everything else: 95 of 100 requests are not answered in "
        f"{workload.objectives.latency_ms:,g} ms any more, however many pods there are"
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
            return f"split memory.namespaces into {number}, or allow more than {workload.objectives.latency_ms:,g} ms"
    keys = most_memories(workload.model_copy(update={"namespaces": _ROUND[-1]}))
    return (
        f"no number of memory.namespaces does: a store also lists the keys of all namespaces, and "
        f"{keys:,.0f} memories in all are the most for {workload.objectives.latency_ms:,g} ms; allow more time, keep "
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
        f"a namespace holds {_count(workload.max_memories, 'memories')}: from then on each store deletes the least "
        "important, oldest one (its point stays in Qdrant)",
        f"split memory.namespaces into {namespaces}, or raise memory.max_memories to "
        f"{int(held / workload.namespaces) + 1:,} and let stores take longer",
    )


def outer_limits(workload: Workload) -> list[ServiceLimit]:
    """What settings, volumes and the link between regions cannot do, and from when on."""
    found = (
        region_link(workload),
        connections(workload),
        clients(workload),
        *(volumes(workload, name) for name in STORES),
    )
    return [limit for limit in found if limit is not None]


def volumes(workload: Workload, component: str) -> ServiceLimit | None:
    """From when on a volume of a store has more to do than one of gp3 does at no extra price; None for never.

    With as many nodes as the plan has: that of an early day has fewer, with more on each.
    """
    planned = layout_of(workload, last_load(workload))

    def asked(day: float) -> tuple[float, float]:
        of = getattr(needs_of(workload, load(workload, day, QUIET), planned), component)
        return of.iops, of.throughput

    base = facts.FREE_IOPS.value, facts.FREE_THROUGHPUT.value
    day = first_day(lambda day: any(need > free for need, free in zip(asked(day), base, strict=True)))
    if day is None:
        return None
    iops, throughput = asked(_end(workload, day))
    last = (
        f"; on the plan's last day it is {iops:,.0f} and {shown(throughput, 'B/s')}" if day < _end(workload, 0) else ""
    )
    return ServiceLimit(
        "iops" if iops / base[0] >= throughput / base[1] else "throughput",
        day,
        f"at peak each volume has more to do than gp3 gives where nobody asks for more, {base[0]:,.0f} operations/s "
        f"and {shown(base[1], 'B/s')}{last}",
        "name a storage class in kubernetes.storage_class whose volumes have that; the cost counts it",
        component,
    )


def connections(workload: Workload) -> ServiceLimit | None:
    """From when on processes of the service wait for connections that PostgreSQL may not have; None for never."""
    found = _beyond(workload, lambda needs: needs.connections.max_connections, facts.CONNECTIONS.value)
    if found is None:
        return None
    day, needs = found.day, found.needs.connections
    return ServiceLimit(
        "connections",
        day,
        f"{_count(needs.server, 'transactions')} at the same time, by {_count(needs.clients, 'connections')} to "
        f"{_count(needs.poolers, 'poolers')}, take {_count(needs.max_connections, 'connections')} to the primary: it "
        f"has {facts.CONNECTIONS.value:,.0f} at most, and calls wait for one",
        "fewer or shorter calls: more memory namespaces, which list fewer keys each, or fewer pods of the service",
        POSTGRESQL,
    )


def _count(value: float, what: str) -> str:
    """A whole number of them."""
    return shown(round(value), what)


def clients(workload: Workload) -> ServiceLimit | None:
    """From when on processes of the service want more connections than a node of Redis takes; None for never."""
    found = _beyond(workload, lambda needs: needs.connections.redis, facts.REDIS_CLIENTS.value)
    if found is None:
        return None
    day, needs = found.day, found.needs
    pods = needs.service.pods * workload.namespaces
    return ServiceLimit(
        "clients",
        day,
        f"{_count(pods, 'pods')} of the service hold {_count(needs.connections.redis, 'connections')} to each node, "
        f"however many nodes there are: it takes {facts.REDIS_CLIENTS.value:,.0f}, and refuses more",
        "fewer pods of the service: more memory namespaces, whose stores take less time, or allow more than "
        f"{workload.objectives.latency_ms:,g} ms",
        REDIS,
    )


class _Beyond(NamedTuple):
    """From when on more is needed than there is, and what is needed on the last day, or on that one if it is later."""

    day: float
    needs: Needs


def _beyond(workload: Workload, asked: Callable[[Needs], float], there: float) -> _Beyond | None:
    """None for never."""
    day = first_day(lambda day: rounding.more(asked(needs_on(workload, day)), there))
    return None if day is None else _Beyond(day, needs_on(workload, _end(workload, day)))


def needs_on(workload: Workload, day: float) -> Needs:
    """What a day asks of the layout that suits it."""
    at = load(workload, day, QUIET)
    return needs_of(workload, at, layout_of(workload, at))


def _end(workload: Workload, day: float) -> float:
    """The last day of the plan, or that of a limit which comes later."""
    return max(day, workload.horizon_months * facts.MONTH_DAYS)


def region_link(workload: Workload) -> ServiceLimit | None:
    """From when on the link that the workload states leaves a standby further behind than it may; None for never."""
    rate = link.stated(workload)
    if rate is None:
        return None
    found = _beyond(workload, lambda needs: needs.network.link, rate)
    if found is None:
        return None
    day, needs = found.day, found.needs.network
    behind = link.lag(workload, needs.replication, needs.users, rate)
    lag = "carries less than the mean" if math.isinf(behind) else f"leaves a standby {math.ceil(behind):,} s behind"
    return ServiceLimit(
        "link",
        day,
        f"{workload.region_link_mbit:g} Mbit/s from home to each standby are too few: at the end of a peak of "
        f"{facts.PEAK_LASTS.value:,.0f} s that {lag}, and objectives.rpo_seconds allows "
        f"{workload.objectives.rpo_seconds:,}",
        f"have a link of {rounding.whole(needs.link * link.BITS):,} Mbit/s, or allow more seconds",
        "network",
    )


def first(of: Plan) -> Outgrown:
    """The binding constraint: what is outgrown first, the service's own limits among them."""
    found = outgrown(of.workload, of.layout, given(of))
    every = [*service_limits(of.workload), *outer_limits(of.workload)]
    found += [Outgrown(f"{limit.component}.{limit.name}", limit.day) for limit in every]
    return min(found, key=lambda one: LAST_DAY if one.day is None else one.day)
