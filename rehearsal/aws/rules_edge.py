"""Certificates and load balancers.

docs.aws.amazon.com/acm/latest/userguide/{acm-certificate,dns-validation}.html,
docs.aws.amazon.com/elasticloadbalancing/latest/{application,network}.
"""

import re
from collections.abc import Iterator
from typing import Final

from rehearsal.aws import values
from rehearsal.aws.resource import Draft, Rule
from rehearsal.aws.rules_dns import name_faults
from rehearsal.aws.rules_links import one_a_zone
from rehearsal.aws.tokens import (
    CERTIFICATE,
    CERTIFICATE_VALIDATION,
    LISTENER,
    LOAD_BALANCER,
    RECORD,
    SUBNET,
    TARGET_GROUP,
)

LONGEST: Final = 32
NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
MOST_FIRST: Final = 64
"""Characters of a certificate's first name."""
BY_NETWORK: Final = ("TCP", "UDP", "TCP_UDP", "TLS", "QUIC", "TCP_QUIC")
BY_APPLICATION: Final = ("HTTP", "HTTPS")
TARGETS: Final = ("instance", "ip", "lambda", "alb")


def _certificate(draft: Draft) -> Iterator[str]:
    domain = draft.text("domainName")
    if draft.inputs.get("domainName") is None and not draft.inputs.get("privateKey"):
        yield "domainName is not stated: state the name that is certified"
    if domain is not None and len(domain) > MOST_FIRST:
        yield f"domainName = {domain} has more than {MOST_FIRST} characters: put it among subjectAlternativeNames"
    for name in filter(None, (domain, *draft.texts("subjectAlternativeNames"))):
        yield from name_faults("a name", name)
    proven = any(draft.inputs.get(name) is not None for name in ("validationMethod", "certificateAuthorityArn"))
    if draft.inputs.get("domainName") is not None and not proven:
        yield "validationMethod is not stated: write DNS"
    if draft.get("validationMethod") not in (None, "DNS", "EMAIL", "HTTP"):
        yield f"validationMethod = {draft.get('validationMethod')}: write DNS"


def _validation(draft: Draft) -> Iterator[str]:
    """Waits until the records that prove the names are seen: they have to be there, and be the certificate's own."""
    certificate = draft.world.by_arn(draft.text("certificateArn") or "")
    if certificate is None or draft.inputs.get("validationRecordFqdns") is None:
        return
    listed = values.get(draft.inputs, "validationRecordFqdns")
    if not isinstance(listed, list) or len(draft.texts("validationRecordFqdns")) != len(listed):
        return
    stated = {name.removesuffix(".").lower() for name in draft.texts("validationRecordFqdns")}
    needed = {
        (values.text(one, "resourceRecordName") or "").removesuffix(".").lower(): values.text(one, "domainName")
        for one in values.items(certificate.outputs, "domainValidationOptions")
    }
    for name in stated - needed.keys():
        yield f"validationRecordFqdns has {name}, which does not prove a name of {certificate.name}"
    for name in needed.keys() - stated:
        yield f"validationRecordFqdns lacks the record that proves {needed[name]}: it would wait until it fails"
    made = {(one.text("fqdn") or "").lower() for one in draft.world.of(RECORD)}
    for name in sorted(stated & needed.keys() - made):
        yield f"there is no record {name} yet: make it, and take its fqdn"


def _name(draft: Draft) -> Iterator[str]:
    name = draft.named()
    if not isinstance(name, str):
        return
    if len(name) > LONGEST or not NAME.fullmatch(name) or name.startswith("internal-"):
        yield f"name = {name}: at most {LONGEST} letters, digits and inner hyphens, and no internal- in front"
    yield from draft.taken(name)


def _balancer(draft: Draft) -> Iterator[str]:
    listed, mapped = draft.inputs.get("subnets"), draft.inputs.get("subnetMappings")
    if (listed is None) == (mapped is None):
        yield "one of subnets and subnetMappings has to be stated"
    ids = draft.texts("subnets") + [
        one for mapping in values.items(draft.inputs, "subnetMappings") if (one := values.text(mapping, "subnetId"))
    ]
    yield from one_a_zone(draft, ids, "subnets")
    subnets = [found for one in ids if (found := draft.world.find(SUBNET, draft.region, one))]
    if len({subnet.text("vpcId") for subnet in subnets}) > 1:
        yield "the subnets are of several VPCs: name subnets of one"
    kind = draft.stated("loadBalancerType", "application")
    whole = isinstance(listed, list) and len(ids) == len(listed)
    if kind == "application" and whole and len({subnet.text("availabilityZone") for subnet in subnets}) < 2:
        yield "the subnets are in one zone: an application load balancer needs two"


def _target_group(draft: Draft) -> Iterator[str]:
    kind, protocol = draft.stated("targetType", "instance"), draft.text("protocol")
    if isinstance(kind, str) and kind not in TARGETS:
        yield f"targetType = {kind}: write {', '.join(TARGETS)}"
    for name in ("port", "protocol", "vpcId"):
        if kind != "lambda" and draft.inputs.get(name) is None:
            yield f"{name} is not stated: targets of type {kind} need one"
    if protocol is not None and protocol not in (*BY_NETWORK, *BY_APPLICATION, "GENEVE"):
        yield f"protocol = {protocol}: write one of {', '.join((*BY_APPLICATION, *BY_NETWORK))}"
    port = draft.get("port")
    if isinstance(port, int) and not 1 <= port <= 65535:
        yield f"port = {port}: 1 to 65535"


def _listener(draft: Draft) -> Iterator[str]:
    balancer = draft.world.by_arn(draft.text("loadBalancerArn") or "")
    protocol, certificate = draft.text("protocol"), draft.inputs.get("certificateArn")
    kind = balancer.text("loadBalancerType") if balancer else None
    allowed = {"network": BY_NETWORK, "application": BY_APPLICATION}.get(kind or "")
    if balancer is not None and allowed is not None and protocol is not None and protocol not in allowed:
        yield f"protocol = {protocol}: {balancer.name} is a {kind} load balancer, which has {', '.join(allowed)}"
    if protocol in ("HTTPS", "TLS") and certificate is None:
        yield f"certificateArn is not stated: a listener of {protocol} needs one"
    if protocol in ("HTTP", "TCP", "UDP", "TCP_UDP") and certificate is not None:
        yield f"certificateArn is stated: a listener of {protocol} has none"
    port = draft.get("port")
    for other in draft.world.where(LISTENER, draft.region, loadBalancerArn=draft.text("loadBalancerArn"), port=port):
        if balancer is not None and port is not None and other.urn != draft.urn:
            yield f"port = {port} is taken by {other.name}: a load balancer has one listener a port"
    for action in values.items(draft.inputs, "defaultActions"):
        group = draft.world.by_arn(values.text(action, "targetGroupArn") or "")
        theirs = group.text("protocol") if group else None
        if group is not None and allowed is not None and theirs is not None and theirs not in allowed:
            yield f"defaultActions: {group.name} speaks {theirs}, which a {kind} load balancer does not"


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    CERTIFICATE: (_certificate,),
    CERTIFICATE_VALIDATION: (_validation,),
    LOAD_BALANCER: (_name, _balancer),
    TARGET_GROUP: (_name, _target_group),
    LISTENER: (_listener,),
}
