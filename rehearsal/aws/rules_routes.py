"""Ways of packets: routes, who uses which table, NAT gateways.

docs.aws.amazon.com/vpc/latest/userguide/{VPC_Route_Tables,vpc-nat-gateway}.html.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

from rehearsal.aws import values
from rehearsal.aws.resource import Draft, Resource, Rule
from rehearsal.aws.rules_network import network, range_faults
from rehearsal.aws.tokens import (
    DEFAULT_ROUTE_TABLE,
    EIP,
    INTERNET_GATEWAY,
    NAT_GATEWAY,
    PEERING,
    ROUTE,
    ROUTE_TABLE,
    ROUTE_TABLE_ASSOCIATION,
    SUBNET,
    TRANSIT_VPC,
    VPC,
)
from rehearsal.aws.world import World
from rehearsal.engine.model import Unknown, Value

EVERYWHERE: Final = "0.0.0.0/0"
DESTINATIONS: Final = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
TARGETS: Final = (
    "carrierGatewayId",
    "coreNetworkArn",
    "egressOnlyGatewayId",
    "gatewayId",
    "localGatewayId",
    "natGatewayId",
    "networkInterfaceId",
    "odbNetworkArn",
    "transitGatewayId",
    "vpcEndpointId",
    "vpcPeeringConnectionId",
)


def _route(draft: Draft) -> Iterator[str]:
    table = draft.world.find(ROUTE_TABLE, draft.region, draft.text("routeTableId"))
    for names, word in ((DESTINATIONS, "destination"), (TARGETS, "target")):
        stated = [name for name in names if draft.inputs.get(name) is not None]
        if len(stated) != 1:
            found = " and ".join(stated) or "none"
            yield f"a route has one {word}, this one has {found}: state one of {', '.join(names)}"
    if table is None:
        return
    yield from _ways(draft, table, draft.inputs, "destinationCidrBlock", "")
    destination = draft.text("destinationCidrBlock")
    for other in draft.world.where(ROUTE, draft.region, routeTableId=table.id):
        if destination is not None and other.urn != draft.urn and other.text("destinationCidrBlock") == destination:
            yield f"{table.name} has a route to {destination} already ({other.name}): a table has one"
    if destination is not None and destination in _inline(table):
        yield f"{table.name} states a route to {destination} itself: keep one"


def _inline(table: Resource) -> list[str]:
    return [text for route in values.items(table.inputs, "routes") if (text := values.text(route, "cidrBlock"))]


def _table(draft: Draft) -> Iterator[str]:
    """Routes that a table states itself."""
    vpc = draft.text("vpcId")
    if vpc is None and draft.type == DEFAULT_ROUTE_TABLE:
        main = draft.world.find(ROUTE_TABLE, draft.region, draft.text("defaultRouteTableId"))
        vpc = main.text("vpcId") if main else None
    table = Resource(ROUTE_TABLE, draft.region, "", {"vpcId": vpc}, {}, draft.urn)
    seen: set[str] = set()
    for index, route in enumerate(values.items(draft.inputs, "routes")):
        if not isinstance(route, Mapping):
            continue
        stated = cast(Mapping[str, Value], route)
        yield from _ways(draft, table, stated, "cidrBlock", f"routes[{index}].")
        destination = values.text(stated, "cidrBlock")
        if destination in seen:
            yield f"routes[{index}]: a route to {destination} stands before it: a table has one"
        seen.update([destination] if destination else [])


def _ways(draft: Draft, table: Resource, route: Mapping[str, Value], name: str, at: str) -> Iterator[str]:
    """What is wrong with where a route of a table leads."""
    destination, vpc_id = values.text(route, name), table.text("vpcId")
    yield from range_faults(f"{at}{name}", destination)
    vpc = draft.world.find(VPC, draft.region, vpc_id)
    if vpc is not None and destination is not None and destination == vpc.text("cidrBlock"):
        yield f"{at}{name} = {destination} is the VPC's own range, which every table leads to by itself: leave it out"
    if vpc_id is None:
        return
    for target, type_ in (("gatewayId", INTERNET_GATEWAY), ("natGatewayId", NAT_GATEWAY)):
        yield from _in_vpc(draft, values.text(route, target), type_, vpc_id, f"{at}{target}")
    yield from _by_peering(draft, values.text(route, "vpcPeeringConnectionId"), vpc_id, destination, at)
    transit = values.text(route, "transitGatewayId")
    attached = draft.world.where(TRANSIT_VPC, draft.region, transitGatewayId=transit, vpcId=vpc_id)
    if transit is not None and next(attached, None) is None:
        yield f"{at}transitGatewayId = {transit}: {vpc_id} is not attached to it yet: depend on the attachment"


def _in_vpc(draft: Draft, id_: str | None, type_: str, vpc_id: str, at: str) -> Iterator[str]:
    found = draft.world.find(type_, draft.region, id_)
    if found is not None and found.text("vpcId") not in (None, vpc_id):
        yield f"{at} = {id_} is of {found.text('vpcId')}, the table of {vpc_id}: name one of the same VPC"


def _by_peering(draft: Draft, id_: str | None, vpc_id: str, destination: str | None, at: str) -> Iterator[str]:
    peering = draft.world.find(PEERING, None, id_)
    if peering is None:
        return
    ends = (peering.text("vpcId"), peering.text("peerVpcId"))
    if vpc_id not in ends:
        yield f"{at}vpcPeeringConnectionId = {id_} does not reach {vpc_id}: name a peering of the table's VPC"
        return
    far = draft.world.find(VPC, None, ends[1] if vpc_id == ends[0] else ends[0])
    whole, wanted = network(far.text("cidrBlock")) if far else None, network(destination)
    if far is not None and whole is not None and wanted is not None and not whole.overlaps(wanted):
        yield f"{at}destination {destination} is not within {whole} of {far.name}, where the peering leads"


def _association(draft: Draft) -> Iterator[str]:
    subnet_id, gateway = draft.text("subnetId"), draft.text("gatewayId")
    if (draft.inputs.get("subnetId") is None) == (draft.inputs.get("gatewayId") is None):
        yield "one of subnetId and gatewayId has to be stated"
    if gateway is not None and not gateway.startswith(("igw-", "vgw-")):
        yield f"gatewayId = {gateway} is no gateway"
    subnet = draft.world.find(SUBNET, draft.region, subnet_id)
    table = draft.world.find(ROUTE_TABLE, draft.region, draft.text("routeTableId"))
    if subnet is None:
        return
    if table is not None and subnet.text("vpcId") != table.text("vpcId"):
        yield f"{subnet.name} and {table.name} are of different VPCs: name two of one VPC"
    for other in draft.world.where(ROUTE_TABLE_ASSOCIATION, draft.region, subnetId=subnet.id):
        if other.urn != draft.urn:
            yield f"{subnet.name} has a table already ({other.name}): a subnet has one"


def _nat(draft: Draft) -> Iterator[str]:
    public = draft.stated("connectivityType", "public") == "public"
    if draft.get("availabilityMode") == "regional":
        return
    if draft.inputs.get("subnetId") is None:
        yield "subnetId is not stated: a NAT gateway of a zone needs a subnet"
    if public and draft.inputs.get("allocationId") is None:
        yield "allocationId is not stated: a public NAT gateway needs an elastic IP"
    address = draft.text("allocationId")
    for other in draft.world.where(NAT_GATEWAY, draft.region, allocationId=address) if address else ():
        if other.urn != draft.urn:
            yield f"allocationId = {address} is in use by {other.name}: give each its own elastic IP"
    subnet = draft.world.find(SUBNET, draft.region, draft.text("subnetId"))
    vpc = subnet.text("vpcId") if subnet else None
    if public and vpc is not None and next(draft.world.where(INTERNET_GATEWAY, draft.region, vpcId=vpc), None) is None:
        yield f"{vpc} has no internet gateway yet: a public NAT gateway needs one; depend on it"


def _eip(draft: Draft) -> Iterator[str]:
    if draft.get("domain") not in (None, "vpc"):
        yield f"domain = {draft.get('domain')}: AWS has only vpc left"


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    ROUTE: (_route,),
    ROUTE_TABLE: (_table,),
    DEFAULT_ROUTE_TABLE: (_table,),
    ROUTE_TABLE_ASSOCIATION: (_association,),
    NAT_GATEWAY: (_nat,),
    EIP: (_eip,),
}


def unfinished(world: World) -> Iterator[tuple[Resource, str]]:
    """Public NAT gateways from whose subnet no packet gets out: AWS makes them and says nothing."""
    for gateway in world.of(NAT_GATEWAY):
        subnet = world.find(SUBNET, gateway.region, gateway.text("subnetId"))
        if not gateway.urn or subnet is None or gateway.text("connectivityType") != "public":
            continue
        if not leads_out(world, subnet, ("gatewayId",)):
            yield gateway, f"its subnet {subnet.name} has no route to an internet gateway: nothing gets out by it"


def table_of(world: World, subnet: Resource) -> Resource | None:
    """The route table that a subnet uses: its own, else the main one of its VPC; None while it is unknown."""
    association = next(world.where(ROUTE_TABLE_ASSOCIATION, subnet.region, subnetId=subnet.id), None)
    if association is not None:
        return world.find(ROUTE_TABLE, subnet.region, association.text("routeTableId"))
    vpc = world.find(VPC, subnet.region, subnet.text("vpcId"))
    return world.find(ROUTE_TABLE, subnet.region, vpc.text("mainRouteTableId")) if vpc else None


def routes_of(world: World, table: Resource) -> list[Mapping[str, Value]]:
    """Every route of a table that is stated, on its own or within it; destinations as `destinationCidrBlock`."""
    own = [one.inputs for one in world.where(ROUTE, table.region, routeTableId=table.id)]
    adopted = world.find(DEFAULT_ROUTE_TABLE, table.region, table.id)
    inline = (route for one in (table, adopted) if one for route in values.items(one.inputs, "routes"))
    return own + [
        {**stated, "destinationCidrBlock": stated.get("cidrBlock")}
        for stated in (cast(Mapping[str, Value], route) for route in inline if isinstance(route, Mapping))
    ]


def leads_out(world: World, subnet: Resource, by: Sequence[str] = TARGETS) -> bool:
    """Whether a subnet's table leads everywhere by one of these targets; of what is not known, that it does."""
    table = table_of(world, subnet)
    if table is None or (not table.urn and "main" not in table.outputs):
        return True
    return any(_is_way_out(route, by) for route in routes_of(world, table))


def _is_way_out(route: Mapping[str, Value], by: Sequence[str]) -> bool:
    destination = route.get("destinationCidrBlock")
    if not isinstance(destination, Unknown) and destination != EVERYWHERE:
        return False
    return any(route.get(target) not in (None, "") for target in by)
