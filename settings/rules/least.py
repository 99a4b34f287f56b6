"""The least of memory and storage that something can start on; less is a slip of the pen."""

from collections.abc import Iterator

from settings.draft import Draft, Finding
from settings.quantity import Quantity
from settings.rules.rule import Check, place
from settings.rules.stated import region_resources, stated_quantity

_SERVICE = (Quantity("256Mi"), "less than the service needs")
_MEMORY = {
    "memory.resources": _SERVICE,
    "postgresql.primary.resources": (Quantity("1Gi"), "less than PostgreSQL needs"),
    "redis.resources": (Quantity("256Mi"), "less than a Redis node needs"),
    "edge.resources": (Quantity("128Mi"), "less than the proxy needs for the connections that it takes"),
    "qdrant.resources": (Quantity("512Mi"), "less than a Qdrant node needs"),
}
_VOLUMES = (
    "postgresql.storage",
    "postgresql.wal_storage",
    "redis.storage",
    "qdrant.storage",
    "qdrant.snapshot_storage",
)
_VOLUME = Quantity("1Gi")


def memory_is_enough(draft: Draft) -> Iterator[Finding]:
    """Where a request or a limit is stated: the other one follows it."""
    blocks = {place(path): least for path, least in _MEMORY.items()}
    blocks |= dict.fromkeys(region_resources(draft), _SERVICE)
    for block, (least, reason) in blocks.items():
        for side in ("requests", "limits"):
            at = (*block, side, "memory")
            stated = stated_quantity(draft, at)
            if stated and stated < least:
                yield draft.finding(at, f'{reason}: use "{least}" or more')


def volumes_hold_something(draft: Draft) -> Iterator[Finding]:
    for path in _VOLUMES:
        stated = stated_quantity(draft, place(path))
        if stated and stated < _VOLUME:
            yield draft.finding(place(path), f'a volume too small to start with: use "{_VOLUME}" or more')


RULES: tuple[Check, ...] = (memory_is_enough, volumes_hold_something)
