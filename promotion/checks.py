"""What a promotion is refused for, before anything is changed."""

from collections.abc import Iterator, Mapping, Sequence

from promotion.errors import PromotionError
from promotion.losses import Lag, Received
from promotion.world import World


def refuse(world: World, target: str) -> None:
    """PromotionError with every fault, where home cannot move to `target` as things are."""
    faults = (
        [*_no_region(world, target)]
        or [*_another(world, target)]
        or [*_two_homes(world), *_torn(world, target), *_unfit(world, target)]
    )
    _refuse(target, faults)


def _refuse(target: str, faults: Sequence[str]) -> None:
    if faults:
        raise PromotionError("\n".join([f"{target} is not promoted, nothing was changed", *faults]))


def _no_region(world: World, target: str) -> Iterator[str]:
    if target not in world.regions:
        yield f"  {target}   no region of Pulumi.yaml: name one of {', '.join(world.regions)}"
    elif len(world.regions) == 1:
        yield f"  {target}   the only region: there is nothing to move"


def _another(world: World, target: str) -> Iterator[str]:
    """A promotion that is under way is brought to its end, or taken back, before the next one begins."""
    for region in world.regions.values():
        record = region.record
        ended = record.step == "fence" and world.listed_home != record.former
        if record.under_way and not ended and target not in (record.home, record.former):
            yield (
                f"  {target}   home moves from {record.former} to {record.home}: go on with python -m promotion "
                f"{record.home}, or take it back with python -m promotion {record.former}"
            )
            return


def _two_homes(world: World) -> Iterator[str]:
    """Who takes writes with no fence recorded. A switchover that is under way has one such region at any moment."""
    regions = [region for region in world.regions.values() if region.record.step != "fence"]
    believing = [region.name for region in regions if region.is_primary or region.home == region.name]
    if len(believing) > 1:
        yield (
            f"  {' and '.join(believing)} both believe to be home, and what one of them took in the other has not: "
            "decide which one to keep and run this command for it with --fence <the other one>, whose data is then "
            "given up and cloned again"
        )


def _torn(world: World, target: str) -> Iterator[str]:
    """An old home that lives and takes no writes, with no record of why: it would seem to have nothing to leave."""
    old = world.old_home(target)
    if old is None or not old.answers or old.database is None or old.is_primary:
        return
    if old.home == old.name and old.record.home != target:
        yield (
            f"  {old.name}   an update of it ended half-way, and its PostgreSQL takes no writes though it is home: "
            f"python -m promotion {old.name} comes first"
        )


def _unfit(world: World, target: str) -> Iterator[str]:
    """Why the region cannot take over."""
    region = world[target]
    if region.home == target:
        return  # it has
    if not region.answers:
        yield f"  {target}   its API server does not answer: it cannot take over"
        return
    taken = region.record.home
    if region.record.step == "fence" and taken is not None:
        heir = world[taken]
        if heir.is_primary or not heir.answers or not region.is_primary:
            yield f"  {target}   is fenced and has to be cloned again: python -m promotion {taken} comes first"
            return
    if region.step == "fence" and not region.record.under_way:
        # Its clone may not be whole, or be declared with the generation of before.
        yield (
            f"  {target}   the record of its fence is gone and its stack still has it, so it was not cloned to the "
            f"end: python -m promotion {region.home} comes first"
        )
        return
    if not region.made:
        yield f"  {target}   its stack has not been brought up: pulumi up -s {target} comes first"
    elif not {"memory_tokens", "postgresql_replication"} <= region.outputs.keys():
        yield f"  {target}   updated by an earlier release, which does not keep home's secrets: pulumi up -s {target}"
    if region.database is None:
        yield f"  {target}   has no PostgreSQL cluster: pulumi up -s {target} clones home's"
    elif region.database.fault:
        yield f"  {target}   PostgreSQL: {region.database.fault}"
    elif not region.database.ready:
        yield f"  {target}   no instance of its PostgreSQL is ready: look at the Cluster's status"


def refuse_split(target: str, received: Mapping[str, Received], though_streaming: bool) -> None:
    """PromotionError where a failover, which the old home has no part in, would leave two regions that take writes, or
    a standby that cannot follow. `received` is what each standby that answers says of itself.
    """
    own = received.get(target, Received())
    faults: list[str] = []
    if own.streams and not though_streaming:
        faults.append(
            f"  {target}   still streams from home, so home's PostgreSQL lives and may take writes: find a way to its "
            "API server, or, where nobody writes there any more, say --though-streaming. If home has only just died, "
            "wait a minute"
        )
    for name, other in received.items():
        if own.bytes is not None and other.bytes is not None and other.bytes > own.bytes:
            faults.append(
                f"  {name}   has {int(other.bytes - own.bytes):,} bytes of WAL that {target} has not, and could not "
                f"follow it: promote {name} instead (docs/promotion.md)"
            )
    _refuse(target, faults)


def refuse_loss(world: World, target: str, lag: Lag, rpo: int) -> None:
    """PromotionError where more would be lost than is allowed. Nothing is, once the old home has left a token."""
    old = world.old_home(target)
    handed_over = old is not None and old.database is not None and old.record.step == "demote"
    if world[target].home == target or world[target].is_primary or handed_over:
        return
    if lag.seconds is None or lag.seconds > rpo:
        fault = (
            f"  {target}   {lag.words()}, multiregion.rpo_seconds allows {rpo}: wait until it has caught up, or accept "
            "the loss with --accept-loss"
        )
        _refuse(target, [fault])
