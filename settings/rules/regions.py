"""One list of regions, one home among them, and the stack in the list."""

from collections.abc import Iterator

from settings.draft import Draft, Finding
from settings.faults import ABSENT, Place
from settings.rules.rule import Check, place, repeated, rule

REGIONS: Place = ("multiregion", "regions")
HOME: Place = ("multiregion", "home")
RPO: Place = ("multiregion", "rpo_seconds")
NAMES = "multiregion.regions[*].name"
PRIMARIES = "multiregion.regions[*].primary"


@rule(NAMES, "multiregion.enabled")
def regions_are_listed_once(draft: Draft) -> Iterator[Finding]:
    multiregion = draft.settings.multiregion
    if multiregion.enabled and not multiregion.regions:
        yield draft.finding(REGIONS, "no region: list them in Pulumi.yaml, or set multiregion.enabled to false")
    for index, first in repeated(multiregion.names):
        yield draft.finding(
            (*REGIONS, index, "name"), f"named already at regions[{first}]: give each region a name of its own"
        )


@rule(NAMES)
def stack_is_a_region(draft: Draft) -> Iterator[Finding]:
    multiregion = draft.settings.multiregion
    if multiregion.regions and draft.stack not in multiregion.names:
        yield Finding(
            REGIONS,
            multiregion.names,
            f'the stack "{draft.stack}" is none of these regions: add it, or use a stack named like one of them',
        )


@rule(NAMES, PRIMARIES, "multiregion.home")
def one_region_is_home(draft: Draft) -> Iterator[Finding]:
    multiregion = draft.settings.multiregion
    primaries = [index for index, region in enumerate(multiregion.regions) if region.primary]
    if multiregion.regions and multiregion.home is None and not primaries:
        yield Finding(HOME, ABSENT, "no home region: name one here, or set primary: true on one of multiregion.regions")
    for index in primaries[1:]:
        first = multiregion.regions[primaries[0]].name
        yield draft.finding((*REGIONS, index, "primary"), f"{first} is primary already: data has one home, keep one")
    if multiregion.home is None:
        return
    if multiregion.home not in (*multiregion.names, *(() if multiregion.regions else (draft.stack,))):
        known = ", ".join(multiregion.names) or draft.stack
        yield draft.finding(HOME, f"not in the list of regions ({known}): name one of them")
    elif primaries and multiregion.home not in {multiregion.regions[index].name for index in primaries}:
        primary = multiregion.regions[primaries[0]].name
        yield draft.finding(
            HOME, f"{primary} has primary: true: home and primary must be the same region, keep one of them"
        )


@rule(NAMES, PRIMARIES, "multiregion.home", "multiregion.enabled")
def a_single_region_is_home(draft: Draft) -> Iterator[Finding]:
    settings = draft.settings
    others = settings.multiregion.regions and draft.stack in settings.multiregion.names and not settings.is_home
    if not settings.multiregion.enabled and others:
        yield draft.finding(
            place("multiregion.enabled"),
            f'"{draft.stack}" is not the home region ({settings.home}), and without multi-region there is no other: '
            f"set this to true, or use the stack {settings.home}",
        )


@rule(NAMES, "multiregion.enabled", "multiregion.rpo_seconds")
def asynchronous_regions_may_lose_something(draft: Draft) -> Iterator[Finding]:
    settings = draft.settings
    if settings.multiregion.rpo_seconds == 0 and len(settings.regions) > 1:
        yield draft.finding(
            RPO, "cannot be kept between regions, which are replicated asynchronously: state 1 or more, or one region"
        )


RULES: tuple[Check, ...] = (
    regions_are_listed_once,
    stack_is_a_region,
    one_region_is_home,
    a_single_region_is_home,
    asynchronous_regions_may_lose_something,
)
