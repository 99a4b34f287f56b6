"""A region's transit gateway, where `multiregion.link` asks for one: its VPC reaches every other region by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import ec2transitgateway


@dataclass(frozen=True)
class Gateway:
    """What others need to know of a region's gateway."""

    id: Input[str]
    """Known once the VPC is attached and packets from other gateways find their way into it."""
    table: Input[str]
    """The one route table of its attachments."""

    def output(self) -> dict[str, Any]:
        """As a part of the stack output links.OUTPUT."""
        return {"gateway": self.id, "table": self.table}


@dataclass(frozen=True)
class TransitArgs:
    """Which VPC is attached, and how."""

    region: str
    """Name of the region, as in `multiregion.regions`."""
    asn: int
    """Unique among the regions."""
    cidr: str
    vpc_id: Input[str]
    subnets: Sequence[Input[str]]
    """One a zone, since a zone without one reaches no gateway. Isolated ones: what comes from another region goes on by
    the table of the subnet in which it comes out (docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html),
    and theirs leads nowhere but within the VPC, so that no region gets out to the internet by another's NAT gateways.
    """


class Transit(pulumi.ComponentResource):
    """A gateway with one route table, which sends what is for the region into its VPC and drops everything else.

    Nothing is associated or propagated by itself: the owner of a link states its routes on both sides.
    """

    gateway: Gateway

    def __init__(self, name: str, args: TransitArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Transit", name, {}, opts)
        own = ResourceOptions(parent=self)
        # The ways of all other regions lead over it.
        kept = ResourceOptions(parent=self, protect=True)
        made = ec2transitgateway.TransitGateway(
            f"{name}-gateway",
            description=f"Between {args.region} and the other regions",
            amazon_side_asn=args.asn,
            auto_accept_shared_attachments="disable",
            default_route_table_association="disable",
            default_route_table_propagation="disable",
            tags={"Name": f"{args.region}-regions"},
            opts=kept,
        )
        table = ec2transitgateway.RouteTable(
            f"{name}-routes", transit_gateway_id=made.id, tags={"Name": f"{args.region}-regions"}, opts=own
        )
        attachment = ec2transitgateway.VpcAttachment(
            f"{name}-vpc",
            transit_gateway_id=made.id,
            vpc_id=args.vpc_id,
            subnet_ids=list(args.subnets),
            transit_gateway_default_route_table_association=False,
            transit_gateway_default_route_table_propagation=False,
            tags={"Name": f"{args.region}-regions"},
            opts=kept,
        )
        associated = associate(f"{name}-vpc-table", attachment.id, table.id, own)
        inwards = route(f"{name}-vpc-route", args.cidr, attachment.id, table.id, own)
        ready = Output.all(made.id, associated.id, inwards.id)
        self.gateway = Gateway(ready.apply(lambda known: str(known[0])), table.id)
        self.register_outputs({})


def associate(
    name: str, attachment: Input[str], table: Input[str], opts: ResourceOptions
) -> ec2transitgateway.RouteTableAssociation:
    """What comes by an attachment is looked up in a table."""
    return ec2transitgateway.RouteTableAssociation(
        name, transit_gateway_attachment_id=attachment, transit_gateway_route_table_id=table, opts=opts
    )


def route(
    name: str, cidr: str, attachment: Input[str], table: Input[str], opts: ResourceOptions
) -> ec2transitgateway.Route:
    """What is for a range leaves by an attachment."""
    return ec2transitgateway.Route(
        name,
        destination_cidr_block=cidr,
        transit_gateway_attachment_id=attachment,
        transit_gateway_route_table_id=table,
        opts=opts,
    )
