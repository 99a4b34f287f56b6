"""Whether each standby would carry home's load: all pods of a component together, and what holds home's data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from capacity.plan import POSTGRESQL, QDRANT, REDIS, SERVICE
from capacity.stack import cpu, quantity
from policies.checks import node_room, read, recorded, sizes
from policies.checks.capacity import KEYS
from policies.checks.model import Limits, Violation, Workload
from policies.checks.plain import at, list_at, text_at
from policies.checks.regions import Regions
from policies.checks.sizes import Part
from policies.checks.tokens import POOLER as POOLERS
from policies.checks.whole import Whole

POOLER: Final = "pooler"
_LOAD: Final = ("cpu", "memory")
_HELD: Final = {QDRANT: ("storage", "snapshot_storage"), POSTGRESQL: ("storage", "wal_storage")}
"""Volumes with home's data on them: they hold all of it, however little of the load a standby takes; of PostgreSQL each
instance does, of Qdrant all nodes together. Redis is empty in a standby and is filled anew."""
_USES: Final = {"stateful": (QDRANT, POSTGRESQL, REDIS), "stateless": (SERVICE, POOLER)}
"""Use of a node to whose pods it runs, as in capacity/plan.py."""


@dataclass(frozen=True)
class _Amount:
    """What a region has of something."""

    value: float
    """Cores or bytes."""
    urn: str
    """Of a resource that has of it."""


_Amounts = Mapping[tuple[str, str], _Amount]
"""By component and what of it: cpu, memory, and each volume."""


def carries_home(regions: Regions, limits: Limits) -> Iterator[Violation]:
    """Each standby has `standby_percent` of home's CPU and memory or more, and room for all of home's data.

    Counted is the main container of each pod, of the service with the most pods that it may have, of Redis the limit of
    memory, which decides when it evicts. On AWS the nodes of each use have room for that much of home's pods, too;
    machines that capacity/instances.py does not know are not judged. Of a component that a standby lacks other rules
    tell. Raises Unreadable.
    """
    if len(regions) < 2:
        return
    home = _home(regions)
    if home not in regions:
        yield Violation(
            "", "the records of the regions' settings do not name one of them as home: what it has is not known"
        )
        return
    needed = _amounts(regions[home])
    for name, whole in regions.items():
        if name != home:
            yield from _short(name, whole, home, needed, limits.standby_percent)
            yield from _short_of_nodes(name, whole, home, needed, limits.standby_percent)


def _home(regions: Regions) -> str:
    """That the list of regions names, whatever promotion is under way; "" where the records do not name one."""
    named: set[str] = set()
    for whole in regions.values():
        block = at(recorded.settings(whole), "multiregion")
        listed = (text_at(one, "name") for one in list_at(block, "regions") if at(one, "primary"))
        named.add(text_at(block, "home") or next(listed, ""))
    return named.pop() if len(named) == 1 else ""


def _amounts(whole: Whole) -> dict[tuple[str, str], _Amount]:
    found: dict[tuple[str, str], _Amount] = {}
    for part in (*sizes.parts(whole), *_poolers(whole)):
        each = part.requests | ({"memory": part.limits["memory"]} if part.component == REDIS else {})
        for what, amount in each.items():
            number = 1 if part.component == POSTGRESQL and what in _HELD[POSTGRESQL] else part.pods
            before = found.get((part.component, what), _Amount(0.0, ""))
            found[part.component, what] = _Amount(before.value + number * amount, part.urn)
    return found


def _poolers(whole: Whole) -> Iterator[Part]:
    for resource in whole.of(POOLERS):
        pooler = read.item(resource)
        if isinstance(pooler, Workload):
            pods = 1 if pooler.replicas is None else pooler.replicas
            requests = {
                what: float(sum(container.requests.get(what, 0) for container in pooler.containers)) for what in _LOAD
            }
            yield Part(POOLER, pooler.urn, pooler.title, pods, pods, requests, {})


def _short(name: str, whole: Whole, home: str, needed: _Amounts, percent: int) -> Iterator[Violation]:
    has = _amounts(whole)
    for (component, what), homes in needed.items():
        least = 100 if what in _HELD.get(component, ()) else percent
        own = has.get((component, what))
        if own is not None and _under(own.value, homes.value, least):
            part = _compared(what, own.value, homes.value)
            yield Violation(
                own.urn,
                f"{component} of {name} has {part} of {home}; {least} % are required{_why(least, percent)}: raise "
                f"{_key(component, what, name, whole)}",
            )


def _short_of_nodes(name: str, whole: Whole, home: str, needed: _Amounts, percent: int) -> Iterator[Violation]:
    for use, room in node_room.room(whole).items():
        for what, left in (("cpu", room.cores), ("memory", room.memory)):
            asked = sum(
                one.value for (component, of), one in needed.items() if of == what and component in _USES.get(use, ())
            )
            if _under(left, asked, percent):
                yield Violation(
                    room.urn,
                    f"nodes {use} of {name} have room for {_compared(what, left, asked)} that pods of {home} request "
                    f"there; {percent} % are required: raise aws.nodes.{use}.per_zone, or state larger "
                    f"aws.nodes.{use}.instance_types",
                )


def _under(has: float, needed: float, percent: int) -> bool:
    return has * 100 < needed * percent * (1 - 1e-9)


def _compared(what: str, has: float, needed: float) -> str:
    """The percentage is rounded down: what is short is never told as enough."""
    if what == "cpu":
        own, theirs = f"{cpu(has)} cores", f"{cpu(needed)} cores"
    else:
        own, theirs = f"{quantity(has)} of {what}", quantity(needed)
    return f"{own}, {int(has * 100 / needed)} % of the {theirs}"


def _why(least: int, percent: int) -> str:
    return "" if least == percent else ", since it holds all of home's data"


def _key(component: str, what: str, name: str, whole: Whole) -> str:
    """Of the standby's settings, that raises an amount."""
    if component == POOLER:
        return "postgresql.pooler.instances"
    key = KEYS[f"{component}.{what}"]
    if component != SERVICE:
        return key
    listed = list_at(recorded.settings(whole), "multiregion", "regions")
    for index, one in enumerate(listed):
        if text_at(one, "name") == name and at(one, "resources", "requests", what) is not None:
            key = f"multiregion.regions[{index}].resources.requests.{what}"
    return f"{key} or {KEYS[f'{SERVICE}.pods']}"
