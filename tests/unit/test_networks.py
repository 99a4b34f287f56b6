"""The plan of addresses: regions are made for it, so it may grow and never move."""

from collections.abc import Mapping
from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import MultiRegion, Region, networks
from settings.networks import MOST_ZONES, PRIVATE_USE, SMALLEST_VPC_PREFIX, VPC_PREFIX, Subnets, subnets, vpc

ZONES = ("zone-a", "zone-b", "zone-c")
POOL = IPv4Network(MultiRegion().vpc_pool)

LAYOUT = {
    "us-east": {
        "vpc": "10.64.0.0/16",
        "zone-a": ("10.64.128.0/22", "10.64.0.0/19", "10.64.144.0/22"),
        "zone-b": ("10.64.132.0/22", "10.64.32.0/19", "10.64.148.0/22"),
        "zone-c": ("10.64.136.0/22", "10.64.64.0/19", "10.64.152.0/22"),
    },
    "us-west": {
        "vpc": "10.65.0.0/16",
        "zone-a": ("10.65.128.0/22", "10.65.0.0/19", "10.65.144.0/22"),
        "zone-b": ("10.65.132.0/22", "10.65.32.0/19", "10.65.148.0/22"),
        "zone-c": ("10.65.136.0/22", "10.65.64.0/19", "10.65.152.0/22"),
    },
}
"""Public, private and isolated subnet of each zone. Regions that are up have these: a change here moves them."""


def multiregion(*names: str, **stated: str) -> MultiRegion:
    """Regions of these names; `stated` are their ranges."""
    return MultiRegion(regions=tuple(Region(name=name, cidr=stated.get(name.replace("-", "_"))) for name in names))


def told(found: Mapping[str, Subnets]) -> dict[str, tuple[str, str, str]]:
    return {zone: (str(of.public), str(of.private), str(of.isolated)) for zone, of in found.items()}


@pytest.mark.parametrize("region", LAYOUT)
def test_the_addresses_of_a_region_are_these(region: str) -> None:
    own = multiregion(*LAYOUT).vpc(region)
    assert {"vpc": str(own), **told(subnets(own, ZONES))} == LAYOUT[region]


def test_a_zone_more_moves_none() -> None:
    own = IPv4Network("10.64.0.0/16")
    more = subnets(own, (*ZONES, "zone-d"))
    assert {zone: more[zone] for zone in ZONES} == subnets(own, ZONES)
    assert told(more)["zone-d"] == ("10.64.140.0/22", "10.64.96.0/19", "10.64.156.0/22")


def test_a_zone_beyond_the_layout_has_none() -> None:
    assert list(subnets(IPv4Network("10.64.0.0/16"), "abcde")) == list("abcd")


def test_a_stated_range_takes_the_place_of_a_block_and_moves_no_other() -> None:
    regions = multiregion("us-east", "us-west", "eu-west", us_west="192.168.0.0/17")
    assert [str(regions.vpc(name)) for name in regions.names] == ["10.64.0.0/16", "192.168.0.0/17", "10.66.0.0/16"]


def test_a_pool_that_ends_is_told() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/15 has no 3 blocks of /16"):
        vpc(IPv4Network("10.0.0.0/15"), 2)
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/17 has no 1 blocks of /16"):
        vpc(IPv4Network("10.0.0.0/17"), 0)


pools = st.integers(9, VPC_PREFIX).flatmap(
    lambda prefix: st.sampled_from(list(PRIVATE_USE[0].subnets(new_prefix=prefix)))
)
vpcs = st.tuples(st.integers(VPC_PREFIX, SMALLEST_VPC_PREFIX), st.integers(0, 2**16 - 1)).map(
    lambda drawn: IPv4Network(((10 << 24) + (drawn[1] << 8), drawn[0]), strict=False)
)
counts = st.integers(1, MOST_ZONES)


@given(pools, st.integers(1, 128))
def test_regions_never_overlap_and_one_more_moves_none(pool: IPv4Network, regions: int) -> None:
    regions = min(regions, 2 ** (VPC_PREFIX - pool.prefixlen))
    found = [vpc(pool, index) for index in range(regions)]
    assert not networks.overlapping({str(index): own for index, own in enumerate(found)})
    assert all(own.subnet_of(pool) and own.prefixlen == VPC_PREFIX for own in found)
    assert [vpc(pool, index) for index in range(regions - 1)] == found[:-1]


@given(vpcs, counts)
def test_subnets_lie_in_their_vpc_and_never_overlap(own: IPv4Network, zones: int) -> None:
    all_of_them = [net for of in subnets(own, map(str, range(zones))).values() for net in vars(of).values()]
    assert len(all_of_them) == 3 * zones
    assert all(net.subnet_of(own) for net in all_of_them)
    assert not [pair for pair in combinations(all_of_them, 2) if pair[0].overlaps(pair[1])]


@given(vpcs, counts)
def test_there_is_room_for_pods_and_for_what_aws_puts_into_subnets(own: IPv4Network, zones: int) -> None:
    for of in subnets(own, map(str, range(zones))).values():
        assert of.private.num_addresses >= 2_000
        # A subnet of a load balancer or of the control plane needs at least eight and six free addresses, of which AWS
        # takes five for itself, and each endpoint of the VPC has one.
        assert min(of.public.num_addresses, of.isolated.num_addresses) >= 256


@given(st.lists(vpcs, min_size=2, max_size=6))
def test_what_overlaps_is_named_in_order(found: list[IPv4Network]) -> None:
    named = {str(index): own for index, own in enumerate(found)}
    assert networks.overlapping(named) == [
        (one, other)
        for one in named
        for other in named
        if int(one) < int(other)
        and int(named[one][0]) <= int(named[other][-1])
        and int(named[other][0]) <= int(named[one][-1])
    ]
