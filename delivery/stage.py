"""One region brought to a commit: those before it are looked at, then it is previewed, updated, and judged."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from delivery import health, order
from delivery.errors import DeliveryError
from delivery.stacks import Previewed
from policies import gate
from policies.exceptions import ExceptionsError
from promotion.errors import PromotionError
from settings import Settings

POLL_SECONDS = 5.0
GATE_SECONDS = 900.0
"""Longest wait for a region's health after its update."""


class Updates(Protocol):
    """`delivery.stacks.Stacks`."""

    @property
    def packs(self) -> tuple[str, ...]:
        """Names of the packs that are asked."""
        ...

    def preview(self, region: str, refresh: bool = False) -> Previewed:
        """What an update would do."""
        ...

    def up(self, region: str) -> None:
        """Brings the stack to what its files say."""
        ...

    def outputs(self, region: str) -> Mapping[str, Any]:
        """Of the last complete update."""
        ...

    def commit(self, region: str) -> str:
        """The commit that the last update brought the stack to."""
        ...


class Stage:
    """The stages of one commit. It remembers nothing: where a region stands, its stack says."""

    def __init__(
        self,
        regions: Mapping[str, Settings],
        stacks: Updates,
        cluster: health.Cluster,
        commit: str,
        say: Callable[[str], None],
        poll: float = POLL_SECONDS,
        patience: float = GATE_SECONDS,
    ) -> None:
        self._regions, self._stacks, self._cluster = regions, stacks, cluster
        self._commit, self._say = commit, say
        self._poll, self._patience = poll, patience

    def run(self, how: str, only: str | None = None) -> None:
        """Every region, one after the other, or one of them. DeliveryError ends it: no region after it is touched."""
        planned = order.stages(self._regions, how)
        every = [*planned[0], *planned[1]]
        if only is not None and only not in every:
            raise DeliveryError(f"there is no region {only}: name one of {', '.join(every)}")
        for region in every if only is None else [only]:
            self._region(region, how, order.before(planned, region))

    def _region(self, region: str, how: str, earlier: tuple[str, ...]) -> None:
        role = "home" if self._regions[region].is_home else "standby"
        self._say(f"{region} ({role}): to {self._commit[:12]}")
        for name in earlier:
            there = self._stacks.commit(name)
            if there != self._commit:
                stands = f"is at {there[:12]}" if there else "was not brought to the end of an update"
                raise DeliveryError(
                    f"{region} comes after {name}, which {stands}: nothing was changed in {region}; "
                    f"make stage STACK={name} comes first"
                )
        home = order.home_of(self._regions)
        if home != region:
            order.refuse(self._regions, region, how, self._stacks.outputs(home))
        self._previewed(region)
        self._stacks.up(region)
        self._healthy(region)

    def _previewed(self, region: str) -> None:
        """A preview protects; what a pack says during an update comes when much has been done."""
        found = self._stacks.preview(region)
        if found.errors:
            raise DeliveryError("\n".join([f"{region}: the preview failed, nothing was changed", *found.errors]))
        refused = [f"{one.policy}: {one.message}" for one in found.violations if one.mandatory]
        refused += lost(found.document)
        if refused:
            lines = "".join(f"\n  {line}" for line in refused)
            raise DeliveryError(f"{region}: refused, nothing was changed:{lines}")
        self._say(f"{region}: {len(found.changed)} changes, no policy refuses them and nothing that holds data is lost")

    def _healthy(self, region: str) -> None:
        """Until nothing is wrong, or for as long as patience lasts."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                wrong = health.faults(region, self._regions, self._stacks.outputs(region), self._cluster)
            except PromotionError as error:
                wrong = [str(error)]
            if not wrong:
                self._say(f"{region}: healthy")
                return
            if time.monotonic() > deadline:
                lines = "".join(f"\n  {line}" for line in wrong)
                raise DeliveryError(
                    f"{region} was updated, is not healthy after {self._patience:.0f} s, and nothing goes on:{lines}\n"
                    f"mend it or revert the commit; make stage STACK={region} asks again"
                )
            time.sleep(self._poll)


def lost(document: Mapping[str, Any]) -> list[str]:
    """What holds data and a plan would delete, replace or shrink without an approval. DeliveryError without a plan."""
    today = datetime.now(UTC).date()
    try:
        return [str(one) for one in gate.refusals(document, gate.approvals(today), today)]
    except (OSError, gate.PlanError, ExceptionsError) as error:
        raise DeliveryError(f"the gate cannot judge the plan: it {error}") from None
