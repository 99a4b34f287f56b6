"""Security group rules, flow logs, launch templates, and transit gateways between regions."""

from collections.abc import Iterator, Mapping
from typing import Final

from rehearsal.aws import values
from rehearsal.aws.resource import Draft, Kind, Resource
from rehearsal.aws.tokens import (
    EGRESS_RULE,
    FLOW_LOG,
    INGRESS_RULE,
    LAUNCH_TEMPLATE,
    TRANSIT_ACCEPTER,
    TRANSIT_ASSOCIATION,
    TRANSIT_GATEWAY,
    TRANSIT_PEERING,
    TRANSIT_ROUTE,
    TRANSIT_ROUTE_TABLE,
    TRANSIT_VPC,
)
from rehearsal.engine.model import Value

LOG_FORMAT: Final = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
    "${bytes} ${start} ${end} ${action} ${log-status}"
)
"""The default format (docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html)."""
ASN: Final = 64512
"""Of a transit gateway that states none."""


def _rule(draft: Draft) -> dict[str, Value]:
    id_ = draft.id("sgr")
    return {"arn": draft.arn("ec2", "security-group-rule/", id_), "securityGroupRuleId": id_}


def _flow_log(draft: Draft) -> dict[str, Value]:
    return {
        "arn": draft.arn("ec2", "vpc-flow-log/", draft.id("fl")),
        "logDestination": draft.stated("logDestination", ""),
        "logFormat": draft.stated("logFormat", LOG_FORMAT),
    }


def _template(draft: Draft) -> dict[str, Value]:
    metadata = draft.stated("metadataOptions", {})
    return {
        "arn": draft.arn("ec2", "launch-template/", draft.id("lt")),
        "name": draft.named(),
        "latestVersion": 1,
        "defaultVersion": draft.stated("defaultVersion", 1),
        "metadataOptions": metadata,
    }


def _gateway(draft: Draft) -> dict[str, Value]:
    table = draft.id("tgw-rtb")
    return {
        "arn": draft.arn("ec2", "transit-gateway/", draft.id("tgw")),
        "ownerId": draft.account,
        "associationDefaultRouteTableId": table if _enabled(draft, "defaultRouteTableAssociation") else "",
        "propagationDefaultRouteTableId": table if _enabled(draft, "defaultRouteTablePropagation") else "",
    }


def _beside_gateway(draft: Draft, outputs: Mapping[str, Value]) -> Iterator[Resource]:
    """Its default route table."""
    for id_ in {outputs["associationDefaultRouteTableId"], outputs["propagationDefaultRouteTableId"]} - {""}:
        yield Resource(
            TRANSIT_ROUTE_TABLE,
            draft.region,
            str(id_),
            {"transitGatewayId": draft.id("tgw")},
            {"arn": draft.arn("ec2", "transit-gateway-route-table/", id_)},
        )


def _enabled(draft: Draft, name: str) -> bool:
    return draft.stated(name, "enable") != "disable"


def _attachment(draft: Draft) -> dict[str, Value]:
    return {
        "arn": draft.arn("ec2", "transit-gateway-attachment/", draft.id("tgw-attach")),
        "vpcOwnerId": draft.account,
    }


def _peering(draft: Draft) -> dict[str, Value]:
    return {
        "arn": draft.arn("ec2", "transit-gateway-attachment/", draft.id("tgw-attach")),
        "peerAccountId": draft.stated("peerAccountId", draft.account),
        "state": "pendingAcceptance",
        "options": draft.stated("options", {"dynamicRouting": "disable"}),
    }


def _accepter(draft: Draft) -> dict[str, Value]:
    peering = draft.world.find(TRANSIT_PEERING, None, draft.text("transitGatewayAttachmentId"))
    return {
        # seen from the accepter's side: its own gateway is `transitGatewayId`
        "transitGatewayId": peering.text("peerTransitGatewayId") if peering else "",
        "peerTransitGatewayId": peering.text("transitGatewayId") if peering else "",
        "peerRegion": peering.region if peering else "",
        "peerAccountId": draft.account,
    }


def _association(draft: Draft) -> dict[str, Value]:
    attachment = draft.text("transitGatewayAttachmentId")
    vpc, peering = draft.world.find(TRANSIT_VPC, None, attachment), draft.world.find(TRANSIT_PEERING, None, attachment)
    if vpc is not None:
        return {"resourceId": vpc.text("vpcId"), "resourceType": "vpc"}
    if peering is None:
        return {"resourceId": "", "resourceType": ""}
    other = "peerTransitGatewayId" if peering.region == draft.region else "transitGatewayId"
    return {"resourceId": peering.text(other), "resourceType": "peering"}


_RULE: Final = Kind(lambda draft: draft.id("sgr"), _rule, forced=("securityGroupId",))
KINDS: Final[dict[str, Kind]] = {
    INGRESS_RULE: _RULE,
    EGRESS_RULE: _RULE,
    FLOW_LOG: Kind(
        lambda draft: draft.id("fl"),
        _flow_log,
        {"logDestinationType": "cloud-watch-logs", "maxAggregationInterval": 600},
        # a flow log is never changed in place
        forced=(
            "vpcId",
            "subnetId",
            "eniId",
            "iamRoleArn",
            "logDestination",
            "logDestinationType",
            "logFormat",
            "maxAggregationInterval",
            "trafficType",
        ),
    ),
    LAUNCH_TEMPLATE: Kind(lambda draft: draft.id("lt"), _template, forced=("name", "namePrefix")),
    TRANSIT_GATEWAY: Kind(
        lambda draft: draft.id("tgw"),
        _gateway,
        {
            "amazonSideAsn": ASN,
            "autoAcceptSharedAttachments": "disable",
            "defaultRouteTableAssociation": "enable",
            "defaultRouteTablePropagation": "enable",
            "dnsSupport": "enable",
            "encryptionSupport": "disable",
            "multicastSupport": "disable",
            "vpnEcmpSupport": "enable",
        },
        forced=("multicastSupport",),
        beside=_beside_gateway,
    ),
    TRANSIT_VPC: Kind(
        lambda draft: draft.id("tgw-attach"),
        _attachment,
        {
            "dnsSupport": "enable",
            "ipv6Support": "disable",
            "applianceModeSupport": "disable",
            "securityGroupReferencingSupport": "disable",
            "transitGatewayDefaultRouteTableAssociation": True,
            "transitGatewayDefaultRouteTablePropagation": True,
        },
        forced=("transitGatewayId", "vpcId"),
    ),
    TRANSIT_PEERING: Kind(
        lambda draft: draft.id("tgw-attach"),
        _peering,
        forced=("transitGatewayId", "peerTransitGatewayId", "peerRegion", "peerAccountId", "options"),
    ),
    TRANSIT_ACCEPTER: Kind(
        lambda draft: draft.inputs.get("transitGatewayAttachmentId"), _accepter, forced=("transitGatewayAttachmentId",)
    ),
    TRANSIT_ROUTE: Kind(
        lambda draft: values.joined(
            draft.inputs.get("transitGatewayRouteTableId"), "_", draft.inputs.get("destinationCidrBlock")
        ),
        forced=("transitGatewayRouteTableId", "destinationCidrBlock", "transitGatewayAttachmentId", "blackhole"),
    ),
    TRANSIT_ASSOCIATION: Kind(
        lambda draft: values.joined(
            draft.inputs.get("transitGatewayRouteTableId"), "_", draft.inputs.get("transitGatewayAttachmentId")
        ),
        _association,
        forced=("transitGatewayRouteTableId", "transitGatewayAttachmentId", "replaceExistingAssociation"),
    ),
    TRANSIT_ROUTE_TABLE: Kind(
        lambda draft: draft.id("tgw-rtb"),
        lambda draft: {"arn": draft.arn("ec2", "transit-gateway-route-table/", draft.id("tgw-rtb"))},
        {},
        ("defaultAssociationRouteTable", "defaultPropagationRouteTable"),
        ("transitGatewayId",),
    ),
}
