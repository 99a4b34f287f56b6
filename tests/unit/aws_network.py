"""The network of a region on AWS by itself, and what tests ask of it."""

from functools import cache
from ipaddress import IPv4Network

import pulumi
import pulumi_aws as aws
import pulumi_random as random
from pulumi import ResourceOptions

from components.aws.network import Network, NetworkArgs, NetworkFacts
from settings import networks
from tests.unit.aws_region import ACCOUNT, record
from tests.unit.recorded import Recorded, Resource

ZONES = {"zone-a": "us-east-1a", "zone-b": "us-east-1b", "zone-c": "us-east-1d"}
CIDR = IPv4Network("10.64.0.0/16")
PLAN = networks.subnets(CIDR, ZONES)
KINDS = ("public", "private", "isolated")
ARGS = NetworkArgs(
    region="us-east",
    aws_region="us-east-1",
    account=ACCOUNT,
    cidr=CIDR,
    zones=ZONES,
    cluster="soma-us-east",
    flow_log_days=90,
)


def program() -> None:
    provider = aws.Provider("aws", region=ARGS.aws_region)
    await_all(Network("us-east-network", ARGS, ResourceOptions(provider=provider)))


def await_all(facts: NetworkFacts) -> None:
    """One resource for each fact, which waits for what the fact waits for."""

    def awaits(name: str, value: pulumi.Output[str]) -> None:
        random.RandomPassword(f"awaits-{name}", length=8, keepers={"fact": value})

    awaits("vpc", facts.vpc_id)
    for zone, subnets in facts.subnets.items():
        for kind in KINDS:
            found = getattr(subnets, kind)
            if found is not None:
                awaits(f"{kind}-{zone}", found)
        awaits(f"table-{zone}", facts.private_route_tables[zone])


@cache
def recorded() -> Recorded:
    return record(program)


def of(run: Recorded, type_: str) -> list[Resource]:
    """Resources of the network of a type: `ec2/subnet:Subnet`."""
    return [r for r in run.resources if r.type == f"aws:{type_}" and r.name.startswith("us-east-network-")]


def one(run: Recorded, type_: str, name: str) -> Resource:
    (found,) = (r for r in of(run, type_) if r.name == f"us-east-network-{name}")
    return found


def named(run: Recorded, urns: tuple[str, ...]) -> set[str]:
    """What a resource depends on, without the network's own name."""
    return {run.by_urn[urn].name.removeprefix("us-east-network-") for urn in urns}
