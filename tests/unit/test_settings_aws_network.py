"""Settings of a region on AWS about where it is: regions, ranges, zones, and a network of yours."""

from typing import Any

import pytest

from settings.aws_regions import LETTERS
from tests.unit.aws_settings import (
    ACCOUNT,
    EAST,
    MINE,
    WEST,
    Refused,
    aws,
    existing,
    on_aws,
    regions,
    subnets,
    zones,
)
from tests.unit.test_settings_faults import faults

WITHOUT = {"enabled": False}


REGIONS: Refused = {
    "regions that are nowhere": (
        regions({"name": "us-east", "primary": True}, WEST, {"name": "eu-west"}),
        [
            'multiregion.regions[0].aws_region   missing: say where us-east is on AWS, as in "us-east-1"',
            'multiregion.regions[2].aws_region   missing: say where eu-west is on AWS, as in "us-east-1"',
        ],
    ),
    "no list": (
        {"multiregion": WITHOUT},
        [
            "multiregion.regions = [] (default)   no region: on aws list even a single one, with its aws_region, or "
            "nobody knows where it is"
        ],
    ),
    "no list where there should be one in any case": (
        {"multiregion": {}},
        [
            "multiregion.regions = [] (default)   no region: list them in Pulumi.yaml, or set multiregion.enabled to "
            "false"
        ],
    ),
    "a region that is spelled wrong": (
        regions(EAST | {"aws_region": "us-esat-1"}, WEST),
        [
            'multiregion.regions[0].aws_region = "us-esat-1"   no region of AWS that this release knows: did you mean '
            '"us-east-1"?'
        ],
    ),
    "a region like no other": (
        regions(EAST, WEST | {"aws_region": "cn-north-1"}),
        [
            'multiregion.regions[1].aws_region = "cn-north-1"   no region of AWS that this release knows: known are '
            + ", ".join(LETTERS)
        ],
    ),
    "no name of a region": (
        regions(EAST, WEST | {"aws_region": "Oregon"}),
        ['multiregion.regions[1].aws_region = "Oregon"   not a region of AWS: write it like "us-east-1"'],
    ),
    "two in one": (
        regions(EAST, WEST | {"aws_region": "us-east-1"}),
        [
            'multiregion.regions[1].aws_region = "us-east-1"   us-east is there already, and one outage would take '
            "both: choose another one"
        ],
    ),
}


RANGES: Refused = {
    "no range": (
        regions(EAST | {"cidr": "10.0.0.0"}, WEST),
        ['multiregion.regions[0].cidr = "10.0.0.0"   an address within a range: write the range as "10.0.0.0/32"'],
    ),
    "a way in that the program makes itself": (
        regions(EAST | {"address": "east.example.com"}, WEST),
        [
            'multiregion.regions[0].address = "east.example.com"   without effect on the platform aws, where the '
            "program makes memory.us-east.somafractalmemory.internal: remove it"
        ],
    ),
    "no range of a pool": (
        regions(EAST, WEST, vpc_pool="10.0.0.0/33"),
        ['multiregion.vpc_pool = "10.0.0.0/33"   not an IPv4 range: write it like "10.64.0.0/16"'],
    ),
    "a range that others have": (
        regions(EAST | {"cidr": "8.8.0.0/16"}, WEST),
        [
            'multiregion.regions[0].cidr = "8.8.0.0/16"   not for private use: take one within 10.0.0.0/8, '
            "172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10"
        ],
    ),
    "a VPC that is too small": (
        regions(EAST | {"cidr": "10.0.0.0/19"}, WEST),
        ['multiregion.regions[0].cidr = "10.0.0.0/19"   too small for nodes and pods: use a range between /16 and /18'],
    ),
    "a VPC that is too large": (
        regions(EAST | {"cidr": "10.0.0.0/15"}, WEST),
        ['multiregion.regions[0].cidr = "10.0.0.0/15"   more than AWS gives a VPC: use a range between /16 and /18'],
    ),
    "two stated ranges that overlap": (
        regions(EAST | {"cidr": "10.0.0.0/17"}, WEST | {"cidr": "10.0.0.0/16"}),
        [
            'multiregion.regions[1].cidr = "10.0.0.0/16"   overlaps the VPC of us-east (10.0.0.0/17): regions reach '
            "each other by these addresses, so choose a range that no other one has"
        ],
    ),
    "a stated range in a block before it": (
        regions(EAST, WEST | {"cidr": "10.64.128.0/17"}),
        [
            'multiregion.regions[1].cidr = "10.64.128.0/17"   overlaps the VPC of us-east (10.64.0.0/16, its block of '
            "vpc_pool): regions reach each other by these addresses, so choose a range that no other one has"
        ],
    ),
    "a stated range in a block after it": (
        regions(EAST | {"cidr": "10.65.0.0/18"}, WEST),
        [
            'multiregion.regions[0].cidr = "10.65.0.0/18"   overlaps the VPC of us-west (10.65.0.0/16, its block of '
            "vpc_pool): regions reach each other by these addresses, so choose a range that no other one has"
        ],
    ),
    "a pool that ends too early": (
        regions(EAST, WEST | {"cidr": "10.1.0.0/16"}, {"name": "x", "aws_region": "eu-west-1"}, vpc_pool="10.0.0.0/16"),
        [
            'multiregion.vpc_pool = "10.0.0.0/16"   no /16 of it is left for x, in the order of the list: take a '
            "larger range, or state a cidr there"
        ],
    ),
    "a pool that is smaller than a block": (
        regions(EAST, WEST, vpc_pool="10.0.0.0/17"),
        [
            'multiregion.vpc_pool = "10.0.0.0/17"   no /16 of it is left for us-east, us-west, in the order of the '
            "list: take a larger range, or state a cidr there"
        ],
    ),
    "a stated range where Services are": (
        regions(EAST, WEST | {"cidr": "172.20.128.0/17"}),
        [
            'multiregion.regions[1].cidr = "172.20.128.0/17"   us-west would have 172.20.128.0/17, which meets '
            "172.20.0.0/16, the addresses of Services: choose another range"
        ],
    ),
    "a block where Services are": (
        regions(EAST, WEST, vpc_pool="172.20.0.0/14"),
        [
            'multiregion.vpc_pool = "172.20.0.0/14"   us-east would have 172.20.0.0/16, which meets 172.20.0.0/16, the '
            "addresses of Services: choose another range"
        ],
    ),
}

ZONES: Refused = {
    "more zones than the layout has room for": (
        zones("a", "b", "c", "d", "e"),
        ["high_availability.zones = [a, b, c, d, e]   the layout of a VPC has room for 4 zones: name at most so many"],
    ),
    "one zone": (
        zones("a", enabled=False) | {"redis": {"cluster": {"replicas": 0}}},
        ["high_availability.zones = [a]   EKS wants subnets in two zones, even for a trial: name two or more"],
    ),
    "fewer than high availability needs": (
        zones("a"),
        [
            "high_availability.zones = [a]   fewer than three lose their majority with one: name three, or set "
            "high_availability.enabled to false"
        ],
    ),
    "a zone that is none": (
        aws(zones={"zone-d": "d"}),
        ['aws.zones.zone-d = "d"   no zone of high_availability.zones (zone-a, zone-b, zone-c): name one of them'],
    ),
    "letters that the region has not": (
        aws(zones={"zone-a": "g", "zone-b": "us-east-1b", "zone-c": "ab"}),
        [
            'aws.zones.zone-a = "g"   us-east-1 has a, b, c, d, e, f: name the letter of one of them',
            'aws.zones.zone-b = "us-east-1b"   us-east-1 has a, b, c, d, e, f: name the letter of one of them',
            'aws.zones.zone-c = "ab"   us-east-1 has a, b, c, d, e, f: name the letter of one of them',
        ],
    ),
    "letters by default that the region has not": (
        regions(EAST | {"aws_region": "ap-northeast-1"}, WEST),
        ["aws.zones.zone-b   b by its place, and ap-northeast-1 has a, c, d: name the letter of one of them"],
    ),
    "more zones than an account has": (
        regions(EAST | {"aws_region": "us-west-1"}, WEST),
        [
            "high_availability.zones = [zone-a, zone-b, zone-c] (default)   us-west-1 has 2 zones for an account: name "
            "no more, or choose another region"
        ],
    ),
    "a letter twice": (
        aws(zones={"zone-a": "f", "zone-c": "f"}),
        ['aws.zones.zone-c = "f"   zone-a has this letter as well: each zone needs one of its own'],
    ),
    "a letter that another zone has by default": (
        aws(zones={"zone-a": "b"}),
        ['aws.zones.zone-a = "b"   zone-b has this letter as well: each zone needs one of its own'],
    ),
}

YOURS: Refused = {
    "a VPC without its range": (
        existing(subnets(1), subnets(2), subnets(3)),
        [
            "multiregion.regions[0].cidr   missing: with a VPC of yours state its range, which other regions open "
            "their gates to"
        ],
    ),
    "subnets of too few zones": (
        regions(EAST | {"cidr": "10.0.0.0/20"}, WEST) | existing(subnets(1), subnets(2)),
        [
            "aws.network.existing.zones = [2 items]   subnets of 2, and high_availability.zones names 3: state them "
            "for each, in that order"
        ],
    ),
    "a subnet and a route table twice": (
        regions(EAST | {"cidr": "10.0.0.0/20"}, WEST)
        | existing(subnets(1, public="subnet-00000002"), subnets(2), subnets(3, route_table="rtb-00000001")),
        [
            'aws.network.existing.zones[1].private = "subnet-00000002"   named already at zones[0].public: each zone '
            "has subnets and a route table of its own",
            'aws.network.existing.zones[2].route_table = "rtb-00000001"   named already at zones[0].route_table: each '
            "zone has subnets and a route table of its own",
        ],
    ),
    "a cluster without its VPC": (
        {"aws": ACCOUNT | {"cluster": {"existing": MINE}}},
        [
            "aws.cluster.existing = {…}   its nodes are in a VPC that is there already, and a new one beside it "
            "would stay empty: state that VPC in aws.network.existing"
        ],
    ),
}

ALL = REGIONS | RANGES | ZONES | YOURS


@pytest.mark.parametrize(("blocks", "lines"), ALL.values(), ids=list(ALL))
def test_what_cannot_be_made_is_refused_with_place_value_rule_and_remedy(
    blocks: dict[str, Any], lines: list[str]
) -> None:
    assert faults(on_aws(**blocks)) == lines
