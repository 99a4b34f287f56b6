"""What every region must state alike: a standby takes over home's data, so it has to be made for the same."""

import json
from collections.abc import Mapping
from typing import Final

from settings.names import postgresql_major
from settings.settings import Settings

OF_LISTED: Final = ("multiregion.aws_regions", "multiregion.vpc_ranges")
"""Lists in the order of the regions."""
LINK: Final = "multiregion.link"
"""It changes in the order of the list, where home may be a later one: the owner of a link compares it with its peer's
(components/aws/peers.py), not a standby with home's."""
ON_AWS: Final = (*OF_LISTED, LINK)
"""Of regions alone that are on AWS: a home elsewhere says nothing of it."""

POSTGRESQL_MAJOR: Final = "images.postgresql"
"""Compared by the major version alone."""

PLATFORM: Final = "platform"
"""Links of one platform know nothing of another one's."""

ADDRESSES: Final = "multiregion.postgresql_addresses"

OF_THE_LIST: Final = (*OF_LISTED, "multiregion.generations", ADDRESSES)
"""What follows from entries of `multiregion.regions`."""

Shared = Mapping[str, str | int | list[str]]
"""Path in a stack file to the value that holds."""


def shared(settings: Settings) -> Shared:
    """What a region has of it."""
    return {**_of_data(settings), **(_of_networks(settings) if settings.platform == "aws" else {})}


def _of_networks(settings: Settings) -> Shared:
    """Every region opens its gates and lays its routes to the ranges of all others."""
    multiregion = settings.multiregion
    places = [region.aws_region or "" for region in multiregion.regions]
    ranges = [str(multiregion.vpc(region)) for region in multiregion.names]
    return {**dict(zip(OF_LISTED, (places, ranges), strict=True)), LINK: multiregion.link}


def _of_data(settings: Settings) -> Shared:
    return {
        "multiregion.home": settings.home,
        "multiregion.regions": list(settings.regions),
        # Where each region archives to: the others read it there.
        "multiregion.generations": [f"{name} {n}" for name, n in settings.generations.items() if n > 1],
        # By which each region's PostgreSQL is followed, whoever is home.
        ADDRESSES: [f"{name} {address}" for name, address in settings.multiregion.postgres_addresses.items()],
        "multiregion.internal_domain": settings.multiregion.internal_domain,
        # Their order is nobody's concern but the region's own.
        "memory.namespaces": sorted(settings.memory.namespaces),
        "memory.token_version": settings.memory.token_version,
        "sharding.shards": settings.shards,
        "sharding.replication_factor": settings.sharding.replication_factor,
        "postgresql.database": settings.postgresql.database,
        "postgresql.owner": settings.postgresql.owner,
        "postgresql.partitions": settings.postgresql.partitions,
        # A replica streams from its own major version alone (PostgreSQL, warm-standby).
        POSTGRESQL_MAJOR: f"PostgreSQL {postgresql_major(settings.images.postgresql)}",
        PLATFORM: settings.platform,
    }


def differences(own: Shared, homes: Mapping[str, object], home: str) -> list[str]:
    """A line for each value that is not home's, with its remedy."""
    remedy = f"state that here too, or bring {home} to this first (pulumi up -s {home})"
    lines: list[str] = []
    for path, value in own.items():
        if path == LINK:
            continue
        if path not in homes:
            if path not in ON_AWS:
                lines.append(f"{path} = {_shown(value)}   {home} says nothing of it: update {home} first")
        elif homes[path] != value:
            lines.append(f"{path} = {_shown(value)}   {home} has {_shown(homes[path])}: {remedy}")
    return lines


def _shown(value: object) -> str:
    """The engine hands numbers over as fractions."""
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
