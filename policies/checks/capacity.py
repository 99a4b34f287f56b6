"""What a region has, judged by what its workload needs until the plan ends; without a workload nothing is judged."""

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from capacity import judge, limits, rounding
from capacity.plan import COMPONENTS, EDGE, POSTGRESQL, QDRANT, REDIS, SERVICE, Layout
from capacity.stack import cpu, quantity
from capacity.workload import Workload, WorkloadError
from capacity.workload import read as read_workload
from policies.checks import recorded, sizes
from policies.checks.model import Limits, Violation
from policies.checks.plain import Unreadable, number_at, object_at
from policies.checks.sizes import Part
from policies.checks.tokens import POOLER
from policies.checks.whole import Whole

Check = Callable[[Whole, Limits], Iterator[Violation]]

KEYS: Final = {
    f"{SERVICE}.pods": "memory.autoscaling.max_replicas",
    f"{SERVICE}.cpu": "memory.resources.requests.cpu",
    f"{SERVICE}.memory": "memory.resources.requests.memory",
    f"{QDRANT}.pods": "qdrant.replicas",
    f"{QDRANT}.copies": "sharding.replication_factor",
    f"{QDRANT}.cpu": "qdrant.resources.requests.cpu",
    f"{QDRANT}.memory": "qdrant.resources.requests.memory",
    f"{QDRANT}.storage": "qdrant.storage",
    f"{QDRANT}.snapshot_storage": "qdrant.snapshot_storage",
    f"{POSTGRESQL}.pods": "postgresql.replica.replicas",
    f"{POSTGRESQL}.poolers": "postgresql.pooler.instances",
    f"{POSTGRESQL}.cpu": "postgresql.primary.resources.requests.cpu",
    f"{POSTGRESQL}.memory": "postgresql.primary.resources.requests.memory",
    f"{POSTGRESQL}.storage": "postgresql.storage",
    f"{POSTGRESQL}.wal_storage": "postgresql.wal_storage",
    f"{REDIS}.masters": "redis.cluster.nodes",
    f"{REDIS}.replicas": "redis.cluster.replicas",
    f"{REDIS}.cpu": "redis.resources.requests.cpu",
    f"{REDIS}.memory": "redis.resources.limits.memory",
    f"{REDIS}.storage": "redis.storage",
    f"{EDGE}.pods": "edge.replicas",
    f"{EDGE}.cpu": "edge.resources.requests.cpu",
}
"""What of a component to the key of the settings that raises it."""
_PODS: Final = ("pods", "masters", "replicas", "copies", "poolers")
_CPU: Final = ("cpu",)
_MEMORY: Final = ("memory",)
_STORAGE: Final = ("storage", "snapshot_storage", "wal_storage")


def workload_of(whole: Whole) -> Workload | None:
    """As the region's record has it; None where it states none. Raises Unreadable."""
    record = recorded.settings(whole)
    block = None if record is None else record.get("workload")
    if block is None:
        return None
    try:
        return read_workload(object_at(block), "the recorded workload")
    except WorkloadError as error:
        raise Unreadable(f"the workload of the record is none: {error}") from None


@dataclass(frozen=True)
class Had:
    """What a region has, to be compared with what the plan of a workload needs."""

    workload: Workload
    layout: Layout
    parts: Sequence[Part]
    amounts: Mapping[str, float]
    """By the names of capacity/judge.py, of the components that are there."""


def had(whole: Whole) -> Had | None:
    """None where the region states no workload. Raises Unreadable."""
    workload = workload_of(whole)
    if workload is None:
        return None
    found, edges = beside(whole, workload), sizes.edges(whole)
    own = f"{EDGE}.{recorded.region(recorded.settings(whole))}"
    amounts = {f"{own}.{what}": amount for one in edges for what, amount in (("pods", one.pods), *one.requests.items())}
    return replace(found, parts=[*found.parts, *edges], amounts={**found.amounts, **amounts})


def beside(whole: Whole, workload: Workload) -> Had:
    """What a region has beside a workload that is not its own, too. Raises Unreadable."""
    every = sizes.parts(whole)
    layout = sizes.layout(whole, every)
    amounts = _least(every) | {
        f"{QDRANT}.copies": layout.qdrant.copies,
        f"{QDRANT}.pods": layout.qdrant.nodes,
        f"{POSTGRESQL}.pods": layout.postgresql.instances,
        f"{POSTGRESQL}.poolers": sum(number_at(one.inputs, "spec", "instances") or 1 for one in whole.of(POOLER)),
        f"{REDIS}.masters": layout.redis.masters,
        f"{REDIS}.replicas": layout.redis.replicas,
    }
    there = {part.component for part in every}  # what is not there is another rule's
    return Had(workload, layout, every, {name: amounts[name] for name in amounts if name.partition(".")[0] in there})


def unit(name: str) -> Literal["cores", "bytes", "number"]:
    """Of an amount by its name."""
    what = _what(name)
    return "cores" if what in _CPU else "number" if what in _PODS else "bytes"


def enough(*whats: str) -> Check:
    """A check of some of what each component has."""

    def check(whole: Whole, limits_: Limits) -> Iterator[Violation]:
        del limits_
        found = had(whole)
        if found is None:
            return
        judged = {name: amount for name, amount in found.amounts.items() if _what(name) in whats}
        for one in judge.short(found.workload, found.layout, judged):
            part = _smallest(found.parts, one.name)
            urn = part.scaler if part.scaler and _what(one.name) in _PODS else part.urn
            yield Violation(urn, _told(found.workload, one))

    return check


pods, processors, memory, storage = enough(*_PODS), enough(*_CPU), enough(*_MEMORY), enough(*_STORAGE)


def scales(whole: Whole, limits_: Limits) -> Iterator[Violation]:
    """A process that waits for its stores uses little CPU: with too high a target no pod is ever added."""
    del limits_
    found = had(whole)
    if found is None:
        return
    used = judge.target(found.workload, found.layout)
    wanted = judge.needs(found.workload, judge.last_load(found.workload), found.layout)[f"{SERVICE}.pods"]
    for part in found.parts:
        if part.target is not None and part.fewest < wanted and rounding.more(part.target, used):
            yield Violation(
                part.scaler,
                f"{part.title} is scaled at {cpu(part.target)} of CPU, and a pod that is as busy as it may be uses "
                f"{used:.3f} cores: none would be added; lower memory.autoscaling.target_cpu",
            )


def far_over(whole: Whole, limits_: Limits) -> Iterator[Violation]:
    """Far more than the plan asks for, all pods of a component together; of the service those that always run."""
    workload = workload_of(whole)
    if workload is None:
        return
    every = sizes.parts(whole)
    for one in judge.over(workload, _totals(every), limits_.times_plan):
        has, planned = _amount(one.name, one.has), _amount(one.name, one.planned)
        yield Violation(
            _smallest(every, one.name).urn,
            f"{one.name}: all pods together have {has}, {one.has / one.planned:.1f} times the {planned} of the plan: "
            "state less, or a larger workload",
        )


def service(whole: Whole, limits_: Limits) -> Iterator[Violation]:
    """Limits of the service itself within the plan, which no hardware moves."""
    del limits_
    workload = workload_of(whole)
    if workload is None:
        return
    last = judge.last_load(workload).day
    for limit in limits.service_limits(workload):
        if limit.day is not None and limit.day <= last:
            yield Violation("", f"from {_date(workload, limit.day)} on {limit.words}: {limit.remedy}")


def link(whole: Whole, limits_: Limits) -> Iterator[Violation]:
    """The network to each standby, where the workload says what it carries."""
    del limits_
    workload = workload_of(whole)
    slow = None if workload is None else limits.region_link(workload)
    if workload is None or slow is None or slow.day is None:
        return
    if slow.day <= judge.last_load(workload).day:
        yield Violation("", f"from {_date(workload, slow.day)} on {slow.words}: {slow.remedy}")


def nothing_missing(whole: Whole, limits_: Limits) -> Iterator[Violation]:
    """The record was seen; and with a workload every component, with all that is judged of it."""
    del limits_
    if recorded.settings(whole) is None:
        yield Violation("", "the stack holds no record of its settings that can be read: is there a workload?")
    elif workload_of(whole) is not None:
        every = sizes.parts(whole)
        there, has = {part.component for part in every}, _least(every)
        for component in COMPONENTS:
            if component not in there:
                yield Violation("", f"the stack holds no {component}: the other policies judged nothing of it")
        for name in KEYS:
            component, _, what = name.partition(".")
            if component in there and what not in _PODS and name not in has:
                yield Violation("", f"the {what} of {component} is not stated: the other policies judged nothing of it")


def _least(every: Sequence[Part]) -> dict[str, float]:
    """The least that a pod of each component has, by the names of capacity/judge.py."""
    found: dict[str, float] = {}
    for part in every:
        amounts = {**part.requests, **({"pods": part.pods} if part.component == SERVICE else {})}
        if part.component == REDIS:
            amounts["memory"] = part.limits["memory"]  # maxmemory follows it (components/redis.py)
        for what, amount in amounts.items():
            name = f"{part.component}.{what}"
            found[name] = min(amount, found.get(name, amount))
    return found


def _totals(every: Sequence[Part]) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in every:
        for what, amount in part.requests.items():
            name = f"{part.component}.{'storage' if what in _STORAGE else what}"
            found[name] = found.get(name, 0) + part.fewest * amount
    return found


def _smallest(every: Sequence[Part], name: str) -> Part:
    """The resource that a fault is told of."""
    component, _, what = name.partition(".")
    own = [part for part in every if part.component == component]
    return min(own, key=lambda part: part.requests.get(what, part.pods))


def _what(name: str) -> str:
    return name.rpartition(".")[2]


def _key(name: str) -> str:
    """An edge is named by its region, too."""
    component, _, what = name.partition(".")
    return KEYS[f"{component}.{_what(what)}"]


def _told(workload: Workload, one: judge.Short) -> str:
    lacks = _amount(one.name, one.needs - one.has)
    end = _date(workload, judge.last_load(workload).day)
    each = "" if _what(one.name) in _PODS else " of each pod"
    return (
        f"{one.name}: {_amount(one.name, one.has)}{each}, and {_amount(one.name, one.needs)} are needed on {end}, when "
        f"the plan ends: {lacks} short, and too little from {_date(workload, one.day)} on; raise {_key(one.name)}"
    )


def _amount(name: str, value: float) -> str:
    """As the stack file states it, never less."""
    what = _what(name)
    if what in _PODS:
        return f"{value:.0f}"
    return f"{cpu(value)} cores" if what in _CPU else quantity(value)


def _date(workload: Workload, day: float) -> datetime.date:
    return limits.date_of(workload, day, datetime.date.min)  # a stack's workload says when it starts
