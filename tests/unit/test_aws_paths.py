"""Every way that a region needs is there in both directions, and none that it must not have."""

from functools import cache
from itertools import permutations

import pytest

from tests.unit.aws_needs import pods_of
from tests.unit.aws_paths import INTERNET, Networks
from tests.unit.aws_region import THREE, brought_up

POSTGRES = 5432
PAIRS = list(permutations(THREE, 2))


LINKS = ("peering", "transit-gateway")


@cache
def networks(link: str = "peering") -> Networks:
    return Networks.of(brought_up(THREE, link).plans.values())


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_every_private_subnet_reaches_every_one_of_each_other_region(one: str, other: str, link: str) -> None:
    net = networks(link)
    here, there = net.subnets_of(one, "private"), net.subnets_of(other, "private")
    assert len(here) == len(there) == 3
    assert [(a.name, b.name) for a in here for b in there if not net.reaches(a, b)] == []


@pytest.mark.parametrize(
    ("link", "missing"),
    [
        ("peering", "us-west-reach-to-us-east-us-west-zone-b"),
        ("peering", "us-west-reach-to-us-east-us-east-zone-c"),
        ("peering", "eu-west-reach-to-us-west-acceptance"),
        ("transit-gateway", "us-west-reach-to-us-east-us-west-zone-b"),
        ("transit-gateway", "us-west-reach-to-us-east-us-east-zone-c"),
        ("transit-gateway", "us-west-reach-to-us-east-us-east-gateway-route"),
        ("transit-gateway", "us-west-reach-to-us-east-us-west-gateway-route"),
        ("transit-gateway", "us-west-reach-to-us-east-us-east-gateway-table"),
        ("transit-gateway", "eu-west-reach-to-us-west-gateways-acceptance"),
        ("transit-gateway", "us-east-reach-transit-vpc"),
        ("transit-gateway", "us-east-reach-transit-vpc-table"),
        ("transit-gateway", "us-east-reach-transit-vpc-route"),
    ],
)
def test_a_missing_part_of_a_link_is_seen(link: str, missing: str) -> None:
    net = networks(link).without(missing)
    reached = [
        net.reaches(here, there)
        for one, other in PAIRS
        for here in net.subnets_of(one, "private")
        for there in net.subnets_of(other, "private")
    ]
    assert not all(reached)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_postgresql_of_each_region_is_open_to_each_other_and_to_nobody_else(one: str, other: str, link: str) -> None:
    net = networks(link)
    balancer, pods = net.id(f"{one}-reach-links-group"), pods_of(net, one)
    for subnet in net.subnets_of(other, "private"):
        assert net.lets_in(balancer, POSTGRES, subnet.address)
    assert not net.lets_in(balancer, POSTGRES, net.subnets_of(one, "public")[0].address + 2**30)
    assert net.lets_out(balancer, POSTGRES, pods)
    assert net.lets_in(pods, POSTGRES, balancer)
    assert not net.lets_in(pods, POSTGRES, net.id(f"{one}-reach-users-group"))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_ingress_controller_of_each_region_is_open_to_the_edges_of_each_other_one(one: str, other: str) -> None:
    net = networks()
    balancer, pods = net.id(f"{one}-reach-links-group"), pods_of(net, one)
    for subnet in net.subnets_of(other, "private"):
        assert net.lets_in(balancer, 443, subnet.address)
    assert not net.lets_in(balancer, 443, net.subnets_of(one, "public")[0].address + 2**30)
    for port in (443, 8081):
        assert net.lets_out(balancer, port, pods)
        assert net.lets_in(pods, port, balancer)


@pytest.mark.parametrize("region", THREE)
def test_users_reach_the_ingress_controller_and_its_health_check_does(region: str) -> None:
    net = networks()
    balancer, pods = net.id(f"{region}-reach-users-group"), pods_of(net, region)
    public = net.subnets_of(region, "public")
    assert len(public) == 3
    assert all(net.is_public(subnet) for subnet in public)
    (made,) = (
        one
        for one in net.resources
        if one.type == "aws:lb/loadBalancer:LoadBalancer" and one.name == f"{region}-reach-users-balancer"
    )
    assert {*made.inputs["subnets"]} == {subnet.id for subnet in public}
    for port in (80, 443):
        assert net.lets_in(balancer, port, public[0].address)
    for port in (80, 443, 8081):
        assert net.lets_out(balancer, port, pods)
        assert net.lets_in(pods, port, balancer)
    assert not net.lets_in(balancer, 22, public[0].address)


@pytest.mark.parametrize("region", THREE)
@pytest.mark.parametrize("kind", ["private", "isolated"])
def test_nothing_but_public_subnets_is_reached_from_the_internet(region: str, kind: str) -> None:
    net = networks()
    assert len(net.subnets_of(region, kind)) == 3
    assert not any(net.is_public(subnet) for subnet in net.subnets_of(region, kind))


@pytest.mark.parametrize("region", THREE)
def test_each_zone_keeps_its_way_out_when_any_other_one_is_lost(region: str) -> None:
    net = networks()
    private = net.subnets_of(region, "private")
    assert all(net.egress(subnet) for subnet in private)
    for gone in private:
        left = net.lost(gone.zone)
        for subnet in private:
            assert left.egress(subnet) == (subnet.zone != gone.zone), (gone.zone, subnet.name)


@pytest.mark.parametrize("region", THREE)
def test_isolated_subnets_have_no_way_out(region: str) -> None:
    net = networks()
    assert not any(net.egress(subnet) for subnet in net.subnets_of(region, "isolated"))


def test_what_comes_from_another_region_by_a_gateway_goes_no_further_than_the_vpc() -> None:
    """It goes on by the table of the subnet where it comes out, and from there nothing leads to the internet."""
    net = networks("transit-gateway")
    by_id = {subnet.id: subnet for subnet in net.subnets}
    for attachment in net.all("ec2transitgateway/vpcAttachment:VpcAttachment"):
        comes_out = [by_id[subnet] for subnet in attachment.inputs["subnetIds"]]
        assert len({subnet.zone for subnet in comes_out}) == 3
        assert [subnet.name for subnet in comes_out if net.way(subnet, INTERNET) is not None] == []
