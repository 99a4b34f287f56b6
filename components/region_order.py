"""The order of the regions, which stays what it was: it says which range a region has, and who owns a link."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from settings import Settings

OUTPUT = "region_order"
"""Stack output: the regions in their order, as the run before had them."""


def fault(settings: Settings, outputs: Mapping[str, Any]) -> str | None:
    """Why this run may not have its list of regions, with a remedy; None where it may. Regions may come and go."""
    before = [str(region) for region in cast(Sequence[Any], outputs.get(OUTPUT) or ())]
    now = settings.regions
    known = [region for region in now if region in before]
    expected = [region for region in before if region in now]
    places = {region: now.index(region) for region in known if now.index(region) != before.index(region)}
    if known == expected and (not places or _states_its_range(settings, places)):
        return None
    was = ", ".join(before)
    return (
        f"multiregion.regions = {', '.join(now)}   this stack was brought up with {was}, and a region's place decides "
        "its addresses and who owns its links: keep the order and add regions at the end"
    )


def _states_its_range(settings: Settings, regions: Mapping[str, int]) -> bool:
    """Where a region went, those after it keep their ranges only if they state them."""
    return all(region.cidr for region in settings.multiregion.regions if region.name in regions)
