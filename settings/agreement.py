"""Regions of one checkout compared: what every region must state alike, told before any of them is touched."""

from collections.abc import Iterator, Mapping
from typing import Final

from settings.faults import Fault, Place, harmless, shown, written
from settings.settings import Settings
from settings.shared import OF_THE_LIST, PLATFORM, POSTGRESQL_MAJOR, shared

_REMEDY: Final = "state it once, in Pulumi.yaml, or make it equal"
_LISTED: Final = "multiregion"
"""The block that says which regions there are, and which of them is home."""


def disagreements(regions: Mapping[str, Settings], telling: str | None = None) -> dict[str, list[Fault]]:
    """The faults of each stack that differs from the home region.

    `telling` is a stack that has the list of regions from where all should have it. Without one, the first stack that
    calls itself home tells. Where home itself is not among the regions, only their lists are compared.
    """
    together = {name: settings for name, settings in regions.items() if not _alone(name, regions)}
    if telling not in together:
        telling = next((name for name, settings in together.items() if settings.is_home), None)
    if telling is None:
        return {}
    home = together[telling].home
    if home in together and not [*_listed(together[home], "", together[telling])]:
        telling = home
    found: dict[str, list[Fault]] = {}
    for name, settings in together.items():
        found[name] = [*_listed(settings, _called(telling, home), together[telling])]
        if home in together:
            found[name] += _kept(settings, _called(home, home), together[home])
    return {name: faults for name, faults in found.items() if faults}


def _alone(name: str, regions: Mapping[str, Settings]) -> bool:
    """Is the stack a region by itself, which no other one lists?"""
    own = regions[name].multiregion
    listed = any(name in other.multiregion.names for other in regions.values())
    return not own.enabled and not own.regions and not listed


def _called(region: str, home: str) -> str:
    return f"the home region {home}" if region == home else region


def _listed(settings: Settings, who: str, other: Settings) -> Iterator[Fault]:
    """Where the regions, their order and their names differ."""
    return (fault for fault in _different(settings, who, other) if fault.key == _LISTED)


def _kept(settings: Settings, who: str, other: Settings) -> Iterator[Fault]:
    """Where the shape of the data differs."""
    return (fault for fault in _different(settings, who, other) if fault.key != _LISTED)


def _different(settings: Settings, who: str, other: Settings) -> Iterator[Fault]:
    others = shared(other)
    for path, value in shared(settings).items():
        if path == "multiregion.home" and (settings.promotion.under_way or other.promotion.under_way):
            continue  # a recorded promotion moves them one after the other
        if path in others and value != others[path]:
            place, stated = _place(settings, path)
            message = f"{who} has {_theirs(path, others[path])}: {_REMEDY}"
            derived = written(place) in (settings.derived or ())
            own = _own(settings, place, value)
            yield Fault(written(place), own, message, not stated, derived, key=str(place[0]))


def _place(settings: Settings, path: str) -> tuple[Place, bool]:
    """Where a value comes from, and whether that is stated. Regions always are: home is named by `primary` too."""
    if path == PLATFORM:
        return (PLATFORM,), True
    block, field = path.split(".") if path not in OF_THE_LIST else ("multiregion", "regions")
    if path == "sharding.shards" and not settings.sharding.enabled:
        field = "enabled"
    elif path == "sharding.shards" and settings.qdrant.shards is not None:
        block = "qdrant"
    return (block, field), field in ("home", "regions") or field in getattr(settings, block).model_fields_set


def _own(settings: Settings, place: Place, value: object) -> object:
    if place[-1] == "enabled":
        return settings.sharding.enabled
    return harmless(place, settings.images.postgresql if written(place) == POSTGRESQL_MAJOR else value)


def _theirs(path: str, value: object) -> str:
    """What another region has, told with what it counts where the number may come from another key than one's own."""
    if path == POSTGRESQL_MAJOR:
        return f"{value}, and a standby follows only its own major version"
    if path == PLATFORM:
        return f"{value}, and regions of different platforms are not linked"
    return f"{value} shard{'s' * (value != 1)}" if path == "sharding.shards" else shown(harmless((path,), value))
