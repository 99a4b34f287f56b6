"""What all regions must say alike: where data lives, and what a standby takes over when it is promoted."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from settings.faults import Fault, Place, harmless, shown, written
from settings.settings import Settings

_REMEDY: Final = "state it once, in Pulumi.yaml, or make it equal"

Read = Callable[[Settings], object]

_OF_ALL: Final[Mapping[Place, Read]] = {
    ("multiregion", "enabled"): lambda settings: settings.multiregion.enabled,
    ("multiregion", "home"): lambda settings: settings.home,
    ("multiregion", "regions"): lambda settings: settings.multiregion.names,
    ("multiregion", "internal_domain"): lambda settings: settings.multiregion.internal_domain,
}
_OF_HOME: Final[Mapping[Place, Read]] = {
    ("memory", "namespaces"): lambda settings: settings.memory.namespaces,
    ("postgresql", "database"): lambda settings: settings.postgresql.database,
    ("postgresql", "owner"): lambda settings: settings.postgresql.owner,
    ("postgresql", "partitions"): lambda settings: settings.postgresql.partitions,
    ("sharding", "replication_factor"): lambda settings: settings.sharding.replication_factor,
}


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
    if home in together and not [*_different(together[home], telling, together[telling])]:
        telling = home
    who = f"the home region {home}" if telling == home else telling
    found = {name: [*_different(settings, who, together[telling])] for name, settings in together.items()}
    if home in together:
        for name, settings in together.items():
            found[name] += _different_from_home(settings, f"the home region {home}", together[home])
    return {name: faults for name, faults in found.items() if faults}


def _alone(name: str, regions: Mapping[str, Settings]) -> bool:
    """Is the stack a region by itself, which no other one lists?"""
    own = regions[name].multiregion
    listed = any(name in other.multiregion.names for other in regions.values())
    return not own.enabled and not own.regions and not listed


def _different(settings: Settings, who: str, teller: Settings) -> Iterator[Fault]:
    for place, read in _OF_ALL.items():
        if read(settings) != read(teller):
            # Home may be named by `primary`, so that the key itself would be a default that nobody sees.
            stated = place[-1] == "home" or _stated(settings, place)
            yield _fault(place, read(settings), f"{who} has {_seen(place, read(teller))}", not stated)


def _different_from_home(settings: Settings, who: str, home: Settings) -> Iterator[Fault]:
    for place, read in _OF_HOME.items():
        if read(settings) != read(home):
            message = f"{who} has {_seen(place, read(home))}"
            yield _fault(place, read(settings), message, not _stated(settings, place))
    if settings.shards != home.shards:
        place, value = _shards(settings)
        words = f"{home.shards} shard{'s' * (home.shards != 1)}"
        yield _fault(place, value, f"{who} has {words}", not _stated(settings, place))


def _shards(settings: Settings) -> tuple[Place, object]:
    """Where the number of shards comes from."""
    if not settings.sharding.enabled:
        return ("sharding", "enabled"), False
    if settings.qdrant.shards is not None:
        return ("qdrant", "shards"), settings.qdrant.shards
    return ("sharding", "shards"), settings.sharding.shards


def _stated(settings: Settings, place: Place) -> bool:
    block, field = map(str, place)
    return field in getattr(settings, block).model_fields_set


def _fault(place: Place, value: object, message: str, default: bool) -> Fault:
    return Fault(written(place), harmless(place, value), f"{message}: {_REMEDY}", default, key=str(place[0]))


def _seen(place: Place, value: object) -> str:
    return shown(harmless(place, value))
