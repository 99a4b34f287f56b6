"""What a region has beside what its workload needs on the last day of the plan."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from capacity import rounding
from capacity.ledger import QUIET
from capacity.limits import asked, first_day
from capacity.load import Load, load
from capacity.plan import EDGE, POSTGRESQL, QDRANT, REDIS, SERVICE, Layout, last_load, layout_of, needs_of, plan
from capacity.workload import Workload


class Short(NamedTuple):
    """A need that is not met until the plan ends."""

    name: str
    """Component and what of it, such as `qdrant.memory`: of a pod, but for numbers of pods."""
    has: float
    needs: float
    """On the last day of the plan; cores, bytes or a number."""
    day: float
    """Days after the start, on which what there is does not suffice any more."""


class Over(NamedTuple):
    """Something of which there is far more than the plan asks for, all pods together."""

    name: str
    has: float
    planned: float


def needs(workload: Workload, at: Load, layout: Layout) -> dict[str, float]:
    """What a layout has to have under a load, and what the layout should be."""
    here, wanted = needs_of(workload, at, layout), layout_of(workload, at)
    edges = zip(workload.regions, here.edges, strict=bool(here.edges))
    return {
        **asked(workload, here),
        f"{SERVICE}.cpu": here.service.cpu,
        f"{QDRANT}.snapshot_storage": here.qdrant.storage,
        f"{QDRANT}.pods": wanted.qdrant.nodes,
        f"{QDRANT}.copies": wanted.qdrant.copies,
        f"{POSTGRESQL}.pods": wanted.postgresql.instances,
        f"{REDIS}.masters": wanted.redis.masters,
        f"{REDIS}.replicas": wanted.redis.replicas,
        **{f"{EDGE}.{region.name}.cpu": edge.cpu for region, edge in edges},
    }


def short(workload: Workload, layout: Layout, has: Mapping[str, float]) -> list[Short]:
    """Where less is had than is needed on the last day, by the names of `needs`; what is not had is not judged."""
    last = last_load(workload)
    wanted = needs(workload, last, layout)
    found: list[Short] = []
    for name, amount in wanted.items():
        if name in has and rounding.more(amount, has[name]):
            day = first_day(partial(_lacks, workload, layout, has, name), last.day)
            found.append(Short(name, has[name], amount, last.day if day is None else day))
    return found


def outgrown(workload: Workload, layout: Layout, has: Mapping[str, float]) -> dict[str, float | None]:
    """Days after the start from which on each does not suffice, by the names of `needs`, however long the plan is; None
    for not within twenty years.
    """
    return {name: first_day(partial(_lacks, workload, layout, has, name)) for name in has}


def _lacks(workload: Workload, layout: Layout, has: Mapping[str, float], name: str, day: float) -> bool:
    return rounding.more(needs(workload, load(workload, day, QUIET), layout)[name], has[name])


def over(workload: Workload, has: Mapping[str, float], times: float) -> list[Over]:
    """Where more is had than so many times the plan; `has` are `component.cpu`, `.memory`, `.storage` of all pods."""
    planned: dict[str, float] = {}
    for one in plan(workload).components:
        every = {"cpu": one.cpu, "memory": one.memory, "storage": one.storage}
        planned |= {f"{one.name}.{what}": one.pods * amount for what, amount in every.items() if amount}
    return [
        Over(name, has[name], amount)
        for name, amount in planned.items()
        if name in has and rounding.more(has[name], times * amount)
    ]


def target(workload: Workload, layout: Layout) -> float:
    """Cores that a pod of the service uses when it is as busy as it may be."""
    return needs_of(workload, last_load(workload), layout).service.target
