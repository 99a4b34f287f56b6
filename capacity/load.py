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
    growth = (1 + workload.growth_per_month) ** (day / MONTH_DAYS)
    asked = workload.concurrent_users * workload.requests_per_user_per_minute / 60
    write_share = workload.write_read_ratio / (1 + workload.write_read_ratio)
    new = workload.memories_per_day / DAY_SECONDS
    stored = max(new, asked * write_share)
    grown = _integral(workload, day)
    past = asked * growth * (1 - write_share)
    peak = workload.peak_factor
    note = ledger.note
    if ledger.keeps:
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
    asking = dict[str, float](users=workload.concurrent_users, minutely=workload.requests_per_user_per_minute)
    write = dict[str, float](ratio=workload.write_read_ratio)
    return Load(
        day=day,
        memories=_memories(workload, day, grown, ledger),
        points=note(
            "load.points",
            workload.memories + stored * DAY_SECONDS * grown,
            "points",
            "there + max(daily / day_seconds, users * minutely / 60 * ratio / (1 + ratio)) * day_seconds * days",
            there=workload.memories,
            daily=workload.memories_per_day,
            day_seconds=DAY_SECONDS,
            days=grown,
            **asking,
            **write,
        ),
        stores=note(
            "load.stores",
            stored * growth * peak,
            "stores/s at peak",
            "max(daily / day_seconds, users * minutely / 60 * ratio / (1 + ratio)) * growth * peak",
            daily=workload.memories_per_day,
            day_seconds=DAY_SECONDS,
            growth=growth,
            peak=peak,
            **asking,
            **write,
        ),
        reads=note(
            "load.reads",
            past * (1 - workload.search_share) * peak,
            "reads/s at peak",
            "users * minutely / 60 / (1 + ratio) * (1 - searching) * growth * peak",
            searching=workload.search_share,
            growth=growth,
            peak=peak,
            **asking,
            **write,
        ),
        searches=note(
            "load.searches",
            past * workload.search_share * peak,
            "searches/s at peak",
            "users * minutely / 60 / (1 + ratio) * searching * growth * peak",
            searching=workload.search_share,
            growth=growth,
            peak=peak,
            **asking,
            **write,
        ),
        peak=peak,
        value_bytes=note(
            "load.value",
            workload.payload_bytes + workload.relations_per_memory * LINK_BYTES.value,
            "B a memory",
            "payload + links * link",
            payload=workload.payload_bytes,
            links=workload.relations_per_memory,
            link=LINK_BYTES,
        ),
    )


def _integral(workload: Workload, day: float) -> float:
    """Days of the start's rate that give what so many days of a growing rate give."""
    monthly = workload.growth_per_month
    if monthly < _NO_GROWTH or day <= 0:
        return max(day, 0.0)
    return ((1 + monthly) ** (day / MONTH_DAYS) - 1) / math.log(1 + monthly) * MONTH_DAYS


def _memories(workload: Workload, day: float, grown: float, ledger: Ledger) -> float:
    """The most that was held until this day: what was there stays as long as what comes."""
    daily, there, kept = workload.memories_per_day, workload.memories, workload.retention_days
    if kept is None or day <= kept:
        return ledger.note(
            "load.memories",
            there + daily * grown,
            "memories",
            "there + daily * days",
            there=there,
            daily=daily,
            days=grown,
        )
    first, gone = _integral(workload, kept), _integral(workload, day - kept)
    return ledger.note(
        "load.memories",
        max(there + daily * first, daily * (grown - gone)),
        "memories",
        "max(there + daily * first, daily * (days - gone))",
        there=there,
        daily=daily,
        first=first,
        days=grown,
        gone=gone,
    )
