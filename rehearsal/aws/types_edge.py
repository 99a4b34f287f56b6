"""What users reach: certificates of ACM, load balancers, their listeners and target groups.

Forms: docs.aws.amazon.com/acm/latest/APIReference, docs.aws.amazon.com/elasticloadbalancing/latest/APIReference.
Which inputs take a replacement: terraform-provider-aws, internal/service/{acm,elbv2}.
"""

import hashlib
from typing import Final

from rehearsal.aws import regions, values
from rehearsal.aws.resource import MADE, Draft, Kind
from rehearsal.aws.tokens import CERTIFICATE, CERTIFICATE_VALIDATION, LISTENER, LOAD_BALANCER, SUBNET, TARGET_GROUP
from rehearsal.engine.model import Value

HOSTED_ZONES: Final = {
    "us-east-1": ("Z35SXDOTRQ7X7K", "Z26RNL4JYFTOTI"),
    "us-east-2": ("Z3AADJGX6KTTL2", "ZLMOA37VPKANP"),
    "us-west-1": ("Z368ELLRRE2KJ0", "Z24FKFUX50B4VW"),
    "us-west-2": ("Z1H1FL5HABSF5", "Z18D5FSROUN65G"),
    "eu-west-1": ("Z32O12XQLNTSW2", "Z2IFOLAFXWLO4F"),
    "eu-central-1": ("Z215JYRZR1TBD5", "Z3F0SRJ5LGBH90"),
}
"""Of application and of network load balancers (docs.aws.amazon.com/general/latest/gr/elb.html); other regions get one
that is made up."""
_KINDS: Final = {"application": "app", "network": "net", "gateway": "gwy"}


def _certificate_arn(draft: Draft) -> Value:
    return draft.arn("acm", "certificate/", draft.uuid())


def _certificate(draft: Draft) -> dict[str, Value]:
    domain = draft.text("domainName") or ""
    names = list(dict.fromkeys([domain, *draft.texts("subjectAlternativeNames")]))
    by_dns = draft.get("validationMethod") == "DNS"
    return {
        "arn": _certificate_arn(draft),
        "domainName": draft.stated("domainName", ""),
        "subjectAlternativeNames": names,
        # a name and its wildcard are proven by the same record
        "domainValidationOptions": [_proof(draft, name) for name in names] if by_dns else [],
        "status": "PENDING_VALIDATION" if by_dns else "ISSUED",
        "type": "AMAZON_ISSUED" if by_dns else "IMPORTED",
        "validationMethod": draft.stated("validationMethod", "NONE"),
        "options": draft.stated("options", {"certificateTransparencyLoggingPreference": "ENABLED"}),
    }


def _proof(draft: Draft, name: str) -> Value:
    """The record that proves a name: the same one in every region of an account."""
    base = name.removeprefix("*.")
    digest = hashlib.sha256(f"{draft.account} {base}".encode()).hexdigest()
    return {
        "domainName": name,
        "resourceRecordName": f"_{digest[:32]}.{base}.",
        "resourceRecordType": "CNAME",
        "resourceRecordValue": f"_{digest[32:]}.{digest[:10]}.acm-validations.aws.",
    }


def _suffix(draft: Draft) -> Value:
    kind = _KINDS.get(str(draft.stated("loadBalancerType", "application")), "app")
    return values.joined(f"{kind}/", draft.named(), f"/{draft.hex('lb', 16)}")


def _load_balancer(draft: Draft) -> dict[str, Value]:
    name, network = draft.named(), draft.get("loadBalancerType") == "network"
    internal = "internal-" if draft.get("internal") and not network else ""
    number = draft.hex("lb", 16) if network else draft.number("dns", 10**10)
    place = f"elb.{draft.region}" if network else f"{draft.region}.elb"
    subnets = draft.texts("subnets") or [
        one for mapping in values.items(draft.inputs, "subnetMappings") if (one := values.text(mapping, "subnetId"))
    ]
    first = next((found for one in subnets if (found := draft.world.find(SUBNET, draft.region, one))), None)
    made_up = f"Z{draft.capitals('zone', 13)}"
    return {
        "name": name,
        "arn": draft.arn("elasticloadbalancing", "loadbalancer/", _suffix(draft)),
        "arnSuffix": _suffix(draft),
        "dnsName": values.joined(internal, name, f"-{number}.{place}.{regions.suffix(draft.region)}"),
        "zoneId": HOSTED_ZONES.get(draft.region, (made_up, made_up))[network],
        "vpcId": first.text("vpcId") if first else "",
        "subnets": draft.stated("subnets", list(subnets)),
        "subnetMappings": draft.stated("subnetMappings", [{"subnetId": one} for one in subnets]),
    }


def _target_suffix(draft: Draft) -> Value:
    return values.joined("targetgroup/", draft.named(), f"/{draft.hex('tg', 16)}")


def _target_group(draft: Draft) -> dict[str, Value]:
    return {
        "name": draft.named(),
        "arn": draft.arn("elasticloadbalancing", _target_suffix(draft)),
        "arnSuffix": _target_suffix(draft),
        "healthCheck": draft.stated("healthCheck", {"enabled": True, "protocol": "TCP", "port": "traffic-port"}),
        "stickiness": draft.stated("stickiness", {"enabled": False, "type": "source_ip"}),
    }


def _listener_arn(draft: Draft) -> Value:
    balancer = draft.text("loadBalancerArn") or ""
    return values.joined(balancer.replace(":loadbalancer/", ":listener/", 1), f"/{draft.hex('listener', 16)}")


def _listener(draft: Draft) -> dict[str, Value]:
    secured = draft.get("protocol") in ("HTTPS", "TLS")
    return {
        "arn": _listener_arn(draft),
        "protocol": draft.stated("protocol", "HTTP"),
        "sslPolicy": draft.stated("sslPolicy", "ELBSecurityPolicy-2016-08" if secured else ""),
    }


_HEADERS: Final = tuple(
    f"routingHttp{name}"
    for name in (
        *(
            f"RequestXAmznMtlsClientcert{part}HeaderName"
            for part in ("", "Issuer", "Leaf", "SerialNumber", "Subject", "Validity")
        ),
        *(f"RequestXAmznTls{part}HeaderName" for part in ("CipherSuite", "Version")),
        *(
            f"ResponseAccessControl{part}HeaderValue"
            for part in (
                "AllowCredentials",
                "AllowHeaders",
                "AllowMethods",
                "AllowOrigin",
                "ExposeHeaders",
                "MaxAge",
            )
        ),
        *(
            f"Response{part}HeaderValue"
            for part in ("ContentSecurityPolicy", "StrictTransportSecurity", "XContentTypeOptions", "XFrameOptions")
        ),
        "ResponseServerEnabled",
    )
)

KINDS: Final[dict[str, Kind]] = {
    CERTIFICATE: Kind(
        _certificate_arn,
        _certificate,
        {
            "keyAlgorithm": "RSA_2048",
            "notBefore": MADE,
            "notAfter": "2027-01-31T00:00:00Z",
            "renewalEligibility": "INELIGIBLE",
        },
        ("pendingRenewal", "renewalSummaries", "validationEmails"),
        ("domainName", "subjectAlternativeNames", "validationMethod", "keyAlgorithm", "certificateAuthorityArn"),
    ),
    CERTIFICATE_VALIDATION: Kind(
        lambda _: f"{MADE[:10]} 00:00:00 +0000 UTC", forced=("certificateArn", "validationRecordFqdns")
    ),
    LOAD_BALANCER: Kind(
        lambda draft: draft.arn("elasticloadbalancing", "loadbalancer/", _suffix(draft)),
        _load_balancer,
        {
            "internal": False,
            "ipAddressType": "ipv4",
            "loadBalancerType": "application",
            "enablePrefixForIpv6SourceNat": "off",
            "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic": "on",
        },
        ("secondaryIpsAutoAssignedPerSubnet", "securityGroups"),
        ("internal", "loadBalancerType", "name", "namePrefix", "customerOwnedIpv4Pool"),
    ),
    TARGET_GROUP: Kind(
        lambda draft: draft.arn("elasticloadbalancing", _target_suffix(draft)),
        _target_group,
        {
            "ipAddressType": "ipv4",
            "loadBalancingAlgorithmType": "round_robin",
            "loadBalancingAnomalyMitigation": "off",
            "loadBalancingCrossZoneEnabled": "use_load_balancer_configuration",
            "deregistrationDelay": 300,
            "targetType": "instance",
        },
        (
            "connectionTermination",
            "loadBalancerArns",
            "preserveClientIp",
            "protocolVersion",
            "targetFailovers",
            "targetGroupHealth",
            "targetHealthStates",
        ),
        ("name", "namePrefix", "port", "protocol", "protocolVersion", "targetType", "vpcId", "ipAddressType"),
    ),
    LISTENER: Kind(
        _listener_arn,
        _listener,
        {"tcpIdleTimeoutSeconds": 350},
        ("mutualAuthentication", *_HEADERS),
        ("loadBalancerArn",),
    ),
}
