"""How far pods that ask the API server are let out: to where it is, once somebody knows, and to any address before."""

from collections.abc import Mapping
from ipaddress import IPv4Network

import pytest

from settings import load
from tests.unit.aws_region import recorded
from tests.unit.aws_settings import ACCOUNT, EAST, MINE, WEST, cluster, on_aws, regions, subnets
from tests.unit.network import Peer, lets, outside, rules
from tests.unit.recorded import Recorded
from tests.unit.recorder import record_stack
from tests.unit.test_network import everybody
from tests.unit.test_settings_faults import faults

SERVICE_PORT, PORT_BEHIND = 443, 6443
JOBS = ("qdrant-rebalance", "qdrant-report", "qdrant-volumes", "redis-volumes")
"""They speak to nobody else at these ports."""
SERVERS = ("postgresql", "postgresql jobs")
"""They reach the store of backups, too."""
STATED = ["10.96.0.1/32", "10.1.2.0/28"]
YOURS = {"existing": {"vpc": "vpc-0000000a", "zones": [subnets(number) for number in range(3)]}}
OWN_RANGE = regions(EAST | {"cidr": "10.0.0.0/16"}, WEST)


def reached(run: Recorded, source: str, there: Mapping[str, Peer], port: int) -> set[str]:
    out = rules(run, "Egress", everybody(run)[source])
    return {name for name, peer in there.items() if lets(out, "to", peer, port)}


def test_where_the_ranges_are_stated_pods_are_let_out_to_these_alone() -> None:
    run = record_stack("us-east", overrides={"kubernetes": {"api_server_ranges": STATED}})
    there = {
        "Service": outside("10.96.0.1"),
        "behind it": outside("10.1.2.14"),
        "beside it": outside("10.1.2.16"),
        "another Service": outside("10.96.0.2"),
        "internet": outside("203.0.113.7"),
    }
    for source in (*JOBS, "pooler", *SERVERS):
        for port in (SERVICE_PORT, PORT_BEHIND):
            assert reached(run, source, there, port) == {"Service", "behind it"}, source


def of_eks(run: Recorded) -> dict[str, Peer]:
    """Where EKS has the API server, by what the program declares, and what is beside it."""
    (control_plane,) = (one for one in run.resources if one.type == "aws:eks/cluster:Cluster")
    assert control_plane.inputs["vpcConfig"]["endpointPrivateAccess"] is True
    services = IPv4Network(control_plane.inputs["kubernetesNetworkConfig"]["serviceIpv4Cidr"])
    isolated = [one for one in run.resources if one.type == "aws:ec2/subnet:Subnet" and "-isolated-" in one.name]
    (vpc,) = (one for one in run.resources if one.type == "aws:ec2/vpc:Vpc")
    after = IPv4Network(vpc.inputs["cidrBlock"]).broadcast_address + 1
    return {
        "Service": outside(str(services[1])),
        **{one.name: outside(str(IPv4Network(one.inputs["cidrBlock"])[-2])) for one in isolated},
        "another Service": outside(str(services[2])),
        "another VPC": outside(str(after)),
        "internet": outside("203.0.113.7"),
    }


@pytest.mark.parametrize("region", ["us-east", "us-west"])
def test_in_a_vpc_of_the_program_pods_are_let_out_to_it_and_to_the_service(region: str) -> None:
    """As policies see the address: before it is rewritten, or after. Backups are at addresses that nobody plans."""
    run = recorded()[region]
    there = of_eks(run)
    where_it_is = {name for name in there if name == "Service" or "-isolated-" in name}
    assert len(where_it_is) == 4
    for source in (*JOBS, "pooler"):
        assert reached(run, source, there, SERVICE_PORT) == where_it_is, source
        assert reached(run, source, there, PORT_BEHIND) == where_it_is, source
    for source in SERVERS:
        assert reached(run, source, there, SERVICE_PORT) == there.keys()
        assert reached(run, source, there, PORT_BEHIND) == where_it_is


@pytest.mark.parametrize("made", ["VPC of yours", "cluster of yours"])
def test_in_a_vpc_of_yours_they_are_open_until_you_say_where_it_is(made: str) -> None:
    aws = ACCOUNT | {"network": YOURS, "cluster": {"existing": MINE}}
    if made == "VPC of yours":
        aws = cluster() | {"network": YOURS}
    stated = on_aws(**OWN_RANGE, aws=aws, kubernetes={"api_server_ranges": STATED})
    assert faults(stated) == []
    assert load(stated, "us-east").api_server_ranges == tuple(STATED)
    assert load(on_aws(**OWN_RANGE, aws=aws), "us-east").api_server_ranges is None


def test_what_the_program_knows_itself_is_not_stated() -> None:
    assert faults(on_aws(kubernetes={"api_server_ranges": STATED})) == [
        f"kubernetes.api_server_ranges = [{', '.join(STATED)}]   without effect on the platform aws, where the program "
        "makes the cluster and its network, and knows them: remove it"
    ]
