"""What is left to do, computed from what the regions say: the next action, and by imagining its effect all of them.

Pure. The order is what keeps two primaries apart: the new home is declared only once the old one follows it, or is
fenced because it does not answer. Whatever interrupts the command, the next run starts from the facts again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from promotion.world import GENERATIONS, NO_RECORD, Database, Region, World
from settings import Promotion

LONGEST = 60
"""More actions than any plan has: one that is longer would never end."""


class Kind(Enum):
    """What an action does."""

    RECORD = "record"
    """Writes a record into a stack file, or takes it out."""
    MOVE_HOME = "move home"
    """Names the new home in Pulumi.yaml."""
    FENCE = "fence"
    """Writes the new home into the outputs of a stack whose region does not answer."""
    UP = "up"
    """Brings a stack to what its files say."""
    AWAIT = "await"
    """Waits for what a cluster has to do, with nothing declared."""
    RAISE = "raise"
    """Raises a region's generation in Pulumi.yaml: what is of the one before is given up (components/fence.py), and a
    PostgreSQL that is made anew archives to a place of its own."""
    DELETE_CLUSTER = "delete cluster"
    """Deletes a PostgreSQL cluster whose data went another way, with its volumes' claims."""


@dataclass(frozen=True)
class Action:
    """One step, done at once or not at all as far as the next run is concerned."""

    kind: Kind
    region: str
    words: str
    record: Promotion = NO_RECORD
    """For RECORD; without content it is taken out."""


def next_action(world: World, target: str) -> Action | None:
    """What is to be done now so that `target` is home in the end; None when it is."""
    if world[target].home != target:
        return _before(world, world.old_home(target), target)
    return _after(world, target)


def unrolled(world: World, target: str) -> Iterator[Action]:
    """All that is left to do, if everything goes well."""
    for _ in range(LONGEST):
        action = next_action(world, target)
        if action is None:
            return
        yield action
        world = imagined(world, action, target)
    raise AssertionError("a plan that never ends")


def _before(world: World, old: Region | None, target: str) -> Action:
    token: str | None = None
    if old is not None:
        # One that comes back before the new home was declared is moved from after all: nothing need be lost.
        returns = old.record.step != "fence" or not world[target].is_primary
        if old.answers and old.database is not None and returns:
            found = _demoted(old, target)
        else:
            found = _fenced(world, old, target)
        if isinstance(found, Action):
            return found
        token = found or None
    wanted = Promotion(home=target, former=old.name if old else world.listed_home, step="promote", token=token)
    if old is not None and world[target].record != wanted:
        words = "with what the old home left behind" if token else "without anything of the old home"
        return Action(Kind.RECORD, target, f"record that {target} is promoted, {words}", wanted)
    return Action(Kind.UP, target, f"{target}: PostgreSQL takes writes, schema and collections, service released")


def _demoted(old: Region, target: str) -> Action | str:
    """What the old home has to do; what it left behind once it follows."""
    name, hold = old.name, Promotion(home=target, former=old.name, step="hold")
    demote = hold.model_copy(update={"step": "demote"})
    if old.is_primary and old.record not in (hold, demote):
        return Action(Kind.RECORD, name, f"record that home moves from {name} to {target}", hold)
    if old.is_primary and old.record == hold:
        if old.step != "hold":
            return Action(Kind.UP, name, f"{name}: the service stops, nothing writes any more")
        if old.serving:
            return Action(Kind.AWAIT, name, f"{name}: wait until no pod of the service is left")
        return Action(Kind.RECORD, name, f"record that {name} follows {target}", demote)
    if old.record.step == "fence":
        return Action(Kind.RECORD, name, f"record that {name} follows {target}", demote)
    if old.record == demote and old.step != "demote":
        return Action(Kind.UP, name, f"{name}: PostgreSQL stops to take writes and follows {target}")
    assert old.database is not None  # noqa: S101  (the caller looked)
    if old.record == demote and not old.database.left_behind:
        return Action(Kind.AWAIT, name, f"{name}: wait for the token that its PostgreSQL leaves behind")
    return old.database.left_behind


def _fenced(world: World, old: Region, target: str) -> Action | str | None:
    """What is recorded of an old home that does not answer; the token that it had left behind before."""
    token = world[target].record.token
    if token is not None and old.record.step == "demote":
        return token
    fence = Promotion(home=target, former=old.name, step="fence")
    if old.record != fence:
        return Action(Kind.RECORD, old.name, f"record that {old.name} is fenced: it does not answer", fence)
    if old.home != target or old.step != "fence":
        return Action(Kind.FENCE, old.name, f"{old.name}: its stack knows that {target} is home, and refuses otherwise")
    return None


def _after(world: World, target: str) -> Action | None:
    new = world[target]
    if new.database is not None and not new.database.promoted:
        return Action(Kind.AWAIT, target, f"{target}: wait until PostgreSQL has been promoted")
    for region in world.others(target):
        # Now that there is no way back; the new home's update of its end publishes it.
        if region.record.step == "fence" and world.generation(region.name) <= region.generation(region.name):
            number = region.generation(region.name) + 1
            words = f"Pulumi.yaml: {region.name} is of generation {number}, what is of the one before is given up"
            return Action(Kind.RAISE, region.name, words)
    if world.listed_home != target:
        return Action(Kind.MOVE_HOME, target, f"Pulumi.yaml: home is {target}")
    if new.record.under_way:
        return Action(Kind.RECORD, target, f"the record leaves {target}")
    if new.step:
        return Action(Kind.UP, target, f"{target}: the promotion leaves its settings")
    for region in world.others(target):
        action = _aftermath(world, region, target)
        if action is not None:
            return action
    return None


def _aftermath(world: World, region: Region, target: str) -> Action | None:
    """What a region that is not home needs yet. One that was fenced is cloned again once it answers."""
    name = region.name
    if region.record.step == "fence":
        if not region.answers:
            return None
        if region.database is not None:
            return Action(Kind.DELETE_CLUSTER, name, f"{name}: delete its PostgreSQL cluster, which went another way")
        if world[target].generation(name) != world.generation(name):
            return Action(Kind.UP, target, f"{target}: learns where {name} archives from now on")
        return Action(Kind.RECORD, name, f"the fence leaves {name}")
    if region.record.under_way:
        return Action(Kind.RECORD, name, f"the record leaves {name}")
    if not region.made or not region.answers:
        return None
    if region.home != target or region.step or region.database is None or not world.knows(region):
        how = "is cloned and follows" if region.database is None else "follows"
        return Action(Kind.UP, name, f"{name}: {how} {target}, pods of the service wait as a standby's")
    return None


def imagined(world: World, action: Action, target: str) -> World:
    """The world after an action that went well, as a plan takes it."""
    region = world[action.region]
    match action.kind:
        case Kind.RECORD:
            return world.with_region(replace(region, record=action.record))
        case Kind.MOVE_HOME:
            return replace(world, listed_home=target)
        case Kind.FENCE:
            return world.with_region(
                replace(region, outputs={**region.outputs, "home": target, "role": "standby", "promotion": "fence"})
            )
        case Kind.RAISE:
            number = region.generation(action.region) + 1
            return replace(world, generations={**world.generations, action.region: number})
        case Kind.DELETE_CLUSTER:
            return world.with_region(replace(region, database=None))
        case Kind.AWAIT:
            left = "" if region.is_primary else "token"
            found = region.database and replace(region.database, left_behind=left, promoted=True)
            return world.with_region(replace(region, serving=0, database=found))
        case Kind.UP:
            return world.with_region(_updated(world, region))


def _updated(world: World, region: Region) -> Region:
    record, step = region.record, region.record.step
    home = (record.former if step == "hold" else record.home) or world.listed_home
    outputs = {
        **region.outputs,
        "home": home,
        "role": "home" if home == region.name else "standby",
        "promotion": step or "",
        "shared": {GENERATIONS: [f"{name} {world.generation(name)}" for name in world.regions]},
    }
    before = region.database or Database(follows=home, ready=1)
    token = record.token if step == "promote" else None
    left = before.left_behind if home != region.name else ""
    return replace(
        region,
        outputs=outputs,
        serving=region.serving if step == "hold" else int(home == region.name),  # pods take a while to end
        database=replace(before, follows=home, token=token or "", left_behind=left),
    )
