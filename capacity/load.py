"""The load on a day: how much is held, and how often it is asked for."""

import math
from typing import NamedTuple

from capacity.facts import DAY_SECONDS, LINK_BYTES, MONTH_DAYS
from capacity.ledger import Ledger
from capacity.workload import Workload

_NO_GROWTH = 1e-6
"""A month: too little for the formula's subtraction, and for anybody."""


class Load(NamedTuple):
    """Numbers of one day. Rates are those of the peak, a second, of all namespaces together."""

    day: float
    memories: float
    """That PostgreSQL and Redis hold."""
    points: float
    """That Qdrant holds: one for each store since the beginning."""
    stores: float
    reads: float
    searches: float
    peak: float
    """How many times the mean they are."""
    value_bytes: float
    """Of a memory with its links."""

    @property
    def requests(self) -> float:
        return self.stores + self.reads + self.searches


def load(workload: Workload, day: float, ledger: Ledger) -> Load:
    """The load so many days after the start."""
    growth = grown_to(workload, day)
    asked = workload.concurrent_users * workload.requests_per_user_per_minute / 60
    write_share = workload.write_read_ratio / (1 + workload.write_read_ratio)
    new = workload.memories_per_day / DAY_SECONDS
    stored = max(new, asked * write_share)
    grown = _integral(workload, day)
    past = asked * growth * (1 - write_share)
    peak = workload.peak_factor
    memories = _memories(workload, day, grown)
    points = workload.memories + stored * DAY_SECONDS * grown
    stores = stored * growth * peak
    reads = past * (1 - workload.search_share) * peak
    searches = past * workload.search_share * peak
    value_bytes = workload.payload_bytes + workload.relations_per_memory * LINK_BYTES.value
    found = Load(day, memories, points, stores, reads, searches, peak, value_bytes)
    if ledger.keeps:
        _tell(workload, found, growth, grown, ledger)
    return found


def grown_to(workload: Workload, day: float) -> float:
    """How many times the start's rates those of a day are."""
    return (1 + workload.growth_per_month) ** (day / MONTH_DAYS)


def _tell(workload: Workload, found: Load, growth: float, grown: float, ledger: Ledger) -> None:
    """The arithmetic of a load."""
    note, day = ledger.note, found.day
    asking = dict[str, float](users=workload.concurrent_users, minutely=workload.requests_per_user_per_minute)
    write = dict[str, float](ratio=workload.write_read_ratio)
    note(
        "load.growth",
        growth,
        "times",
        "(1 + monthly) ** (days / month)",
        monthly=workload.growth_per_month,
        days=day,
        month=MONTH_DAYS,
    )
    note(
        "load.days",
        grown,
        "days of the start's rate",
        "(growth - 1) / log(1 + monthly) * month" if workload.growth_per_month >= _NO_GROWTH else "days",
        growth=growth,
        monthly=workload.growth_per_month,
        month=MONTH_DAYS,
        days=day,
    )
    _tell_memories(workload, found, grown, ledger)
    note(
        "load.points",
        found.points,
        "points",
        "there + max(daily / day_seconds, users * minutely / 60 * ratio / (1 + ratio)) * day_seconds * days",
        there=workload.memories,
        daily=workload.memories_per_day,
        day_seconds=DAY_SECONDS,
        days=grown,
        **asking,
        **write,
    )
    note(
        "load.stores",
        found.stores,
        "stores/s at peak",
        "max(daily / day_seconds, users * minutely / 60 * ratio / (1 + ratio)) * growth * peak",
        daily=workload.memories_per_day,
        day_seconds=DAY_SECONDS,
        growth=growth,
        peak=found.peak,
        **asking,
        **write,
    )
    note(
        "load.reads",
        found.reads,
        "reads/s at peak",
        "users * minutely / 60 / (1 + ratio) * (1 - searching) * growth * peak",
        searching=workload.search_share,
        growth=growth,
        peak=found.peak,
        **asking,
        **write,
    )
    note(
        "load.searches",
        found.searches,
        "searches/s at peak",
        "users * minutely / 60 / (1 + ratio) * searching * growth * peak",
        searching=workload.search_share,
        growth=growth,
        peak=found.peak,
        **asking,
        **write,
    )
    note(
        "load.value",
        found.value_bytes,
        "B a memory",
        "payload + links * link",
        payload=workload.payload_bytes,
        links=workload.relations_per_memory,
        link=LINK_BYTES,
    )


def _integral(workload: Workload, day: float) -> float:
    """Days of the start's rate that give what so many days of a growing rate give."""
    monthly = workload.growth_per_month
    if monthly < _NO_GROWTH or day <= 0:
        return max(day, 0.0)
    return (grown_to(workload, day) - 1) / math.log(1 + monthly) * MONTH_DAYS


def _memories(workload: Workload, day: float, grown: float) -> float:
    """The most that was held until this day: what was there stays as long as what comes."""
    daily, there, kept = workload.memories_per_day, workload.memories, workload.retention_days
    if kept is None or day <= kept:
        return there + daily * grown
    first, gone = _integral(workload, kept), _integral(workload, day - kept)
    return max(there + daily * first, daily * (grown - gone))


def _tell_memories(workload: Workload, found: Load, grown: float, ledger: Ledger) -> None:
    there, daily, kept = workload.memories, workload.memories_per_day, workload.retention_days
    if kept is None or found.day <= kept:
        formula, terms = "there + daily * days", {}
    else:
        formula = "max(there + daily * first, daily * (days - gone))"
        terms = {"first": _integral(workload, kept), "gone": _integral(workload, found.day - kept)}
    ledger.note("load.memories", found.memories, "memories", formula, there=there, daily=daily, days=grown, **terms)
