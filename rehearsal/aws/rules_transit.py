"""Transit gateways: what is attached to them, peerings between regions, and where their tables lead.

docs.aws.amazon.com/vpc/latest/tgw/{tgw-vpc-attachments,tgw-peering,tgw-route-tables,associate-tgw-route-table}.html.
"""

from collections.abc import Iterator
from typing import Final

from rehearsal.aws.resource import Draft, Resource, Rule
from rehearsal.aws.rules_links import in_the_vpc, one_a_zone
from rehearsal.aws.rules_network import accepted_elsewhere, range_faults
from rehearsal.aws.tokens import (
    SUBNET,
    TRANSIT_ACCEPTER,
    TRANSIT_ASSOCIATION,
    TRANSIT_GATEWAY,
    TRANSIT_PEERING,
    TRANSIT_ROUTE,
    TRANSIT_ROUTE_TABLE,
    TRANSIT_VPC,
)


def _attachment(draft: Draft) -> Iterator[str]:
    vpc = draft.text("vpcId")
    yield from in_the_vpc(draft, vpc, "subnetIds", SUBNET)
    yield from one_a_zone(draft, draft.texts("subnetIds"), "subnetIds")
    gateway = draft.text("transitGatewayId")
    for other in draft.world.where(TRANSIT_VPC, draft.region, vpcId=vpc, transitGatewayId=gateway) if vpc else ():
        if other.urn != draft.urn:
            yield f"{vpc} is attached to this gateway already ({other.name}): once is enough"


def _peering(draft: Draft) -> Iterator[str]:
    peer = draft.text("peerTransitGatewayId")
    if peer is not None and peer == draft.text("transitGatewayId"):
        yield "transitGatewayId and peerTransitGatewayId are the same gateway: name two"


def _accepter(draft: Draft) -> Iterator[str]:
    yield from accepted_elsewhere(draft, TRANSIT_PEERING, "transitGatewayAttachmentId")


def _route(draft: Draft) -> Iterator[str]:
    yield from range_faults("destinationCidrBlock", draft.text("destinationCidrBlock"))
    blackhole, attachment = draft.get("blackhole") is True, draft.inputs.get("transitGatewayAttachmentId") is not None
    if blackhole == attachment:
        yield "a route has an attachment or is a black hole: state one of transitGatewayAttachmentId and blackhole"
    table, destination = draft.text("transitGatewayRouteTableId"), draft.text("destinationCidrBlock")
    routes = draft.world.where(
        TRANSIT_ROUTE, draft.region, transitGatewayRouteTableId=table, destinationCidrBlock=destination
    )
    for other in routes if table and destination else ():
        if other.urn != draft.urn:
            yield f"the table has a route to {destination} already ({other.name}): keep one"


def _attached(draft: Draft) -> Iterator[str]:
    """The attachment is one of the table's gateway, and there."""
    table = draft.world.find(TRANSIT_ROUTE_TABLE, draft.region, draft.text("transitGatewayRouteTableId"))
    id_ = draft.text("transitGatewayAttachmentId")
    network, peering = draft.world.find(TRANSIT_VPC, None, id_), draft.world.find(TRANSIT_PEERING, None, id_)
    attachment = network or peering
    if table is None or attachment is None:
        return
    if table.text("transitGatewayId") not in _gateways(attachment, draft.region):
        yield f"{attachment.name} is no attachment of {table.name}'s gateway: name a table and an attachment of one"
    if peering is not None and draft.world.find(TRANSIT_ACCEPTER, None, peering.id) is None:
        yield f"{peering.name} is not accepted yet: make this depend on what accepts it"


def _gateways(attachment: Resource, region: str) -> set[str | None]:
    """The gateways of a region that an attachment is one of. That of a peering has one id, known in both regions."""
    ends = {(attachment.region, attachment.text("transitGatewayId"))}
    if attachment.type == TRANSIT_PEERING:
        ends.add((attachment.text("peerRegion") or "", attachment.text("peerTransitGatewayId")))
    return {gateway for place, gateway in ends if place == region}


def _association(draft: Draft) -> Iterator[str]:
    """An attachment uses one table on each side."""
    id_ = draft.text("transitGatewayAttachmentId")
    for other in draft.world.where(TRANSIT_ASSOCIATION, draft.region, transitGatewayAttachmentId=id_):
        if other.urn != draft.urn:
            yield f"{id_} has a table already ({other.name}): an attachment has one"
    table = draft.world.find(TRANSIT_ROUTE_TABLE, draft.region, draft.text("transitGatewayRouteTableId"))
    gateway = draft.world.find(TRANSIT_GATEWAY, draft.region, table.text("transitGatewayId") if table else None)
    network = draft.world.find(TRANSIT_VPC, draft.region, id_)
    if gateway is None or gateway.text("defaultRouteTableAssociation") == "disable":
        return
    if network is None or network.get("transitGatewayDefaultRouteTableAssociation") is not False:
        yield f"{gateway.name} gives {id_} its default table by itself: disable defaultRouteTableAssociation there"


def _gateway(draft: Draft) -> Iterator[str]:
    asn = draft.get("amazonSideAsn")
    if isinstance(asn, int) and not (64512 <= asn <= 65534 or 4_200_000_000 <= asn <= 4_294_967_294):
        yield f"amazonSideAsn = {asn}: take a private one, 64512 to 65534 or 4200000000 to 4294967294"


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    TRANSIT_GATEWAY: (_gateway,),
    TRANSIT_VPC: (_attachment,),
    TRANSIT_PEERING: (_peering,),
    TRANSIT_ACCEPTER: (_accepter,),
    TRANSIT_ROUTE: (_route, _attached),
    TRANSIT_ASSOCIATION: (_attached, _association),
}
