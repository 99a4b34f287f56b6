"""In which order the regions are brought to a commit, as their settings say: pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from delivery.errors import DeliveryError
from settings import Settings, differences, shared
from settings.shared import LINK

STANDBY_FIRST: Final = "standby-first"
HOME_FIRST: Final = "home-first"
LISTED: Final = "listed"
ORDERS: Final = (STANDBY_FIRST, HOME_FIRST, LISTED)

Stages = tuple[tuple[str, ...], tuple[str, ...]]
"""Regions of a first and of a second stage; one after the other within each. The second may be empty."""


def home_of(regions: Mapping[str, Settings]) -> str:
    """The home region. DeliveryError while home moves: two stacks may disagree then, on purpose."""
    for name, settings in regions.items():
        if settings.promotion.under_way:
            target = settings.promotion.home
            raise DeliveryError(
                f"Pulumi.{name}.yaml records a promotion to {target}: bring it to its end (make promote TO={target}), "
                "then commit what it changed"
            )
    return next(iter(regions.values())).home


def stages(regions: Mapping[str, Settings], order: str = STANDBY_FIRST) -> Stages:
    """The standbys, then home, whose data a fault would reach; or as another order says.

    `home-first` is for what a standby can only follow in, `listed` (the order of `multiregion.regions`) for another
    kind of link.
    """
    home = home_of(regions)
    standbys = tuple(name for name in regions if name != home)
    if order == LISTED:
        first, *rest = regions
        return (first,), tuple(rest)
    if order == HOME_FIRST or not standbys:
        return (home,), standbys
    return standbys, (home,)


def before(stages: Stages, region: str) -> tuple[str, ...]:
    """The regions that are brought to the commit before this one."""
    every = [*stages[0], *stages[1]]
    return tuple(every[: every.index(region)])


def refuse(regions: Mapping[str, Settings], region: str, order: str, homes: Mapping[str, Any]) -> None:
    """DeliveryError where a standby cannot go before home; `homes` are the outputs of home's last complete update."""
    home = home_of(regions)
    if order != STANDBY_FIRST or region == home:
        return
    faults = [*_reasons(regions[region], home, homes)]
    if faults:
        needed = LISTED if any(fault.startswith(LINK) for fault in faults) else HOME_FIRST
        lines = "".join(f"\n  {fault}" for fault in faults)
        raise DeliveryError(
            f"{region} cannot be brought to this before {home}, and nothing was changed:{lines}\n"
            f"decide whether home may go without a trial at a standby, then: make stage ARGS='--order {needed}' (the "
            f"workflow `stage`: order {needed})"
        )


def _reasons(settings: Settings, home: str, homes: Mapping[str, Any]) -> Iterator[str]:
    if not homes:
        yield f"{home} is home and has not been brought up yet"
        return
    own, theirs = shared(settings), homes.get("shared") or {}
    yield from differences(own, theirs, home)
    if LINK in own and LINK in theirs and own[LINK] != theirs[LINK]:
        yield f"{LINK} = {own[LINK]}   {home} has {theirs[LINK]}: it changes in the order of the list"
