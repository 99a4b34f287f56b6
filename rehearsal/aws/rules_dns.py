"""Names: zones of Route 53, their records, health checks.

docs.aws.amazon.com/Route53/latest/DeveloperGuide/{DNSLimitations,resource-record-sets-values,routing-policy,
resource-record-sets-choosing-alias-non-alias}.html.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final, cast

from rehearsal.aws import regions, values
from rehearsal.aws.resource import Draft, Resource, Rule
from rehearsal.aws.tokens import HEALTH_CHECK, LOAD_BALANCER, RECORD, VPC, ZONE, ZONE_ASSOCIATION, ZONE_AUTHORIZATION
from rehearsal.aws.types_route53 import full_name
from rehearsal.engine.model import Unknown, Value

TYPES: Final = (
    "A",
    "AAAA",
    "CAA",
    "CNAME",
    "DS",
    "HTTPS",
    "MX",
    "NAPTR",
    "NS",
    "PTR",
    "SOA",
    "SPF",
    "SRV",
    "SVCB",
    "TXT",
)
POLICIES: Final = (
    "cidrRoutingPolicy",
    "failoverRoutingPolicies",
    "geolocationRoutingPolicies",
    "geoproximityRoutingPolicy",
    "latencyRoutingPolicies",
    "multivalueAnswerRoutingPolicy",
    "weightedRoutingPolicies",
)
CHECKS: Final = (
    "CALCULATED",
    "CLOUDWATCH_METRIC",
    "HTTP",
    "HTTPS",
    "HTTPS_STR_MATCH",
    "HTTP_STR_MATCH",
    "RECOVERY_CONTROL",
    "TCP",
)
LABEL: Final = re.compile(r"\*|[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?")
PROBED: Final = ("HTTP", "HTTPS", "HTTPS_STR_MATCH", "HTTP_STR_MATCH", "TCP")
FEWEST_REGIONS: Final = 3


def name_faults(at: str, name: str) -> Iterator[str]:
    """What is wrong with a domain name."""
    labels = name.removesuffix(".").split(".")
    if len(name) > 255 or not all(LABEL.fullmatch(label) for label in labels):
        yield f"{at} = {name}: labels of 1 to 63 letters, digits, - and _, at most 255 characters together"


def _zone(draft: Draft) -> Iterator[str]:
    name = draft.text("name")
    if draft.inputs.get("name") is None:
        yield "name is not stated: state the domain"
    if name is not None:
        yield from name_faults("name", name)
    for index, vpc in enumerate(values.items(draft.inputs, "vpcs")):
        yield from _vpc(draft, vpc, f"vpcs[{index}].")


def _vpc(draft: Draft, vpc: Value, at: str = "") -> Iterator[str]:
    """What is wrong with a VPC that a private zone is for: `vpcId` and `vpcRegion`."""
    id_, place = values.text(vpc, "vpcId"), values.text(vpc, "vpcRegion") or draft.region
    if isinstance(cast(Mapping[str, Value], vpc).get("vpcRegion"), Unknown):
        return
    if regions.zones(place) is None:
        yield f"{at}vpcRegion: {regions.unknown(place)}"
        return
    found = draft.world.find(VPC, place, id_)
    if found is None and id_ is not None:
        yield f"{at}vpcId names {id_}, which is not in {place}: state the vpcRegion that it is in"
    if found is not None and False in (found.get("enableDnsHostnames"), found.get("enableDnsSupport")):
        yield f"{at}vpcId: {found.name} has to have enableDnsHostnames and enableDnsSupport to use a private zone"


def _association(draft: Draft) -> Iterator[str]:
    yield from _vpc(draft, draft.inputs)
    zone = draft.world.find(ZONE, "", draft.text("zoneId"))
    if zone is None:
        return
    if zone.urn and not zone.inputs.get("vpcs"):
        yield f"{zone.name} is a public zone: a VPC is associated with private ones"
    first = {values.text(vpc, "vpcId") for vpc in values.items(zone.inputs, "vpcs")}
    if draft.text("vpcId") in first:
        yield f"{zone.name} names this VPC itself: keep one"


# Records


def _record(draft: Draft) -> Iterator[str]:
    type_, name = draft.text("type"), full_name(draft)
    if type_ is not None and type_ not in TYPES:
        yield f"type = {type_}: Route 53 has {', '.join(TYPES)}"
    zone = draft.world.find(ZONE, "", draft.text("zoneId"))
    if isinstance(name, str):
        yield from name_faults("name", name)
    if type_ == "CNAME" and zone is not None and name == zone.text("name"):
        yield f"a CNAME cannot stand at the head of the zone ({name}): make an alias of type A"
    yield from _content(draft)
    yield from _policy(draft)
    if isinstance(name, str):
        yield from _siblings(draft, name, type_)


def _content(draft: Draft) -> Iterator[str]:
    """An alias, or records with a time to live."""
    alias = bool(draft.inputs.get("aliases"))
    if alias == (draft.inputs.get("records") is not None):
        yield "a record has aliases or records: state one of them"
    if alias and draft.inputs.get("ttl") is not None:
        yield "ttl is stated with aliases: an alias has that of what it leads to"
    if not alias and draft.inputs.get("records") is not None and draft.inputs.get("ttl") is None:
        yield "ttl is not stated: records need one"
    for text in draft.texts("records"):
        yield from _value(str(draft.text("type")), text)
    for one in values.items(draft.inputs, "aliases"):
        yield from _alias(draft, one)


def _value(type_: str, text: str) -> Iterator[str]:
    kinds: Mapping[str, type[IPv4Address] | type[IPv6Address]] = {"A": IPv4Address, "AAAA": IPv6Address}
    if type_ in kinds:
        try:
            kinds[type_](text)
        except ValueError:
            yield f"records has a text that is no address of a record of type {type_}"
    elif type_ == "CNAME":
        yield from name_faults("records", text)


def _alias(draft: Draft, alias: Value) -> Iterator[str]:
    """An alias to a load balancer names that one's zone."""
    target = (values.text(alias, "name") or "").removeprefix("dualstack.").removesuffix(".").lower()
    zone = values.text(alias, "zoneId")
    balancers = (one for one in draft.world.of(LOAD_BALANCER) if (one.text("dnsName") or "").lower() == target)
    found = next(balancers, None) if target else None
    if found is not None and zone is not None and found.text("zoneId") != zone:
        yield f"aliases: {found.name} is in the zone {found.text('zoneId')}, not {zone}: take its zone_id"


def _policy(draft: Draft) -> Iterator[str]:
    stated = [name for name in POLICIES if draft.inputs.get(name)]
    if len(stated) > 1:
        yield f"{' and '.join(stated)} are stated: a record has one routing policy"
    identified = draft.inputs.get("setIdentifier") is not None
    if stated and not identified:
        yield f"setIdentifier is not stated: {stated[0]} needs one"
    if identified and not stated:
        yield "setIdentifier is stated without a routing policy: state one, or leave it out"
    for policy in values.items(draft.inputs, "failoverRoutingPolicies"):
        kind = values.text(policy, "type")
        if kind not in (None, "PRIMARY", "SECONDARY"):
            yield f"failoverRoutingPolicies: type {kind}: write PRIMARY or SECONDARY"
        watched = draft.inputs.get("healthCheckId") is not None or any(
            values.get(one, "evaluateTargetHealth") is not False for one in values.items(draft.inputs, "aliases")
        )
        if kind == "PRIMARY" and not watched:
            yield "a PRIMARY record is never failed over: state healthCheckId, or evaluateTargetHealth of its alias"
    for policy in values.items(draft.inputs, "latencyRoutingPolicies"):
        region = values.text(policy, "region")
        if region is not None and regions.zones(region) is None:
            yield f"latencyRoutingPolicies: {regions.unknown(region)}"
    for policy in values.items(draft.inputs, "weightedRoutingPolicies"):
        weight = values.get(policy, "weight")
        if isinstance(weight, int) and not 0 <= weight <= 255:
            yield f"weightedRoutingPolicies: weight {weight}: 0 to 255"


def _siblings(draft: Draft, name: str, type_: str | None) -> Iterator[str]:
    """Records of one name: one a type, or all of one policy with identifiers of their own; a CNAME stands alone."""
    for other in draft.world.where(RECORD, "", zoneId=draft.text("zoneId")):
        if other.urn == draft.urn or (other.text("fqdn") or "").lower() != name.lower():
            continue
        theirs = other.text("type")
        if theirs != type_:
            if "CNAME" in (theirs, type_):
                yield f"{other.name} has the same name: a CNAME stands alone"
            continue
        yield from _same_name(draft, other)


def _same_name(draft: Draft, other: Resource) -> Iterator[str]:
    mine = [policy for policy in POLICIES if draft.inputs.get(policy)]
    theirs = [policy for policy in POLICIES if other.inputs.get(policy)]
    if not mine and not theirs and draft.get("allowOverwrite") is True:
        return
    identifier = draft.text("setIdentifier")
    if not mine or not theirs:
        yield f"{other.name} has the same name and type: keep one, or give both a routing policy"
    elif mine != theirs:
        yield f"{other.name} of the same name has {theirs[0]}, this one {mine[0]}: one policy a name"
    elif identifier is not None and identifier == other.text("setIdentifier"):
        yield f"{other.name} has the same setIdentifier: give each its own"
    elif mine == ["failoverRoutingPolicies"]:
        kind = draft.text(mine[0], 0, "type")
        if kind is not None and kind == other.text(mine[0], 0, "type"):
            yield f"{other.name} is the {kind} of this name already"


def _check(draft: Draft) -> Iterator[str]:
    kind = draft.text("type")
    if kind is not None and kind not in CHECKS:
        yield f"type = {kind}: Route 53 has {', '.join(CHECKS)}"
    if kind in PROBED and draft.inputs.get("fqdn") is None and draft.inputs.get("ipAddress") is None:
        yield f"neither fqdn nor ipAddress is stated: a check of type {kind} asks one of them"
    if kind is not None and kind.endswith("STR_MATCH") and draft.inputs.get("searchString") is None:
        yield f"searchString is not stated: a check of type {kind} looks for one"
    if kind == "TCP" and draft.inputs.get("port") is None:
        yield "port is not stated: a check of type TCP needs one"
    if draft.get("requestInterval") not in (None, 10, 30):
        yield f"requestInterval = {draft.get('requestInterval')}: 10 or 30 seconds"
    threshold = draft.get("failureThreshold")
    if isinstance(threshold, int) and not 1 <= threshold <= 10:
        yield f"failureThreshold = {threshold}: 1 to 10"
    places = draft.texts("regions")
    if places and len(places) < FEWEST_REGIONS:
        yield f"regions has {len(places)}: at least {FEWEST_REGIONS}"
    path = draft.text("resourcePath")
    if path is not None and len(path) > 255:
        yield "resourcePath has more than 255 characters"


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    ZONE: (_zone,),
    RECORD: (_record,),
    ZONE_ASSOCIATION: (_association,),
    ZONE_AUTHORIZATION: (_association,),
    HEALTH_CHECK: (_check,),
}
