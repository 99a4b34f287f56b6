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
    _at_least("edge.replicas", lambda s: s.edge.replicas, "use {} or more, or leave it out"),
    _at_least("qdrant.replicas", lambda s: s.qdrant.replicas, "use {} or more"),
    _at_least("qdrant.drain_to", lambda s: s.qdrant.drain_to, "use {} or more"),
    _at_least(
        "postgresql.replica.replicas",
        lambda s: s.postgresql.instances,
        "primary and replicas together must be {} or more",
    ),
    _at_least("postgresql.pooler.instances", lambda s: s.postgresql.pooler.instances, "use {} or more"),
    _at_least("redis.cluster.nodes", lambda s: s.redis.cluster.nodes, "use {} or more (an odd number)"),
    _at_least("redis.cluster.drain_to", lambda s: s.redis.cluster.drain_to, "use {} or more (an odd number)"),
)


def _fullest(members: int, zones: int) -> int:
    """Members in the fullest of the zones over which they are spread evenly."""
    return -(-members // zones)


def keeps_majority(members: int, zones: int) -> bool:
    """Is a majority left without the fullest zone?"""
    return 2 * (members - _fullest(members, zones)) > members


def commits(instances: int, zones: int) -> bool:
    """Is a commit outside its zone, and goes on without one? Each needs as many standbys as a zone has instances."""
    return instances - 1 - _fullest(instances, zones) >= _fullest(instances, zones)


def _nearest(holds: Callable[[int, int], bool], members: int, zones: int) -> str:
    """The numbers around one that does not do that do, as words."""
    below = next((number for number in range(members, QUORUM - 1, -1) if holds(number, zones)), None)
    above = next(number for number in range(members, members + 2 * zones + 2) if holds(number, zones))
    return f"{above}" if below is None else f"{below} or {above}"


@rule("qdrant.replicas", "qdrant.drain_to", "high_availability.enabled", "high_availability.zones")
def vectors_keep_a_majority(draft: Draft) -> Iterator[Finding]:
    ha, qdrant = draft.settings.high_availability, draft.settings.qdrant
    zones = len(set(ha.zones))
    for path, nodes in (("qdrant.replicas", qdrant.replicas), ("qdrant.drain_to", qdrant.kept_nodes)):
        stated = path == "qdrant.replicas" or qdrant.drain_to is not None
        if not (stated and ha.enabled and zones >= QUORUM <= nodes) or keeps_majority(nodes, zones):
            continue
        yield draft.finding(
            place(path),
            f"over {zones} zones one zone has {_fullest(nodes, zones)}, without which no majority is left: "
            f"use {_nearest(keeps_majority, nodes, zones)}",
        )


@rule("postgresql.replica.replicas", "high_availability.enabled", "high_availability.zones")
def commits_survive_a_zone(draft: Draft) -> Iterator[Finding]:
    ha, instances = draft.settings.high_availability, draft.settings.postgresql.instances
    zones = len(set(ha.zones))
    if ha.enabled and zones >= QUORUM <= instances and not commits(instances, zones):
        yield draft.finding(
            place("postgresql.replica.replicas"),
            f"{instances} instances over {zones} zones: a commit is safe and goes on without a zone only with "
            f"{_nearest(commits, instances, zones)} instances, primary included",
        )


@rule("redis.cluster.replicas", "high_availability.enabled")
def each_master_has_a_replica(draft: Draft) -> Iterator[Finding]:
    if draft.settings.high_availability.enabled and draft.settings.redis.cluster.replicas < 1:
        yield draft.finding(
            place("redis.cluster.replicas"), "a master without a replica is lost with its zone: use 1 or more"
        )


@rule("redis.cluster.drain_replicas_to", "high_availability.enabled")
def a_drain_leaves_each_master_a_replica(draft: Draft) -> Iterator[Finding]:
    if draft.settings.high_availability.enabled and draft.settings.redis.cluster.drain_replicas_to == 0:
        yield draft.finding(
            place("redis.cluster.drain_replicas_to"), "a master without a replica is lost with its zone: use 1 or more"
        )


@rule("redis.cluster.replicas", "high_availability.enabled", "high_availability.zones")
def copies_have_zones(draft: Draft) -> Iterator[Finding]:
    ha = draft.settings.high_availability
    copies, zones = 1 + draft.settings.redis.cluster.replicas, len(set(ha.zones))
    if ha.enabled and zones < QUORUM:
        return  # It is the zones that are too few.
    if copies > zones:
        there = "there is 1: use 0" if zones == 1 else f"there are {zones}: use {zones - 1} or fewer"
        yield draft.finding(
            place("redis.cluster.replicas"), f"a master and its replicas each need a zone of their own, and {there}"
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
    vectors_keep_a_majority,
    commits_survive_a_zone,
    each_master_has_a_replica,
    a_drain_leaves_each_master_a_replica,
    copies_have_zones,
    each_shard_has_a_second_copy,
    autoscaling_has_room,
)
