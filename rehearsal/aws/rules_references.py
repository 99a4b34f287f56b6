"""Every id, ARN or name that leads to another resource leads to one: of the right type, in the right region.

By the name of the property, for AWS names them alike everywhere. Not judged: what another account owns, and who is
let into a cluster (principalArn), for those roles are made elsewhere.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from rehearsal.aws import managed, regions
from rehearsal.aws.resource import Draft, Resource
from rehearsal.aws.tokens import (
    BUCKET,
    CERTIFICATE,
    CLUSTER,
    EIP,
    HEALTH_CHECK,
    INTERNET_GATEWAY,
    KEY,
    LAUNCH_TEMPLATE,
    LOAD_BALANCER,
    LOG_GROUP,
    NAT_GATEWAY,
    PEERING,
    POLICY,
    RECORD,
    REPLICA_KEY,
    ROLE,
    ROUTE_TABLE,
    SECURITY_GROUP,
    SUBNET,
    TARGET_GROUP,
    TRANSIT_GATEWAY,
    TRANSIT_PEERING,
    TRANSIT_ROUTE_TABLE,
    TRANSIT_VPC,
    VPC,
    VPC_ENDPOINT,
    ZONE,
    ZONE_ASSOCIATION,
    ZONE_AUTHORIZATION,
)
from rehearsal.engine.model import Unknown, Value

ID: Final = re.compile(r"(vpc|subnet|sg|rtb|igw|nat|eipalloc|pcx|tgw|tgw-rtb|tgw-attach|vpce|lt|acl)-[0-9a-f]{8,17}")
ARN: Final = re.compile(r"arn:aws[a-z-]*:([a-z0-9-]+):([a-z0-9-]*):([0-9]*|aws):(.+)", re.DOTALL)
NOT_READ: Final = ("tags", "policy", "assumeRolePolicy", "principalArn", "userData", "configurationValues")
"""Free text, and documents, which may speak of what is not there."""
WORDS: Final[Mapping[str, str]] = {
    BUCKET: "bucket",
    CERTIFICATE: "certificate",
    CLUSTER: "cluster",
    EIP: "elastic IP",
    HEALTH_CHECK: "health check",
    INTERNET_GATEWAY: "internet gateway",
    KEY: "key",
    LAUNCH_TEMPLATE: "launch template",
    LOAD_BALANCER: "load balancer",
    LOG_GROUP: "log group",
    NAT_GATEWAY: "NAT gateway",
    PEERING: "peering connection",
    POLICY: "policy",
    REPLICA_KEY: "replica key",
    ROLE: "role",
    ROUTE_TABLE: "route table",
    SECURITY_GROUP: "security group",
    SUBNET: "subnet",
    TARGET_GROUP: "target group",
    TRANSIT_GATEWAY: "transit gateway",
    TRANSIT_PEERING: "attachment of a transit gateway",
    TRANSIT_ROUTE_TABLE: "route table of a transit gateway",
    TRANSIT_VPC: "attachment of a transit gateway",
    VPC: "VPC",
    VPC_ENDPOINT: "VPC endpoint",
    ZONE: "hosted zone",
}

Place = Callable[[Draft], str | None]
"""The region in which a reference is looked up; None: it does not matter."""


def _here(draft: Draft) -> str | None:
    return draft.region


def _anywhere(draft: Draft) -> str | None:
    del draft
    return None


def _peer(draft: Draft) -> str | None:
    return _named_region(draft, "peerRegion")


def _of_vpc(draft: Draft) -> str | None:
    """A zone's VPCs name their regions themselves (rules_dns)."""
    return None if "vpcs" in draft.inputs else _named_region(draft, "vpcRegion")


def _named_region(draft: Draft, name: str) -> str | None:
    """The region that an input names, else the resource's own; None while it is unknown."""
    return None if isinstance(draft.inputs.get(name), Unknown) else draft.text(name) or draft.region


@dataclass(frozen=True)
class Reference:
    """Where a property leads to."""

    types: tuple[str, ...]
    place: Place = _here


_SUBNET, _TABLE, _GROUP = Reference((SUBNET,)), Reference((ROUTE_TABLE,)), Reference((SECURITY_GROUP,))
_ROLE, _KEY = Reference((ROLE,), _anywhere), Reference((KEY, REPLICA_KEY))
REFERENCES: Final[Mapping[str, Reference]] = {
    "vpcId": Reference((VPC,), _of_vpc),
    "peerVpcId": Reference((VPC,), _peer),
    "subnetId": _SUBNET,
    "subnetIds": _SUBNET,
    "subnets": _SUBNET,
    "routeTableId": _TABLE,
    "routeTableIds": _TABLE,
    "defaultRouteTableId": _TABLE,
    "natGatewayId": Reference((NAT_GATEWAY,)),
    "allocationId": Reference((EIP,)),
    "secondaryAllocationIds": Reference((EIP,)),
    "vpcPeeringConnectionId": Reference((PEERING,), _anywhere),
    "vpcEndpointId": Reference((VPC_ENDPOINT,)),
    "transitGatewayId": Reference((TRANSIT_GATEWAY,)),
    "peerTransitGatewayId": Reference((TRANSIT_GATEWAY,), _peer),
    "transitGatewayAttachmentId": Reference((TRANSIT_PEERING, TRANSIT_VPC), _anywhere),
    "transitGatewayRouteTableId": Reference((TRANSIT_ROUTE_TABLE,)),
    "securityGroupId": _GROUP,
    "securityGroupIds": _GROUP,
    "referencedSecurityGroupId": _GROUP,
    "vpcSecurityGroupIds": _GROUP,
    "securityGroups": _GROUP,
    "clusterName": Reference((CLUSTER,)),
    "role": _ROLE,
    "roleArn": _ROLE,
    "nodeRoleArn": _ROLE,
    "iamRoleArn": _ROLE,
    "serviceAccountRoleArn": _ROLE,
    "policyArn": Reference((POLICY,), _anywhere),
    "keyArn": _KEY,
    "kmsKeyId": _KEY,
    "kmsMasterKeyId": _KEY,
    "targetKeyId": _KEY,
    "primaryKeyArn": Reference((KEY,), _anywhere),
    "replicaKmsKeyId": Reference((KEY, REPLICA_KEY), _anywhere),
    "logDestination": Reference((LOG_GROUP, BUCKET), _anywhere),
    "bucket": Reference((BUCKET,), _anywhere),
    "targetGroupArn": Reference((TARGET_GROUP,)),
    "loadBalancerArn": Reference((LOAD_BALANCER,)),
    "certificateArn": Reference((CERTIFICATE,)),
    "healthCheckId": Reference((HEALTH_CHECK,), _anywhere),
    "zoneId": Reference((ZONE,), _anywhere),
}
"""By property, at any depth."""
MAKERS: Final = {BUCKET: ("bucket",)}
"""Properties that name the resource itself."""
IN_ROUTE53: Final = (RECORD, ZONE_ASSOCIATION, ZONE_AUTHORIZATION)
"""Types whose `zoneId` is a zone of this account; that of an alias is the zone of what it leads to."""


def resolve(draft: Draft) -> Iterator[str]:
    """What leads nowhere."""
    for path, name, value in _texts(draft.inputs, ()):
        if path[0] in NOT_READ or name in MAKERS.get(draft.type, ()) or _is_elsewhere(draft, name, value):
            continue
        reference = REFERENCES.get(name)
        if name == "zoneId" and (draft.type not in IN_ROUTE53 or len(path) > 1):
            reference = None
        if reference is not None:
            yield from _judge(draft, ".".join(path), value, reference)
        elif ID.fullmatch(value) and next(draft.world.by_id(value), None) is None:
            yield f"{'.'.join(path)} names {value}, which is not there: take it from the resource that is meant"


def _texts(value: Value, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Path, name of the property, and text of every text among the inputs."""
    if isinstance(value, Mapping):
        for key, item in cast(Mapping[str, Value], value).items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for item in cast(list[Value], value):
            yield from _texts(item, path)
    elif isinstance(value, str) and value and path:
        yield path, path[-1], value


def _is_elsewhere(draft: Draft, name: str, value: str) -> bool:
    """Whether a reference is to what another account owns, or to what AWS has ready."""
    owner = draft.text("peerOwnerId") or draft.text("peerAccountId")
    if name in ("peerVpcId", "peerTransitGatewayId") and owner not in (None, draft.account):
        return True
    if name == "referencedSecurityGroupId" and "/" in value:
        return True
    arn = ARN.fullmatch(value)
    if arn is None:
        return name.startswith(("kms", "key")) and value.startswith("alias/aws/")
    return arn[3] not in ("", "aws", draft.account) or ":alias/aws/" in value


def _judge(draft: Draft, path: str, value: str, reference: Reference) -> Iterator[str]:
    arn = ARN.fullmatch(value)
    if path == "policyArn" and arn is not None and arn[3] == "aws":
        yield from managed.faults(value, draft.partition)
        return
    place = reference.place(draft)
    if place is not None and regions.zones(place) is None:
        yield f"{path} names {value} in a region: {regions.unknown(place)}"
        return
    named = [one for one in _named(draft, value) if one.type in reference.types]
    if any(place is None or one.region in ("", place) for one in named):
        return
    word = " or ".join(dict.fromkeys(WORDS[type_] for type_ in reference.types))
    if named:
        yield f"{path} names {value}, which is in {named[0].region}, not in {place}: name one that is there"
    elif (other := next(_named(draft, value), None)) is not None:
        found = WORDS.get(other.type, other.type)
        yield f"{path} names {value}, which is no {word} but a {found}: take the right output"
    else:
        where = f" in {place}" if place else ""
        yield (
            f"{path} names {value}, and there is no such {word}{where} yet: take it from an output of the resource "
            "that is meant, so that it comes first"
        )


def _named(draft: Draft, value: str) -> Iterator[Resource]:
    """Whatever has this id, ARN, or alias."""
    found = draft.world.by_arn(value)
    if found is not None:
        yield found
    yield from draft.world.by_id(value)
    if "alias/" in value:
        yield from draft.world.behind_alias(value)
