"""What the sizes of a region carry, and with a workload what its plan needs, as the pack `capacity` judges it."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Final

from capacity import carries, guide, judge, limits
from capacity.ledger import QUIET
from capacity.load import load
from capacity.plan import SERVICE, last_load
from capacity.workload import Workload
from policies.checks import capacity, recorded
from policies.checks.capacity import Had
from policies.checks.model import Resource
from policies.checks.plain import Plain, Unreadable, list_at, number_at
from policies.checks.whole import Whole
from report.document import Bound, Capacity, Carried, Need, Outgrown, Plan

_HALF: Final = 0.5
"""Of the memories that fit: with so many requests are counted where no plan says how many, for fewer take less."""
_KEYS: Final = capacity.KEYS | {
    carries.LATENCY: "memory.namespaces",  # shorter stores; more pods do not help (capacity/limits.py)
    carries.MAX_MEMORIES: "memory.max_memories",
}


def of(resources: Sequence[Resource]) -> Capacity | None:
    """None where nothing tells the region's sizes."""
    whole = Whole(tuple(resources))
    record = recorded.settings(whole)
    if record is None:
        return None
    try:
        had = capacity.had(whole)
        return _set(capacity.beside(whole, _reference(record))) if had is None else _planned(had)
    except Unreadable as problem:
        return Capacity(unknown=str(problem))


def _reference(record: Plain) -> Workload:
    """The workload of the guide's sizes, with what the region's settings say elsewhere."""
    known = {
        "zones": recorded.zones(record) or None,
        "namespaces": len(list_at(record, "memory", "namespaces")) or None,
        "max_memories": number_at(record, "memory", "max_memories"),
    }
    return guide.workload().model_copy(update={name: value for name, value in known.items() if value})


def _set(had: Had) -> Capacity | None:
    """What it holds, and what it answers when that is half of it."""
    sizes = carries.Sizes(had.workload, had.layout, had.amounts)
    quiet = load(had.workload, 0, QUIET)
    memories = sizes.memories(quiet)
    if not memories:
        return None
    held = _HALF * min(bound.amount for bound in memories.values())
    requests = sizes.requests(quiet._replace(memories=held, points=held))
    return _told(had.workload, memories, requests, held, {})


def _planned(had: Had) -> Capacity:
    """What it carries on the last day of the plan, and until when it suffices."""
    sizes = carries.Sizes(had.workload, had.layout, had.amounts)
    last = last_load(had.workload)
    days = judge.outgrown(had.workload, had.layout, had.amounts)
    every = days | {f"{SERVICE}.{one.name}": one.day for one in limits.service_limits(had.workload)}
    told = _told(had.workload, sizes.memories(last), sizes.requests(last), last.memories, every)
    plan = Plan(
        end=_date(had.workload, last.day),
        memories=last.memories,
        requests=last.requests,
        needs=tuple(_needs(had, days)),
    )
    return told.model_copy(update={"plan": plan})


def _needs(had: Had, days: Mapping[str, float | None]) -> Sequence[Need]:
    needed = judge.needs(had.workload, last_load(had.workload), had.layout)
    short = {one.name for one in judge.short(had.workload, had.layout, had.amounts)}
    return [
        Need(
            name=name,
            unit=capacity.unit(name),
            has=had.amounts[name],
            needs=amount,
            short=name in short,
            until=_date(had.workload, days[name]),
        )
        for name, amount in sorted(needed.items())
        if name in had.amounts
    ]


def _told(
    workload: Workload,
    memories: Mapping[str, carries.Bound],
    requests: Mapping[str, carries.Bound],
    held: float,
    days: Mapping[str, float | None],
) -> Capacity:
    terms = (
        f"memories of {workload.payload_bytes:,} bytes and {workload.vector_dimensions:,} dimensions, "
        f"95 of 100 requests in {workload.objectives.latency_ms:,g} ms with {workload.round_trip_ms:g} ms to a store, "
        f"{workload.write_read_ratio:g} stores for each read or search"
    )
    return Capacity(
        carries=tuple(
            Carried(
                component=one,
                memories=_bound(memories[one]),
                requests=_bound(requests[one]),
                outgrown=_outgrown(workload, one, days),
            )
            for one in memories
        ),
        terms=terms,
        held=held,
        users=carries.users(workload, 1),
    )


def _bound(bound: carries.Bound) -> Bound:
    return Bound(amount=bound.amount, by=bound.by, key=_KEYS.get(bound.by, ""))


def _outgrown(workload: Workload, component: str, days: Mapping[str, float | None]) -> Outgrown | None:
    """The first of what a component has."""
    own = [(day, name) for name, day in days.items() if name.startswith(f"{component}.") and day is not None]
    if not own:
        return None
    day, name = min(own)
    return Outgrown(on=_date(workload, day), by=name)


def _date(workload: Workload, day: float | None) -> str:
    """A stack's workload says when it starts."""
    return "" if day is None else limits.date_of(workload, day, datetime.date.min).isoformat()
