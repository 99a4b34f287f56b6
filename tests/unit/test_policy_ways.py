"""Ways of a network on AWS: no wider than needed, none from the internet to nodes, load balancers over zones."""

import dataclasses
from typing import Any

import pytest

from policies.checks.model import Resource
from tests.unit.policy_plan import GONE, Stack, find, put, region, swapped, verdicts

EAST, WEST = ("aws", "us-east"), ("aws", "us-west")


def said(policy: str, stack: Stack, changed: Resource | None = None) -> list[str]:
    changes, packs = [] if changed is None else [changed], ("high-availability", "security")
    return [it.message for it in verdicts(stack, changes, packs=packs, policies={policy})]


def broken(policy: str, place: tuple[str, str], resource: Resource, path: str, value: Any) -> list[str]:
    new = put(resource, path, value)
    return said(policy, swapped(region(*place), resource, new), new)


def to_other_region() -> Resource:
    return find(region(*WEST), "aws.ec2.Route", where=lambda it: "vpcPeeringConnectionId" in it.inputs)


@pytest.mark.parametrize(
    ("field", "block", "words"),
    [
        ("destinationCidrBlock", "0.0.0.0/0", "leads more than a network"),
        ("destinationCidrBlock", "10.0.0.0/15", "/16 or narrower"),
        ("destinationIpv6CidrBlock", "::/0", "leads more than a network"),
        ("destinationCidrBlock", "anywhere", "cannot be judged: its destination is no range"),
    ],
)
def test_a_route_to_another_region_that_is_too_wide_is_refused(field: str, block: str, words: str) -> None:
    (message,) = broken("narrow-links", WEST, to_other_region(), field, block)
    assert words in message


def test_a_route_to_another_region_leads_to_its_network() -> None:
    assert said("narrow-links", region(*WEST), to_other_region()) == []
    assert broken("narrow-links", WEST, to_other_region(), "destinationCidrBlock", "10.0.0.0/16") == []


def test_the_way_out_may_lead_anywhere() -> None:
    out = find(region(*EAST), "aws.ec2.Route", "private-zone-a-out")
    assert out.inputs["destinationCidrBlock"] == "0.0.0.0/0"
    assert said("narrow-links", region(*EAST), out) == []


def test_nodes_in_a_subnet_with_a_way_in_from_the_internet_are_refused() -> None:
    stack = region(*EAST)
    group = find(stack, "aws.eks.NodeGroup", "stateless-zone-a")
    public = find(stack, "aws.ec2.Subnet", "public-zone-a")
    moved = dataclasses.replace(group, sources={**group.sources, "subnetIds": (public.urn,)})
    assert said("private-nodes", stack) == []
    (message,) = said("private-nodes", swapped(stack, group, moved))
    assert message == f"{group.name}: has nodes in {public.name}, which the internet has a way to"


class TestLoadBalancers:
    def balancer(self) -> Resource:
        return find(region(*EAST), "aws.lb.LoadBalancer")

    def test_one_in_two_zones_is_refused(self) -> None:
        balancer = self.balancer()
        two = tuple(urn for urn in balancer.sources["subnets"] if "zone-c" not in urn)
        fewer = dataclasses.replace(balancer, sources={**balancer.sources, "subnets": two})
        (message,) = said("balancers-in-zones", swapped(region(*EAST), balancer, fewer))
        assert message == f"{balancer.name}: subnets are in 2 zones, at least 3 are required"

    @pytest.mark.parametrize("value", [False, GONE])
    def test_one_whose_zones_have_their_own_pods_alone_is_refused(self, value: Any) -> None:
        found = broken("balancers-in-zones", EAST, self.balancer(), "enableCrossZoneLoadBalancing", value)
        assert ["a zone without pods of its own answers nobody" in message for message in found] == [True]

    def test_one_for_http_always_serves_all_zones(self) -> None:
        stack, balancer = region(*EAST), self.balancer()
        new = put(put(balancer, "loadBalancerType", GONE), "enableCrossZoneLoadBalancing", GONE)
        assert said("balancers-in-zones", swapped(stack, balancer, new)) == []

    @pytest.mark.parametrize(
        ("path", "value", "words"),
        [
            ("healthCheck", GONE, "cannot be judged: healthCheck is missing"),
            ("healthCheck.enabled", False, "healthCheck.enabled is false"),
            ("healthCheck.interval", 30, "after 60 s of silence only, not 30"),
            ("healthCheck.interval", GONE, "after 60 s of silence only, not 30"),
            ("healthCheck.unhealthyThreshold", 10, "after 50 s of silence only, not 30"),
            ("healthCheck.path", GONE, "healthCheck.path is not stated"),
            ("deregistrationDelay", 0, "what is under way at a pod that ends is cut off"),
            ("targetType", "instance", "targetType is not ip"),
            ("targetType", GONE, "targetType is not ip"),
        ],
    )
    def test_targets_that_are_not_known_to_serve_are_refused(self, path: str, value: Any, words: str) -> None:
        stack = region(*EAST)
        targets = find(stack, "aws.lb.TargetGroup", where=lambda it: "path" in it.inputs["healthCheck"])
        assert said("target-health", stack, targets) == []
        found = broken("target-health", EAST, targets, path, value)
        assert [words in message for message in found] == [True], found
