"""What AWS refuses of networks: ranges, zones, peerings, routes, gateways, endpoints, transit gateways."""

from typing import Any

import pytest

from rehearsal.aws import simulation
from rehearsal.aws import tokens as aws
from rehearsal.aws.simulation import RefusedByAwsError
from tests.unit.aws_account import ACCOUNT, DROP, EAST, WEST, Account, policy
from tests.unit.aws_whole import Refusal, clash, judge, refused, whole


def peer(account: Account, cidr: str, **inputs: Any) -> str:
    """What is said of a peering of the region's VPC with a new one."""
    other = account.make(aws.VPC, "other", cidrBlock=cidr)
    inputs = {"vpcId": account["vpc"]["id"], "peerVpcId": other.id, **inputs}
    with pytest.raises(RefusedByAwsError) as refusal:
        account.make(aws.PEERING, "to-other", **inputs)
    return str(refusal.value)


def route(account: Account, **target: Any) -> str:
    """What is said of a new route in the private table."""
    inputs = {"routeTableId": account["private"]["id"], "destinationCidrBlock": "192.0.2.0/24", **target}
    with pytest.raises(RefusedByAwsError) as refusal:
        account.make(aws.ROUTE, "new", **{key: value for key, value in inputs.items() if value is not DROP})
    return str(refusal.value)


def options(account: Account, region: str, **inputs: Any) -> str:
    with pytest.raises(RefusedByAwsError) as refusal:
        account.make(aws.PEERING_OPTIONS, "more", region, vpcPeeringConnectionId=account["peering"]["id"], **inputs)
    return str(refusal.value)


def pending(account: Account) -> str:
    account.change("accepter", autoAccept=False)
    return account.refused("options")


def other_vpc(account: Account, type_: str, **inputs: Any) -> Any:
    """Something in a VPC of its own."""
    vpc = account.make(aws.VPC, "other", cidrBlock="10.99.0.0/16")
    return account.make(type_, "elsewhere", vpcId=vpc.id, **inputs)


def foreign_nat(account: Account) -> str:
    """A route to a NAT gateway of another VPC."""
    vpc = account.make(aws.VPC, "other", cidrBlock="10.99.0.0/16")
    account.make(aws.INTERNET_GATEWAY, "other-internet", vpcId=vpc.id)
    subnet = account.make(
        aws.SUBNET, "other-subnet", vpcId=vpc.id, cidrBlock="10.99.0.0/24", availabilityZone=f"{EAST}a"
    )
    address = account.make(aws.EIP, "other-address")
    nat = account.make(aws.NAT_GATEWAY, "other-nat", subnetId=subnet.id, allocationId=address.id)
    return route(account, natGatewayId=nat.id)


def foreign_table(account: Account) -> str:
    table = other_vpc(account, aws.ROUTE_TABLE)
    return account.refused("association-a", routeTableId=table.id)


def without_internet(account: Account) -> str:
    subnet = other_vpc(account, aws.SUBNET, cidrBlock="10.99.0.0/24", availabilityZone=f"{EAST}a")
    address = account.make(aws.EIP, "spare")
    return account.refused("nat", subnetId=subnet.id, allocationId=address.id)


def same_zone(account: Account, name: str) -> str:
    """A second subnet of zone a among the subnets of a resource."""
    third = account.another("subnet-c", "subnet-a", cidrBlock="10.64.9.0/24")
    return account.refused(name, subnetIds=[account["subnet-a"]["id"], third.id])


def foreign_group(account: Account) -> str:
    group = other_vpc(account, aws.SECURITY_GROUP, description="Of another VPC")
    return account.refused("endpoint", securityGroupIds=[group.id])


def nameless(account: Account) -> str:
    account.change("vpc", enableDnsHostnames=False)
    return account.refused("endpoint")


RED: dict[str, tuple[Refusal, str]] = {
    "a VPC that is too large": (refused("vpc", cidrBlock="10.0.0.0/8"), "AWS takes ranges from /16 to /28"),
    "a VPC without a range": (refused("vpc", cidrBlock=DROP), "state a range"),
    "a range that is none": (refused("vpc", cidrBlock="10.64/16"), "is no IPv4 range"),
    "an address for a range": (refused("vpc", cidrBlock="10.64.1.0/16"), "write 10.64.0.0/16"),
    "a subnet that is too small": (refused("subnet-a", cidrBlock="10.64.0.0/29"), "from /16 to /28"),
    "a subnet outside its VPC": (
        refused("subnet-a", cidrBlock="10.70.0.0/24"),
        r"subnet-a \(aws:ec2/subnet:Subnet\): cidrBlock = 10.70.0.0/24 is outside its VPC's 10.64.0.0/16 \(vpc\)",
    ),
    "subnets that overlap": (refused("subnet-a", cidrBlock="10.64.0.0/23"), "shares addresses with 10.64.1.0/24 of"),
    "a zone of another region": (refused("subnet-a", availabilityZone=f"{WEST}a"), "us-east-1 has us-east-1a, "),
    "a zone that there is not": (refused("subnet-a", availabilityZone=f"{EAST}z"), "us-east-1 has us-east-1a, "),
    "an id of a zone that there is not": (
        refused("subnet-a", availabilityZone=DROP, availabilityZoneId="usw2-az1"),
        "us-east-1 has use1-az1, ",
    ),
    "a zone by name and id": (refused("subnet-a", availabilityZoneId="use1-az1"), "state one"),
    "a second internet gateway": (clash("internet"), "a VPC has one"),
    "a peering of overlapping ranges": (
        lambda account: peer(account, "10.64.128.0/17"),
        "10.64.0.0/16 of vpc and 10.64.128.0/17 of other share addresses",
    ),
    "a peering with itself": (
        lambda account: account.refused("peering", peerVpcId=account["vpc"]["id"], peerRegion=DROP),
        "are the same VPC",
    ),
    "a peering with a VPC that there is not": (
        refused("peering", peerVpcId="vpc-0123456789abcdef0"),
        "peerVpcId names vpc-0123456789abcdef0, and there is no such VPC in us-west-2",
    ),
    "a peering with a VPC of another region": (
        refused("peering", peerRegion="eu-west-1"),
        "which is in us-west-2, not in eu-west-1",
    ),
    "a second peering of the same VPCs": (clash("peering"), "peering connects these two VPCs already"),
    "a peering over regions that accepts itself": (refused("peering", autoAccept=True), "VpcPeeringConnectionAccepter"),
    "an accepter in the requester's region": (
        lambda account: account.clash("accepter", region=EAST),
        "peering is accepted in us-west-2",
    ),
    "options of a peering that is pending": (pending, "is not active yet"),
    "options of the other side": (
        lambda account: options(account, EAST, accepter={"allowRemoteVpcDnsResolution": True}),
        "the accepter's options are set in us-west-2",
    ),
    "a group that is called like an id": (refused("group", name="sg-mine"), "no sg- in front"),
    "a description that AWS does not take": (refused("group", description="für Nutzer"), "at most 255 letters"),
    "two groups of one name": (clash("group"), "group has it in this VPC"),
    "ports without an end": (refused("in", toPort=DROP), "fromPort and toPort have to be stated for tcp"),
    "ports the wrong way about": (refused("in", fromPort=444), "the lower one first"),
    "ports of all protocols": (refused("everywhere", fromPort=1, toPort=2), "which has no ports"),
    "ports within a group": (
        refused("group", ingress=[{"protocol": "tcp", "fromPort": 70000, "toPort": 80000}]),
        r"ingress\[0\].fromPort = 70000",
    ),
    "a rule without a source": (refused("in", cidrIpv4=DROP), "has to be stated, none is"),
    "a rule with two sources": (refused("in", prefixListId="pl-1"), "cidrIpv4 and prefixListId is"),
    "a rule twice": (clash("in"), "in is the same rule of the same group"),
    "a route without a target": (lambda account: route(account), "one target, this one has none"),
    "a route with two destinations": (
        lambda account: route(account, destinationIpv6CidrBlock="::/0", natGatewayId=account["nat"]["id"]),
        "one destination",
    ),
    "a second default route": (clash("out"), "has a route to 0.0.0.0/0 already"),
    "a default route that the table states too": (
        lambda account: route(account, destinationCidrBlock="0.0.0.0/0", natGatewayId=account["nat"]["id"]),
        "states a route to 0.0.0.0/0 itself",
    ),
    "a table with two default routes": (
        lambda account: account.refused("private", routes=2 * [{"cidrBlock": "0.0.0.0/0"}]),
        r"routes\[1\]: a route to 0.0.0.0/0 stands before it",
    ),
    "a route to the VPC's own range": (
        lambda account: route(account, destinationCidrBlock="10.64.0.0/16", natGatewayId=account["nat"]["id"]),
        "is the VPC's own range",
    ),
    "a route to a gateway of another VPC": (foreign_nat, "name one of the same VPC"),
    "a route to an internet gateway that there is not": (
        lambda account: route(account, gatewayId="igw-0123456789abcdef0"),
        "gatewayId names igw-0123456789abcdef0, which is not there",
    ),
    "a route by a peering of other VPCs": (
        lambda account: _by_other_peering(account),
        "does not reach vpc-",
    ),
    "a route by a peering to where it does not lead": (
        lambda account: route(account, vpcPeeringConnectionId=account["peering"]["id"]),
        "is not within 10.65.0.0/16 of west-vpc",
    ),
    "a route to a transit gateway that the VPC is not attached to": (
        lambda account: route(account, transitGatewayId=account.make(aws.TRANSIT_GATEWAY, "second").id),
        "is not attached to it yet",
    ),
    "a table of another VPC": (foreign_table, "are of different VPCs"),
    "a second table of a subnet": (clash("association-a"), "subnet-a has a table already"),
    "a table for nothing": (refused("association-a", subnetId=DROP), "one of subnetId and gatewayId"),
    "a table for a gateway that is none": (
        refused("association-a", subnetId=DROP, gatewayId="nat-1"),
        "gatewayId = nat-1 is no gateway",
    ),
    "a NAT gateway without a subnet": (refused("nat", subnetId=DROP), "needs a subnet"),
    "a NAT gateway without an address": (refused("nat", allocationId=DROP), "needs an elastic IP"),
    "two NAT gateways with one address": (
        lambda account: account.clash("nat", subnetId=account["subnet-b"]["id"]),
        "is in use by nat",
    ),
    "a NAT gateway without an internet gateway": (without_internet, "has no internet gateway yet"),
    "an address outside of VPCs": (refused("address", domain="standard"), "AWS has only vpc left"),
    "an endpoint of another region": (
        refused("endpoint", serviceName="com.amazonaws.eu-west-1.s3"),
        "write com.amazonaws.us-east-1.",
    ),
    "a gateway endpoint of a service without one": (
        refused("gateway-endpoint", serviceName="com.amazonaws.us-east-1.sts"),
        "has no Gateway endpoint",
    ),
    "a gateway endpoint with subnets": (
        lambda account: account.refused("gateway-endpoint", subnetIds=[account["subnet-a"]["id"]]),
        "has route tables",
    ),
    "an interface endpoint with route tables": (
        lambda account: account.refused("endpoint", routeTableIds=[account["private"]["id"]]),
        "has subnets, no route tables",
    ),
    "an endpoint with two subnets of one zone": (
        lambda account: same_zone(account, "endpoint"),
        "are both in us-east-1a",
    ),
    "an endpoint with a group of another VPC": (foreign_group, "name what is in the same VPC"),
    "private names in a VPC without names": (nameless, "needs enableDnsHostnames and enableDnsSupport of vpc"),
    "an endpoint with a policy for nobody": (
        refused("endpoint", policy=policy()),
        "neither Principal nor NotPrincipal",
    ),
    "two endpoints with the same private names": (clash("endpoint"), "one endpoint has them"),
    "a flow log of nothing": (refused("flow-log", vpcId=DROP), "has to be stated, none is"),
    "a flow log without a role": (refused("flow-log", iamRoleArn=DROP), "in the name of a role"),
    "a flow log to a bucket with a role": (refused("flow-log", logDestinationType="s3"), "without a role"),
    "a flow log to nowhere": (refused("flow-log", logDestination=DROP), "ARN of a log group or bucket"),
    "a flow log of other traffic": (refused("flow-log", trafficType="SOME"), "ACCEPT, REJECT or ALL"),
    "a flow log at other times": (refused("flow-log", maxAggregationInterval=120), "60 and 600 seconds"),
    "a flow log whose role trusts another service": (
        lambda account: account.refused("flow-log", iamRoleArn=account["node-role"]["arn"]),
        "node-role does not trust vpc-flow-logs.amazonaws.com",
    ),
    "a launch template with a short name": (refused("template", name="a b"), "3 to 128 letters"),
    "user data that is no base64": (refused("template", userData="#!/bin/sh"), "is not base64"),
    "user data that is too long": (refused("template", userData="AAAA" * 6000), "AWS takes 16384"),
    "a transit gateway with a public number": (refused("transit", amazonSideAsn=13335), "take a private one"),
    "an attachment with two subnets of one zone": (lambda account: same_zone(account, "attachment"), "both in"),
    "a second attachment": (clash("attachment"), "is attached to this gateway already"),
    "a transit gateway's peering with itself": (
        lambda account: account.refused(
            "transit-peering", peerTransitGatewayId=account["transit"]["id"], peerRegion=EAST
        ),
        "are the same gateway",
    ),
    "a transit gateway's peering with a region that there is not": (
        refused("transit-peering", peerRegion="us-wast-2"),
        "there is no region us-wast-2: did you mean",
    ),
    "a transit gateway's peering that is accepted where it was asked for": (
        lambda account: account.clash("transit-accepter", region=EAST),
        "is accepted in us-west-2",
    ),
    "a transit route to nothing": (refused("transit-route", transitGatewayAttachmentId=DROP), "is a black hole"),
    "a transit route twice": (clash("transit-route"), "has a route to 10.65.0.0/16 already"),
    "a transit route by a peering that is not accepted": (lambda account: _not_accepted(account), "not accepted yet"),
    "a transit route by an attachment of another gateway": (
        lambda account: account.refused("transit-route", transitGatewayAttachmentId=account["west-attachment"]["id"]),
        "west-attachment is no attachment of transit-table's gateway",
    ),
    "a transit route by an attachment that there is not": (
        refused("transit-route", transitGatewayAttachmentId="tgw-attach-0123456789abcdef0"),
        "there is no such attachment of a transit gateway",
    ),
    "a table of a transit gateway for another one's attachment": (
        lambda account: account.clash(
            "transit-association", transitGatewayAttachmentId=account["west-attachment"]["id"]
        ),
        "west-attachment is no attachment of transit-table's gateway",
    ),
    "a second table of an attachment": (clash("transit-association"), "has a table already"),
    "a table of an attachment that has one by default": (
        lambda account: _by_default(account),
        "gives tgw-attach-.* its default table by itself",
    ),
}


def _by_other_peering(account: Account) -> str:
    one = account.make(aws.VPC, "one", cidrBlock="10.98.0.0/16")
    other = account.make(aws.VPC, "other", cidrBlock="10.99.0.0/16")
    between = account.make(aws.PEERING, "between", vpcId=one.id, peerVpcId=other.id, autoAccept=True)
    return route(account, vpcPeeringConnectionId=between.id)


def _by_default(account: Account) -> str:
    account.change("transit", defaultRouteTableAssociation=DROP)
    return account.refused("transit-association")


def _not_accepted(account: Account) -> str:
    second = account.another("second", "transit")
    pending = account.another("pending", "transit-peering", transitGatewayId=second.id)
    return account.refused("transit-route", transitGatewayAttachmentId=pending.id, destinationCidrBlock="10.66.0.0/16")


@pytest.mark.parametrize("what", RED)
def test_aws_refuses(what: str) -> None:
    judge(*RED[what])


def test_a_nat_gateway_whose_subnet_leads_nowhere_is_named_once_all_is_described() -> None:
    account = whole()
    simulation.finish(account.world)
    subnet = account.another("subnet-c", "subnet-a", cidrBlock="10.64.9.0/24")
    address = account.make(aws.EIP, "second-address")
    account.make(aws.NAT_GATEWAY, "lost", subnetId=subnet.id, allocationId=address.id)
    with pytest.raises(RefusedByAwsError, match=r"lost .*its subnet subnet-c has no route to an internet gateway"):
        simulation.finish(account.world)


def test_what_is_of_another_account_is_not_judged() -> None:
    account = whole()
    account.change("peering", peerVpcId="vpc-0123456789abcdef0", peerOwnerId="111122223333")
    account.change("in", cidrIpv4=DROP, referencedSecurityGroupId="111122223333/sg-0123456789abcdef0")
    assert account["peering"]["peerOwnerId"] != ACCOUNT
