"""Route 53, which belongs to the whole account: zones, records, health checks, and who may see a private zone.

Forms: docs.aws.amazon.com/Route53/latest/APIReference. Which inputs take a replacement: terraform-provider-aws,
internal/service/route53.
"""

from typing import Final

from rehearsal.aws import values
from rehearsal.aws.resource import Draft, Kind
from rehearsal.aws.tokens import HEALTH_CHECK, RECORD, ZONE, ZONE_ASSOCIATION, ZONE_AUTHORIZATION
from rehearsal.engine.model import UNKNOWN, Unknown, Value

TOP_LEVELS: Final = ("com", "net", "org", "co.uk")
"""Of the four name servers of a public zone."""


def _zone_id(draft: Draft) -> str:
    return f"Z{draft.capitals('zone', 20)}"


def _zone(draft: Draft) -> dict[str, Value]:
    name = draft.inputs.get("name")
    private = bool(draft.get("vpcs"))
    servers = [
        f"ns-{index * 512 + draft.number(top, 512)}.awsdns-{draft.number(f'{top}2', 64):02}.{top}"
        for index, top in enumerate(TOP_LEVELS)
    ]
    # a private zone has the same four in every account
    inner = ["ns-0.awsdns-00.com.", "ns-1024.awsdns-00.org.", "ns-1536.awsdns-00.co.uk.", "ns-512.awsdns-00.net."]
    return {
        "name": name if isinstance(name, Unknown) else str(name or "").removesuffix("."),
        "zoneId": _zone_id(draft),
        "arn": draft.arn("route53", "hostedzone/", _zone_id(draft), region=False, account=False),
        "nameServers": inner if private else servers,
        "primaryNameServer": inner[0] if private else servers[0],
    }


def _record_id(draft: Draft) -> Value:
    parts: list[Value] = [draft.inputs.get("zoneId"), "_", draft.inputs.get("name"), "_", draft.inputs.get("type")]
    if draft.inputs.get("setIdentifier"):
        parts += ["_", draft.inputs["setIdentifier"]]
    return values.joined(*parts)


def _record(draft: Draft) -> dict[str, Value]:
    return {"fqdn": full_name(draft)}


def full_name(draft: Draft) -> Value:
    """A record's name with its zone's after it, where that is not stated."""
    name = draft.inputs.get("name")
    zone = draft.world.find(ZONE, "", draft.text("zoneId"))
    domain = zone.text("name") if zone else None
    if isinstance(name, Unknown) or isinstance(draft.inputs.get("zoneId"), Unknown):
        return UNKNOWN
    stated = str(name or "").removesuffix(".")
    if domain is None or stated == domain or stated.endswith(f".{domain}"):
        return stated
    return f"{stated}.{domain}" if stated else domain


def _pair(draft: Draft) -> Value:
    return values.joined(draft.inputs.get("zoneId"), ":", draft.inputs.get("vpcId"))


def _region_of_vpc(draft: Draft) -> dict[str, Value]:
    return {"vpcRegion": draft.stated("vpcRegion", draft.region)}


def _health_check(draft: Draft) -> dict[str, Value]:
    return {
        "arn": draft.arn("route53", "healthcheck/", draft.uuid(), region=False, account=False),
        "enableSni": draft.stated("enableSni", str(draft.get("type")).startswith("HTTPS")),
    }


KINDS: Final[dict[str, Kind]] = {
    ZONE: Kind(
        _zone_id,
        _zone,
        {"comment": "Managed by Pulumi", "forceDestroy": False},
        ("enableAcceleratedRecovery",),
        ("name", "delegationSetId"),
        wide=True,
    ),
    RECORD: Kind(_record_id, _record, {}, ("allowOverwrite",), ("zoneId", "name", "type", "setIdentifier"), wide=True),
    ZONE_ASSOCIATION: Kind(
        _pair,
        lambda draft: {**_region_of_vpc(draft), "owningAccount": draft.account},
        forced=("zoneId", "vpcId", "vpcRegion"),
        wide=True,
    ),
    ZONE_AUTHORIZATION: Kind(_pair, _region_of_vpc, forced=("zoneId", "vpcId", "vpcRegion"), wide=True),
    HEALTH_CHECK: Kind(
        lambda draft: draft.uuid(),
        _health_check,
        {"failureThreshold": 3, "requestInterval": 30},
        ("regions", "triggers"),
        ("type", "requestInterval", "measureLatency", "referenceName"),
        wide=True,
    ),
}
