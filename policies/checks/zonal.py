"""A region on AWS over its zones: subnets, ways out, node groups and the links to other regions.

What subnets a resource is in is told by where its value comes from. In a network that is there already they are ids,
of which nothing is known: such a region is not judged here.
"""

from collections.abc import Iterable, Iterator

from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import flag_at, labels_at, list_at, number_at, says_true, text_at
from policies.checks.tokens import (
    EKS_CLUSTER,
    LOAD_BALANCER,
    NAT_GATEWAY,
    NODE_GROUP,
    PEERING,
    PEERING_ACCEPTER,
    PEERING_OPTIONS,
    ROUTE,
    ROUTE_TABLE,
    ROUTE_TABLE_ASSOCIATION,
    SUBNET,
    VPC,
    VPC_ENDPOINT,
)
from policies.checks.whole import Whole, each, input_of, refers, stated
from policies.checks.zones import QUORUM_ZONES as LEAST


def subnets(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """A network that the stack makes has subnets in three zones."""
    del limits
    zones = _zones(whole.of(SUBNET))

    def check(vpc: Resource) -> Iterator[str]:
        del vpc
        if len(zones) < LEAST:
            yield f"has subnets in {len(zones)} zones, at least {LEAST} are required"

    yield from each(whole.of(VPC), check)


def ways_out(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """What is in a zone gets out by that zone's own NAT gateway: another zone can be lost."""
    del limits
    gateways = whole.of(NAT_GATEWAY)
    served = _zones_of(gateways, "subnetId", whole)

    def lacking(vpc: Resource) -> Iterator[str]:
        del vpc
        for zone in sorted(_zones(whole.of(SUBNET)) - served) if gateways else ():
            yield f"{zone} has no NAT gateway: its way out is another zone's"

    def unused(gateway: Resource) -> Iterator[str]:
        if not any(_from(route, "natGatewayId", [gateway]) for route in whole.of(ROUTE)):
            yield "no route leads to it"

    def own(route: Resource) -> Iterator[str]:
        ways = _zones_of(_from(route, "natGatewayId", gateways), "subnetId", whole)
        others = _zones(_routed(route, whole)) - ways
        if ways and others:
            yield f"leads {', '.join(sorted(others))} out through {', '.join(sorted(ways))}"

    yield from each(whole.of(VPC), lacking)
    yield from each(gateways, unused)
    yield from each(whole.of(ROUTE), own)


def node_groups(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Nodes of each use are in three zones; those that hold data are a group a zone, and are not taken away."""
    del limits
    by_use: dict[tuple[tuple[str, str], ...], list[Resource]] = {}

    def check(group: Resource) -> Iterator[str]:
        by_use.setdefault(tuple(sorted(labels_at(group.inputs, "labels").items())), []).append(group)
        zones = _zones_of([group], "subnetIds", whole)
        if not number_at(group.inputs, "scalingConfig", "minSize"):
            yield "may be without a node: scalingConfig.minSize"
        if not list_at(group.inputs, "taints"):
            return
        if len(zones) > 1:
            yield f"holds data in {len(zones)} zones: AWS may start its next node where the volumes are not"
        if text_at(group.inputs, "capacityType", default="ON_DEMAND") != "ON_DEMAND":
            yield "holds data on nodes that AWS may take away: capacityType"

    yield from each(whole.of(NODE_GROUP), check)
    for groups in by_use.values() if whole.of(SUBNET) else ():
        zones = _zones_of(groups, "subnetIds", whole)
        if len(zones) < LEAST:
            yield Violation(
                groups[0].urn, f"{groups[0].name} and its like are in {len(zones)} zones, at least {LEAST} are required"
            )


def control_plane(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """EKS has interfaces in three zones: nodes of the others reach the API server when a zone is away."""
    del limits

    def check(cluster: Resource) -> Iterator[str]:
        zones = _zones_of([cluster], "vpcConfig", whole)
        if len(zones) < LEAST:
            yield f"vpcConfig.subnetIds are in {len(zones)} zones, at least {LEAST} are required"

    yield from each(whole.of(EKS_CLUSTER) if whole.of(SUBNET) else (), check)


def balancers(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """A load balancer answers in three zones, and in each of them with the pods of all: one whose own pods are gone
    would drop what it is sent. Those for HTTP always do (docs.aws.amazon.com/elasticloadbalancing: cross-zone).
    """
    del limits

    def check(balancer: Resource) -> Iterator[str]:
        zones = _zones_of([balancer], "subnets", whole)
        if whole.of(SUBNET) and len(zones) < LEAST:
            yield f"subnets are in {len(zones)} zones, at least {LEAST} are required"
        of_http = text_at(balancer.inputs, "loadBalancerType", default="application") == "application"
        if not of_http and not flag_at(balancer.inputs, "enableCrossZoneLoadBalancing", default=False):
            yield "enableCrossZoneLoadBalancing is not true: a zone without pods of its own answers nobody"

    yield from each(whole.of(LOAD_BALANCER), check)


def endpoints(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """An endpoint of a service of AWS has an address in three zones: its name leads away from those that are lost."""
    del limits

    def check(endpoint: Resource) -> Iterator[str]:
        if text_at(endpoint.inputs, "vpcEndpointType", default="Gateway") != "Interface":
            return
        zones = _zones_of([endpoint], "subnetIds", whole)
        if len(zones) < LEAST:
            yield f"subnetIds are in {len(zones)} zones, at least {LEAST} are required"

    yield from each(whole.of(VPC_ENDPOINT) if whole.of(SUBNET) else (), check)


def links(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """A peering is accepted, resolves names on both sides, and every private subnet of both has a route to it."""
    del limits

    def check(peering: Resource) -> Iterator[str]:
        accepters = [it for it in whole.of(PEERING_ACCEPTER) if _leads(it, [peering])]
        if not any(says_true(it.inputs, "autoAccept") for it in accepters):
            yield "nobody accepts it"
        ends = [peering, *accepters]
        options = [it for it in whole.of(PEERING_OPTIONS) if _leads(it, ends)]
        for side in ("requester", "accepter"):
            if not any(says_true(it.inputs, side, "allowRemoteVpcDnsResolution") for it in options):
                yield f"names of the other side do not resolve for the {side}"
        yield from _one_way(ends, whole)

    yield from each(whole.of(PEERING), check)


def supported(resource: Resource, limits: Limits) -> Iterator[str]:
    """A cluster is kept in standard support: it is updated in time, not charged more and left as it is
    (docs.aws.amazon.com/eks/latest/userguide/view-upgrade-policy.html; EXTENDED is AWS's default)."""
    del limits
    if text_at(resource.inputs, "upgradePolicy", "supportType", default="EXTENDED") != "STANDARD":
        yield "upgradePolicy.supportType is not STANDARD"
    if not stated(input_of(resource, "version")):
        yield "version is not stated: it is whatever AWS makes it"


SUPPORTED = (EKS_CLUSTER,)


def shifted(resource: Resource, limits: Limits) -> Iterator[str]:
    """Whoever is on duty, or AWS by itself, can turn from a zone that is ill and not down
    (docs.aws.amazon.com/r53recovery/latest/dg/arc-zonal-shift.resource-types.html)."""
    del limits
    path = ("zonalShiftConfig", "enabled") if resource.type == EKS_CLUSTER else ("enableZonalShift",)
    if not flag_at(resource.inputs, *path, default=False):
        yield f"{'.'.join(path)} is not true: nobody can turn from a zone that is ill"


SHIFTED = (EKS_CLUSTER, LOAD_BALANCER)


def repaired(resource: Resource, limits: Limits) -> Iterator[str]:
    """A node that is up and works no more is replaced (docs.aws.amazon.com/eks/latest/userguide/node-health.html)."""
    del limits
    if not flag_at(resource.inputs, "nodeRepairConfig", "enabled", default=False):
        yield "nodeRepairConfig.enabled is not true: a broken node stays until somebody looks"


REPAIRED = (NODE_GROUP,)


def _one_way(ends: list[Resource], whole: Whole) -> Iterator[str]:
    routes = [route for route in whole.of(ROUTE) if _leads(route, ends)]
    for region in dict.fromkeys(end.region for end in ends):
        number = sum(route.region == region for route in routes)
        if number < LEAST:
            yield f"{number} routes lead to it in {region or 'its region'}, at least {LEAST} are required, one a zone"
    private = [
        table
        for table in whole.of(ROUTE_TABLE)
        if any(stated(input_of(it, "natGatewayId")) and _from(it, "routeTableId", [table]) for it in whole.of(ROUTE))
    ]
    for table in private:
        if not any(_from(route, "routeTableId", [table]) for route in routes):
            yield f"no route of {table.name} leads to it"


def _leads(resource: Resource, ends: Iterable[Resource]) -> bool:
    return bool(_from(resource, "vpcPeeringConnectionId", ends))


def _routed(route: Resource, whole: Whole) -> Iterator[Resource]:
    """The subnets for which a route is."""
    tables = _from(route, "routeTableId", whole.of(ROUTE_TABLE))
    for association in whole.of(ROUTE_TABLE_ASSOCIATION):
        if _from(association, "routeTableId", tables):
            yield from _from(association, "subnetId", whole.of(SUBNET))


def _from(resource: Resource, field: str, among: Iterable[Resource]) -> list[Resource]:
    """Those of some resources that an input comes from."""
    return [it for it in among if refers(resource, field, it)]


def _zones_of(resources: Iterable[Resource], field: str, whole: Whole) -> set[str]:
    """Of the subnets that an input of these comes from."""
    return _zones(subnet for resource in resources for subnet in _from(resource, field, whole.of(SUBNET)))


def _zones(subnets: Iterable[Resource]) -> set[str]:
    return {text_at(subnet.inputs, "availabilityZone") for subnet in subnets}
