"""Ways of a network on AWS that are no wider than they have to be."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Unreadable, text_at
from policies.checks.tokens import NODE_GROUP, ROUTE, ROUTE_TABLE, ROUTE_TABLE_ASSOCIATION, SUBNET, TRANSIT_ROUTE
from policies.checks.whole import Whole, each, input_of, refers, stated

LINKS = (ROUTE, TRANSIT_ROUTE)
_LINKED = ("vpcPeeringConnectionId", "transitGatewayId")
_WIDEST = 16
"""Bits of the widest network that a VPC may have (docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html)."""


def narrow(resource: Resource, limits: Limits) -> Iterator[str]:
    """A route to another region leads to its network alone, and takes nothing else with it."""
    del limits
    if resource.type == ROUTE and not any(stated(input_of(resource, field)) for field in _LINKED):
        return
    try:
        wide = any(network.prefixlen < _WIDEST for network in _networks(resource))
    except ValueError:
        raise Unreadable("its destination is no range of addresses") from None
    if wide:
        yield f"leads more than a network of another region to it: state its range, /{_WIDEST} or narrower"


def _networks(resource: Resource) -> Iterator[IPv4Network | IPv6Network]:
    for field in ("destinationCidrBlock", "destinationIpv6CidrBlock"):
        block = text_at(resource.inputs, field)
        if block:
            yield ip_network(block)


def nodes(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Nodes are in subnets without a way in from the internet: no route of theirs leads to a gateway to it."""
    del limits
    open_tables = {
        table.urn
        for route in whole.of(ROUTE)
        if stated(input_of(route, "gatewayId"))
        for table in whole.of(ROUTE_TABLE)
        if refers(route, "routeTableId", table)
    }
    exposed = [
        subnet
        for association in whole.of(ROUTE_TABLE_ASSOCIATION)
        if open_tables.intersection(association.sources.get("routeTableId", ()))
        for subnet in whole.of(SUBNET)
        if refers(association, "subnetId", subnet)
    ]

    def check(group: Resource) -> Iterator[str]:
        names = sorted(subnet.name for subnet in exposed if refers(group, "subnetIds", subnet))
        if names:
            yield f"has nodes in {', '.join(names)}, which the internet has a way to"

    yield from each(whole.of(NODE_GROUP), check)
