"""Regions on AWS by the real engine: the simulated account attached to it, under real control planes."""

from collections.abc import Iterator

import pytest

from rehearsal.aws import tokens
from rehearsal.engine import cli_workspace
from rehearsal.engine.aws_accounts import Accounts
from rehearsal.engine.cli import PulumiEngine
from rehearsal.engine.model import Change
from rehearsal.errors import RehearsalError
from rehearsal.overlay import ACCOUNT, NODES, ON_AWS
from rehearsal.progress import Progress
from rehearsal.summary import RegionSummary, Summary
from tests.rehearsal.stand import NAMESPACE, REGIONS, Stand, standing

pytestmark = pytest.mark.timeout(1200)
"""Seconds: the CLI waits until what it makes is ready, region by region, and a fixture brings both up."""

EAST, WEST = "us-east-1", "us-west-2"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("cli-aws"), PulumiEngine.name) as stand:
        for region in REGIONS:
            stand.set(region, "platform", "aws")
            stand.set(region, "aws", {**ON_AWS, "nodes": NODES})
        yield stand


@pytest.fixture(scope="module")
def previewed(stand: Stand) -> Summary:
    """What a preview from nothing said."""
    return stand.rehearsal().preview()


@pytest.fixture(scope="module")
def first(stand: Stand, previewed: Summary) -> Summary:
    """What the first `up` ended with."""
    del previewed
    return stand.up()


def changes(region: RegionSummary) -> set[Change]:
    """What happens to its resources; those that are only read stay the same."""
    return {step.change for step in region.outcome.steps} - {Change.SAME}


def test_a_preview_creates_all_and_keeps_nothing(previewed: Summary) -> None:
    assert [changes(region) for region in previewed.regions] == [{Change.CREATE}] * len(REGIONS)
    assert not cli_workspace.account_file().exists()


def test_both_regions_come_up_from_nothing(first: Summary) -> None:
    for region in first.regions:
        assert changes(region) == {Change.CREATE}, region.region
        assert all(zone.settled for zone in region.pods.values()), region.region


def test_the_link_is_there_on_both_sides(first: Summary) -> None:
    """As AWS was asked for it: by the later region's stack, in both regions."""
    del first
    world = Accounts(cli_workspace.account_file()).look(ACCOUNT, lambda found: found)
    (peering,) = world.of(tokens.PEERING)
    assert (peering.region, peering.inputs["peerRegion"]) == (WEST, EAST)
    (accepted,) = world.of(tokens.PEERING_ACCEPTER)
    assert (accepted.region, accepted.inputs["vpcPeeringConnectionId"]) == (EAST, peering.id)
    halves = {half.region: {*half.inputs} & {"requester", "accepter"} for half in world.of(tokens.PEERING_OPTIONS)}
    assert halves == {WEST: {"requester"}, EAST: {"accepter"}}
    for region, vpc, beyond in (
        (WEST, peering.inputs["vpcId"], "10.64.0.0/16"),
        (EAST, peering.inputs["peerVpcId"], "10.65.0.0/16"),
    ):
        routes = list(world.where(tokens.ROUTE, region, vpcPeeringConnectionId=peering.id))
        tables = [world.find(tokens.ROUTE_TABLE, region, route.text("routeTableId")) for route in routes]
        assert {route.inputs["destinationCidrBlock"] for route in routes} == {beyond}
        assert [table is not None and table.inputs["vpcId"] for table in tables] == 3 * [vpc]
        assert len({route.inputs["routeTableId"] for route in routes}) == 3, "a route for every zone"
    associated = {one.inputs["vpcRegion"]: one.inputs["vpcId"] for one in world.of(tokens.ZONE_ASSOCIATION)}
    assert associated == {WEST: peering.inputs["vpcId"], EAST: peering.inputs["peerVpcId"]}


def test_a_second_up_changes_nothing(first: Summary, stand: Stand) -> None:
    del first
    assert stand.up().unchanged


@pytest.mark.parametrize("region", REGIONS)
def test_what_holds_data_cannot_be_destroyed(first: Summary, stand: Stand, region: str) -> None:
    del first
    with pytest.raises(RehearsalError, match="protected"):
        PulumiEngine(stand.directory).destroy(region, Progress(stand.said))
    assert stand.client(region).find("apps/v1", "StatefulSet", "qdrant", NAMESPACE) is not None
