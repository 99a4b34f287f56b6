"""The network of a region on AWS: what reaches what, and that each zone does so by itself."""

import ast
import json
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pulumi_aws as aws
import pytest
from pulumi import ResourceOptions

import components
from components.aws.network import Network, NetworkArgs, of_yours
from settings.aws import ExistingNetwork, ExistingZone
from tests.unit.aws_network import CIDR, KINDS, PLAN, ZONES, await_all, named, of, one, recorded
from tests.unit.aws_region import ACCOUNT, record
from tests.unit.recorded import Recorded


@pytest.fixture
def run() -> Recorded:
    return recorded()


def routes_of(run: Recorded, table: str) -> dict[str, set[str]]:
    """Destination to what the route is made of, for a table."""
    return {
        route.inputs["destinationCidrBlock"]: named(run, route.depends_on) - {f"{table}-routes"}
        for route in of(run, "ec2/route:Route")
        if f"{table}-routes" in named(run, route.depends_on)
    }


def test_the_vpc_has_the_planned_range_names_and_protection(run: Recorded) -> None:
    (vpc,) = of(run, "ec2/vpc:Vpc")
    assert vpc.inputs["cidrBlock"] == "10.64.0.0/16"
    assert vpc.inputs["enableDnsSupport"] is True
    assert vpc.inputs["enableDnsHostnames"] is True
    assert vpc.protect


def test_what_asks_for_nothing_gets_nowhere(run: Recorded) -> None:
    (group,) = of(run, "ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert (group.inputs["ingress"], group.inputs["egress"]) == ([], [])
    (table,) = of(run, "ec2/defaultRouteTable:DefaultRouteTable")
    assert table.inputs["routes"] == []
    assert named(run, group.depends_on) == named(run, table.depends_on) == {"vpc"}


def test_no_route_or_rule_is_written_into_its_table_or_group(run: Recorded) -> None:
    for table in of(run, "ec2/routeTable:RouteTable"):
        assert "routes" not in table.inputs, table.urn
    for group in of(run, "ec2/securityGroup:SecurityGroup"):
        assert not {"ingress", "egress"} & set(group.inputs), group.urn


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_zone_has_its_planned_subnets(run: Recorded, zone: str, kind: str) -> None:
    made = one(run, "ec2/subnet:Subnet", f"{kind}-{zone}")
    assert made.inputs["cidrBlock"] == str(getattr(PLAN[zone], kind))
    assert made.inputs["availabilityZone"] == ZONES[zone]
    assert made.inputs["mapPublicIpOnLaunch"] is False


def test_there_are_no_other_subnets(run: Recorded) -> None:
    assert len(of(run, "ec2/subnet:Subnet")) == len(KINDS) * len(ZONES)


def test_load_balancers_find_the_subnets_that_are_for_them(run: Recorded) -> None:
    roles = {"public": {"kubernetes.io/role/elb": "1"}, "private": {"kubernetes.io/role/internal-elb": "1"}}
    for made in of(run, "ec2/subnet:Subnet"):
        kind = made.name.removeprefix("us-east-network-").partition("-")[0]
        of_kubernetes = {key: value for key, value in made.inputs["tags"].items() if key.startswith("kubernetes.io/")}
        shared = {"kubernetes.io/cluster/soma-us-east": "shared"} if kind in roles else {}
        assert of_kubernetes == {**roles.get(kind, {}), **shared}, made.urn


@pytest.mark.parametrize("zone", ZONES)
def test_a_private_subnet_gets_out_by_the_gateway_of_its_own_zone(run: Recorded, zone: str) -> None:
    assert routes_of(run, f"private-{zone}") == {"0.0.0.0/0": {f"nat-{zone}"}}
    gateway = one(run, "ec2/natGateway:NatGateway", f"nat-{zone}")
    used = named(run, gateway.depends_on)
    assert {name for name in used if name.startswith("public-zone-")} == {f"public-{zone}", f"public-{zone}-table"}
    assert f"nat-{zone}-address" in used
    # AWS makes a gateway that cannot reach the internet, and fails it.
    assert {"internet", "public-out"} <= used


def test_each_zone_has_one_gateway_and_one_address(run: Recorded) -> None:
    assert len(of(run, "ec2/natGateway:NatGateway")) == len(of(run, "ec2/eip:Eip")) == len(ZONES)


@pytest.mark.parametrize("zone", ZONES)
def test_an_isolated_subnet_does_not_get_out(run: Recorded, zone: str) -> None:
    assert routes_of(run, f"isolated-{zone}") == {}


def test_public_subnets_get_out_by_the_internet_gateway(run: Recorded) -> None:
    assert routes_of(run, "public") == {"0.0.0.0/0": {"internet"}}
    assert len(of(run, "ec2/internetGateway:InternetGateway")) == 1


def test_each_subnet_uses_the_table_of_its_kind_and_zone(run: Recorded) -> None:
    used = {
        tuple(sorted(name for name in named(run, made.depends_on)))
        for made in of(run, "ec2/routeTableAssociation:RouteTableAssociation")
    }
    assert used == {
        tuple(sorted((f"{kind}-{zone}", "public-routes" if kind == "public" else f"{kind}-{zone}-routes")))
        for kind in KINDS
        for zone in ZONES
    }
    assert len(of(run, "ec2/routeTableAssociation:RouteTableAssociation")) == len(used)


class TestWhoUsesIt:
    @pytest.mark.parametrize("zone", ZONES)
    def test_private_subnets_are_there_once_their_way_out_is(self, run: Recorded, zone: str) -> None:
        assert waited_for(run, f"private-{zone}") >= {
            f"private-{zone}",
            f"private-{zone}-table",
            f"private-{zone}-out",
        }

    @pytest.mark.parametrize("zone", ZONES)
    def test_public_subnets_are_there_once_the_internet_is(self, run: Recorded, zone: str) -> None:
        assert waited_for(run, f"public-{zone}") == {
            f"public-{zone}",
            f"public-{zone}-table",
            "public-out",
            "internet",
        }

    @pytest.mark.parametrize("zone", ZONES)
    def test_isolated_subnets_and_tables_are_their_own_zones(self, run: Recorded, zone: str) -> None:
        assert waited_for(run, f"isolated-{zone}") == {f"isolated-{zone}", f"isolated-{zone}-table"}
        assert waited_for(run, f"table-{zone}") == {f"private-{zone}-routes"}

    def test_the_vpc_is_the_vpc(self, run: Recorded) -> None:
        assert waited_for(run, "vpc") == {"vpc"}


def waited_for(run: Recorded, fact: str) -> set[str]:
    (awaits,) = (r for r in run.resources if r.name == f"awaits-{fact}")
    return named(run, awaits.depends_on)


class TestEveryResource:
    def test_goes_to_the_provider_that_was_given(self, run: Recorded) -> None:
        (provider,) = (r for r in run.resources if r.type == "pulumi:providers:aws")
        made = [r for r in run.resources if r.type.startswith("aws:")]
        assert len(made) > 50
        assert {r.provider for r in made} == {provider.urn}

    def test_hangs_under_a_component_and_carries_its_name(self, run: Recorded) -> None:
        network = next(r for r in run.resources if r.type == "soma:aws:Network")
        for resource in run.resources:
            if resource.name.startswith("us-east-network-"):
                parent = run.by_urn[resource.parent or ""]
                assert parent.type.startswith("soma:aws:"), resource.urn
                assert resource.name.startswith(f"{parent.name}-"), resource.urn
        kinds = {r.type for r in run.resources if r.parent == network.urn and not r.custom}
        assert kinds == {"soma:aws:Endpoints", "soma:aws:FlowLogs"}

    def test_has_a_name_in_the_console_where_it_can_have_one(self, run: Recorded) -> None:
        for resource in run.resources:
            tags = resource.inputs.get("tags", {})
            if resource.name.startswith("us-east-network-") and tags:
                assert tags["Name"].startswith("us-east-"), resource.urn


def test_another_region_has_other_addresses_and_no_name_of_this_one(run: Recorded) -> None:
    other = NetworkArgs(
        region="us-west",
        aws_region="us-west-2",
        account=ACCOUNT,
        cidr=IPv4Network("10.65.0.0/16"),
        zones={"zone-a": "us-west-2a", "zone-b": "us-west-2b"},
        cluster="soma-us-west",
        flow_log_days=7,
    )

    def west() -> None:
        provider = aws.Provider("aws", region="us-west-2")
        await_all(Network("us-west-network", other, ResourceOptions(provider=provider)))

    recorded = record(west)
    text = json.dumps([[r.name, r.inputs] for r in recorded.resources], default=str)
    assert "us-east" not in text
    assert "10.64." not in text
    assert {r.name for r in recorded.resources if r.type == "aws:ec2/natGateway:NatGateway"} == {
        "us-west-network-nat-zone-a",
        "us-west-network-nat-zone-b",
    }


class TestAVpcOfYours:
    SETTINGS = ExistingNetwork(
        vpc="vpc-0000000a",
        zones=(
            ExistingZone(private="subnet-0000000a", public="subnet-000000a0", route_table="rtb-0000000a"),
            ExistingZone(private="subnet-0000000b", isolated="subnet-00000b00", route_table="rtb-0000000b"),
        ),
    )

    def test_has_the_same_facts_and_makes_nothing(self) -> None:
        def yours() -> None:
            zones = {"zone-a": "us-east-1a", "zone-b": "us-east-1b"}
            facts = of_yours(self.SETTINGS, CIDR, zones)
            assert facts.cidr == CIDR
            await_all(facts)

        found = {r.name: r.inputs["keepers"]["fact"] for r in record(yours).resources if "awaits" in r.name}
        assert found == {
            "awaits-vpc": "vpc-0000000a",
            "awaits-public-zone-a": "subnet-000000a0",
            "awaits-private-zone-a": "subnet-0000000a",
            "awaits-isolated-zone-a": "subnet-0000000a",
            "awaits-table-zone-a": "rtb-0000000a",
            "awaits-private-zone-b": "subnet-0000000b",
            "awaits-isolated-zone-b": "subnet-00000b00",
            "awaits-table-zone-b": "rtb-0000000b",
        }

    def test_a_made_one_is_no_less(self, run: Recorded) -> None:
        assert len([r for r in run.resources if r.name.startswith("awaits-")]) == 1 + 4 * len(ZONES)


def test_a_region_elsewhere_does_not_load_the_sdk_of_aws() -> None:
    """Importing it takes longer than the whole program."""
    loaded: Mapping[str, list[str]] = {
        file.name: [name for name in imported(file) if name.startswith(("pulumi_aws", "components.aws"))]
        for file in Path(components.__path__[0]).glob("*.py")
    }
    assert {name: found for name, found in loaded.items() if found} == {}


def imported(file: Path) -> Iterator[str]:
    """Modules that a file imports as soon as it is imported itself."""
    for statement in ast.parse(file.read_text()).body:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


def names(run: Recorded) -> dict[str, Any]:
    return {r.name: r.inputs["name"] for r in run.resources if "name" in r.inputs}


def test_names_are_within_the_limits_of_aws_for_the_longest_region() -> None:
    longest = NetworkArgs(
        region="r" * 20,
        aws_region="us-east-1",
        account=ACCOUNT,
        cidr=CIDR,
        zones=ZONES,
        cluster=f"somafractalmemory-{'r' * 20}",
        flow_log_days=90,
    )

    def program() -> None:
        provider = aws.Provider("aws", region="us-east-1")
        await_all(Network("network", longest, ResourceOptions(provider=provider)))

    given = names(record(program))
    assert len(given["network-flow-logs-role"]) <= 64
    assert len(given["network-endpoints-group"]) <= 255
    assert len(given["network-flow-logs-group"]) <= 512
    assert given["network-flow-logs-key-alias"].startswith("alias/")
    assert len(given["network-flow-logs-key-alias"]) <= 256
