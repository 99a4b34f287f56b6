"""VPCs and what is in them: subnets, gateways, route tables, endpoints, peerings, security groups.

Forms of ids: docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html. Which inputs take a replacement: the
schemas of terraform-provider-aws, internal/service/ec2.
"""

import zlib
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from typing import Final

from rehearsal.aws import regions, values
from rehearsal.aws.resource import Draft, Kind, Resource
from rehearsal.aws.tokens import (
    DEFAULT_ROUTE_TABLE,
    DEFAULT_SECURITY_GROUP,
    EIP,
    INTERNET_GATEWAY,
    NAT_GATEWAY,
    PEERING,
    PEERING_ACCEPTER,
    PEERING_OPTIONS,
    ROUTE,
    ROUTE_TABLE,
    ROUTE_TABLE_ASSOCIATION,
    SECURITY_GROUP,
    SUBNET,
    VPC,
    VPC_ENDPOINT,
)
from rehearsal.engine.model import Value

MANAGED: Final = "Managed by Pulumi"
"""The description that pulumi-aws gives what states none."""


def _owned(draft: Draft, kind: str, id_: Value) -> dict[str, Value]:
    """`arn` and `ownerId` of an EC2 resource."""
    return {"arn": draft.arn("ec2", f"{kind}/", id_), "ownerId": draft.account}


def _vpc(draft: Draft) -> dict[str, Value]:
    table = draft.id("rtb")
    return {
        **_owned(draft, "vpc", draft.id("vpc")),
        "defaultNetworkAclId": draft.id("acl"),
        "defaultRouteTableId": table,
        "mainRouteTableId": table,
        "defaultSecurityGroupId": draft.id("sg"),
        "dhcpOptionsId": draft.id("dopt"),
    }


def _beside_vpc(draft: Draft, outputs: Mapping[str, Value]) -> Iterator[Resource]:
    """Its main route table and its default security group."""
    within: dict[str, Value] = {"vpcId": draft.id("vpc")}
    table = {**within, **_owned(draft, "route-table", outputs["mainRouteTableId"]), "routes": [], "main": True}
    yield Resource(ROUTE_TABLE, draft.region, str(outputs["mainRouteTableId"]), within, table)
    group = {**within, **_owned(draft, "security-group", outputs["defaultSecurityGroupId"]), "name": "default"}
    yield Resource(SECURITY_GROUP, draft.region, str(outputs["defaultSecurityGroupId"]), within, group)


def _subnet(draft: Draft) -> dict[str, Value]:
    there = regions.zones(draft.region) or ("",)
    by_id = {regions.zone_id(zone): zone for zone in there}
    zone = draft.stated("availabilityZone", by_id.get(draft.text("availabilityZoneId") or "", there[0]))
    known = draft.text("availabilityZone") or str(zone)
    return {
        **_owned(draft, "subnet", draft.id("subnet")),
        "availabilityZone": zone,
        "availabilityZoneId": draft.stated("availabilityZoneId", regions.zone_id(known) if known else ""),
    }


def _nat(draft: Draft) -> dict[str, Value]:
    address = draft.world.find(EIP, draft.region, draft.text("allocationId"))
    subnet = draft.world.find(SUBNET, draft.region, draft.text("subnetId"))
    return {
        "networkInterfaceId": draft.id("eni"),
        "associationId": draft.id("eipassoc") if address else "",
        "publicIp": address.text("publicIp") if address else "",
        "privateIp": draft.stated("privateIp", _address_in(draft, subnet)),
        "vpcId": subnet.text("vpcId") if subnet else draft.stated("vpcId", ""),
    }


def _address_in(draft: Draft, subnet: Resource | None) -> str:
    """An address of a subnet: AWS keeps the first four and the last one for itself
    (docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html)."""
    cidr = subnet.text("cidrBlock") if subnet else None
    if cidr is None:
        return "10.0.0.4"
    network = IPv4Network(cidr, strict=False)
    return str(network[4 + draft.number("address", max(1, network.num_addresses - 5))])


def _eip(draft: Draft) -> dict[str, Value]:
    # TEST-NET-2 and TEST-NET-3: addresses that nobody has (RFC 5737)
    number = draft.number("address", 512)
    address = f"{'198.51.100' if number < 256 else '203.0.113'}.{number % 256}"
    dashed = address.replace(".", "-")
    zone = "compute-1" if draft.region == "us-east-1" else f"{draft.region}.compute"
    return {
        "allocationId": draft.id("eipalloc"),
        "arn": draft.arn("ec2", "elastic-ip/", draft.id("eipalloc")),
        "publicIp": address,
        "publicDns": f"ec2-{dashed}.{zone}.{regions.suffix(draft.region)}",
        "networkBorderGroup": draft.stated("networkBorderGroup", draft.region),
    }


def _default_table(draft: Draft) -> dict[str, Value]:
    id_ = draft.inputs.get("defaultRouteTableId")
    table = draft.world.find(ROUTE_TABLE, draft.region, draft.text("defaultRouteTableId"))
    return {**_owned(draft, "route-table", id_), "vpcId": table.text("vpcId") if table else ""}


def _route(draft: Draft) -> Value:
    """The provider's own id: `r-`, the table, and a checksum of the destination."""
    names = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
    destination = next((text for name in names if (text := draft.text(name))), "")
    return values.joined("r-", draft.inputs.get("routeTableId"), zlib.crc32(destination.encode()))


def _endpoint(draft: Draft) -> dict[str, Value]:
    id_ = draft.id("vpce")
    interface = draft.get("vpcEndpointType") == "Interface"
    subnets = draft.texts("subnetIds") if interface else []
    service = (draft.text("serviceName") or "").rsplit(".", 1)[-1]
    host = f"{id_}-{draft.hex('dns', 8)}.{service}.{draft.region}.vpce.{regions.suffix(draft.region)}"
    zones = [
        zone
        for one in subnets
        if (subnet := draft.world.find(SUBNET, draft.region, one)) and (zone := subnet.text("availabilityZone"))
    ]
    names = [host, *(host.replace(f".{service}", f"-{zone}.{service}", 1) for zone in zones)] if interface else []
    return {
        **_owned(draft, "vpc-endpoint", id_),
        "dnsEntries": [{"dnsName": name, "hostedZoneId": f"Z{draft.capitals('zone', 13)}"} for name in names],
        "networkInterfaceIds": [f"eni-{draft.hex(one)}" for one in subnets],
        "prefixListId": "" if interface else f"pl-{draft.hex('pl', 8)}",
        "serviceRegion": draft.stated("serviceRegion", draft.region),
        "state": "available",
        "policy": draft.stated(
            "policy", '{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}'
        ),
        "dnsOptions": draft.stated("dnsOptions", {"dnsRecordIpType": "ipv4" if interface else "service-defined"}),
        "securityGroupIds": draft.stated("securityGroupIds", _default_group(draft) if interface else []),
    }


def _default_group(draft: Draft) -> list[Value]:
    vpc = draft.world.find(VPC, draft.region, draft.text("vpcId"))
    found = vpc.text("defaultSecurityGroupId") if vpc else None
    return [found] if found else []


def _options(peering: Value, name: str) -> Value:
    stated = values.get(peering, name)
    return stated if isinstance(stated, Mapping) else {"allowRemoteVpcDnsResolution": False}


def _peering(draft: Draft) -> dict[str, Value]:
    return {
        "acceptStatus": "active" if draft.get("autoAccept") else "pending-acceptance",
        "peerOwnerId": draft.stated("peerOwnerId", draft.account),
        "peerRegion": draft.stated("peerRegion", draft.region),
        "accepter": _options(draft.inputs, "accepter"),
        "requester": _options(draft.inputs, "requester"),
    }


def _accepter(draft: Draft) -> dict[str, Value]:
    id_ = draft.text("vpcPeeringConnectionId")
    peering = draft.world.find(PEERING, None, id_)
    return {
        "acceptStatus": "active" if draft.get("autoAccept") else "pending-acceptance",
        # seen from the accepter's side: its own VPC is `vpcId`
        "vpcId": peering.text("peerVpcId") if peering else "",
        "peerVpcId": peering.text("vpcId") if peering else "",
        "peerOwnerId": draft.account,
        "peerRegion": peering.region if peering else "",
        "accepter": _options(draft.inputs, "accepter"),
        "requester": _options(draft.inputs, "requester"),
    }


def _peering_options(draft: Draft) -> dict[str, Value]:
    return {side: _options(draft.inputs, side) for side in ("accepter", "requester")}


def _group(draft: Draft) -> dict[str, Value]:
    vpc = draft.stated("vpcId", "")
    return {**_owned(draft, "security-group", draft.id("sg")), "name": draft.named(), "vpcId": vpc}


def _adopted_group(draft: Draft) -> dict[str, Value]:
    vpc = draft.inputs.get("vpcId")
    return {**_owned(draft, "security-group", _adopted_id(draft)), "name": "default", "vpcId": vpc}


def _adopted_id(draft: Draft) -> Value:
    """The default security group of the VPC that is named."""
    return next(iter(_default_group(draft)), draft.id("sg"))


KINDS: Final[dict[str, Kind]] = {
    VPC: Kind(
        lambda draft: draft.id("vpc"),
        _vpc,
        {"enableDnsSupport": True, "instanceTenancy": "default"},
        (
            "enableDnsHostnames",
            "enableNetworkAddressUsageMetrics",
            "ipv6AssociationId",
            "ipv6CidrBlock",
            "ipv6CidrBlockNetworkBorderGroup",
        ),
        ("cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength", "ipv6CidrBlockNetworkBorderGroup"),
        beside=_beside_vpc,
    ),
    SUBNET: Kind(
        lambda draft: draft.id("subnet"),
        _subnet,
        {"privateDnsHostnameTypeOnLaunch": "ip-name", "mapPublicIpOnLaunch": False},
        ("ipv6CidrBlock", "ipv6CidrBlockAssociationId"),
        ("vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "outpostArn", "ipv6Native"),
    ),
    INTERNET_GATEWAY: Kind(
        lambda draft: draft.id("igw"),
        lambda draft: {**_owned(draft, "internet-gateway", draft.id("igw")), "vpcId": draft.stated("vpcId", "")},
    ),
    EIP: Kind(
        lambda draft: draft.id("eipalloc"),
        _eip,
        {"domain": "vpc", "publicIpv4Pool": "amazon"},
        (
            "associationId",
            "carrierIp",
            "customerOwnedIp",
            "instance",
            "ipamPoolId",
            "networkInterface",
            "privateDns",
            "privateIp",
            "ptrRecord",
        ),
        ("domain", "address", "publicIpv4Pool", "networkBorderGroup", "customerOwnedIpv4Pool"),
    ),
    NAT_GATEWAY: Kind(
        lambda draft: draft.id("nat"),
        _nat,
        {"connectivityType": "public", "availabilityMode": "zonal"},
        (
            "autoProvisionZones",
            "autoScalingIps",
            "regionalNatGatewayAddresses",
            "regionalNatGatewayAutoMode",
            "routeTableId",
            "secondaryAllocationIds",
            "secondaryPrivateIpAddressCount",
            "secondaryPrivateIpAddresses",
        ),
        ("subnetId", "allocationId", "connectivityType", "privateIp"),
    ),
    ROUTE_TABLE: Kind(
        lambda draft: draft.id("rtb"),
        lambda draft: _owned(draft, "route-table", draft.id("rtb")),
        {},
        ("propagatingVgws", "routes"),
        ("vpcId",),
    ),
    DEFAULT_ROUTE_TABLE: Kind(
        lambda draft: draft.inputs.get("defaultRouteTableId"), _default_table, {}, ("routes",), ("defaultRouteTableId",)
    ),
    ROUTE: Kind(
        _route,
        lambda _: {"origin": "CreateRoute", "state": "active"},
        {},
        ("instanceId", "instanceOwnerId", "networkInterfaceId"),
        ("routeTableId", "destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"),
    ),
    ROUTE_TABLE_ASSOCIATION: Kind(lambda draft: draft.id("rtbassoc"), forced=("subnetId", "gatewayId")),
    VPC_ENDPOINT: Kind(
        lambda draft: draft.id("vpce"),
        _endpoint,
        {"vpcEndpointType": "Gateway", "ipAddressType": "ipv4"},
        (
            "cidrBlocks",
            "privateDnsEnabled",
            "requesterManaged",
            "routeTableIds",
            "subnetConfigurations",
            "subnetIds",
        ),
        ("vpcId", "serviceName", "vpcEndpointType", "serviceRegion"),
    ),
    PEERING: Kind(lambda draft: draft.id("pcx"), _peering, forced=("vpcId", "peerVpcId", "peerRegion", "peerOwnerId")),
    PEERING_ACCEPTER: Kind(
        lambda draft: draft.inputs.get("vpcPeeringConnectionId"), _accepter, forced=("vpcPeeringConnectionId",)
    ),
    PEERING_OPTIONS: Kind(
        lambda draft: draft.inputs.get("vpcPeeringConnectionId"), _peering_options, forced=("vpcPeeringConnectionId",)
    ),
    SECURITY_GROUP: Kind(
        lambda draft: draft.id("sg"),
        _group,
        {"description": MANAGED},
        ("egress", "ingress"),
        ("name", "namePrefix", "description", "vpcId"),
    ),
    DEFAULT_SECURITY_GROUP: Kind(
        _adopted_id, _adopted_group, {"description": "default VPC security group"}, ("egress", "ingress"), ("vpcId",)
    ),
}
