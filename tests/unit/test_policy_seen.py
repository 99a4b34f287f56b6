"""A pack that saw nothing of a kind says so: every kind that a region's settings ask for is taken away in turn."""

import dataclasses
import json
from typing import Any

import pytest

from policies.checks import tokens
from policies.checks.model import Resource
from policies.checks.names import routing
from tests.unit.policy_plan import PLATFORMS, REGIONS, Stack, find, put, region, swapped, token_is, verdicts
from tests.unit.test_policy_variants import VARIANTS, made

SELF_CHECKS = {"nothing-missing", "every-kind"}
ON_EVERY_PLATFORM = (
    "HorizontalPodAutoscaler", "Service", "NetworkPolicy", "PodDisruptionBudget", "Deployment", "StatefulSet",
    "Cluster", "Pooler", "ConfigMap", "Secret", "Namespace", "ServiceAccount", "Role", "RoleBinding", "VirtualServer",
)  # fmt: skip
ON_AWS = (
    "aws.eks.NodeGroup", "aws.eks.Cluster", "aws.ec2.NatGateway", "aws.ec2.Vpc", "aws.ec2.Subnet", "aws.ec2.Route",
    "aws.ec2.RouteTable", "aws.ec2.RouteTableAssociation", "aws.ec2.VpcEndpoint", "aws.route53.Zone",
    "aws.route53.Record", "aws.s3.Bucket", "aws.kms.Key", "Release",
)  # fmt: skip
PEERING = (
    "aws.ec2.VpcPeeringConnection", "aws.ec2.VpcPeeringConnectionAccepter", "aws.ec2.PeeringConnectionOptions",
    "aws.route53.ZoneAssociation",
)  # fmt: skip
GATEWAYS = (
    "aws.ec2transitgateway.TransitGateway", "aws.ec2transitgateway.PeeringAttachment",
    "aws.ec2transitgateway.PeeringAttachmentAccepter",
)  # fmt: skip
OWN = "a network and a cluster of one's own"


def missed(stack: Stack) -> list[str]:
    """What the self-checks of all packs say."""
    return [it.message for it in verdicts(stack, changed=()) if it.policy in SELF_CHECKS]


def without(stack: Stack, kind: str) -> Stack:
    left = tuple(it for it in stack if not token_is(it.type, kind))
    assert len(left) < len(stack), f"the region has no {kind}"
    return left


def named(messages: list[str], kind: str) -> bool:
    """Whether one says that there is none, and that nothing of it was judged."""
    name = kind.rpartition(".")[2]
    return any(f"no {name}" in one and "the other policies judged nothing of the kind" in one for one in messages)


def recorded(stack: Stack, **blocks: Any) -> Stack:
    record = find(stack, "ConfigMap", "record-settings")
    settings = json.loads(record.inputs["data"]["settings.json"]) | blocks
    return swapped(stack, record, put(record, "data", {"settings.json": json.dumps(settings)}))


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", REGIONS)
def test_the_programs_own_regions_lack_nothing(platform: str, name: str) -> None:
    assert missed(region(platform, name)) == []


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_kind_that_is_gone_is_named(platform: str, name: str) -> None:
    stack = region(platform, name)
    kinds = ON_EVERY_PLATFORM + (ON_AWS if platform == "aws" else ())
    kinds += PEERING if (platform, name) == ("aws", "us-west") else ()
    assert [kind for kind in kinds if not named(missed(without(stack, kind)), kind)] == []


@pytest.mark.parametrize("number", [0, 1])
def test_transit_gateways_are_asked_for_where_they_link_the_regions(number: int) -> None:
    stack = made("a transit gateway", number)
    assert missed(stack) == []
    kinds = GATEWAYS if number else GATEWAYS[:1]
    assert [kind for kind in kinds if not named(missed(without(stack, kind)), kind)] == []


def test_it_is_said_how_many_resources_were_seen() -> None:
    stack = without(region("aws", "us-east"), "aws.ec2.NatGateway")
    told = f"the other policies judged nothing of the kind ({len(stack)} resources were seen)"
    assert missed(stack) == [f"the stack holds no NatGateway: {told}"]


class TestPublicNames:
    @pytest.mark.parametrize("variant", ["public names by latency", "public names by failover"])
    def test_records_and_checks_are_asked_for_where_a_hosted_zone_is_stated(self, variant: str) -> None:
        stack = made(variant)
        assert missed(stack) == []
        assert named(missed(without(stack, "aws.route53.HealthCheck")), "HealthCheck")
        rest = tuple(it for it in stack if not (it.type == tokens.RECORD and routing(it)))
        assert any(it.type == tokens.RECORD for it in rest), "names for other regions are left"
        assert any("no Record with a routing policy" in one for one in missed(rest))

    def test_without_a_hosted_zone_or_an_ingress_there_are_none(self) -> None:
        assert missed(region("aws", "us-east")) == []
        stack = region("aws", "us-east")
        dns = json.loads(find(stack, "ConfigMap", "record-settings").inputs["data"]["settings.json"])["aws"]
        stated = recorded(stack, aws=dns | {"dns": {"hosted_zone": "Z0123456789ABCDEFGHIJ"}})
        assert named(missed(stated), "HealthCheck")
        assert missed(recorded(stated, ingress={"enabled": False}, aws=dns)) == []


class TestVariants:
    @pytest.mark.parametrize("variant", VARIANTS)
    def test_what_the_settings_offer_lacks_nothing(self, variant: str) -> None:
        assert missed(made(variant)) == []

    @pytest.mark.parametrize("number", [1, 2])
    def test_each_of_three_regions_lacks_nothing(self, number: int) -> None:
        assert missed(made("three regions", number)) == []

    def test_a_network_and_a_cluster_that_are_there_are_not_asked_for(self) -> None:
        stack = made(OWN)
        there = {it.type for it in stack}
        for token in (tokens.SUBNET, tokens.NAT_GATEWAY, tokens.VPC_ENDPOINT, tokens.NODE_GROUP, tokens.EKS_CLUSTER):
            assert token not in there

    def test_a_single_region_has_no_links_and_needs_none(self) -> None:
        there = {it.type for it in made("a single region")}
        assert not there & {tokens.PEERING, tokens.ZONE_ASSOCIATION}

    def test_a_link_that_the_settings_do_not_ask_for_is_not_missed(self) -> None:
        """The earlier one of two regions owns none; without multi-region nobody does."""
        stack = region("aws", "us-west")
        rest = stack
        for kind in PEERING:
            rest = without(rest, kind)
        assert named(missed(rest), "VpcPeeringConnection")
        record = json.loads(find(stack, "ConfigMap", "record-settings").inputs["data"]["settings.json"])
        assert missed(recorded(rest, multiregion=record["multiregion"] | {"enabled": False})) == []

    def test_no_autoscaler_is_asked_for_where_it_is_switched_off(self) -> None:
        stack = without(region("kubernetes", "us-east"), "HorizontalPodAutoscaler")
        record = json.loads(find(stack, "ConfigMap", "record-settings").inputs["data"]["settings.json"])
        memory = record["memory"] | {"autoscaling": record["memory"]["autoscaling"] | {"enabled": False}}
        assert named(missed(stack), "HorizontalPodAutoscaler")
        assert missed(recorded(stack, memory=memory)) == []

    def test_services_that_are_there_are_not_asked_for(self) -> None:
        stack = without(region("aws", "us-east"), "Release")
        assert named(missed(stack), "Release")
        assert missed(recorded(stack, services={"installed": ["cert-manager"]})) == []


def test_a_stack_with_resources_of_other_programs_alone_is_refused_by_each_pack() -> None:
    strangers: list[Resource] = [
        dataclasses.replace(it, inputs={}) for it in region("aws", "us-east") if it.type.startswith(("random:", "tls:"))
    ]
    refusing = {it.pack for it in verdicts(tuple(strangers)) if it.policy in SELF_CHECKS}
    assert refusing == {"data-safety", "high-availability", "security"}
