"""Everything on AWS in the region that it is for: the program's own is, and each test moves one thing."""

import dataclasses
import json
from typing import Any

import pytest

from policies.checks import places
from policies.checks.model import Limits, Resource
from policies.checks.plain import UNKNOWN
from policies.checks.whole import Whole
from policies.rules import GONE
from rehearsal import plain
from rehearsal.engine.model import STACK_REFERENCE
from tests.unit.policy_plan import REGIONS, Stack, find, planned, put, region, swapped, token_is
from tests.unit.test_policy_variants import every, made

EAST, WEST, ELSEWHERE = "us-east-1", "us-west-2", "eu-central-1"


def said(stack: Stack) -> list[str]:
    return [one.message for one in places.right_region(Whole(stack), Limits())]


def west() -> Stack:
    """The later region of two owns their link."""
    return region("aws", "us-west")


def gateways() -> Stack:
    return made("a transit gateway", 1)


def moved(stack: Stack, resource: Resource, to: str) -> Stack:
    return swapped(stack, resource, dataclasses.replace(resource, region=to))


def recorded(stack: Stack, **blocks: Any) -> Stack:
    record = find(stack, "ConfigMap", "record-settings")
    settings = json.loads(record.inputs["data"]["settings.json"]) | blocks
    return swapped(stack, record, put(record, "data", {"settings.json": json.dumps(settings)}))


@pytest.mark.parametrize("platform", ["aws", "kubernetes"])
@pytest.mark.parametrize("name", REGIONS)
def test_the_programs_own_regions_pass(platform: str, name: str) -> None:
    assert said(region(platform, name)) == []


@pytest.mark.parametrize(
    "variant",
    ["a transit gateway", "three regions", "a single region", "a network and a cluster of one's own"],
)
def test_what_the_settings_offer_passes(variant: str) -> None:
    # Of a network that is there the account knows that of the first region alone.
    stacks = [made(variant)] if "of one's own" in variant else list(every(variant).values())
    assert [said(stack) for stack in stacks] == [[] for _ in stacks]


def test_no_pack_is_shown_what_is_only_read() -> None:
    assert any(it.type == STACK_REFERENCE for it in planned("aws")["us-west"])
    assert not any(it.type == STACK_REFERENCE for it in west())
    assert not any("StackReference" in urn for it in west() for of in it.sources.values() for urn in of)


def test_a_route_belongs_where_its_peering_leads() -> None:
    stack = made("three regions", 2)
    route = next(
        it
        for it in stack
        if token_is(it.type, "aws.ec2.Route") and "-to-us-east-us-east-" in it.name and it.region == EAST
    )
    (message,) = said(moved(stack, route, WEST))
    assert f"is made in {WEST}, and belongs in {EAST}, the other side of a link" in message


class TestProviders:
    @pytest.mark.parametrize("name", ["-platform-aws", "-elsewhere", "-reach-us-east"])
    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (ELSEWHERE, f"is for {ELSEWHERE}, and this region has to do with {WEST}, {EAST} alone"),
            (GONE, "states no region"),
            (UNKNOWN, "cannot be judged: region cannot be known yet"),
        ],
    )
    def test_one_for_another_region_or_none_is_refused(self, name: str, value: Any, words: str) -> None:
        provider = find(west(), "aws.Provider", name)
        (message,) = said(swapped(west(), provider, put(provider, "region", value)))
        assert message.startswith(f"{provider.name}: ")
        assert words in message

    def test_the_region_of_copies_counts_wherever_it_is(self) -> None:
        """A single region's lie where backups.copy_region says."""
        stack = made("a single region")
        provider = find(stack, "aws.Provider", "-elsewhere")
        assert provider.inputs["region"] == "us-east-2"
        assert said(swapped(stack, provider, put(provider, "region", WEST))) != []
        assert said(recorded(stack, backups={"copy_region": ELSEWHERE})) != []


class TestResources:
    def test_every_resource_that_the_other_regions_provider_makes_is_refused(self) -> None:
        """Generated: each resource of the stack in turn, in the region where it does not belong."""
        for stack in (west(), gateways()):
            for resource in stack:
                if resource.type.startswith("aws:"):
                    to = EAST if resource.region == WEST else WEST
                    found = said(moved(stack, resource, to))
                    words = f"{resource.name}: is made in {to}, and belongs in {resource.region}, "
                    assert [message.startswith(words) for message in found] == [True], (resource.name, found)

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("-acceptance", "the other side of a link"),
            ("-to-us-east-us-east-zone-b", "the other side of a link"),
            ("-to-us-east-us-west-zone-b", "the region's own"),
            ("-copies-key-alias", "where the copies of the backups are"),
            ("-network-vpc", "the region's own"),
        ],
    )
    def test_it_is_told_why_something_belongs_there(self, name: str, why: str) -> None:
        (resource,) = (it for it in west() if it.name.endswith(name) and it.type.startswith("aws:"))
        (message,) = said(moved(west(), resource, ELSEWHERE))
        assert message == (
            f"{resource.name}: is made in {ELSEWHERE}, and belongs in {resource.region}, {why}: "
            f"give it the provider of {resource.region}"
        )

    def test_without_a_provider_of_a_known_region_it_is_refused(self) -> None:
        vpc = find(west(), "aws.ec2.Vpc")
        assert said(moved(west(), vpc, "")) == [
            f"{vpc.name}: in which region it is made cannot be known: give it the provider of {WEST}"
        ]

    def test_a_region_that_the_resource_itself_states_counts(self) -> None:
        """The AWS provider takes one of each resource, over its own."""

        changed = [
            dataclasses.replace(it, inputs={**it.inputs, "region": EAST}) if token_is(it.type, "aws.ec2.Vpc") else it
            for it in planned("aws")["us-west"]
        ]
        (message,) = said(plain.resources(changed))
        assert f"is made in {EAST}, and belongs in {WEST}" in message


class TestLinks:
    @pytest.mark.parametrize("of", ["peering", "transit gateway"])
    @pytest.mark.parametrize(("value", "words"), [(ELSEWHERE, ELSEWHERE), (WEST, WEST), (GONE, "not stated")])
    def test_a_peering_with_no_other_region_is_refused(self, of: str, value: str, words: str) -> None:
        stack = west() if of == "peering" else gateways()
        kind = "aws.ec2.VpcPeeringConnection" if of == "peering" else "aws.ec2transitgateway.PeeringAttachment"
        peering = find(stack, kind)
        found = said(swapped(stack, peering, put(peering, "peerRegion", value)))
        assert f"{peering.name}: peerRegion is {words}, and none of the other regions is there" in found

    def test_of_three_regions_each_link_leads_to_its_own(self) -> None:
        """The last of three links to both others: the peering of one with the region of the other is refused."""
        stack = made("three regions", 2)
        peering = find(stack, "aws.ec2.VpcPeeringConnection", "-us-east-peering")
        acceptance = find(stack, "aws.ec2.VpcPeeringConnectionAccepter", "-us-east-acceptance")
        found = said(swapped(stack, peering, put(peering, "peerRegion", WEST)))
        assert said(stack) == []
        assert (
            f"{acceptance.name}: is made in {EAST}, and belongs in {WEST}, the other side of a link: "
            f"give it the provider of {WEST}"
        ) in found

    @pytest.mark.parametrize(
        ("side", "where"), [("us-west", "none of the regions is there"), ("us-east", f"its network is in {WEST}")]
    )
    def test_a_network_in_another_region_than_a_zone_is_told_is_refused(self, side: str, where: str) -> None:
        association = find(west(), "aws.route53.ZoneAssociation", f"-{side}-names")
        (message,) = said(swapped(west(), association, put(association, "vpcRegion", ELSEWHERE)))
        assert f"vpcRegion is {ELSEWHERE}, and {where}" in message

    def test_a_network_that_was_there_is_the_regions_own(self) -> None:
        """Its ids come from no other stack, on either kind of link."""
        tables = {f"us-west-zone-{letter}": f"rtb-{letter}" for letter in "abc"}
        network = {"existing": {"vpc": "vpc-1", "zones": [{"route_table": one} for one in tables.values()]}}
        for stack in (west(), gateways()):
            given = tuple(
                dataclasses.replace(put(it, "routeTableId", tables[it.name[-len("us-west-zone-a") :]]), sources={})
                if it.name.endswith(tuple(tables)) and token_is(it.type, "aws.ec2.Route")
                else it
                for it in stack
            )
            assert given != stack
            assert said(recorded(given, aws={"network": network})) == []
            assert len(said(given)) == len(tables)

    def test_an_acceptance_of_no_peering_cannot_be_judged(self) -> None:
        peering = find(west(), "aws.ec2.VpcPeeringConnection")
        found = said(tuple(it for it in west() if it is not peering))
        assert any("-acceptance: cannot be judged: vpcPeeringConnectionId is of no peering" in one for one in found)


class TestRecord:
    def test_a_region_without_a_place_on_aws_is_refused(self) -> None:
        (message,) = said(recorded(west(), multiregion={"regions": [{"name": "us-east", "aws_region": EAST}]}))
        assert "does not say what AWS calls the region" in message

    def test_a_region_of_the_list_that_is_elsewhere_is_seen_everywhere(self) -> None:
        listed = [{"name": "us-east", "aws_region": ELSEWHERE}, {"name": "us-west", "aws_region": WEST}]
        found = " ".join(said(recorded(west(), multiregion={"regions": listed})))
        for words in ("peerRegion is us-east-1", "vpcRegion is us-east-1", "-reach-us-east: is for us-east-1"):
            assert words in found

    def test_without_multi_region_there_are_no_others(self) -> None:
        listed = [{"name": "us-east", "aws_region": EAST}, {"name": "us-west", "aws_region": WEST}]
        found = said(recorded(west(), multiregion={"enabled": False, "regions": listed}))
        assert any("-reach-us-east: is for us-east-1" in one for one in found)

    def test_copies_lie_where_the_list_says_first(self) -> None:
        listed = [
            {"name": "us-east", "aws_region": EAST},
            {"name": "us-west", "aws_region": WEST, "copy_region": ELSEWHERE},
        ]
        found = said(recorded(west(), multiregion={"regions": listed}))
        assert {message.partition(": ")[0].removeprefix("us-west-platform-backups-") for message in found} == {
            f"copies-{part}"
            for part in (
                "key", "bucket", "key-alias", "versions", "encryption", "access", "owner", "lifecycle", "policy",
            )
        }  # fmt: skip

    def test_without_a_record_nothing_is_judged(self) -> None:
        record = find(west(), "ConfigMap", "record-settings")
        assert said(tuple(it for it in west() if it is not record)) == []
