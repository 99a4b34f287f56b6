"""Public names of all regions together: one record set of Route 53, of which each region declares its own records."""

from collections.abc import Iterator, Mapping

from settings.faults import ABSENT, Fault, written
from settings.settings import Settings

ANYWHERE = "*"


def conflicts(regions: Mapping[str, Settings]) -> dict[str, list[Fault]]:
    """Faults of each stack that Route 53 would refuse beside those of the stacks before it."""
    together = {name: one for name, one in regions.items() if one.platform == "aws" and one.aws.dns.hosted_zone}
    found: dict[str, list[Fault]] = {}
    for number, (name, settings) in enumerate(together.items()):
        before = dict(list(together.items())[:number])
        found[name] = [*_other_rules(settings, before), *_claimed(settings, before)]
    places = [place for settings in together.values() for place in settings.aws.dns.locations]
    if places and ANYWHERE not in places:
        last = next(reversed(together))
        message = f'no region answers users of other places: add "{ANYWHERE}" to one of them'
        found[last].append(Fault("aws.dns.locations", ABSENT, message, key="aws"))
    return {name: faults for name, faults in found.items() if faults}


def _other_rules(settings: Settings, before: Mapping[str, Settings]) -> Iterator[Fault]:
    """The records of one name have one kind of routing, and lie in one zone."""
    for first, other in list(before.items())[:1]:
        for key in ("hosted_zone", "routing"):
            value, theirs = getattr(settings.aws.dns, key), getattr(other.aws.dns, key)
            if theirs != value:
                message = f'{first} has "{theirs}", and a name has one: make them equal'
                yield Fault(f"aws.dns.{key}", value, message, key="aws")


def _claimed(settings: Settings, before: Mapping[str, Settings]) -> Iterator[Fault]:
    for index, place in enumerate(settings.aws.dns.locations):
        for other, one in before.items():
            if place in one.aws.dns.locations:
                at = written(("aws", "dns", "locations", index))
                yield Fault(at, place, f"{other} answers its users already: a place is one region's", key="aws")
                break
