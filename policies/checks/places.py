"""Whether everything on AWS is made in the region that it is for: by the provider of that region.

A stack makes things in other regions for two reasons: the other side of a link, and the copies of its backups.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from policies.checks import recorded
from policies.checks.buckets import is_target
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Unreadable, object_at, text_at
from policies.checks.tokens import (
    AWS_PROVIDER,
    BUCKET,
    BUCKET_ENCRYPTION,
    BUCKET_REPLICATION,
    KEY,
    KEY_ALIAS,
    PEERING,
    PEERING_ACCEPTER,
    PEERING_OPTIONS,
    ROUTE,
    TRANSIT_ACCEPTER,
    TRANSIT_PEERING,
    TRANSIT_ROUTE,
    TRANSIT_TABLE_ASSOCIATION,
    ZONE_ASSOCIATION,
)
from policies.checks.whole import Whole, each, input_of, refers

_PEERS = (PEERING, TRANSIT_PEERING)
"""What asks for a peering."""
_ACCEPTS = {PEERING_ACCEPTER: "vpcPeeringConnectionId", TRANSIT_ACCEPTER: "transitGatewayAttachmentId"}
"""What accepts one on the other side, and the input that says which."""
_LINKED_BY = ("vpcPeeringConnectionId", "transitGatewayAttachmentId")
"""Inputs of such parts of a link that name the peering, or what accepted it."""
_PLACED_BY = {
    ROUTE: "routeTableId",
    ZONE_ASSOCIATION: "zoneId",
    TRANSIT_ROUTE: "transitGatewayRouteTableId",
    TRANSIT_TABLE_ASSOCIATION: "transitGatewayRouteTableId",
}
"""Parts of either side of a link, and the input that says of which: it comes from the stack of that side."""


@dataclass(frozen=True)
class _Places:
    """Where things belong, by what AWS calls the regions."""

    own: str
    regions: Mapping[str, str]
    """Of every region of the list, by its name."""
    copies: str
    """"" where backups are copied nowhere."""
    given: Collection[str]
    """Ids of a network of the stack's own region that was there before."""

    @property
    def others(self) -> list[str]:
        return [place for place in self.regions.values() if place != self.own]


def right_region(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Providers, resources and both sides of links, by what the record of the region's settings says.

    Other regions than the stack's own are those of the list and the one of the copies of backups. With which of the
    others a peering is, only its own input says. Without a record nothing is judged: the pack's self-check tells of
    that.
    """
    del limits
    settings = recorded.settings(whole)
    if settings is None or not whole.on_aws:
        return
    regions = recorded.aws_regions(settings)
    own = regions.get(recorded.region(settings), "")
    places = _Places(own, regions, recorded.copies_in(settings), recorded.given_network(settings))
    if not places.own:
        yield Violation("", "the record of the settings does not say what AWS calls the region: where is it to be?")
        return
    copies = _of_copies(whole)
    yield from each(whole.of(AWS_PROVIDER), lambda it: _provider(it, places))
    yield from each(whole.of_package("aws"), lambda it: _resource(it, places, copies, whole))
    yield from each(whole.of(*_PEERS), lambda it: _peering(it, places))
    yield from each(whole.of(ZONE_ASSOCIATION), lambda it: _association(it, places, whole))


def _provider(provider: Resource, places: _Places) -> Iterator[str]:
    region = text_at(provider.inputs, "region")
    known = [*dict.fromkeys(place for place in (places.own, *places.others, places.copies) if place)]
    if not region:
        yield "states no region: the environment decides where things are made"
    elif region not in known:
        yield f"is for {region}, and this region has to do with {', '.join(known)} alone"


def _resource(resource: Resource, places: _Places, copies: set[str], whole: Whole) -> Iterator[str]:
    belongs, why = _belongs(resource, places, copies, whole)
    if not resource.region:
        yield f"in which region it is made cannot be known: give it the provider of {belongs}"
    elif resource.region != belongs:
        yield f"is made in {resource.region}, and belongs in {belongs}, {why}: give it the provider of {belongs}"


def _belongs(resource: Resource, places: _Places, copies: set[str], whole: Whole) -> tuple[str, str]:
    """What AWS calls the region of a resource, and why there."""
    there = _side(resource, places, whole)
    if there:
        return there, "the other side of a link"
    if resource.urn in copies and places.copies:
        return places.copies, "where the copies of the backups are"
    return places.own, "the region's own"


def _side(resource: Resource, places: _Places, whole: Whole) -> str:
    """Of the other side of a link, where a resource is a part of it; "" for all others."""
    if resource.type in _PLACED_BY:
        return _read(resource, _PLACED_BY[resource.type], places, whole)
    if resource.type in _ACCEPTS:
        return _accepted(resource, _ACCEPTS[resource.type], whole)
    if resource.type == PEERING_OPTIONS and "accepter" in object_at(resource.inputs):
        for accepter in whole.of(PEERING_ACCEPTER):
            if refers(resource, "vpcPeeringConnectionId", accepter):
                return _side(accepter, places, whole)
        return _accepted(resource, "vpcPeeringConnectionId", whole)
    return ""


def _accepted(resource: Resource, field: str, whole: Whole) -> str:
    """Where the peering that a resource is about leads."""
    for peering in whole.of(*_PEERS):
        if refers(resource, field, peering):
            return text_at(peering.inputs, "peerRegion")
    raise Unreadable(f"{field} is of no peering of this stack: where its other side is cannot be known")


def _read(resource: Resource, field: str, places: _Places, whole: Whole) -> str:
    """The region of an input that comes from another stack, by the peering of the link; "" where it comes from this.

    The engine shows a pack no resource that is only read (pkg/resource/deploy/step_executor.go: `reads`): which stack
    it was is not known. Without a peering of its own the input may be from any other region: the resource's own
    counts, if it is one of them.
    """
    if _of_here(resource, field, places, whole):
        return ""
    for link in whole.of(*_PEERS, *_ACCEPTS):
        if any(refers(resource, name, link) for name in _LINKED_BY):
            return _side(link, places, whole) or text_at(link.inputs, "peerRegion")
    return resource.region if resource.region in places.others else next(iter(places.others), "")


def _of_here(resource: Resource, field: str, places: _Places, whole: Whole) -> bool:
    """Whether an input comes from a resource that this stack makes, or is of the network that it was given."""
    made = any(urn in whole.urns for urn in resource.sources.get(field, ()))
    return made or input_of(resource, field) in places.given


def _peering(peering: Resource, places: _Places) -> Iterator[str]:
    stated = text_at(peering.inputs, "peerRegion")
    if stated not in places.others:
        yield f"peerRegion is {stated or 'not stated'}, and none of the other regions is there"


def _association(association: Resource, places: _Places, whole: Whole) -> Iterator[str]:
    """Of a network with the zone of the other side."""
    stated = text_at(association.inputs, "vpcRegion") or association.region
    if _of_here(association, "vpcId", places, whole):
        if stated != places.own:
            yield f"vpcRegion is {stated}, and its network is in {places.own}"
    elif stated not in (places.own, *places.others):
        yield f"vpcRegion is {stated}, and none of the regions is there"


def _of_copies(whole: Whole) -> set[str]:
    """URNs of the buckets that others are copied to, of their parts, and of the keys that seal them."""
    replications = whole.of(BUCKET_REPLICATION)
    buckets = [it for it in whole.of(BUCKET) if any(is_target(replication, it) for replication in replications)]
    parts = [it for it in whole.of_package("aws") if any(refers(it, "bucket", bucket, "bucket") for bucket in buckets)]
    sealing = {urn for part in parts if part.type == BUCKET_ENCRYPTION for urn in part.sources.get("rules", ())}
    keys = [key for key in whole.of(KEY) if key.urn in sealing]
    aliases = [alias for alias in whole.of(KEY_ALIAS) if any(refers(alias, "targetKeyId", key) for key in keys)]
    return {it.urn for it in (*buckets, *parts, *keys, *aliases)}
