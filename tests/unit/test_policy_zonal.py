"""A region on AWS over its zones: the program's own passes, and each test takes one thing away or puts it elsewhere."""

import dataclasses
from typing import Any

import pytest

from policies.checks.model import Resource
from tests.unit.policy_plan import GONE, Stack, find, put, region, swapped, verdicts, without

ZONAL = {
    "subnets-in-zones",
    "nat-per-zone",
    "nodes-in-zones",
    "links-both-ways",
    "cluster-support",
    "control-plane-zones",
    "endpoints-in-zones",
}
EAST, WEST = ("aws", "us-east"), ("aws", "us-west")


def refused(stack: Stack) -> list[tuple[str, str]]:
    """Policy and message of what these policies refuse."""
    return [(it.policy, it.message) for it in verdicts(stack, packs=("high-availability",), policies=ZONAL)]


def kinds(stack: Stack, kind: str, name: str = "") -> list[Resource]:
    return [it for it in stack if it.type.endswith(f":{kind}") and name in it.name]


def moved(stack: Stack, resource: Resource, field: str, to: Resource) -> Stack:
    """The input comes from another resource."""
    return swapped(stack, resource, dataclasses.replace(resource, sources={**resource.sources, field: (to.urn,)}))


@pytest.mark.parametrize("place", [EAST, WEST])
def test_the_programs_own_regions_use_their_zones(place: tuple[str, str]) -> None:
    assert refused(region(*place)) == []
    assert {len(kinds(region(*place), kind)) for kind in ("NatGateway", "Subnet", "NodeGroup")} == {3, 9, 6}


def test_a_network_in_two_zones_is_refused() -> None:
    stack = region(*EAST)
    for subnet in kinds(stack, "Subnet", "zone-c"):
        (there,) = (it for it in stack if it.name == subnet.name)
        stack = swapped(stack, there, put(there, "availabilityZone", "us-east-1b"))
    said = refused(stack)
    assert (
        "subnets-in-zones",
        f"{find(stack, 'aws.ec2.Vpc').name}: has subnets in 2 zones, at least 3 are required",
    ) in said


def test_a_control_plane_in_two_zones_is_refused() -> None:
    stack = region(*EAST)
    cluster = find(stack, "aws.eks.Cluster")
    two = tuple(urn for urn in cluster.sources["vpcConfig"] if "zone-c" not in urn)
    fewer = dataclasses.replace(cluster, sources={**cluster.sources, "vpcConfig": two})
    said = f"{cluster.name}: vpcConfig.subnetIds are in 2 zones, at least 3 are required"
    assert refused(swapped(stack, cluster, fewer)) == [("control-plane-zones", said)]


def test_an_endpoint_in_two_zones_is_refused() -> None:
    """The policy endpoints-in-zones."""
    stack = region(*EAST)
    endpoint = find(stack, "aws.ec2.VpcEndpoint", where=lambda it: it.inputs.get("vpcEndpointType") == "Interface")
    two = tuple(urn for urn in endpoint.sources["subnetIds"] if "zone-c" not in urn)
    fewer = dataclasses.replace(endpoint, sources={**endpoint.sources, "subnetIds": two})
    said = f"{endpoint.name}: subnetIds are in 2 zones, at least 3 are required"
    assert refused(swapped(stack, endpoint, fewer)) == [("endpoints-in-zones", said)]


class TestWaysOut:
    def test_a_zone_without_a_gateway_of_its_own_is_refused(self) -> None:
        stack = region(*EAST)
        gateway, route = find(stack, "aws.ec2.NatGateway", "zone-b"), find(stack, "aws.ec2.Route", "private-zone-b-out")
        ((policy, message),) = refused(without(stack, gateway, route))
        assert policy == "nat-per-zone"
        assert "us-east-1b has no NAT gateway" in message

    def test_a_route_through_another_zone_is_refused(self) -> None:
        stack = region(*EAST)
        route = find(stack, "aws.ec2.Route", "private-zone-b-out")
        other = find(stack, "aws.ec2.NatGateway", "zone-a")
        said = {message for _, message in refused(moved(stack, route, "natGatewayId", other))}
        assert f"{route.name}: leads us-east-1b out through us-east-1a" in said

    def test_a_gateway_that_no_route_leads_to_is_refused(self) -> None:
        stack = region(*EAST)
        gateway, route = find(stack, "aws.ec2.NatGateway", "zone-b"), find(stack, "aws.ec2.Route", "private-zone-b-out")
        assert refused(without(stack, route)) == [("nat-per-zone", f"{gateway.name}: no route leads to it")]

    def test_a_gateway_in_another_zone_is_refused(self) -> None:
        stack = region(*EAST)
        gateway, elsewhere = find(stack, "aws.ec2.NatGateway", "zone-b"), find(stack, "aws.ec2.Subnet", "public-zone-a")
        said = " ".join(message for _, message in refused(moved(stack, gateway, "subnetId", elsewhere)))
        assert "us-east-1b has no NAT gateway" in said
        assert "leads us-east-1b out through us-east-1a" in said

    def test_a_network_without_any_way_out_lacks_none(self) -> None:
        stack = region(*EAST)
        gone = [*kinds(stack, "NatGateway"), *(it for it in kinds(stack, "Route") if it.name.endswith("-out"))]
        assert refused(without(stack, *gone)) == []


class TestNodes:
    @pytest.mark.parametrize("use", ["stateful", "stateless"])
    def test_nodes_of_a_use_in_two_zones_are_refused(self, use: str) -> None:
        stack = region(*EAST)
        lost = find(stack, "aws.eks.NodeGroup", f"{use}-zone-c")
        ((policy, message),) = refused(without(stack, lost))
        assert policy == "nodes-in-zones"
        assert f"{use}-zone-a and its like are in 2 zones, at least 3 are required" in message

    def test_a_group_that_holds_data_in_two_zones_is_refused(self) -> None:
        stack = region(*EAST)
        for use, refuses in (("stateful", True), ("stateless", False)):
            group = find(stack, "aws.eks.NodeGroup", f"{use}-zone-a")
            both = (*group.sources["subnetIds"], find(stack, "aws.ec2.Subnet", "private-zone-b").urn)
            wide = dataclasses.replace(group, sources={**group.sources, "subnetIds": both})
            said = refused(swapped(stack, group, wide))
            assert [("holds data in 2 zones" in message) for _, message in said] == [True] * refuses

    @pytest.mark.parametrize(
        ("use", "path", "value", "words"),
        [
            ("stateful", "capacityType", "SPOT", "AWS may take away"),
            ("stateful", "scalingConfig.minSize", 0, "may be without a node"),
            ("stateless", "scalingConfig.minSize", 0, "may be without a node"),
            ("stateless", "scalingConfig", GONE, "may be without a node"),
            ("stateless", "labels", {"other": "use"}, "are in 1 zones, at least 3 are required"),
            ("stateless", "labels", "text", "cannot be judged: labels"),
        ],
    )
    def test_a_broken_field_is_refused(self, use: str, path: str, value: Any, words: str) -> None:
        stack = region(*EAST)
        group = find(stack, "aws.eks.NodeGroup", f"{use}-zone-b")
        said = refused(swapped(stack, group, put(group, path, value)))
        assert said
        assert {policy for policy, _ in said} == {"nodes-in-zones"}
        assert any(words in message for _, message in said), said

    def test_what_holds_no_data_may_be_taken_away(self) -> None:
        stack = region(*EAST)
        group = find(stack, "aws.eks.NodeGroup", "stateless-zone-b")
        assert refused(swapped(stack, group, put(group, "capacityType", "SPOT"))) == []


class TestLinks:
    def link(self) -> tuple[Stack, Resource]:
        """The later region of two owns their link."""
        stack = region(*WEST)
        return stack, find(stack, "aws.ec2.VpcPeeringConnection")

    def test_what_nobody_accepts_is_refused(self) -> None:
        stack, peering = self.link()
        accepter = find(stack, "aws.ec2.VpcPeeringConnectionAccepter")
        said = refused(without(stack, accepter))
        assert ("links-both-ways", f"{peering.name}: nobody accepts it") in said

    @pytest.mark.parametrize("side", ["requester", "accepter"])
    def test_names_that_do_not_resolve_are_refused(self, side: str) -> None:
        stack, peering = self.link()
        options = find(stack, "aws.ec2.PeeringConnectionOptions", f"-{side}")
        expected = [("links-both-ways", f"{peering.name}: names of the other side do not resolve for the {side}")]
        assert refused(without(stack, options)) == expected
        weak = put(options, f"{side}.allowRemoteVpcDnsResolution", False)
        assert refused(swapped(stack, options, weak)) == expected

    @pytest.mark.parametrize(("side", "aws_region"), [("us-east", "us-east-1"), ("us-west", "us-west-2")])
    def test_a_route_that_is_lacking_on_either_side_is_refused(self, side: str, aws_region: str) -> None:
        stack, _ = self.link()
        route = find(stack, "aws.ec2.Route", f"reach-to-us-east-{side}-zone-b")
        said = refused(without(stack, route))
        assert any(f"2 routes lead to it in {aws_region}, at least 3 are required" in message for _, message in said)
        own = any("no route of" in message for _, message in said)
        assert own is (side == "us-west"), "of the other side's tables this stack knows the numbers alone"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("upgradePolicy", GONE, "upgradePolicy.supportType is not STANDARD"),
        ("upgradePolicy.supportType", "EXTENDED", "upgradePolicy.supportType is not STANDARD"),
        ("version", GONE, "version is not stated"),
    ],
)
def test_a_cluster_that_may_grow_old_is_refused(path: str, value: str, words: str) -> None:
    stack = region(*EAST)
    cluster = find(stack, "aws.eks.Cluster")
    ((policy, message),) = refused(swapped(stack, cluster, put(cluster, path, value)))
    assert (policy, words in message) == ("cluster-support", True)


def test_a_network_that_is_there_already_is_not_judged() -> None:
    """Its subnets are ids in the settings."""
    stack = region(*EAST)
    given = [
        dataclasses.replace(it, sources=dict.fromkeys(it.sources, ())) if it.type.endswith("NodeGroup") else it
        for it in stack
        if not it.type.startswith("aws:ec2/")
    ]
    assert refused(tuple(given)) == []
