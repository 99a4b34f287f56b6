"""The simulated account beside moto, another one, where both answer the same call: forms of ids, ARNs, refusals.

moto runs within this process and reaches nothing. It lets much pass that AWS and ours refuse (a second internet
gateway, peerings of ranges that overlap, long names of roles); here stands what both refuse.
"""

import json
import re
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.simulation import RefusedByAwsError
from tests.unit.aws_account import ACCOUNT, DROP, EAST, WEST, Account, trust
from tests.unit.moto_account import Moto, form


def test_ids_of_networks_have_the_same_form(moto: Moto, ours: Account) -> None:
    ec2 = moto("ec2")
    internet = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=internet, VpcId=moto.vpc)
    table = ec2.create_route_table(VpcId=moto.vpc)["RouteTable"]["RouteTableId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    other = ec2.create_vpc(CidrBlock="10.65.0.0/16")["Vpc"]["VpcId"]
    theirs = {
        "vpc": moto.vpc,
        "subnet-a": moto.subnets[0],
        "internet": internet,
        "public": table,
        "association-a": ec2.associate_route_table(RouteTableId=table, SubnetId=moto.subnets[0])["AssociationId"],
        "address": address,
        "nat": ec2.create_nat_gateway(SubnetId=moto.subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"],
        "group": ec2.create_security_group(GroupName="a", Description="b", VpcId=moto.vpc)["GroupId"],
        "peering": ec2.create_vpc_peering_connection(VpcId=moto.vpc, PeerVpcId=other)["VpcPeeringConnection"][
            "VpcPeeringConnectionId"
        ],
        "endpoint": ec2.create_vpc_endpoint(VpcId=moto.vpc, ServiceName="com.amazonaws.us-east-1.s3")["VpcEndpoint"][
            "VpcEndpointId"
        ],
        "transit": ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"],
        "template": ec2.create_launch_template(
            LaunchTemplateName="soma", LaunchTemplateData={"InstanceType": "t3.micro"}
        )["LaunchTemplate"]["LaunchTemplateId"],
    }
    assert {name: form(id_) for name, id_ in theirs.items()} == {name: form(ours[name]["id"]) for name in theirs}


def test_a_subnet_says_the_same(moto: Moto, ours: Account) -> None:
    (theirs,) = moto("ec2").describe_subnets(SubnetIds=moto.subnets[:1])["Subnets"]
    made = ours["subnet-a"]
    assert form(made["arn"]) == form(theirs["SubnetArn"])
    assert made["ownerId"] == theirs["OwnerId"] == ACCOUNT
    assert made["availabilityZone"] == theirs["AvailabilityZone"]
    assert made["mapPublicIpOnLaunch"] == theirs["MapPublicIpOnLaunch"]
    assert made["privateDnsHostnameTypeOnLaunch"] == theirs["PrivateDnsNameOptionsOnLaunch"]["HostnameType"]
    assert made["availabilityZoneId"][:-1] == theirs["AvailabilityZoneId"][:-1]  # the number is each account's own


def test_a_role_says_the_same(moto: Moto, ours: Account) -> None:
    document = trust("ec2.amazonaws.com")
    theirs = moto("iam").create_role(RoleName="node-role", AssumeRolePolicyDocument=document)["Role"]
    made = ours["node-role"]
    assert made["arn"] == theirs["Arn"]
    assert form(made["uniqueId"]) == form(theirs["RoleId"])
    assert (made["path"], made["maxSessionDuration"]) == (theirs["Path"], theirs["MaxSessionDuration"])


def test_a_policy_says_the_same(moto: Moto, ours: Account) -> None:
    document = ours.made["managed"][0].inputs["policy"]
    theirs = moto("iam").create_policy(PolicyName="managed", PolicyDocument=document)["Policy"]
    assert ours["managed"]["arn"] == theirs["Arn"]
    assert ours["managed"]["attachmentCount"] == theirs["AttachmentCount"]


def test_a_key_and_its_alias_say_the_same(moto: Moto, ours: Account) -> None:
    kms = moto("kms")
    theirs = kms.create_key()["KeyMetadata"]
    made = ours["key"]
    assert form(made["keyId"]) == form(theirs["KeyId"]) == "<uuid>"
    assert form(made["arn"]) == form(theirs["Arn"])
    assert made["customerMasterKeySpec"] == theirs["KeySpec"]
    kms.create_alias(AliasName="alias/soma", TargetKeyId=theirs["KeyId"])
    alias = next(one for one in kms.list_aliases()["Aliases"] if one["AliasName"] == "alias/soma")
    assert ours["alias"]["arn"] == alias["AliasArn"]


def test_a_cluster_says_the_same(moto: Moto, ours: Account) -> None:
    eks = moto("eks")
    theirs = eks.create_cluster(
        name="soma",
        version="1.36",
        roleArn=ours["cluster-role"]["arn"],
        resourcesVpcConfig={"subnetIds": moto.subnets},
    )["cluster"]
    made = ours["cluster"]
    assert made["arn"] == theirs["arn"]
    assert made["status"] == theirs["status"]
    assert made["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == theirs["kubernetesNetworkConfig"]["serviceIpv4Cidr"]
    issuer = made["identities"][0]["oidcs"][0]["issuer"]
    assert issuer.rsplit("/", 1)[0] == theirs["identity"]["oidc"]["issuer"].rsplit("/", 1)[0]
    assert made["endpoint"].split(".")[2:] == theirs["endpoint"].rstrip("/").split(".")[2:]
    group = eks.create_nodegroup(
        clusterName="soma", nodegroupName="nodes", subnets=moto.subnets, nodeRole=ours["node-role"]["arn"]
    )["nodegroup"]
    assert form(ours["nodes"]["arn"]) == form(group["nodegroupArn"])
    assert ours["nodes"]["capacityType"] == group["capacityType"]


def test_a_bucket_is_in_the_same_region(moto: Moto, ours: Account) -> None:
    s3 = moto("s3", WEST)
    s3.create_bucket(Bucket="soma-copies", CreateBucketConfiguration={"LocationConstraint": WEST})
    assert s3.get_bucket_location(Bucket="soma-copies")["LocationConstraint"] == ours["copies"]["bucketRegion"]


def test_a_zone_has_as_many_name_servers(moto: Moto, ours: Account) -> None:
    theirs = moto("route53").create_hosted_zone(Name="example.com", CallerReference="one")
    assert theirs["HostedZone"]["Name"].removesuffix(".") == ours["zone"]["name"]
    servers = theirs["DelegationSet"]["NameServers"]
    shape = re.compile(r"ns-\d+\.awsdns-\d{2}\.(com|net|org|co\.uk)")
    assert len(servers) == len(ours["zone"]["nameServers"])
    assert all(shape.fullmatch(server) for server in [*servers, *ours["zone"]["nameServers"]])


def _overlapping_subnet(moto: Moto) -> None:
    moto("ec2").create_subnet(VpcId=moto.vpc, CidrBlock="10.64.0.0/25")


def _subnet_outside(moto: Moto) -> None:
    moto("ec2").create_subnet(VpcId=moto.vpc, CidrBlock="10.70.0.0/24")


def _subnet_of_no_vpc(moto: Moto) -> None:
    moto("ec2").create_subnet(VpcId="vpc-0123456789abcdef0", CidrBlock="10.64.9.0/24")


def _subnet_of_no_zone(moto: Moto) -> None:
    moto("ec2").create_subnet(VpcId=moto.vpc, CidrBlock="10.64.9.0/24", AvailabilityZone=f"{EAST}z")


def _large_vpc(moto: Moto) -> None:
    moto("ec2").create_vpc(CidrBlock="10.0.0.0/8")


def _same_group(moto: Moto) -> None:
    for _ in range(2):
        moto("ec2").create_security_group(GroupName="group", Description="Of a test", VpcId=moto.vpc)


def _same_role(moto: Moto) -> None:
    for _ in range(2):
        moto("iam").create_role(RoleName="node-role", AssumeRolePolicyDocument=trust("ec2.amazonaws.com"))


def _same_attachment(moto: Moto) -> None:
    gateway = moto("ec2").create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    for _ in range(2):
        moto("ec2").create_transit_gateway_vpc_attachment(
            TransitGatewayId=gateway, VpcId=moto.vpc, SubnetIds=moto.subnets
        )


def _accepted_where_it_was_asked_for(moto: Moto) -> None:
    """One id on both sides, as ours."""
    here, there = (
        moto("ec2", region).create_transit_gateway()["TransitGateway"]["TransitGatewayId"] for region in (EAST, WEST)
    )
    asked = moto("ec2").create_transit_gateway_peering_attachment(
        TransitGatewayId=here, PeerTransitGatewayId=there, PeerRegion=WEST, PeerAccountId=ACCOUNT
    )["TransitGatewayPeeringAttachment"]["TransitGatewayAttachmentId"]
    (seen,) = moto("ec2", WEST).describe_transit_gateway_peering_attachments()["TransitGatewayPeeringAttachments"]
    assert seen["TransitGatewayAttachmentId"] == asked
    moto("ec2").accept_transit_gateway_peering_attachment(TransitGatewayAttachmentId=asked)


def _policy_of_an_old_form(moto: Moto) -> None:
    document = {"Version": "2020-01-01", "Statement": [{"Effect": "Allow", "Action": "s3:Get", "Resource": "*"}]}
    moto("iam").create_policy(PolicyName="policy", PolicyDocument=json.dumps(document))


def _policy_without_effect(moto: Moto) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Action": "s3:GetObject", "Resource": "*"}]}
    moto("iam").create_policy(PolicyName="policy", PolicyDocument=json.dumps(document))


def _alias_without_prefix(moto: Moto) -> None:
    key = moto("kms").create_key()["KeyMetadata"]["KeyId"]
    moto("kms").create_alias(AliasName="soma", TargetKeyId=key)


def _bucket_of_two_letters(moto: Moto) -> None:
    moto("s3").create_bucket(Bucket="so")


def _same_bucket(moto: Moto) -> None:
    for _ in range(2):
        moto("s3", WEST).create_bucket(Bucket="soma-copies", CreateBucketConfiguration={"LocationConstraint": WEST})


def _same_cluster(moto: Moto) -> None:
    for _ in range(2):
        moto("eks").create_cluster(
            name="soma",
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/cluster-role",
            resourcesVpcConfig={"subnetIds": moto.subnets},
        )


def _nodes_of_no_cluster(moto: Moto) -> None:
    moto("eks").create_nodegroup(
        clusterName="none", nodegroupName="n", subnets=moto.subnets, nodeRole=f"arn:aws:iam::{ACCOUNT}:role/node-role"
    )


BOTH: dict[str, tuple[Callable[[Moto], None], Callable[[Account], object]]] = {
    "subnets that overlap": (
        _overlapping_subnet,
        lambda ours: ours.another("subnet-c", "subnet-a", cidrBlock="10.64.0.0/25"),
    ),
    "a subnet outside its VPC": (
        _subnet_outside,
        lambda ours: ours.another("subnet-c", "subnet-a", cidrBlock="10.70.0.0/24"),
    ),
    "a subnet of a VPC that there is not": (
        _subnet_of_no_vpc,
        lambda ours: ours.change("subnet-a", vpcId="vpc-0123456789abcdef0"),
    ),
    "a subnet of a zone that there is not": (
        _subnet_of_no_zone,
        lambda ours: ours.change("subnet-a", availabilityZone=f"{EAST}z"),
    ),
    "a VPC that is too large": (_large_vpc, lambda ours: ours.change("vpc", cidrBlock="10.0.0.0/8")),
    "two attachments of a VPC to a transit gateway": (
        _same_attachment,
        lambda ours: ours.another("second", "attachment"),
    ),
    "a peering of transit gateways that is accepted where it was asked for": (
        _accepted_where_it_was_asked_for,
        lambda ours: ours.another("second", "transit-accepter", EAST),
    ),
    "two groups of one name": (_same_group, lambda ours: ours.another("second", "group")),
    "two roles of one name": (_same_role, lambda ours: ours.another("second", "node-role")),
    "a policy of an old form": (
        _policy_of_an_old_form,
        lambda ours: ours.change("managed", policy={"Version": "2020-01-01", "Statement": []}),
    ),
    "a policy that neither allows nor denies": (
        _policy_without_effect,
        lambda ours: ours.change(
            "managed",
            policy={"Version": "2012-10-17", "Statement": [{"Action": "s3:GetObject", "Resource": "*"}]},
        ),
    ),
    "an alias without its prefix": (_alias_without_prefix, lambda ours: ours.change("alias", name="soma")),
    "a bucket of two letters": (_bucket_of_two_letters, lambda ours: ours.change("backups", bucket="so")),
    "two buckets of one name": (_same_bucket, lambda ours: ours.another("second", "copies")),
    "two clusters of one name": (_same_cluster, lambda ours: ours.another("second", "cluster")),
    "nodes of a cluster that there is not": (
        _nodes_of_no_cluster,
        lambda ours: ours.change("nodes", clusterName="none", launchTemplate=DROP),
    ),
}


@pytest.mark.parametrize("what", BOTH)
def test_both_refuse(what: str, moto: Moto, ours: Account) -> None:
    theirs, own = BOTH[what]
    with pytest.raises(ClientError):
        theirs(moto)
    with pytest.raises(RefusedByAwsError):
        own(ours)
