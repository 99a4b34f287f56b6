"""Endpoints of services, flow logs, launch templates.

docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from rehearsal.aws import documents
from rehearsal.aws.resource import Draft, Resource, Rule
from rehearsal.aws.rules_iam import trusted
from rehearsal.aws.tokens import (
    FLOW_LOG,
    LAUNCH_TEMPLATE,
    ROUTE_TABLE,
    SECURITY_GROUP,
    SUBNET,
    VPC,
    VPC_ENDPOINT,
)

BY_GATEWAY: Final = ("s3", "dynamodb")
"""Services that have endpoints of type Gateway."""
TEMPLATE_NAME: Final = re.compile(r"[A-Za-z0-9()./_-]{3,128}")
MOST_USER_DATA: Final = 16_384
"""Bytes before base64 (docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html)."""
OBSERVED: Final = (
    "vpcId",
    "subnetId",
    "eniId",
    "transitGatewayId",
    "transitGatewayAttachmentId",
    "regionalNatGatewayId",
)


def _endpoint(draft: Draft) -> Iterator[str]:
    kind, service = draft.stated("vpcEndpointType", "Gateway"), draft.text("serviceName")
    place = draft.text("serviceRegion") or draft.region
    if service is not None and service.startswith("com.amazonaws."):
        if not service.startswith(f"com.amazonaws.{place}."):
            yield f"serviceName = {service} is not of {place}: write com.amazonaws.{place}.…"
        elif kind == "Gateway" and service.rsplit(".", 1)[-1] not in BY_GATEWAY:
            yield f"serviceName = {service} has no Gateway endpoint: state vpcEndpointType Interface"
    if kind == "Gateway" and (draft.texts("subnetIds") or draft.texts("securityGroupIds")):
        yield "a Gateway endpoint has route tables, neither subnets nor security groups"
    if kind == "Interface" and draft.texts("routeTableIds"):
        yield "an Interface endpoint has subnets, no route tables"
    yield from documents.faults(draft.inputs.get("policy"), "policy", documents.ENDPOINT)
    yield from in_the_vpc(draft, draft.text("vpcId"), "subnetIds", SUBNET)
    yield from in_the_vpc(draft, draft.text("vpcId"), "securityGroupIds", SECURITY_GROUP)
    yield from in_the_vpc(draft, draft.text("vpcId"), "routeTableIds", ROUTE_TABLE)
    yield from one_a_zone(draft, draft.texts("subnetIds"), "subnetIds")
    yield from _private_names(draft)


def in_the_vpc(draft: Draft, vpc: str | None, name: str, type_: str) -> Iterator[str]:
    """What an input names is all of one VPC."""
    for id_ in draft.texts(name):
        found = draft.world.find(type_, draft.region, id_)
        place = found.text("vpcId") if found else None
        if found is not None and None not in (vpc, place) and place != vpc:
            yield f"{name}: {found.name} is of {place}, not of {vpc}: name what is in the same VPC"


def one_a_zone(draft: Draft, subnets: list[str], at: str) -> Iterator[str]:
    """Where an interface is put into each zone, two subnets of one zone are refused."""
    seen: dict[str, Resource] = {}
    for id_ in subnets:
        subnet = draft.world.find(SUBNET, draft.region, id_)
        zone = subnet.text("availabilityZone") if subnet else None
        if subnet is None or zone is None:
            continue
        if zone in seen and seen[zone].id != id_:
            yield f"{at}: {seen[zone].name} and {subnet.name} are both in {zone}: name one subnet a zone"
        seen[zone] = subnet


def _private_names(draft: Draft) -> Iterator[str]:
    vpc = draft.world.find(VPC, draft.region, draft.text("vpcId"))
    if draft.get("privateDnsEnabled") is not True or vpc is None or not vpc.urn:
        return
    if vpc.get("enableDnsHostnames") is False or vpc.get("enableDnsSupport") is False:
        yield f"privateDnsEnabled needs enableDnsHostnames and enableDnsSupport of {vpc.name}: set both there"
    for other in draft.world.where(VPC_ENDPOINT, draft.region, vpcId=vpc.id, serviceName=draft.text("serviceName")):
        if other.urn != draft.urn and other.get("privateDnsEnabled") is True:
            yield f"{other.name} has the private names of this service in this VPC: one endpoint has them"


def _flow_log(draft: Draft) -> Iterator[str]:
    stated = [name for name in OBSERVED if draft.inputs.get(name) is not None]
    if len(stated) != 1:
        yield f"one of {', '.join(OBSERVED)} has to be stated, {' and '.join(stated) or 'none'} is"
    kind = draft.stated("logDestinationType", "cloud-watch-logs")
    if kind == "cloud-watch-logs" and draft.inputs.get("iamRoleArn") is None:
        yield "iamRoleArn is not stated: CloudWatch takes logs in the name of a role"
    if kind == "s3" and draft.inputs.get("iamRoleArn") is not None:
        yield "iamRoleArn is stated: S3 takes logs without a role"
    if draft.inputs.get("logDestination") is None:
        yield "logDestination is not stated: state the ARN of a log group or bucket"
    if draft.get("trafficType") not in (None, "ACCEPT", "REJECT", "ALL"):
        yield f"trafficType = {draft.get('trafficType')}: write ACCEPT, REJECT or ALL"
    yield from trusted(draft, draft.text("iamRoleArn"), "vpc-flow-logs.amazonaws.com", "iamRoleArn")
    if draft.get("maxAggregationInterval") not in (None, 60, 600):
        yield f"maxAggregationInterval = {draft.get('maxAggregationInterval')}: AWS has 60 and 600 seconds"


def _template(draft: Draft) -> Iterator[str]:
    name = draft.text("name")
    if name is not None and not TEMPLATE_NAME.fullmatch(name):
        yield f"name = {name}: 3 to 128 letters, digits and ()./_-"
    if name:
        yield from draft.taken(name)
    data = draft.text("userData")
    if data is not None:
        try:
            size = len(base64.b64decode(data, validate=True))
        except (binascii.Error, ValueError):
            yield "userData is not base64: encode it"
        else:
            if size > MOST_USER_DATA:
                yield f"userData has {size} bytes: AWS takes {MOST_USER_DATA}"


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    VPC_ENDPOINT: (_endpoint,),
    FLOW_LOG: (_flow_log,),
    LAUNCH_TEMPLATE: (_template,),
}
