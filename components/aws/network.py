"""The region's network on AWS: a VPC in which each zone has ways of its own, so that none is lost with another."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final, Protocol

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import ec2

from components.aws.endpoints import Endpoints, EndpointsArgs
from components.aws.flow_logs import FlowLogs, FlowLogsArgs
from settings import networks
from settings.aws import ExistingNetwork

ANYWHERE: Final = "0.0.0.0/0"


@dataclass(frozen=True)
class ZoneSubnets:
    """Ids of one zone's subnets, by use (settings/networks.py). Each resolves once packets find their way from it."""

    public: Output[str] | None
    """None where a VPC of yours has none."""
    private: Output[str]
    """Gets out by the NAT gateway of the zone."""
    isolated: Output[str]
    """Does not get out at all."""


class NetworkFacts(Protocol):
    """What others need to know of a region's network, whoever made it."""

    @property
    def vpc_id(self) -> Output[str]: ...

    @property
    def cidr(self) -> IPv4Network:
        """Range of the whole VPC: what the region's gates are opened to."""
        ...

    @property
    def subnets(self) -> Mapping[str, ZoneSubnets]:
        """By zone of `high_availability.zones`, in their order."""
        ...

    @property
    def private_route_tables(self) -> Mapping[str, Output[str]]:
        """By zone: the table of its private subnet, where ways to other regions go."""
        ...


@dataclass(frozen=True)
class NetworkArgs:
    """What a VPC is made of."""

    region: str
    """Name of the region, as in `multiregion.regions`."""
    aws_region: str
    account: str
    """The twelve digits of the account."""
    cidr: IPv4Network
    zones: Mapping[str, str]
    """Zone of `high_availability.zones` to AWS's name of it."""
    cluster: str
    """Name of the region's EKS cluster: load balancers that it asks for find their subnets by it."""
    flow_log_days: int
    """Days for which the log of all traffic is kept."""


class Network(pulumi.ComponentResource):
    """A VPC with public, private and isolated subnets in every zone.

    Private subnets get out by the NAT gateway of their own zone, isolated ones not at all; both reach the services of
    AWS that a cluster lives on without leaving the VPC. What AWS gives to those who ask for nothing (the default
    security group, the main route table) lets nothing through. All traffic is logged.
    """

    vpc_id: Output[str]
    cidr: IPv4Network
    subnets: Mapping[str, ZoneSubnets]
    """By zone of `high_availability.zones`, in their order."""
    private_route_tables: Mapping[str, Output[str]]
    """By zone."""

    def __init__(self, name: str, args: NetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Network", name, {}, opts)
        self._name, self._args, self._own = name, args, ResourceOptions(parent=self)
        self._vpc = self._make_vpc()
        self._close_defaults()
        public = self._public_table()
        plan = networks.subnets(args.cidr, args.zones)
        zones = {zone: self._zone(zone, plan[zone], public) for zone in args.zones}
        self._endpoints(zones)
        self._flow_logs()

        self.vpc_id, self.cidr = self._vpc.id, args.cidr
        self.subnets = {zone: made.subnets for zone, made in zones.items()}
        self.private_route_tables = {zone: made.private_table.id for zone, made in zones.items()}
        self.register_outputs({"vpc_id": self.vpc_id})

    def _make_vpc(self) -> ec2.Vpc:
        return ec2.Vpc(
            f"{self._name}-vpc",
            cidr_block=str(self._args.cidr),
            # Private names of endpoints and of the control plane, and names of other regions, need both.
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._named("vpc"),
            # Everything of the region is in it.
            opts=ResourceOptions(parent=self, protect=True),
        )

    def _close_defaults(self) -> None:
        """Empty lists, not none at all: so a rule that somebody adds by hand is a difference, and goes by an update."""
        ec2.DefaultSecurityGroup(
            f"{self._name}-default-group",
            vpc_id=self._vpc.id,
            ingress=[],
            egress=[],
            tags=self._named("default-closed"),
            opts=self._own,
        )
        ec2.DefaultRouteTable(
            f"{self._name}-default-table",
            default_route_table_id=self._vpc.default_route_table_id,
            routes=[],
            tags=self._named("default-closed"),
            opts=self._own,
        )

    def _public_table(self) -> "_Table":
        gateway = ec2.InternetGateway(
            f"{self._name}-internet", vpc_id=self._vpc.id, tags=self._named("internet"), opts=self._own
        )
        table = self._table("public")
        out = ec2.Route(
            f"{self._name}-public-out",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=self._own,
        )
        return _Table(table, [gateway, out])

    def _zone(self, zone: str, plan: networks.Subnets, public: "_Table") -> "_Zone":
        outside = self._subnet("public", zone, plan.public, {"kubernetes.io/role/elb": "1"}, public)
        private = _Table(self._table(f"private-{zone}"), [])
        private.ways.append(self._way_out(zone, private.table, outside))
        isolated = _Table(self._table(f"isolated-{zone}"), [])
        return _Zone(
            ZoneSubnets(
                public=outside,
                private=self._subnet("private", zone, plan.private, {"kubernetes.io/role/internal-elb": "1"}, private),
                isolated=self._subnet("isolated", zone, plan.isolated, {}, isolated),
            ),
            private.table,
            isolated.table,
        )

    def _way_out(self, zone: str, table: ec2.RouteTable, public: Output[str]) -> pulumi.Resource:
        """From a zone's private subnet by the zone's own NAT gateway: another zone's could be lost without this one."""
        address = ec2.Eip(
            f"{self._name}-nat-{zone}-address", domain="vpc", tags=self._named(f"nat-{zone}"), opts=self._own
        )
        gateway = ec2.NatGateway(
            f"{self._name}-nat-{zone}",
            allocation_id=address.allocation_id,
            subnet_id=public,
            tags=self._named(f"nat-{zone}"),
            opts=self._own,
        )
        return ec2.Route(
            f"{self._name}-private-{zone}-out",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            nat_gateway_id=gateway.id,
            opts=self._own,
        )

    def _subnet(
        self, kind: str, zone: str, cidr: IPv4Network, roles: Mapping[str, str], table: "_Table"
    ) -> Output[str]:
        """Id of a subnet, which resolves once its ways are there."""
        args = self._args
        # The AWS Load Balancer Controller finds subnets by their roles (its docs/deploy/subnet_discovery.md).
        tags = {**roles, f"kubernetes.io/cluster/{args.cluster}": "shared"} if roles else {}
        subnet = ec2.Subnet(
            f"{self._name}-{kind}-{zone}",
            vpc_id=self._vpc.id,
            cidr_block=str(cidr),
            availability_zone=args.zones[zone],
            map_public_ip_on_launch=False,
            tags={**self._named(f"{kind}-{zone}"), **tags},
            opts=self._own,
        )
        association = ec2.RouteTableAssociation(
            f"{self._name}-{kind}-{zone}-table", subnet_id=subnet.id, route_table_id=table.table.id, opts=self._own
        )
        after = Output.all(subnet.id, association.id, *(way.urn for way in table.ways))
        return after.apply(lambda known: str(known[0]))

    def _table(self, kind: str) -> ec2.RouteTable:
        return ec2.RouteTable(
            f"{self._name}-{kind}-routes", vpc_id=self._vpc.id, tags=self._named(kind), opts=self._own
        )

    def _endpoints(self, zones: Mapping[str, "_Zone"]) -> None:
        args = EndpointsArgs(
            region=self._args.region,
            aws_region=self._args.aws_region,
            cluster=self._args.cluster,
            vpc_id=self._vpc.id,
            cidr=self._args.cidr,
            subnets=[made.subnets.isolated for made in zones.values()],
            route_tables=[table.id for made in zones.values() for table in (made.private_table, made.isolated_table)],
        )
        Endpoints(f"{self._name}-endpoints", args, self._own)

    def _flow_logs(self) -> None:
        args = FlowLogsArgs(
            region=self._args.region,
            aws_region=self._args.aws_region,
            account=self._args.account,
            cluster=self._args.cluster,
            vpc_id=self._vpc.id,
            days=self._args.flow_log_days,
        )
        FlowLogs(f"{self._name}-flow-logs", args, self._own)

    def _named(self, kind: str) -> dict[str, str]:
        """What the console shows as name."""
        return {"Name": f"{self._args.region}-{kind}"}


@dataclass(frozen=True)
class _Table:
    """A route table and what makes packets find their way by it."""

    table: ec2.RouteTable
    ways: list[pulumi.Resource]


@dataclass(frozen=True)
class _Zone:
    """What a zone has."""

    subnets: ZoneSubnets
    private_table: ec2.RouteTable
    isolated_table: ec2.RouteTable


@dataclass(frozen=True)
class NetworkOfYours:
    """A VPC that is there already. Nothing of it is made here."""

    vpc_id: Output[str]
    cidr: IPv4Network
    subnets: Mapping[str, ZoneSubnets]
    private_route_tables: Mapping[str, Output[str]]


def of_yours(settings: ExistingNetwork, cidr: IPv4Network, zones: Mapping[str, str]) -> NetworkFacts:
    """The facts of a VPC as the settings describe it; its zones stand in the order of the region's."""
    described = dict(zip(zones, settings.zones, strict=True))
    return NetworkOfYours(
        vpc_id=Output.from_input(settings.vpc),
        cidr=cidr,
        subnets={
            zone: ZoneSubnets(
                public=None if one.public is None else Output.from_input(one.public),
                private=Output.from_input(one.private),
                isolated=Output.from_input(one.isolated or one.private),
            )
            for zone, one in described.items()
        },
        private_route_tables={zone: Output.from_input(one.route_table) for zone, one in described.items()},
    )
