"""The way between two regions: VPC peering, routes on both sides, and names that both understand.

Each pair has one owner, the region that comes later in `multiregion.regions`: it declares both sides, so that a region
that is added at the end of the list changes no other stack. Security groups are no part of it: AWS takes no group of
another region, so each region opens its own load balancers to the planned ranges of the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions
from pulumi.output import UNKNOWN
from pulumi_aws import ec2, route53

OUTPUT: Final = "network"
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

    def output(self) -> dict[str, Any]:
        """Value of OUTPUT."""
        return {
            "version": VERSION,
            "aws_region": self.aws_region,
            "cidr": self.cidr,
            "vpc_id": self.vpc_id,
            "route_tables": dict(self.route_tables),
            "zone_id": self.zone_id,
        }


class Link(pulumi.ComponentResource):
    """A peering of two VPCs that is active, with a route in every private table on both sides."""

    def __init__(self, name: str, own: Side, peer: Side, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Link", name, {}, opts)
        self._name, self._here, self._there = name, self._at(own), self._at(peer)
        peering = ec2.VpcPeeringConnection(
            f"{name}-peering",
            vpc_id=own.vpc_id,
            peer_vpc_id=peer.vpc_id,
            peer_region=peer.aws_region,
            # AWS takes no acceptance from another region than the accepter's.
            auto_accept=False,
            tags={"Name": f"{own.region}-{peer.region}"},
            opts=self._here,
        )
        accepted = ec2.VpcPeeringConnectionAccepter(
            f"{name}-acceptance",
            vpc_peering_connection_id=peering.id,
            auto_accept=True,
            tags={"Name": f"{own.region}-{peer.region}"},
            opts=self._there,
        )
        self._options(accepted)
        for zone, table in own.route_tables.items():
            self._route(f"{own.region}-{zone}", table, peer.cidr, accepted, self._here)
        for zone, table in peer.route_tables.items():
            self._route(f"{peer.region}-{zone}", table, own.cidr, accepted, self._there)
        self._names(own, peer, accepted)
        self.register_outputs({})

    def _at(self, side: Side) -> ResourceOptions:
        return ResourceOptions(parent=self, provider=side.provider)

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

    def _route(
        self,
        name: str,
        table: Input[str],
        cidr: str,
        accepted: ec2.VpcPeeringConnectionAccepter,
        opts: ResourceOptions,
    ) -> None:
        ec2.Route(
            f"{self._name}-{name}",
            route_table_id=table,
            destination_cidr_block=cidr,
            # Of the accepter, not of the request: a route to a peering that is not active leads nowhere.
            vpc_peering_connection_id=accepted.id,
            opts=opts,
        )

    def _names(self, own: Side, peer: Side, accepted: ec2.VpcPeeringConnectionAccepter) -> None:
        """Each side resolves the names of the other's zone."""
        for side, other in ((own, peer), (peer, own)):
            route53.ZoneAssociation(
                f"{self._name}-{side.region}-names",
                zone_id=side.zone_id,
                vpc_id=other.vpc_id,
                vpc_region=other.aws_region,
                opts=ResourceOptions.merge(self._at(side), ResourceOptions(depends_on=[accepted])),
            )


@dataclass(frozen=True)
class PeerArgs:
    """A region that this one links to."""

    region: str
    aws_region: str
    cidr: str
    zones: tuple[str, ...]
    provider: aws.Provider
    """In the peer's region."""


class Peer(pulumi.ComponentResource):
    """What a region that comes earlier in the list says of its network, checked where it is read.

    Outputs that are missing or of another version end an update with RunError; in a preview they are unknown.
    """

    side: Side

    def __init__(self, name: str, args: PeerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Peer", name, {}, opts)
        stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{args.region}"
        reference = pulumi.StackReference(f"{name}-stack", stack, opts=ResourceOptions(parent=self))
        # One output, not all of them: others are secret, and what comes from all would be secret as a whole.
        network = reference.get_output(OUTPUT).apply(lambda said: network_of(said, args))
        self.side = Side(
            region=args.region,
            aws_region=args.aws_region,
            cidr=args.cidr,
            vpc_id=network.apply(lambda known: str(known["vpc_id"])),
            route_tables={zone: _table(network, zone) for zone in args.zones},
            zone_id=network.apply(lambda known: str(known["zone_id"])),
            provider=args.provider,
        )
        self.register_outputs({})


def _table(network: Output[Mapping[str, Any]], zone: str) -> Output[str]:
    return network.apply(lambda known: str(known["route_tables"][zone]))


def network_of(network: Mapping[str, Any] | None, args: PeerArgs) -> Any:
    """What the peer says of its network (the value of its OUTPUT), or UNKNOWN in a preview that comes before.

    RunError where it says nothing, or something else than this stack plans.
    """
    region = args.region
    if network is None:
        if pulumi.runtime.is_dry_run():
            return UNKNOWN
        raise pulumi.RunError(
            f"stack {region} has no output {OUTPUT} yet, and comes earlier in multiregion.regions: bring it up first "
            f"(pulumi up -s {region})"
        )
    if network["version"] != VERSION:
        raise pulumi.RunError(
            f"stack {region} says of its network what another release wrote (version {network['version']:g}, not "
            f"{VERSION}): update {region} with this release first (pulumi up -s {region})"
        )
    stated = {"aws_region": args.aws_region, "cidr": args.cidr}
    differing = [
        f"{key}: {region} has {network[key]}, this stack plans {value}"
        for key, value in stated.items()
        if network[key] != value
    ]
    if differing:
        raise pulumi.RunError(
            "\n  ".join([f"stack {region} was brought up with another network than planned", *differing])
        )
    return network
