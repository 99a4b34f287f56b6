"""The zones of a region keep their places, and none of them loses a Redis pod that holds data to another one.

A zone's place says which StatefulSet stands there (redis_plan.py) and, on AWS, which addresses its subnets have. More
zones take the same number of Redis pods apart in another way: a set would get smaller without a drain.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from components.redis_plan import plan, pods_by_zone
from settings import Settings

OUTPUT: Final = "zones"
"""Stack output: the zones in their order, each with the Redis pods that the next run may not go below."""
_FURTHER: Final = 64
"""Masters beyond those that are stated among which a number is looked for that leaves every zone its pods."""


def output(settings: Settings) -> list[dict[str, Any]]:
    """The value of OUTPUT."""
    cluster, zones = settings.redis.cluster, settings.high_availability.zones
    kept = pods_by_zone(plan(len(zones), cluster.kept_nodes, cluster.kept_replicas), len(zones))
    return [{"name": zone, "redis_pods": pods} for zone, pods in zip(zones, kept, strict=True)]


def faults(settings: Settings, outputs: Mapping[str, Any]) -> list[str]:
    """Why this run may not have its list of zones, with remedies: new ones come last. Fewer masters over the same zones
    are a matter of scale_in.py.
    """
    before = {str(one["name"]): int(one["redis_pods"]) for one in cast(Sequence[Any], outputs.get(OUTPUT) or ())}
    now = settings.high_availability.zones
    if not before or tuple(before) == now:
        return []
    was, stated = ", ".join(before), ", ".join(now)
    if tuple(before)[: len(now)] != now[: len(before)]:
        return [
            f"high_availability.zones = {stated}   this stack was brought up with {was}, and a zone's place decides "
            "which stores stand there: keep the order and add zones at the end"
        ]
    less = [zone for zone, pods in _pods(settings, settings.redis.cluster.nodes).items() if pods < before.get(zone, 0)]
    return [_less(settings, before, less)] if less else []


def _pods(settings: Settings, masters: int) -> dict[str, int]:
    zones = settings.high_availability.zones
    shards = plan(len(zones), masters, settings.redis.cluster.replicas)
    return dict(zip(zones, pods_by_zone(shards, len(zones)), strict=True))


def _less(settings: Settings, before: Mapping[str, int], less: Sequence[str]) -> str:
    masters = settings.redis.cluster.nodes
    enough = next(
        (
            number
            for number in range(masters | 1, masters + _FURTHER, 2)  # odd ones vote by majority
            if all(pods >= before.get(zone, 0) for zone, pods in _pods(settings, number).items())
        ),
        None,
    )
    remedy = f"set redis.cluster.nodes to {enough} in the same update" if enough else "keep the zones as they are"
    return (
        f"high_availability.zones = {', '.join(settings.high_availability.zones)}   Redis pods that hold data would go "
        f"from {', '.join(less)} to other zones, without a drain: {remedy}"
    )
