"""Ranges and zones: VPCs, subnets, peerings, security groups.

Limits: docs.aws.amazon.com/vpc/latest/userguide/{vpc-cidr-blocks,subnet-sizing}.html,
docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html,
docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Final

from rehearsal.aws import regions, values
from rehearsal.aws.resource import Draft, Resource, Rule
from rehearsal.aws.tokens import (
    EGRESS_RULE,
    INGRESS_RULE,
    INTERNET_GATEWAY,
    PEERING,
    PEERING_ACCEPTER,
    PEERING_OPTIONS,
    SECURITY_GROUP,
    SUBNET,
    VPC,
)
from rehearsal.engine.model import Unknown, Value

LARGEST, SMALLEST = 16, 28
"""Prefixes of VPCs and subnets."""
GROUP_NAME: Final = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")
ALLOWED: Final = "at most 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*"
ANY_PROTOCOL: Final = ("-1", "all")


def network(text: str | None) -> IPv4Network | None:
    """The range that a text means; None where it is unset, unknown or none."""
    try:
        return None if text is None else IPv4Network(text, strict=False)
    except ValueError:
        return None


def range_faults(name: str, text: str | None) -> Iterator[str]:
    """What is wrong with a range of addresses as such."""
    if text is None:
        return
    found = network(text)
    if found is None:
        yield f"{name} = {text} is no IPv4 range: write it like 10.64.0.0/16"
    elif str(found) != text:
        yield f"{name} = {text} is an address within a range: write {found}"


def _size_faults(draft: Draft) -> Iterator[str]:
    text = draft.text("cidrBlock")
    yield from range_faults("cidrBlock", text)
    found = network(text)
    if found is not None and not LARGEST <= found.prefixlen <= SMALLEST:
        yield f"cidrBlock = {text}: AWS takes ranges from /{LARGEST} to /{SMALLEST}"


def _vpc(draft: Draft) -> Iterator[str]:
    yield from _size_faults(draft)
    if not any(draft.inputs.get(name) for name in ("cidrBlock", "ipv4IpamPoolId")):
        yield "neither cidrBlock nor ipv4IpamPoolId is stated: state a range"


def _subnet_range(draft: Draft) -> Iterator[str]:
    yield from _size_faults(draft)
    own = network(draft.text("cidrBlock"))
    vpc = draft.world.find(VPC, draft.region, draft.text("vpcId"))
    if own is None or vpc is None:
        return
    whole = network(vpc.text("cidrBlock"))
    if whole is not None and not own.subnet_of(whole):
        yield f"cidrBlock = {own} is outside its VPC's {whole} ({vpc.name}): take a range within it"
    for other in _others(draft, SUBNET, vpcId=vpc.id):
        range_ = network(other.text("cidrBlock"))
        if range_ is not None and range_.overlaps(own):
            yield f"cidrBlock = {own} shares addresses with {range_} of {other.name}: subnets have to be apart"


def _others(draft: Draft, type_: str, **properties: object) -> Iterator[Resource]:
    """The other resources of a type in the region with these properties."""
    return (one for one in draft.world.where(type_, draft.region, **properties) if not one.urn or one.urn != draft.urn)


def _subnet_zone(draft: Draft) -> Iterator[str]:
    name, id_ = draft.text("availabilityZone"), draft.text("availabilityZoneId")
    zones = regions.zones(draft.region) or ()
    if name and id_:
        yield "availabilityZone and availabilityZoneId are both stated: state one"
    if name and name not in zones:
        yield f"availabilityZone = {name}: {draft.region} has {', '.join(zones)}"
    ids = [regions.zone_id(zone) for zone in zones]
    if id_ and id_ not in ids:
        yield f"availabilityZoneId = {id_}: {draft.region} has {', '.join(ids)}"


def _internet_gateway(draft: Draft) -> Iterator[str]:
    vpc = draft.text("vpcId")
    for other in _others(draft, INTERNET_GATEWAY, vpcId=vpc) if vpc else ():
        yield f"{vpc} has an internet gateway already ({other.name}): a VPC has one"


def _peering(draft: Draft) -> Iterator[str]:
    peer_region = draft.text("peerRegion") or draft.region
    mine = draft.world.find(VPC, draft.region, draft.text("vpcId"))
    other = draft.world.find(VPC, peer_region, draft.text("peerVpcId"))
    if draft.get("autoAccept") and (peer_region != draft.region or not _is_mine(draft)):
        yield "autoAccept works within one region and account: accept it there, with a VpcPeeringConnectionAccepter"
    if mine is None or other is None:
        return
    if mine.id == other.id:
        yield "vpcId and peerVpcId are the same VPC: name two"
        return
    one, two = network(mine.text("cidrBlock")), network(other.text("cidrBlock"))
    if one is not None and two is not None and one.overlaps(two):
        yield f"{one} of {mine.name} and {two} of {other.name} share addresses: VPCs with a peering have to be apart"
    for connection in draft.world.of(PEERING):
        ends = {connection.text("vpcId"), connection.text("peerVpcId")}
        if ends == {mine.id, other.id} and connection.urn != draft.urn:
            yield f"{connection.name} connects these two VPCs already: use that one"


def _is_mine(draft: Draft) -> bool:
    return draft.text("peerOwnerId") in (None, draft.account)


def _accepter(draft: Draft) -> Iterator[str]:
    yield from accepted_elsewhere(draft, PEERING, "vpcPeeringConnectionId")


def accepted_elsewhere(draft: Draft, peering_type: str, named_by: str) -> Iterator[str]:
    """A peering, of VPCs or of transit gateways, that is accepted in another region than its peer's."""
    peering = draft.world.find(peering_type, None, draft.text(named_by))
    place = peering.text("peerRegion") if peering else None
    if peering is not None and place is not None and place != draft.region:
        yield f"{peering.name} is accepted in {place}, where its peer is, not in {draft.region}: use that provider"


def _peering_options(draft: Draft) -> Iterator[str]:
    """Options are set on active connections only, each side's by a request in that side's region."""
    peering = draft.world.find(PEERING, None, draft.text("vpcPeeringConnectionId"))
    if peering is None:
        return
    accepted = (peering, *draft.world.where(PEERING_ACCEPTER, None, vpcPeeringConnectionId=peering.id))
    if all(one.text("acceptStatus") != "active" for one in accepted):
        yield f"{peering.name} is not active yet: make the options depend on what accepts it"
    for side, place in (("requester", peering.region), ("accepter", peering.text("peerRegion"))):
        if draft.get(side) is not None and place is not None and place != draft.region:
            yield f"the {side}'s options are set in {place}, not in {draft.region}: use that provider"


# Security groups


def _group(draft: Draft) -> Iterator[str]:
    name, description = draft.text("name"), draft.text("description")
    if name is not None and (not GROUP_NAME.fullmatch(name) or name.startswith("sg-")):
        yield f"name = {name}: {ALLOWED}, and no sg- in front"
    if description is not None and not GROUP_NAME.fullmatch(description):
        yield f"description: {ALLOWED}"
    vpc = draft.text("vpcId")
    if name is not None and vpc is not None:
        for other in _others(draft, SECURITY_GROUP, vpcId=vpc):
            if other.text("name") == name:
                yield f"name = {name}: {other.name} has it in this VPC: give it another one"
    for side in ("ingress", "egress"):
        for index, rule in enumerate(values.items(draft.inputs, side)):
            yield from _ports(rule, f"{side}[{index}].", "protocol")


def _group_rule(draft: Draft) -> Iterator[str]:
    sources = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
    stated = [name for name in sources if draft.inputs.get(name) is not None]
    if len(stated) != 1:
        yield f"one of {', '.join(sources)} has to be stated, {' and '.join(stated) or 'none'} is: state one"
    yield from range_faults("cidrIpv4", draft.text("cidrIpv4"))
    yield from _ports(draft.inputs, "", "ipProtocol")
    named = ("securityGroupId", "ipProtocol", "fromPort", "toPort", *sources)
    for other in _others(draft, draft.type, securityGroupId=draft.text("securityGroupId")):
        pairs = [(draft.inputs.get(name), other.inputs.get(name)) for name in named]
        if all(mine == theirs and not isinstance(mine, Unknown) for mine, theirs in pairs):
            yield f"{other.name} is the same rule of the same group: keep one"


def _ports(rule: Value, at: str, protocol: str) -> Iterator[str]:
    found, low, high = (values.get(rule, name) for name in (protocol, "fromPort", "toPort"))
    if str(found) in ANY_PROTOCOL:
        if low not in (None, 0, -1) or high not in (None, 0, -1):
            yield f"{at}{protocol} is all of them, which has no ports: leave fromPort and toPort out"
    elif str(found) in ("tcp", "udp", "6", "17"):
        if not {"fromPort", "toPort"} <= rule.keys():
            yield f"{at}fromPort and toPort have to be stated for {found}"
        elif None not in (low, high) and not 0 <= float(low) <= float(high) <= 65535:
            yield f"{at}fromPort = {low}, toPort = {high}: write a range within 0 to 65535, the lower one first"


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    VPC: (_vpc,),
    SUBNET: (_subnet_range, _subnet_zone),
    INTERNET_GATEWAY: (_internet_gateway,),
    PEERING: (_peering,),
    PEERING_ACCEPTER: (_accepter,),
    PEERING_OPTIONS: (_peering_options,),
    SECURITY_GROUP: (_group,),
    INGRESS_RULE: (_group_rule,),
    EGRESS_RULE: (_group_rule,),
}
