"""The way between two regions: a peering, routes on both sides, and names that both understand.

The peering is of their VPCs, or of their transit gateways (`multiregion.link`). Routes and names are the same resources
in either case, so that another kind changes where routes lead and takes none away.

Each pair has one owner, the region that comes later in `multiregion.regions`: it declares both sides, so that a region
that is added at the end of the list changes no other stack. Security groups are no part of it: AWS takes no group of
another region, so each region opens its own load balancers to the planned ranges of the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
from pulumi import Input, ResourceOptions
from pulumi_aws import ec2, ec2transitgateway, route53

from components import link_kind
from components.aws import transit
from components.aws.transit import Gateway
from settings.multiregion import PEERING, TRANSIT_GATEWAY

OUTPUT: Final = link_kind.NETWORK
"""Stack output of each region: what the owner of a link to it needs."""
VERSION: Final = 1
"""Of what OUTPUT holds."""


@dataclass(frozen=True)
class Side:
    """One end of a link."""

    region: str
    aws_region: str
    cidr: str
    vpc_id: Input[str]
    route_tables: Mapping[str, Input[str]]
    """Zone to the route table of its private subnet."""
    zone_id: Input[str]
    """The region's private hosted zone."""
    provider: aws.Provider
    """AWS provider of this side's region."""
    gateway: Gateway | None = None
    """Its transit gateway; None where regions are linked by peerings of their VPCs."""

    def output(self) -> dict[str, Any]:
        """Value of OUTPUT."""
        own = {} if self.gateway is None else self.gateway.output()
        return {
            link_kind.LINK: PEERING if self.gateway is None else TRANSIT_GATEWAY,
            **own,
            "version": VERSION,
            "aws_region": self.aws_region,
            "cidr": self.cidr,
            "vpc_id": self.vpc_id,
            "route_tables": dict(self.route_tables),
            "zone_id": self.zone_id,
        }


@dataclass(frozen=True)
class _Way:
    """What the routes of a link lead to, each once packets find their way from there."""

    ready: Sequence[pulumi.Resource]
    peering: Input[str] | None = None
    """Of the two VPCs, for both sides; None where each side has a gateway."""


class Link(pulumi.ComponentResource):
    """An accepted peering between two regions, with a route in every private table on both sides."""

    def __init__(self, name: str, own: Side, peer: Side, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Link", name, {}, opts)
        self._name, self._here, self._there = name, self._at(own), self._at(peer)
        if own.gateway is None or peer.gateway is None:
            way = self._peer_networks(own, peer)
        else:
            way = self._peer_gateways(own, own.gateway, peer, peer.gateway)
        self._routes(own, peer.cidr, way)
        self._routes(peer, own.cidr, way)
        self._names(own, peer, way)
        self.register_outputs({})

    def _at(self, side: Side) -> ResourceOptions:
        return ResourceOptions(parent=self, provider=side.provider)

    def _peer_networks(self, own: Side, peer: Side) -> _Way:
        tags = {"Name": f"{own.region}-{peer.region}"}
        peering = ec2.VpcPeeringConnection(
            f"{self._name}-peering",
            vpc_id=own.vpc_id,
            peer_vpc_id=peer.vpc_id,
            peer_region=peer.aws_region,
            # AWS takes no acceptance from another region than the accepter's.
            auto_accept=False,
            tags=tags,
            opts=self._here,
        )
        accepted = ec2.VpcPeeringConnectionAccepter(
            f"{self._name}-acceptance",
            vpc_peering_connection_id=peering.id,
            auto_accept=True,
            tags=tags,
            opts=self._there,
        )
        self._options(accepted)
        # Of the accepter, not of the request: a route to a peering that is not active leads nowhere.
        return _Way([accepted], accepted.id)

    def _options(self, accepted: ec2.VpcPeeringConnectionAccepter) -> None:
        """Names of machines resolve to private addresses on the other side. Each side states its own half."""
        ec2.PeeringConnectionOptions(
            f"{self._name}-requester",
            vpc_peering_connection_id=accepted.id,
            requester={"allow_remote_vpc_dns_resolution": True},
            opts=self._here,
        )
        ec2.PeeringConnectionOptions(
            f"{self._name}-accepter",
            vpc_peering_connection_id=accepted.id,
            accepter={"allow_remote_vpc_dns_resolution": True},
            opts=self._there,
        )

    def _peer_gateways(self, own: Side, here: Gateway, peer: Side, there: Gateway) -> _Way:
        """Peered gateways tell each other no routes, so both sides state them
        (docs.aws.amazon.com/vpc/latest/tgw/tgw-peering.html)."""
        tags = {"Name": f"{own.region}-{peer.region}"}
        attachment = ec2transitgateway.PeeringAttachment(
            f"{self._name}-gateways",
            transit_gateway_id=here.id,
            peer_transit_gateway_id=there.id,
            peer_region=peer.aws_region,
            tags=tags,
            opts=self._here,
        )
        accepted = ec2transitgateway.PeeringAttachmentAccepter(
            f"{self._name}-gateways-acceptance",
            transit_gateway_attachment_id=attachment.id,
            tags=tags,
            opts=self._there,
        )
        ready: list[pulumi.Resource] = []
        for side, gateway, beyond, opts in (
            (own, here, peer.cidr, self._here),
            (peer, there, own.cidr, self._there),
        ):
            name = f"{self._name}-{side.region}-gateway"
            # Of the accepter: a table takes no attachment, and no route to one, before it is accepted.
            ready.append(transit.associate(f"{name}-table", accepted.id, gateway.table, opts))
            ready.append(transit.route(f"{name}-route", beyond, accepted.id, gateway.table, opts))
        return _Way(ready)

    def _routes(self, side: Side, beyond: str, way: _Way) -> None:
        """The way to the other side's range, for the private subnets of every zone."""
        opts = ResourceOptions.merge(self._at(side), ResourceOptions(depends_on=list(way.ready)))
        gateway = None if way.peering is not None or side.gateway is None else side.gateway.id
        for zone, table in side.route_tables.items():
            ec2.Route(
                f"{self._name}-{side.region}-{zone}",
                route_table_id=table,
                destination_cidr_block=beyond,
                vpc_peering_connection_id=way.peering,
                transit_gateway_id=gateway,
                opts=opts,
            )

    def _names(self, own: Side, peer: Side, way: _Way) -> None:
        """Each side resolves the names of the other's zone."""
        for side, other in ((own, peer), (peer, own)):
            route53.ZoneAssociation(
                f"{self._name}-{side.region}-names",
                zone_id=side.zone_id,
                vpc_id=other.vpc_id,
                vpc_region=other.aws_region,
                opts=ResourceOptions.merge(self._at(side), ResourceOptions(depends_on=list(way.ready))),
            )
