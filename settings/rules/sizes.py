"""Resources and shards that fit: limits over requests, a target under its limit, copies over nodes."""

from collections.abc import Callable, Iterator

from settings.draft import Draft, Finding
from settings.faults import ABSENT
from settings.postgresql import SMALLEST_POOL
from settings.rules.rule import Check, place, rule
from settings.rules.stated import region_resources, stated_quantity
from settings.settings import Settings

_BLOCKS = ("memory.resources", "qdrant.resources", "postgresql.primary.resources", "redis.resources", "edge.resources")
_AMOUNTS = ("cpu", "memory")


def limits_hold_requests(draft: Draft) -> Iterator[Finding]:
    """Only where both are stated: a limit that is left out follows its request."""
    for block in (*map(place, _BLOCKS), *region_resources(draft)):
        for what in _AMOUNTS:
            at = (*block, "requests", what)
            request, limit = stated_quantity(draft, at), stated_quantity(draft, (*block, "limits", what))
            if request and limit and request > limit:
                yield draft.finding(at, f'over its limit ("{limit}"): lower this or raise limits.{what}')


def regions_limits_hold_the_services_requests(draft: Draft) -> Iterator[Finding]:
    """A region that states a limit alone lowers the request, which is a default's fate and not a stated one's."""
    for block in region_resources(draft):
        for what in _AMOUNTS:
            at = (*block, "limits", what)
            request = stated_quantity(draft, (*place("memory.resources.requests"), what))
            own, limit = draft.stated((*block, "requests", what)), stated_quantity(draft, at)
            if request and limit and own is ABSENT and request > limit:
                yield draft.finding(
                    at,
                    f'under memory.resources.requests.{what} ("{request}"): raise this, '
                    f"or state the region's own requests.{what}",
                )


@rule("memory.autoscaling", "memory.resources", "multiregion.regions")
def pods_can_reach_the_target(draft: Draft) -> Iterator[Finding]:
    scaling, limit = draft.settings.memory.autoscaling, draft.settings.memory_resources.limits.cpu
    if scaling.enabled and scaling.target_cpu >= limit:
        yield draft.finding(
            place("memory.autoscaling.target_cpu"),
            f'not under the CPU limit of the service\'s pods ("{limit}"), so that it is hardly ever reached: '
            "lower this or raise the limit",
        )


@rule("postgresql.pooler.instances", "postgresql.primary.resources")
def every_pooler_has_connections(draft: Draft) -> Iterator[Finding]:
    postgresql = draft.settings.postgresql
    most = postgresql.pooled_connections // SMALLEST_POOL
    if postgresql.pooler.instances > most:
        yield draft.finding(
            place("postgresql.pooler.instances"),
            f"leaves each pooler under {SMALLEST_POOL} of the {postgresql.pooled_connections} connections that "
            f"PostgreSQL has for them: use {most} or fewer",
        )


@rule("sharding.replication_factor", "qdrant.replicas", "qdrant.drain_to")
def copies_have_nodes(draft: Draft) -> Iterator[Finding]:
    copies, qdrant = draft.settings.sharding.replication_factor, draft.settings.qdrant
    if copies > qdrant.replicas:
        yield draft.finding(
            place("sharding.replication_factor"),
            f"more copies than Qdrant nodes ({qdrant.replicas}): raise qdrant.replicas or lower this",
        )
    elif copies > qdrant.kept_nodes:
        yield draft.finding(
            place("qdrant.drain_to"),
            f"fewer nodes than copies of each shard ({copies}): raise this or lower sharding.replication_factor",
        )


@rule("sharding", "qdrant.replicas", "qdrant.shards")
def every_node_holds_a_shard(draft: Draft) -> Iterator[Finding]:
    settings = draft.settings
    sharding, nodes = settings.sharding, settings.qdrant.replicas
    held = settings.shards * sharding.replication_factor
    if held >= nodes:
        return
    if not sharding.enabled:
        remedy = (
            f"one shard in {sharding.replication_factor} copies leaves {nodes - held} of {nodes} Qdrant nodes empty: "
        )
        yield draft.finding(
            place("sharding.enabled"), remedy + f"raise sharding.replication_factor to {nodes}, or enable sharding"
        )
        return
    at = "qdrant.shards" if settings.qdrant.shards else "sharding.shards"
    yield draft.finding(
        place(at),
        f"with {sharding.replication_factor} copies each it leaves {nodes - held} of {nodes} Qdrant nodes empty: "
        "raise this, or lower qdrant.replicas",
    )


@rule("sharding.shards", "qdrant.shards")
def shards_agree(draft: Draft) -> Iterator[Finding]:
    settings = draft.settings
    stated = draft.stated(place("sharding.shards"))
    if stated is not ABSENT and settings.qdrant.shards not in (None, settings.sharding.shards):
        yield draft.finding(
            place("qdrant.shards"),
            f"differs from sharding.shards ({settings.sharding.shards}): state it once, or the same twice",
        )


def _drain(path: str, of: str, numbers: Callable[[Settings], tuple[int | None, int]]) -> Check:
    """A rule: a drain leaves fewer than there are."""

    @rule(path, of)
    def check(draft: Draft) -> Iterator[Finding]:
        left, there = numbers(draft.settings)
        if left is not None and left >= there:
            yield draft.finding(
                place(path), f"not under {of} ({there}): remove this once {of} is lowered; state less to empty the rest"
            )

    return check


DRAINS = (
    _drain("qdrant.drain_to", "qdrant.replicas", lambda s: (s.qdrant.drain_to, s.qdrant.replicas)),
    _drain(
        "redis.cluster.drain_to", "redis.cluster.nodes", lambda s: (s.redis.cluster.drain_to, s.redis.cluster.nodes)
    ),
    _drain(
        "redis.cluster.drain_replicas_to",
        "redis.cluster.replicas",
        lambda s: (s.redis.cluster.drain_replicas_to, s.redis.cluster.replicas),
    ),
)

RULES: tuple[Check, ...] = (
    limits_hold_requests,
    regions_limits_hold_the_services_requests,
    pods_can_reach_the_target,
    every_pooler_has_connections,
    copies_have_nodes,
    every_node_holds_a_shard,
    shards_agree,
    *DRAINS,
)
