"""Resources and shards that fit: limits over requests, copies over nodes."""

from collections.abc import Iterator
from typing import cast

from settings.draft import Draft, Finding
from settings.faults import ABSENT, Place
from settings.quantity import Quantity, amount_of_bytes, cores
from settings.rules.rule import Check, place, rule

_BLOCKS = ("memory.resources", "qdrant.resources", "postgresql.primary.resources", "redis.resources")


def _stated(draft: Draft, at: Place) -> Quantity | None:
    """A quantity that the file states and that is one."""
    value = draft.stated(at)
    try:
        return None if value is ABSENT or value is None else (cores if at[-1] == "cpu" else amount_of_bytes)(value)
    except ValueError:
        return None


def limits_hold_requests(draft: Draft) -> Iterator[Finding]:
    """Only where both are stated: a limit that is left out follows its request."""
    regions = draft.stated(place("multiregion.regions"))
    count = len(cast("list[object]", regions)) if isinstance(regions, list | tuple) else 0
    blocks = [*_BLOCKS, *(f"multiregion.regions[{index}].resources" for index in range(count))]
    for block in blocks:
        for what in ("cpu", "memory"):
            at = (*place(block), "requests", what)
            request, limit = _stated(draft, at), _stated(draft, (*place(block), "limits", what))
            if request and limit and request > limit:
                yield draft.finding(at, f'over its limit ("{limit}"): lower this or raise limits.{what}')


@rule("sharding.replication_factor", "qdrant.replicas")
def copies_have_nodes(draft: Draft) -> Iterator[Finding]:
    copies, nodes = draft.settings.sharding.replication_factor, draft.settings.qdrant.replicas
    if copies > nodes:
        yield draft.finding(
            place("sharding.replication_factor"),
            f"more copies than Qdrant nodes ({nodes}): raise qdrant.replicas or lower this",
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


RULES: tuple[Check, ...] = (limits_hold_requests, copies_have_nodes, every_node_holds_a_shard, shards_agree)
