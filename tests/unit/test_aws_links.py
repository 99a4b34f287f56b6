"""Links by transit gateways, and what a change from peerings to them takes."""

import pulumi
import pytest

from components import link_kind
from components.aws.peers import PeerArgs, network_of
from rehearsal.engine.providers.aws import replaced
from rehearsal.errors import RehearsalError
from settings import differences, load, networks, shared
from tests.unit.aws_region import THREE, Regions, recorded, two
from tests.unit.recorded import Recorded
from tests.unit.test_aws_reach import aws_region_of, of, one

TRANSIT = "transit-gateway"


def regions() -> dict[str, Recorded]:
    return recorded(THREE, TRANSIT)


def test_each_region_has_a_gateway_of_its_own_that_does_nothing_by_itself() -> None:
    numbers: set[int] = set()
    for run in regions().values():
        gateway = one(run, "ec2transitgateway/transitGateway:TransitGateway")
        attachment = one(run, "ec2transitgateway/vpcAttachment:VpcAttachment")
        assert gateway.protect, "the packets of other regions cross it"
        assert attachment.protect
        defaults = {gateway.inputs[f"defaultRouteTable{kind}"] for kind in ("Association", "Propagation")}
        of_attachment = [
            attachment.inputs[f"transitGatewayDefaultRouteTable{k}"] for k in ("Association", "Propagation")
        ]
        assert defaults == {"disable"}
        assert of_attachment == [False, False]
        assert of(run, "ec2/vpcPeeringConnection:VpcPeeringConnection") == []
        numbers.add(gateway.inputs["amazonSideAsn"])
    assert len(numbers) == 3


def test_the_later_region_owns_the_link_and_declares_both_sides() -> None:
    assert of(regions()["us-east"], "ec2transitgateway/peeringAttachment:PeeringAttachment") == []
    run = regions()["eu-west"]
    asked = of(run, "ec2transitgateway/peeringAttachment:PeeringAttachment")
    accepted = of(run, "ec2transitgateway/peeringAttachmentAccepter:PeeringAttachmentAccepter")
    assert {(aws_region_of(run, it), it.inputs["peerRegion"]) for it in asked} == {
        ("eu-west-1", "us-east-1"),
        ("eu-west-1", "us-west-2"),
    }
    assert {aws_region_of(run, it) for it in accepted} == {"us-east-1", "us-west-2"}
    tables = of(run, "ec2transitgateway/routeTableAssociation:RouteTableAssociation", "-to-")
    routes = of(run, "ec2transitgateway/route:Route", "-to-")
    assert len(tables) == len(routes) == 4
    for it in (*tables, *routes):
        assert {acceptance.urn for acceptance in accepted} & set(it.depends_on), it.name
    for route in of(run, "ec2/route:Route", "-reach-"):
        assert "transitGatewayId" in route.inputs
        assert {it.urn for it in routes} & set(route.depends_on), "packets would leave before the gateways know the way"


def test_names_and_open_ports_are_those_of_a_link_by_peering() -> None:
    """Peered gateways resolve no names of each other; the zones are associated with both VPCs in any case."""
    kinds = ("route53/zoneAssociation:ZoneAssociation", "vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    by_peering, west = two()[1], recorded(link=TRANSIT)["us-west"]
    for kind in kinds:
        assert {it.urn: it.inputs for it in of(by_peering, kind)} == {it.urn: it.inputs for it in of(west, kind)}


def test_a_third_region_touches_only_what_is_new() -> None:
    for region, before in recorded(link=TRANSIT).items():
        after = regions()[region]
        there = {it.urn: it.inputs for it in after.resources}
        for resource in before.resources:
            if resource.type.startswith("aws:") and "-reach-" in resource.name:
                assert there[resource.urn] == resource.inputs, resource.urn
        known = {resource.urn for resource in before.resources}
        assert [it.name for it in after.resources if it.urn not in known and "eu-west" not in it.name] == []


def test_another_kind_changes_where_routes_lead_and_takes_none_away() -> None:
    """So a route leads to the peering until its gateways are ready, and what is not needed any more goes last."""
    runs = two()[1], recorded(link=TRANSIT)["us-west"]
    before, after = ({it.urn: it for it in run.resources} for run in runs)
    gone = {before[urn].type for urn in before.keys() - after.keys()}
    assert gone == {
        "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
        "aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter",
        "aws:ec2/peeringConnectionOptions:PeeringConnectionOptions",
    }
    assert {after[urn].type.split("/")[0] for urn in after.keys() - before.keys()} == {
        "aws:ec2transitgateway",
        "soma:aws:Transit",
    }
    both = [urn for urn in before.keys() & after.keys() if before[urn].type.startswith("aws:")]
    turned = [urn for urn in both if before[urn].inputs != after[urn].inputs]
    assert {before[urn].type for urn in turned} == {"aws:ec2/route:Route"}
    assert len(turned) == 6
    assert not any(replaced(before[urn].type, before[urn].inputs, after[urn].inputs) for urn in turned)


PLANNED = PeerArgs("us-east", "us-east-1", "10.64.0.0/16", ("zone-a",))


def test_a_region_that_is_linked_otherwise_is_refused_with_what_to_do() -> None:
    said = {"version": 1.0, "cidr": PLANNED.cidr, "aws_region": PLANNED.aws_region}
    asks = PeerArgs("us-east", "us-east-1", "10.64.0.0/16", ("zone-a",), "transit-gateway")
    assert network_of({**said, "link": "peering"}, PLANNED) == {**said, "link": "peering"}
    with pytest.raises(pulumi.RunError, match=r"us-east was brought up with peering: bring us-east to this first"):
        network_of(said, asks)
    with pytest.raises(pulumi.RunError, match=r"was brought up with transit-gateway: state transit-gateway here too"):
        network_of({**said, "link": TRANSIT}, PLANNED)


def test_the_first_region_changes_first() -> None:
    changed = Regions(link=TRANSIT)
    peered = Regions()
    peered.up("us-east")
    changed.plans["us-east"] = peered.plans["us-east"]
    with pytest.raises(RehearsalError, match=r"us-east was brought up with peering: .*pulumi up -s us-east"):
        changed.up("us-west")


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        (None, "peering", True),
        (None, TRANSIT, True),
        ("peering", TRANSIT, True),
        (TRANSIT, TRANSIT, True),
        (TRANSIT, "peering", False),
    ],
)
def test_there_is_no_way_back_by_the_setting(before: str | None, now: str, kept: bool) -> None:
    settings = load(Regions(link=now).configuration("us-east"), "us-east")
    outputs = {} if before is None else {"network": {"link": before}}
    assert (link_kind.fault(settings, outputs) is None) == kept


def test_going_back_is_refused_before_anything_is_made() -> None:
    before = {"us-east": {"network": {"link": TRANSIT}}}
    with pytest.raises(RehearsalError, match=r"multiregion.link = peering   this stack was brought up with transit-"):
        Regions().up("us-east", stacks=before)


def test_stacks_of_one_checkout_state_one_kind_and_a_standby_may_change_before_home() -> None:
    """The list decides who changes first, and home may be a later one."""
    own, home = (shared(load(Regions(link=link).configuration("us-west"), "us-west")) for link in (TRANSIT, "peering"))
    assert (own["multiregion.link"], home["multiregion.link"]) == (TRANSIT, "peering")
    assert differences(own, home, "us-east") == []


def test_numbers_of_gateways_are_private_and_as_unique_as_the_ranges() -> None:
    ranges = ["10.0.0.0/16", "10.64.0.0/16", "10.64.0.16/28", "172.16.0.0/16", "192.168.0.0/18", "100.127.255.240/28"]
    found = [networks.asn(networks.network(text)) for text in ranges]
    assert len(set(found)) == len(found)
    assert all(4_200_000_000 <= number <= 4_294_967_294 for number in found)
    assert networks.asn(networks.network("10.64.0.0/16")) == 4_204_194_304
    with pytest.raises(ValueError, match="not for private use"):
        networks.asn(networks.network("8.8.0.0/16"))


def test_a_stack_asks_its_own_region_whose_account_it_is() -> None:
    """STS of a lost region answers nobody, and every provider of a stack asks it at each update."""
    for run, region in zip(two(), ("us-east-1", "us-west-2"), strict=True):
        providers = [one for one in run.resources if one.type == "pulumi:providers:aws"]
        assert {provider.inputs["region"] for provider in providers} == {"us-east-1", "us-west-2"}
        for provider in providers:
            asked = provider.inputs.get("stsRegion") or provider.inputs["region"]
            assert asked == region, provider.name
