"""The command: shows the plan and what may be lost, asks, and does one action after the other until none is left."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from promotion import checks, losses, plan
from promotion.access import Access
from promotion.errors import PromotionError
from promotion.files import Checkout
from promotion.plan import Action, Kind
from promotion.world import Region, World, database
from settings import Promotion

POLL_SECONDS = 2.0
WAIT_SECONDS = 900.0
"""Longest wait for what a cluster has to do, in seconds; then the command ends and can be run again."""
CONTAINER = "memory-service"


@dataclass(frozen=True)
class Wishes:
    """What the user asked for."""

    target: str
    yes: bool = False
    accept_loss: bool = False
    though_streaming: bool = False
    """A failover, though the new home still hears from the old one's PostgreSQL."""
    fence: str | None = None
    """A region that also believes to be home and whose data is given up."""


class Command:
    """One run of the command. It remembers nothing: each action follows from the facts of its moment."""

    def __init__(
        self,
        access: Access,
        checkout: Checkout,
        say: Callable[[str], None],
        ask: Callable[[str], bool],
        poll: float = POLL_SECONDS,
    ) -> None:
        self._access, self._checkout = access, checkout
        self._say, self._ask, self._poll = say, ask, poll

    def run(self, wishes: Wishes) -> None:
        """Moves home, or goes on with what was begun. PromotionError where it is refused or cannot go on."""
        target = wishes.target
        world = self.world()
        if wishes.fence is not None and wishes.fence in world.regions and wishes.fence != target:
            world = self._given_up(world, wishes.fence, target)
        checks.refuse(world, target)
        actions = [*plan.unrolled(world, target)]
        if not actions:
            self._say(f"{target} is home, and every region that answers follows it: nothing to do")
            self._say_left(world, target)
            return
        self._show(world, target, actions, wishes)
        if not wishes.yes and not self._ask(f"promote {target}? [y/N] "):
            raise PromotionError("nothing was changed")
        if wishes.fence is not None:
            self._fence(wishes.fence, target)
        done = 0
        while (action := plan.next_action(world := self.world(), target)) is not None:
            done += 1
            self._say(f"{done:2}. {action.words}")
            self.perform(action, world, target)
        self._say(f"{target} is home")
        self._say_left(world, target)

    def world(self) -> World:
        """The facts of this moment."""
        settings = self._checkout.settings()
        names = tuple(settings)
        regions = {name: self._region(name, names, one.promotion) for name, one in settings.items()}
        listed = next(iter(settings.values()))
        return World(listed.listed_home, regions, listed.generations)

    def perform(self, action: Action, world: World, target: str) -> None:
        """One action of a plan."""
        region = action.region
        match action.kind:
            case Kind.RECORD:
                self._checkout.record(region, action.record)
            case Kind.MOVE_HOME:
                self._checkout.move_home(target)
            case Kind.FENCE:
                self._access.fence(region, {"home": target, "role": "standby", "promotion": "fence"})
            case Kind.UP:
                if world[region].database is None:
                    self._access.forget_cluster(region)
                self._access.up(region)
            case Kind.AWAIT:
                self._await(action, target)
            case Kind.RAISE:
                self._checkout.raise_generation(region, world[region].generation(region) + 1)
            case Kind.DELETE_CLUSTER:
                self._access.delete_cluster(region)

    def _region(self, name: str, names: tuple[str, ...], record: Promotion) -> Region:
        outputs = self._access.outputs(name)
        if not outputs or not self._access.answers(name):
            return Region(name, record, outputs, answers=False)
        manifest = self._access.cluster(name)
        found = None if manifest is None else database(manifest, names)
        serving = sum(_runs(pod) for pod in self._access.service_pods(name))
        return Region(name, record, outputs, answers=True, database=found, serving=serving)

    def _await(self, action: Action, target: str) -> None:
        """Until the next action is another one."""
        deadline = time.monotonic() + WAIT_SECONDS
        while plan.next_action(world := self.world(), target) == action:
            found = world[action.region].database
            if found is not None and found.fault:
                raise PromotionError(f"{action.region}: PostgreSQL: {found.fault}")
            if time.monotonic() > deadline:
                raise PromotionError(
                    f"{action.words}: not after {WAIT_SECONDS:.0f} s; look at the cluster, then run the command again"
                )
            time.sleep(self._poll)

    def _given_up(self, world: World, region: str, target: str) -> World:
        """The world as it is once a region is fenced by the user's word."""
        fenced = Promotion(home=target, former=region, step="fence")
        found = world[region]
        outputs = {**found.outputs, "home": target, "role": "standby", "promotion": "fence"}
        return world.with_region(Region(region, fenced, outputs, found.answers, found.database, found.serving))

    def _fence(self, region: str, target: str) -> None:
        self._say(f"    {region} is fenced: its data is given up")
        self._checkout.record(region, Promotion(home=target, former=region, step="fence"))
        self._access.fence(region, {"home": target, "role": "standby", "promotion": "fence"})

    def _show(self, world: World, target: str, actions: Iterable[Action], wishes: Wishes) -> None:
        old = world.old_home(target)
        if world[target].home == target:
            self._say(f"{target} is home already. What is left:")
        else:
            alive = old is not None and old.answers and old.database is not None
            how = "controlled switchover" if alive else "forced failover: the old home does not answer"
            self._say(f"home moves from {old.name if old else 'nowhere'} to {target} ({how})")
            if not alive:
                self._refuse_split(world, target, old, wishes)
            self._show_losses(world, target, old if alive else None, wishes)
        for number, action in enumerate(actions, 1):
            self._say(f"{number:4}. {action.words}")
        if any(action.kind is Kind.DELETE_CLUSTER for action in actions):
            self._say(
                "  A cluster that is deleted takes with it what it alone has. Whether its volumes stay is the storage "
                "class's to say."
            )

    def _refuse_split(self, world: World, target: str, old: Region | None, wishes: Wishes) -> None:
        """Of a failover whose new home takes no writes yet. One with a token is none: the old home had stopped."""
        if world[target].is_primary or world[target].record.token is not None:
            return
        standbys = [
            name
            for name, region in world.regions.items()
            if region is not old and region.database is not None and not region.is_primary
        ]
        said = {name: losses.received(self._access, name) for name in standbys}
        checks.refuse_split(target, said, wishes.though_streaming)

    def _show_losses(self, world: World, target: str, old: Region | None, wishes: Wishes) -> None:
        settings = self._checkout.settings()[target]
        lag = losses.lag(self._access, target, None if old is None else old.name)
        if not wishes.accept_loss:
            checks.refuse_loss(world, target, lag, settings.multiregion.rpo_seconds)
        nothing = " (nothing is lost: it catches up before it takes over)" if old is not None else ""
        self._say(f"  PostgreSQL   {lag.words()}{nothing}")
        newest = losses.newest_snapshot(self._access, None if old is None else old.name, datetime.now(UTC))
        self._say(f"  Qdrant       newest snapshot: {newest}")
        self._say("  Redis        caches and locks begin empty")

    def _say_left(self, world: World, target: str) -> None:
        for region in world.others(target):
            if region.record.step == "fence":
                self._say(f"{region.name} stays fenced and does not answer: run this again when it does")
            elif region.made and not region.answers:
                self._say(f"{region.name} does not answer: run this again when it does")


def _runs(pod: object) -> bool:
    """Whether the service's process may be running in a pod."""
    statuses = ((pod.get("status") or {}).get("containerStatuses") or []) if isinstance(pod, dict) else []
    return any(one.get("name") == CONTAINER and "running" in (one.get("state") or {}) for one in statuses)
