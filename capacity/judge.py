"""What a region has beside what its workload needs on the last day of the plan."""

from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

from capacity.ledger import QUIET
from capacity.limits import first_day
from capacity.load import Load, load
from capacity.plan import POSTGRESQL, QDRANT, REDIS, SERVICE, Layout, last_load, layout_of, needs_of, plan
from capacity.workload import Workload

_NEARLY: Final = 1 + 1e-9
"""Above it a difference is none of floating point."""


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
    asked, wanted = needs_of(workload, at, layout), layout_of(workload, at)
    return {
        **asked.flat(),
        f"{SERVICE}.cpu": asked.service.cpu,
        f"{QDRANT}.snapshot_storage": asked.qdrant.storage,
        f"{QDRANT}.pods": wanted.qdrant.nodes,
        f"{QDRANT}.copies": wanted.qdrant.copies,
        f"{POSTGRESQL}.pods": wanted.postgresql.instances,
        f"{REDIS}.masters": wanted.redis.masters,
        f"{REDIS}.replicas": wanted.redis.replicas,
    }


def short(workload: Workload, layout: Layout, has: Mapping[str, float]) -> list[Short]:
    """Where less is had than is needed on the last day, by the names of `needs`; what is not had is not judged."""
    last = last_load(workload)
    wanted = needs(workload, last, layout)

    def lacks(name: str, day: float) -> bool:
        return needs(workload, load(workload, day, QUIET), layout)[name] > has[name] * _NEARLY

    found: list[Short] = []
    for name, amount in wanted.items():
        if name in has and amount > has[name] * _NEARLY:
            day = first_day(partial(lacks, name), last.day)
            found.append(Short(name, has[name], amount, last.day if day is None else day))
    return found


def over(workload: Workload, has: Mapping[str, float], times: float) -> list[Over]:
    """Where more is had than so many times the plan; `has` are `component.cpu`, `.memory`, `.storage` of all pods."""
    planned: dict[str, float] = {}
    for one in plan(workload).components:
        every = {"cpu": one.cpu, "memory": one.memory, "storage": one.storage}
        planned |= {f"{one.name}.{what}": one.pods * amount for what, amount in every.items() if amount}
    return [
        Over(name, has[name], amount)
        for name, amount in planned.items()
        if name in has and has[name] > times * amount * _NEARLY
    ]


def target(workload: Workload, layout: Layout) -> float:
    """Cores that a pod of the service uses when it is as busy as it may be."""
    return needs_of(workload, last_load(workload), layout).service.target
