"""What a region's settings say, as the program records them in a ConfigMap."""

from collections.abc import Mapping, Sequence

from policies.checks import metadata
from policies.checks.config_maps import RECORD
from policies.checks.plain import Plain, Unreadable, at, flag_at, json_at, list_at, number_at, text_at
from policies.checks.tokens import CONFIG_MAP
from policies.checks.whole import Whole


def settings(whole: Whole) -> Plain:
    """The recorded settings, None where there is no record that can be read: the pack's self-check tells of that."""
    return whole.once(_settings)


def _settings(whole: Whole) -> Plain:
    for resource in whole.of(CONFIG_MAP):
        try:
            if metadata.name(resource) == RECORD:
                found = json_at(resource.inputs, "data", "settings.json")
                return found if isinstance(found, Mapping) else None
        except Unreadable:
            return None
    return None


def region(recorded: Plain) -> str:
    """Name of the stack's own region in what `settings` returns, "" where it names none."""
    return text_at(recorded, "stack")


def zones(recorded: Plain) -> int:
    """How many zones the region has; 0 where none are named. Raises Unreadable."""
    return len(set(map(str, list_at(recorded, "high_availability", "zones"))))


def listed(recorded: Plain) -> Sequence[Plain]:
    """The regions that there are, as the list has them; none of a region by itself. Raises Unreadable."""
    many = flag_at(recorded, "multiregion", "enabled", default=True)
    every = list_at(recorded, "multiregion", "regions")
    return every if many else [one for one in every if text_at(one, "name") == region(recorded)]


def aws_regions(recorded: Plain) -> Mapping[str, str]:
    """Name of each region to what AWS calls it. Raises Unreadable."""
    return {text_at(one, "name"): text_at(one, "aws_region") for one in listed(recorded)}


def given_network(recorded: Plain) -> frozenset[str]:
    """Ids of the VPC that was there and of its route tables, none where the program makes one. Raises Unreadable."""
    existing = at(recorded, "aws", "network", "existing")
    tables = [text_at(zone, "route_table") for zone in list_at(existing, "zones")]
    return frozenset(given for given in (text_at(existing, "vpc"), *tables) if given)


def copies_in(recorded: Plain) -> str:
    """AWS region of the copies of the region's backups, "" where they are copied nowhere. Raises Unreadable.

    What the list says of the region, else that of the region before it, the first one's in the second's; a single
    region's where `backups.copy_region` says (components/copy_place.py).
    """
    regions = listed(recorded)
    names = [text_at(one, "name") for one in regions]
    if region(recorded) not in names:
        return text_at(recorded, "backups", "copy_region")
    place = names.index(region(recorded))
    named = text_at(regions[place], "copy_region")
    if named or len(regions) < 2:
        return named or text_at(recorded, "backups", "copy_region")
    return text_at(regions[place - 1 if place else 1], "aws_region")


def retention_days(whole: Whole, configured: int) -> int:
    """Days for which backups have to be kept: the more of what is configured and what the settings promise."""
    promised = number_at(settings(whole), "backups", "retention_days")
    return max(configured, promised or 0)


def tls_ends_before(whole: Whole) -> bool:
    """Whether the settings say that something before the ingress ends users' TLS."""
    return not flag_at(settings(whole), "ingress", "tls", "enabled", default=True)


def backups_wanted(whole: Whole) -> bool | None:
    """Whether the settings want backups and name a place for them; None where they want none on purpose."""
    block = at(settings(whole), "backups")
    if at(block, "enabled") is not None and not flag_at(block, "enabled", default=True):
        return None
    return whole.on_aws or at(block, "s3") is not None
