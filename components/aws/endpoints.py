"""Ways from the VPC to services of AWS that do not leave it: nodes join and pull images while a NAT gateway is away."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_aws import ec2

from components.aws.gates import Gate, let_in

SERVICES: Final = (
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "sts",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "logs",
    "autoscaling",
)
"""What nodes, EKS's add-ons and the load balancers' controller call
(docs.aws.amazon.com/eks/latest/userguide/private-clusters.html)."""
HTTPS: Final = 443


@dataclass(frozen=True)
class EndpointsArgs:
    """Where endpoints are and who reaches them."""

    region: str
    """Name of the region, as in `multiregion.regions`."""
    aws_region: str
    cluster: str
    """Name of the region's EKS cluster: what has to be unique in the VPC is named by it."""
    vpc_id: Input[str]
    cidr: IPv4Network
    """Who may call: the VPC."""
    subnets: Sequence[Input[str]]
    """One a zone, for the endpoints' interfaces."""
    route_tables: Sequence[Input[str]]
    """Tables that lead to S3, where the layers of images are."""


class Endpoints(pulumi.ComponentResource):
    """S3 by the route tables, the other services by an interface in every zone under their usual names."""

    def __init__(self, name: str, args: EndpointsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Endpoints", name, {}, opts)
        self._name, self._args, self._own = name, args, ResourceOptions(parent=self)
        ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=args.vpc_id,
            service_name=f"com.amazonaws.{args.aws_region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=list(args.route_tables),
            tags={"Name": f"{args.region}-s3"},
            opts=self._own,
        )
        group = self._group()
        for service in SERVICES:
            self._interface(service, group)
        self.register_outputs({})

    def _group(self) -> ec2.SecurityGroup:
        """In from the VPC, by HTTPS; an endpoint opens no connection itself."""
        args = self._args
        group = ec2.SecurityGroup(
            f"{self._name}-group",
            name=f"{args.cluster}-endpoints",
            description="Endpoints of the services of AWS",
            vpc_id=args.vpc_id,
            tags={"Name": f"{args.region}-endpoints"},
            opts=self._own,
        )
        let_in(f"{self._name}-https", Gate(group.id, HTTPS, "HTTPS from the VPC", cidr=str(args.cidr)), self._own)
        return group

    def _interface(self, service: str, group: ec2.SecurityGroup) -> None:
        args, short = self._args, service.replace(".", "-")
        ec2.VpcEndpoint(
            f"{self._name}-{short}",
            vpc_id=args.vpc_id,
            service_name=f"com.amazonaws.{args.aws_region}.{service}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=list(args.subnets),
            security_group_ids=[group.id],
            tags={"Name": f"{args.region}-{short}"},
            opts=self._own,
        )
