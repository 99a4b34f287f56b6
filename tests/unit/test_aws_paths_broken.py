"""The proof of reachability sees whatever is taken from the network or added to it: each thing that is declared."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Final

import pytest

from rehearsal.engine.model import PlannedResource
from tests.unit.aws_needs import broken, intact
from tests.unit.aws_paths import ROUTE, Networks, Subnet
from tests.unit.aws_region import THREE
from tests.unit.test_aws_paths import LINKS, networks

RULES: Final = tuple(f"vpc/securityGroup{way}Rule:SecurityGroup{way}Rule" for way in ("Ingress", "Egress"))
ROUTES: Final = (ROUTE, "ec2transitgateway/route:Route")
WAYS: Final = (
    *ROUTES,
    *RULES,
    "ec2/routeTableAssociation:RouteTableAssociation",
    "ec2/natGateway:NatGateway",
    "ec2/internetGateway:InternetGateway",
    "ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter",
    "ec2transitgateway/vpcAttachment:VpcAttachment",
    "ec2transitgateway/peeringAttachmentAccepter:PeeringAttachmentAccepter",
    "ec2transitgateway/routeTableAssociation:RouteTableAssociation",
)
"""All types by which a packet gets on, or does not."""
NOT_NEEDED: Final = {
    "-network-isolated-": "without a table of its own an isolated subnet has the VPC's main one, which leads nowhere",
}
"""Part of a name to the reason why nothing that is needed goes by it."""


def is_needed(one: PlannedResource) -> bool:
    return not any(part in one.name for part in NOT_NEEDED)


def declared(net: Networks, *types: str) -> list[PlannedResource]:
    return [one for type_ in types for one in net.all(type_)]


@pytest.mark.parametrize("link", LINKS)
def test_as_it_is_declared_nothing_is_missing_and_nothing_is_open(link: str) -> None:
    assert broken(networks(link), THREE) == []


@pytest.mark.parametrize("link", LINKS)
def test_no_route_and_no_rule_can_be_missing(link: str) -> None:
    """But for those that nothing goes by: for each of them there is a reason."""
    net = networks(link)
    ways = declared(net, *WAYS)
    unseen = [one for one in ways if intact(net.without(one.name), THREE)]
    assert [one.name for one in unseen if is_needed(one)] == []
    assert [one.name for one in ways if not is_needed(one) and one not in unseen] == [], "is needed after all"


def narrower(net: Networks, range_: str) -> list[str]:
    """Parts of a range: the halves of all addresses, and each private subnet of a VPC."""
    whole = IPv4Network(range_)
    if whole.prefixlen == 0:
        return [str(half) for half in whole.subnets()]
    private = [subnet for region in THREE for subnet in net.subnets_of(region, "private")]
    return [str(one.network) for one in private if one.network.subnet_of(whole)]


def narrowed(net: Networks) -> Iterator[tuple[str, str, str]]:
    """Name of each route and rule, the input that has its range, and a part of that."""
    for key, types in (("destinationCidrBlock", ROUTES), ("cidrIpv4", RULES)):
        for one in declared(net, *types):
            for part in narrower(net, str(one.inputs[key])) if key in one.inputs else ():
                yield one.name, key, part


@pytest.mark.parametrize("link", LINKS)
def test_no_route_and_no_rule_can_be_for_less(link: str) -> None:
    net = networks(link)
    less = list(narrowed(net))
    assert len(less) > 100
    assert [(name, part) for name, key, part in less if intact(net.changed(name, **{key: part}), THREE)] == []


def test_no_rule_can_be_for_another_port_or_another_group() -> None:
    net = networks()
    rules = declared(net, *RULES)
    closed = net.id("us-east-platform-network-default-group")
    for one in rules:
        assert not intact(net.changed(one.name, fromPort=1, toPort=1), THREE), one.name
        if "referencedSecurityGroupId" in one.inputs:
            assert not intact(net.changed(one.name, referencedSecurityGroupId=closed), THREE), one.name


def test_a_zone_that_goes_out_by_another_ones_gateway_is_seen() -> None:
    net = networks()
    for region in THREE:
        gateways = {
            one.name.rpartition("-nat-")[2]: str(one.outputs["id"])
            for one in net.all("ec2/natGateway:NatGateway")
            if one.name.startswith(f"{region}-")
        }
        assert len(gateways) == 3
        for zone in gateways:
            for other in gateways.keys() - {zone}:
                name = f"{region}-platform-network-private-{zone}-out"
                found = broken(net.changed(name, natGatewayId=gateways[other]), THREE)
                assert len(found) == 1, (name, other, found)
                assert " gets out without " in found[0]


def closed_subnets(net: Networks) -> Iterator[tuple[str, Subnet]]:
    """Those that nobody reaches from the internet, and the region that each is in."""
    for region in THREE:
        for kind in ("private", "isolated"):
            yield from ((region, subnet) for subnet in net.subnets_of(region, kind))


@pytest.mark.parametrize("range_", ["0.0.0.0/0", "128.0.0.0/1", "198.51.100.0/24"])
def test_a_way_in_from_the_internet_is_reported(range_: str) -> None:
    net = networks()
    for region, subnet in closed_subnets(net):
        opened = net.routed(subnet, range_, net.id(f"{region}-platform-network-internet"))
        assert f"{subnet.name} is not reached from the internet" in broken(opened, THREE)


@pytest.mark.parametrize("link", LINKS)
def test_a_way_out_of_an_isolated_subnet_is_reported(link: str) -> None:
    net = networks(link)
    for region, subnet in closed_subnets(net):
        if "-isolated-" in subnet.name:
            table = net.tables(subnet)[0]
            out = f"{region}-platform-network-private-{subnet.name.rpartition('-isolated-')[2]}-out"
            assert f"{subnet.name} does not get out" in broken(net.changed(out, routeTableId=table), THREE)
