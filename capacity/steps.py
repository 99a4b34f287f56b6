"""The one thing to change next, by what was used: vertical first, a little at a time, and how to test it."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from capacity import facts, rounding
from capacity.as_set import own_resources
from capacity.ledger import shown
from capacity.observed import UNITS, Use, beside, resources, scales
from capacity.plan import POSTGRESQL, QDRANT, REDIS, SERVICE
from capacity.service import LEAST_TARGET
from capacity.stack import MOST_PODS, cpu, quantity
from settings import Settings
from settings.postgresql import MOST_CONNECTIONS

HIGH, LOW = 0.8, 1 / 3
"""Shares of what there is above which there should be more, and under which there may be less."""
ROOM: Final = 0.6
"""The share that steps lead to."""
STEP: Final = 1.5
"""How many times as much there is after a step, at most; the guide's "Increase resources incrementally" has no number,
and half as much again is this project's decision. Sizes are rounded up to what one buys.
"""
_WORTH: Final = {"cpu": 0.5, "memory": float(facts.GIB)}
"""Cores and bytes: less than that unused is no reason to start pods again."""
_MOST: Final = {f"{QDRANT}.memory": facts.QDRANT_MOST, f"{REDIS}.memory": facts.REDIS_MOST}
"""Of a node: from there on there are more nodes."""
_BLOCKS: Final = {
    QDRANT: "qdrant.resources",
    POSTGRESQL: "postgresql.primary.resources",
    REDIS: "redis.resources",
}
_QUIET: Final = "no alert for a day, and after the next peak another review"


class Step(NamedTuple):
    """What to change in the stack file, in one go."""

    changes: dict[str, str]
    """Key to value."""
    why: str
    effect: str
    test: str


def high(found: Sequence[Use], settings: Settings) -> list[Use]:
    """What should be more, the most pressing first: what runs full stops, what is late is only late."""
    full = [use for use in found if use.share > _limit(use) and not _at_most(use)]
    if _crowded(full, settings):
        # With more pods, each has less to do.
        full = [use for use in full if use.name not in (f"{SERVICE}.cpu", f"{SERVICE}.latency")]
    else:
        full = [use for use in full if use.what != "pods"]
    return sorted(full, key=lambda use: (use.what == "latency", -use.share))


def step(found: Sequence[Use], settings: Settings) -> Step | None:
    """The next step, if any: less only where nothing has to be more."""
    if pressing := high(found, settings):
        return _more(pressing[0], settings)
    if stuck(found):
        return None
    for use in sorted(found, key=lambda use: use.share):
        if use.share < LOW and (less := _less(use, settings)):
            return less
    return None


def stuck(found: Sequence[Use]) -> list[Use]:
    """What should be more, and no key gives more."""
    return [use for use in found if use.share > _limit(use) and _at_most(use)]


def _at_most(use: Use) -> bool:
    """Connections follow from the memory up to a number (settings/postgresql.py)."""
    return use.what == "connections" and use.given >= MOST_CONNECTIONS


def _limit(use: Use) -> float:
    return 1 if use.what == "latency" else HIGH


def _crowded(full: Sequence[Use], settings: Settings) -> bool:
    """Whether the autoscaler asked for nearly all pods that it may have: as many as the fewest say nothing."""
    return any(use.what == "pods" and use.used > settings.memory.min_replicas for use in full)


def _more(use: Use, settings: Settings) -> Step:
    match use.what:
        case "pods":
            return _pods(use, use.used / ROOM, "memory.autoscaling.max_replicas")
        case "latency":
            return _sooner(use, settings)
        case "connections":
            return _connections(use, settings)
        case "cpu" | "memory" | "maxmemory":
            return _larger(use, settings)
        case _:
            return _volume(use)


def _why(use: Use) -> str:
    words = f"{amount(use, use.used)} of {amount(use, use.given)} were used at peak, {use.share:.0%}"
    if use.planned is not None and use.used > use.planned:
        words += f"; the plan has {amount(use, use.planned)}: the workload is larger than was planned for"
    return words


def _pods(use: Use, needed: float, key: str) -> Step:
    """More of them, up to what settings take."""
    number = min(rounding.whole(needed), rounding.whole(use.given * STEP), MOST_PODS)
    return Step(
        {key: str(number)},
        _why(use),
        f"up to {number} pods of a namespace share its requests: fewer wait; a store takes as long as before",
        f"scaling-overview: latency falls and pods stay under {number} at the next peak; {_QUIET}",
    )


def _most_pods(settings: Settings) -> tuple[str, int]:
    """Key and value of how many pods a namespace of the service may have."""
    memory = settings.memory
    if memory.autoscaling.enabled:
        return "memory.autoscaling.max_replicas", memory.autoscaling.max_replicas
    return "memory.replicas", memory.replicas


def _larger(use: Use, settings: Settings) -> Step:
    if use.name == f"{SERVICE}.cpu" and not scales(settings):
        key, number = _most_pods(settings)
        return _pods(use._replace(given=number), number * use.share / ROOM, key)._replace(why=_why(use))
    what = "memory" if use.what == "maxmemory" else use.what
    has = _has(use, settings)
    most = _MOST.get(f"{use.component}.{what}")
    if most is not None and has >= most.value:
        return _wider(use, settings)
    size = min(_rounded(what, _main(use, settings, use.used / ROOM)), _rounded(what, has * STEP))
    size = min(size, most.value) if most is not None else size
    return Step(
        _sizes(use, settings, size),
        _why(use),
        f"use falls to about {_share_with(use, settings, size):.0%}; pods start again one by one",
        f"scaling-overview: use and latency at the next peak; {_QUIET}",
    )


def _wider(use: Use, settings: Settings) -> Step:
    """More nodes, where one may not be larger."""
    zones = len(set(settings.high_availability.zones))
    nodes = settings.qdrant.replicas, settings.redis.cluster.nodes
    changes, word = (
        ({"qdrant.replicas": str(rounding.multiple(nodes[0] + 1, zones))}, "shards")
        if use.component == QDRANT
        else ({"redis.cluster.nodes": str(nodes[1] + 2)}, "slots")
    )
    return Step(
        changes,
        f"{_why(use)}; a node has {amount(use, _has(use, settings))} already, the most that one should have",
        f"{word} move to the new nodes, and each holds less",
        f"shard-distribution: {word} are spread evenly when they have moved; {_QUIET}",
    )


def _volume(use: Use) -> Step:
    size = min(rounding.volume(use.used / ROOM), rounding.volume(use.given * STEP))
    return Step(
        {use.name: quantity(size)},
        _why(use),
        f"use falls to about {use.used / size:.0%} of each volume, while pods run; it never becomes smaller again",
        "kubectl get pvc: each claim has the new size; volume:free:ratio rises; no alert for a day",
    )


def _connections(use: Use, settings: Settings) -> Step:
    """Follow from the memory."""
    size = rounding.memory(float(settings.postgresql.primary.resources.requests.memory.value) * STEP)
    return Step(
        _sizes(use, settings, size),
        _why(use),
        f"an instance takes more connections, up to {MOST_CONNECTIONS}; instances start again one by one",
        f"postgresql:connections:ratio at the next peak; {_QUIET}",
    )


def _sooner(use: Use, settings: Settings) -> Step:
    """More processes for the same requests. What a store itself takes, no number of them shortens."""
    scaling = settings.memory.autoscaling
    why = (
        f"95 of 100 requests of the slowest endpoint were answered within {amount(use, use.used)}, "
        f"not {amount(use, use.given)}"
    )
    test = (
        f"scaling-overview: latency at the next peak; {_QUIET}. Where the median stays as high, stores themselves take "
        "that long: split memory.namespaces (docs/capacity.md)"
    )
    if not scales(settings):
        key, number = _most_pods(settings)
        changes = {key: str(min(rounding.whole(number * STEP), MOST_PODS))}
        return Step(changes, why, "more processes share the requests: fewer wait", test)
    target = max(LEAST_TARGET, rounding.up(float(scaling.target_cpu.value) / STEP, 0.01))
    if target >= scaling.target_cpu.value:
        return Step(
            {"memory.namespaces": "one more"},
            f"{why}; pods become more at the least CPU that tells anything already",
            "a store reads the memories of its own namespace, fewer than before (docs/capacity.md)",
            f"scaling-overview: latency when users have moved to it; {_QUIET}",
        )
    return Step(
        {"memory.autoscaling.target_cpu": cpu(target)},
        why,
        f"pods become more at {cpu(target)} already: fewer requests wait for a process, and nodes have more to carry",
        test,
    )


def _less(use: Use, settings: Settings) -> Step | None:
    """None where that is little, less than the plan has, or less than may be taken away."""
    if use.what not in _WORTH or use.name == f"{REDIS}.memory" or use.given - use.used <= _WORTH[use.what]:
        return None
    least = max(use.used / ROOM, use.planned or 0)
    if use.name == f"{SERVICE}.cpu":
        # As much as the autoscaler lets a pod use.
        least = max(least, float(settings.memory.autoscaling.target_cpu.value) + beside(settings, SERVICE, "cpu"))
    has = _has(use, settings)
    size = max(_rounded(use.what, _main(use, settings, least)), _rounded(use.what, has / STEP))
    if size >= has:
        return None
    return Step(
        _sizes(use, settings, size),
        f"no more than {amount(use, use.used)} of {amount(use, use.given)} were used at peak, {use.share:.0%}",
        f"use rises to about {_share_with(use, settings, size):.0%}; nodes may become fewer",
        f"make drill: a zone may still be lost; {_QUIET}",
    )


def _has(use: Use, settings: Settings) -> float:
    """Cores or bytes of the main container that decide."""
    of = resources(settings, use.component)
    if use.what == "maxmemory":
        return float(of.limits.memory.value)
    return float((of.requests.cpu if use.what == "cpu" else of.requests.memory).value)


def _main(use: Use, settings: Settings, amount: float) -> float:
    """What the main container has to have of it, so that there is so much."""
    if use.what == "maxmemory":
        return amount / facts.MAXMEMORY_SHARE.value
    return amount - beside(settings, use.component, use.what)


def _share_with(use: Use, settings: Settings, size: float) -> float:
    """What is used, as a share of what there is when the main container has so much."""
    if use.what == "maxmemory":
        return use.used / (size * facts.MAXMEMORY_SHARE.value)
    return use.used / (size + beside(settings, use.component, use.what))


def _rounded(what: str, size: float) -> float:
    rounded: Callable[[float], float] = rounding.cores if what == "cpu" else rounding.memory
    return rounded(size)


def _sizes(use: Use, settings: Settings, size: float) -> dict[str, str]:
    """The request, and the limit where it equals the request or would be less; of maxmemory the limit decides."""
    what = "cpu" if use.what == "cpu" else "memory"
    of = resources(settings, use.component)
    request, limit = (float(getattr(side, what).value) for side in (of.requests, of.limits))
    sides = {"requests": True, "limits": limit == request or limit < size}
    if use.what == "maxmemory":
        sides = {"requests": request == limit, "limits": True}
    text = cpu(size) if what == "cpu" else quantity(size)
    return {f"{_block(use.component, settings)}.{side}.{what}": text for side, changes in sides.items() if changes}


def _block(component: str, settings: Settings) -> str:
    """A region's own resources of the service come before those of all."""
    if component != SERVICE:
        return _BLOCKS[component]
    return own_resources(settings) or "memory.resources"


def amount(use: Use, value: float) -> str:
    """With its unit."""
    return shown(value, UNITS[use.what])
