"""Zones of a region on AWS: there, distinct, and described whole where their network is there already."""

import re
from collections.abc import Iterator
from typing import Final

from settings import aws_regions, networks
from settings.draft import Draft, Finding
from settings.rules.aws import on_aws
from settings.rules.aws_regions import AWS_REGIONS, CIDRS, EXISTING, stated
from settings.rules.regions import NAMES, REGIONS
from settings.rules.rule import Check, place, repeated

ZONES: Final = "high_availability.zones"
_ZONE_ID: Final = re.compile(r"[a-z]+[0-9]-az[0-9]")
"""`use1-az3` (docs.aws.amazon.com/global-infrastructure/latest/regions/az-ids.html)."""
FEWEST_ZONES: Final = 2
"""EKS takes subnets in at least two zones (docs.aws.amazon.com/eks/latest/userguide/network-reqs.html)."""


@on_aws(ZONES, "high_availability.enabled", EXISTING, "aws.cluster.existing")
def as_many_zones_as_a_vpc_has_room_for(draft: Draft) -> Iterator[Finding]:
    ha, aws = draft.settings.high_availability, draft.settings.aws
    zones = len(set(ha.zones))
    if aws.network.existing is None and zones > networks.MOST_ZONES:
        yield draft.finding(
            place(ZONES), f"the layout of a VPC has room for {networks.MOST_ZONES} zones: name at most so many"
        )
    if aws.cluster.existing is None and zones < FEWEST_ZONES and not ha.enabled:
        yield draft.finding(place(ZONES), "EKS wants subnets in two zones, even for a trial: name two or more")


@on_aws(ZONES, "aws.zones")
def letters_are_given_to_zones(draft: Draft) -> Iterator[Finding]:
    zones = draft.settings.high_availability.zones
    for zone in draft.settings.aws.zones:
        if zone not in zones:
            yield draft.finding(("aws", "zones", zone), f"no zone of {ZONES} ({', '.join(zones)}): name one of them")


@on_aws(ZONES, "aws.zones", NAMES, AWS_REGIONS)
def letters_are_those_of_the_region(draft: Draft) -> Iterator[Finding]:
    zones, aws = tuple(dict.fromkeys(draft.settings.high_availability.zones)), draft.settings.aws
    region = draft.settings.region.aws_region or ""
    letters = aws_regions.LETTERS.get(region)
    if letters is None:
        return
    there = aws_regions.zones_of(region)
    if len(zones) > there:
        yield draft.finding(
            place(ZONES), f"{region} has {there} zones for an account: name no more, or choose another region"
        )
        return
    for index, zone in enumerate(zones):
        letter = aws.letter(zone, index)
        if len(letter) != 1 or letter not in letters:
            if _ZONE_ID.fullmatch(letter):
                yield draft.finding(
                    ("aws", "zones", zone),
                    "the id of a zone, whose letter differs from account to account: name the letter that `aws ec2 "
                    f"describe-availability-zones --region {region}` shows beside it",
                )
                continue
            by_place = "" if zone in aws.zones else f"{letter} by its place, and "
            yield draft.finding(
                ("aws", "zones", zone), f"{by_place}{region} has {', '.join(letters)}: name the letter of one of them"
            )


@on_aws(ZONES, "aws.zones")
def letters_are_distinct(draft: Draft) -> Iterator[Finding]:
    zones, aws = tuple(dict.fromkeys(draft.settings.high_availability.zones)), draft.settings.aws
    for index, first in repeated(aws.letter(zone, index) for index, zone in enumerate(zones)):
        at, other = (index, first) if zones[index] in aws.zones else (first, index)
        yield draft.finding(
            ("aws", "zones", zones[at]), f"{zones[other]} has this letter as well: each zone needs one of its own"
        )


@on_aws(EXISTING, ZONES, NAMES, CIDRS)
def a_vpc_of_yours_is_described_whole(draft: Draft) -> Iterator[Finding]:
    existing, multiregion = draft.settings.aws.network.existing, draft.settings.multiregion
    if existing is None:
        return
    zones = draft.settings.high_availability.zones
    if len(existing.zones) != len(zones):
        yield draft.finding(
            place("aws.network.existing.zones"),
            f"subnets of {len(existing.zones)}, and {ZONES} names {len(zones)}: state them for each, in that order",
        )
    if draft.stack in multiregion.names and not stated(multiregion, draft.stack):
        yield draft.finding(
            (*REGIONS, multiregion.names.index(draft.stack), "cidr"),
            "missing: with a VPC of yours state its range, which other regions open their gates to",
        )
    ids = [
        (("aws", "network", "existing", "zones", index, key), value)
        for index, zone in enumerate(existing.zones)
        for key, value in zone
        if value is not None
    ]
    for index, first in repeated(value for _, value in ids):
        *_, entry, key = ids[first][0]
        yield draft.finding(
            ids[index][0], f"named already at zones[{entry}].{key}: each zone has subnets and a route table of its own"
        )


@on_aws(EXISTING, "ingress.enabled")
def a_vpc_of_yours_lets_users_in(draft: Draft) -> Iterator[Finding]:
    existing = draft.settings.aws.network.existing
    if existing is None or not draft.settings.ingress.enabled:
        return
    for index, zone in enumerate(existing.zones):
        if zone.public is None:
            yield draft.finding(
                place(f"aws.network.existing.zones[{index}].public"),
                "missing: the load balancer for users is in every zone; name a subnet that the internet reaches, or "
                "set ingress.enabled to false",
            )


RULES: tuple[Check, ...] = (
    as_many_zones_as_a_vpc_has_room_for,
    letters_are_given_to_zones,
    letters_are_those_of_the_region,
    letters_are_distinct,
    a_vpc_of_yours_is_described_whole,
    a_vpc_of_yours_lets_users_in,
)
