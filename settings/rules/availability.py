"""What high availability needs: enough pods, zones and copies. Off, it needs none of this."""

from collections.abc import Callable, Iterator

from settings.draft import Draft, Finding
from settings.rules.rule import Check, place, repeated, rule
from settings.settings import Settings

QUORUM = 3
"""Fewest members that keep a majority when one zone is lost."""


@rule("high_availability")
def quorum_needs_three(draft: Draft) -> Iterator[Finding]:
    ha = draft.settings.high_availability
    if ha.enabled and ha.min_replicas < QUORUM:
        yield draft.finding(
            place("high_availability.min_replicas"),
            "no majority is left when a zone is lost: use 3 or more, or set high_availability.enabled to false",
        )
    if ha.enabled and len(set(ha.zones)) < QUORUM:
        yield draft.finding(
            place("high_availability.zones"),
            "fewer than three lose their majority with one: name three, or set high_availability.enabled to false",
        )


@rule("high_availability.zones")
def zones_are_distinct(draft: Draft) -> Iterator[Finding]:
    for index, first in repeated(draft.settings.high_availability.zones):
        yield draft.finding(
            place(f"high_availability.zones[{index}]"), f"named already at zones[{first}]: name each zone once"
        )


def _at_least(path: str, count: Callable[[Settings], int | None], remedy: str) -> Check:
    """A rule: so many pods are not under high_availability.min_replicas."""

    @rule(path, "high_availability.enabled", "high_availability.min_replicas")
    def check(draft: Draft) -> Iterator[Finding]:
        ha, pods = draft.settings.high_availability, count(draft.settings)
        if ha.enabled and pods is not None and pods < ha.min_replicas:
            yield draft.finding(
                place(path),
                f"under high_availability.min_replicas ({ha.min_replicas}): {remedy.format(ha.min_replicas)}",
            )

    return check


MINIMUMS = (
    _at_least("memory.replicas", lambda s: s.memory.replicas, "use {} or more"),
    _at_least(
        "memory.autoscaling.min_replicas",
        lambda s: s.memory.autoscaling.min_replicas,
        "use {} or more, or leave it out",
    ),
    _at_least("qdrant.replicas", lambda s: s.qdrant.replicas, "use {} or more"),
    _at_least(
        "postgresql.replica.replicas",
        lambda s: s.postgresql.instances,
        "primary and replicas together must be {} or more",
    ),
    _at_least("postgresql.pooler.instances", lambda s: s.postgresql.pooler.instances, "use {} or more"),
    _at_least("redis.cluster.nodes", lambda s: s.redis.cluster.nodes, "use {} or more (an odd number)"),
)


@rule("redis.cluster.replicas", "high_availability.enabled")
def each_master_has_a_replica(draft: Draft) -> Iterator[Finding]:
    if draft.settings.high_availability.enabled and draft.settings.redis.cluster.replicas < 1:
        yield draft.finding(
            place("redis.cluster.replicas"), "a master without a replica is lost with its zone: use 1 or more"
        )


@rule("redis.cluster.replicas", "high_availability.zones")
def copies_have_zones(draft: Draft) -> Iterator[Finding]:
    copies, zones = 1 + draft.settings.redis.cluster.replicas, len(set(draft.settings.high_availability.zones))
    if copies > zones:
        yield draft.finding(
            place("redis.cluster.replicas"),
            f"a master and its replicas each need a zone of their own, and there are {zones}: use {zones - 1} or fewer",
        )


@rule("sharding.replication_factor", "high_availability.enabled")
def each_shard_has_a_second_copy(draft: Draft) -> Iterator[Finding]:
    if draft.settings.high_availability.enabled and draft.settings.sharding.replication_factor < 2:
        yield draft.finding(
            place("sharding.replication_factor"), "a shard with one copy is lost with its zone: use 2 or more"
        )


@rule("memory.autoscaling", "memory.replicas")
def autoscaling_has_room(draft: Draft) -> Iterator[Finding]:
    memory = draft.settings.memory
    if memory.autoscaling.enabled and memory.autoscaling.max_replicas < memory.min_replicas:
        lowest = "memory.autoscaling.min_replicas" if memory.autoscaling.min_replicas else "memory.replicas"
        yield draft.finding(
            place("memory.autoscaling.max_replicas"),
            f"under {lowest} ({memory.min_replicas}): raise this or lower that",
        )


RULES: tuple[Check, ...] = (
    quorum_needs_three,
    zones_are_distinct,
    *MINIMUMS,
    each_master_has_a_replica,
    copies_have_zones,
    each_shard_has_a_second_copy,
    autoscaling_has_room,
)
