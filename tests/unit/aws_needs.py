"""Every way that regions on AWS need, and every one that they must not have, over the networks that they declare."""

from collections.abc import Iterator, Sequence
from itertools import permutations

from tests.unit.aws_paths import SOMEWHERE, Networks

POSTGRES, HTTP, HTTPS, HEALTH = 5432, 80, 443, 8081
"""HEALTH is that of the ingress controller's pods, which load balancers ask."""
CLUSTER = "eks/cluster:Cluster"

Need = tuple[str, bool]
"""What is needed, in words, and whether it is so."""


def broken(net: Networks, regions: Sequence[str]) -> list[str]:
    """What is not as it has to be."""
    return [what for what, met in needs(net, regions) if not met]


def intact(net: Networks, regions: Sequence[str]) -> bool:
    """Is everything as it has to be? Sooner known than what is not."""
    return all(met for _, met in needs(net, regions))


def needs(net: Networks, regions: Sequence[str]) -> Iterator[Need]:
    for region in regions:
        yield from users(net, region)
        yield from services_of_aws(net, region)
        yield from zones(net, region)
    for one, other in permutations(regions, 2):
        yield from linked(net, one, other)


def pods_of(net: Networks, region: str) -> str:
    """The security group that EKS gives to the region's nodes, and so to their pods."""
    (cluster,) = (one for one in net.all(CLUSTER) if one.name.startswith(f"{region}-"))
    return str(cluster.outputs["vpcConfig"]["clusterSecurityGroupId"])


def users(net: Networks, region: str) -> Iterator[Need]:
    """From anywhere to the load balancer, which the health checks of Route 53 use too; from there to pods."""
    balancer = net.id(f"{region}-reach-users-group")
    for subnet in net.subnets_of(region, "public"):
        yield f"{subnet.name} is reached from the internet", net.is_public(subnet)
    for port in (HTTP, HTTPS):
        for address in SOMEWHERE:
            yield f"{address} comes to port {port} of {region}", net.lets_in(balancer, port, address)
    yield from to_pods(net, region, "users", (HTTP, HTTPS, HEALTH))


def to_pods(net: Networks, region: str, use: str, ports: Sequence[int]) -> Iterator[Need]:
    """The load balancer lets it out, and the nodes let it in."""
    balancer, pods = net.id(f"{region}-reach-{use}-group"), pods_of(net, region)
    for port in ports:
        yield f"the load balancer {use} of {region} may call pods at {port}", net.lets_out(balancer, port, pods)
        yield f"pods of {region} answer the load balancer {use} at {port}", net.lets_in(pods, port, balancer)


def services_of_aws(net: Networks, region: str) -> Iterator[Need]:
    """By endpoints, without a way out of the VPC."""
    group = net.id(f"{region}-platform-network-endpoints-group")
    (s3,) = (
        one for one in net.all("ec2/vpcEndpoint:VpcEndpoint") if one.name == f"{region}-platform-network-endpoints-s3"
    )
    for subnet in net.subnets_of(region, "private"):
        yield f"{subnet.name} reaches the endpoints", net.lets_in(group, HTTPS, subnet.address)
        tables = net.tables(subnet)
        yield f"{subnet.name} reaches S3", bool(tables) and set(tables) <= set(s3.inputs["routeTableIds"])


def zones(net: Networks, region: str) -> Iterator[Need]:
    """Each zone has a way out that does not need another one, and nobody comes in by it."""
    private, isolated = net.subnets_of(region, "private"), net.subnets_of(region, "isolated")
    for gone in private:
        left = net.lost(gone.zone)
        for subnet in private:
            if subnet.zone != gone.zone:
                yield f"{subnet.name} gets out without {gone.zone}", left.egress(subnet)
    for subnet in private:
        yield f"{subnet.name} gets out", net.egress(subnet)
    for subnet in isolated:
        yield f"{subnet.name} does not get out", not net.egress(subnet)
    for subnet in (*private, *isolated):
        yield f"{subnet.name} is not reached from the internet", not net.exposed(subnet)


def linked(net: Networks, one: str, other: str) -> Iterator[Need]:
    """PostgreSQL streams, edges bring their users, and pods ask whether their region was given up, from every zone to
    every zone.
    """
    balancer = net.id(f"{other}-reach-links-group")
    for here in net.subnets_of(one, "private"):
        for there in net.subnets_of(other, "private"):
            yield f"{here.name} reaches {there.name}", net.reaches(here, there)
        for port in (POSTGRES, HTTPS):
            yield f"{here.name} comes to port {port} of {other}", net.lets_in(balancer, port, here.address)
    yield from to_pods(net, other, "links", (POSTGRES, HTTPS, HEALTH))
