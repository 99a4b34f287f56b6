"""What the regions that this one links to say of their networks, read and judged before anything is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pulumi
import pulumi_aws as aws
from pulumi import Input, Output, ResourceOptions
from pulumi.output import UNKNOWN

from components import link_kind
from components.aws.links import OUTPUT, VERSION, Side
from components.aws.providers import aws_region
from components.aws.transit import Gateway
from settings import Settings
from settings.multiregion import PEERING, TRANSIT_GATEWAY, LinkKind

Network = Mapping[str, Any]
"""Value of links.OUTPUT."""


@dataclass(frozen=True)
class PeerArgs:
    """A region that this one links to."""

    region: str
    """Name of the peer, as in `multiregion.regions`."""
    aws_region: str
    """What AWS calls the peer's region."""
    cidr: str
    """Range of the peer's VPC."""
    zones: tuple[str, ...]
    """Zones of the peer, as in `high_availability.zones`."""
    link: LinkKind = PEERING
    """What both have to be linked by."""
    by_home: bool = False
    """Whether home asks, for which no standby that is earlier in the list can have come up before."""
    after: Sequence[Input[pulumi.Resource]] = ()
    """The peer is judged once these are known: what is wrong with this stack itself is told first."""


class Peer(pulumi.ComponentResource):
    """What a region that comes earlier in the list says of its network, checked where it is read.

    Outputs that are missing or of another version end an update with RunError; in a preview they are unknown.
    """

    checked: Output[pulumi.Resource]
    """Resolves once the peer is as this stack plans it: what is made after it is not made in vain."""

    def __init__(self, name: str, args: PeerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Peer", name, {}, opts)
        self._args = args
        stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{args.region}"
        reference = pulumi.StackReference(f"{name}-stack", stack, opts=ResourceOptions(parent=self))
        # Neither all outputs nor what was checked before: some of those are secret, and so would be all that comes
        # from them.
        before = Output.unsecret(Output.all(*args.after))
        judged = Output.all(before, reference.get_output(OUTPUT)).apply(lambda said: network_of(said[1], args))
        self.checked = judged.apply(lambda _: reference)
        self._network = judged.apply(lambda network: UNKNOWN if network is None else network)
        self.register_outputs({})

    def side(self, provider: aws.Provider) -> Side:
        """The peer's end of a link. `provider` is one in its region."""
        args, network = self._args, cast("Output[Network]", self._network)
        return Side(
            region=args.region,
            aws_region=args.aws_region,
            cidr=args.cidr,
            vpc_id=network.apply(lambda known: str(known["vpc_id"])),
            route_tables={zone: _table(network, zone) for zone in args.zones},
            zone_id=network.apply(lambda known: str(known["zone_id"])),
            provider=provider,
            gateway=_gateway(network) if args.link == TRANSIT_GATEWAY else None,
        )


def read(
    name: str, settings: Settings, after: Sequence[Input[pulumi.Resource]], opts: ResourceOptions
) -> Mapping[str, Peer]:
    """The regions before this one in the list, by their names: those whose links are this one's."""
    multiregion = settings.multiregion
    place = settings.regions.index(settings.region.name)
    return {
        peer.name: Peer(
            f"{name}-{peer.name}",
            PeerArgs(
                region=peer.name,
                aws_region=aws_region(peer),
                cidr=str(multiregion.vpc(peer.name)),
                zones=settings.high_availability.zones,
                link=multiregion.link,
                by_home=settings.is_home,
                after=after,
            ),
            opts,
        )
        for peer in multiregion.regions[:place]
    }


def _gateway(network: Output[Network]) -> Gateway:
    return Gateway(
        id=network.apply(lambda known: str(known["gateway"])), table=network.apply(lambda known: str(known["table"]))
    )


def _table(network: Output[Network], zone: str) -> Output[str]:
    return network.apply(lambda known: str(known["route_tables"][zone]))


def network_of(network: Network | None, args: PeerArgs) -> Network | None:
    """What the peer says of its network (the value of its OUTPUT), or None in a preview that comes before.

    RunError where it says nothing, or something else than this stack plans.
    """
    region = args.region
    if network is None:
        if pulumi.runtime.is_dry_run():
            return None
        if args.by_home:
            raise pulumi.RunError(
                f"stack {region} has no output {OUTPUT} yet: it comes before the home region in multiregion.regions, "
                "so home links to it, and it comes up after home: list the home region first"
            )
        raise pulumi.RunError(
            f"stack {region} has no output {OUTPUT} yet, and comes earlier in multiregion.regions: bring it up first "
            f"(pulumi up -s {region})"
        )
    if network["version"] != VERSION:
        raise pulumi.RunError(
            f"stack {region} says of its network what another release wrote (version {network['version']:g}, not "
            f"{VERSION}): update {region} with this release first (pulumi up -s {region})"
        )
    if link_kind.of(network) != args.link:
        return _linked_otherwise(link_kind.of(network), args)
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


def _linked_otherwise(theirs: str, args: PeerArgs) -> None:
    """A warning in a preview, where the peer may be about to change too; RunError in an update."""
    remedy = (
        f"bring {args.region} to this first (pulumi up -s {args.region}), then those after it, in the order of the list"
        if args.link == TRANSIT_GATEWAY
        else f"state {theirs} here too; docs/aws.md says what going back would take"
    )
    told = f"multiregion.link = {args.link}   stack {args.region} was brought up with {theirs}: {remedy}"
    if not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(told)
    pulumi.log.warn(told)
