"""The simulated account beside moto, further: what users reach, rules, logs, and identities."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.simulation import RefusedByAwsError
from tests.unit.aws_account import WEST, Account, trust
from tests.unit.moto_account import Moto
from tests.unit.moto_account import form as form_of_ids


def form(text: Any) -> str:
    """The same for the shorter suffixes of load balancers."""
    return re.sub(r"(?<=/)[0-9a-f]{16}\b", "<16 hex>", form_of_ids(text))


def test_rules_logs_and_transit_have_ids_of_the_same_form(moto: Moto, ours: Account) -> None:
    ec2 = moto("ec2")
    group = ec2.create_security_group(GroupName="a", Description="b", VpcId=moto.vpc)["GroupId"]
    range_ = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.64.0.0/16"}]}]
    rules = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=range_)["SecurityGroupRules"]
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    attachment = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway, VpcId=moto.vpc, SubnetIds=moto.subnets
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    table = ec2.create_transit_gateway_route_table(TransitGatewayId=gateway)["TransitGatewayRouteTable"]
    moto("logs").create_log_group(logGroupName="/soma/flow")
    role = moto("iam").create_role(RoleName="log-role", AssumeRolePolicyDocument=trust("vpc-flow-logs.amazonaws.com"))
    (log,) = ec2.create_flow_logs(
        ResourceIds=[moto.vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName="/soma/flow",
        DeliverLogsPermissionArn=role["Role"]["Arn"],
    )["FlowLogIds"]
    theirs = {
        "in": rules[0]["SecurityGroupRuleId"],
        "attachment": attachment,
        "transit-table": table["TransitGatewayRouteTableId"],
        "flow-log": log,
    }
    assert {name: form(id_) for name, id_ in theirs.items()} == {name: form(ours[name]["id"]) for name in theirs}


def test_a_log_group_says_the_same(moto: Moto, ours: Account) -> None:
    moto("logs").create_log_group(logGroupName="/soma/flow")
    (theirs,) = moto("logs").describe_log_groups()["logGroups"]
    assert ours["logs"]["arn"] == theirs["arn"].removesuffix(":*")


def test_a_certificate_says_the_same(moto: Moto, ours: Account) -> None:
    acm = moto("acm")
    names = ["example.com", "www.example.com"]
    arn = acm.request_certificate(
        DomainName=names[0], SubjectAlternativeNames=names[1:], ValidationMethod="DNS", KeyAlgorithm="RSA_2048"
    )["CertificateArn"]
    made = ours["certificate"]
    assert form(made["arn"]) == form(arn)
    theirs = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
    own = made["domainValidationOptions"]
    assert sorted(one["domainName"] for one in own) == sorted(one["DomainName"] for one in theirs) == names
    assert {one["resourceRecordType"] for one in own} == {one["ResourceRecord"]["Type"] for one in theirs} == {"CNAME"}
    assert all(re.fullmatch(r"_[0-9a-f]{32}\.(www\.)?example\.com\.", one["resourceRecordName"]) for one in own)


def test_a_load_balancer_says_the_same(moto: Moto, ours: Account) -> None:
    """Of the kind `application`: moto calls every one that."""
    elb = moto("elbv2")
    (theirs,) = elb.create_load_balancer(Name="entrance", Type="application", Subnets=moto.subnets)["LoadBalancers"]
    made = ours.another("entrance", "balancer", name="entrance", loadBalancerType="application").outputs
    assert form(made["arn"]) == form(theirs["LoadBalancerArn"])
    assert (made["vpcId"], theirs["VpcId"]) == (ours["vpc"]["id"], moto.vpc)
    (targets,) = elb.create_target_group(Name="soma", Port=8443, Protocol="TLS", TargetType="ip", VpcId=moto.vpc)[
        "TargetGroups"
    ]
    assert form(ours["targets"]["arn"]) == form(targets["TargetGroupArn"])


def test_identities_say_the_same(moto: Moto, ours: Account) -> None:
    iam = moto("iam")
    profile = iam.create_instance_profile(InstanceProfileName="profile")["InstanceProfile"]
    assert ours["profile"]["arn"] == profile["Arn"]
    url = ours["cluster"]["identities"][0]["oidcs"][0]["issuer"]
    theirs = iam.create_open_id_connect_provider(Url=url, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40])
    assert ours["oidc"]["arn"] == theirs["OpenIDConnectProviderArn"]


def test_a_key_of_several_regions_has_one_id_in_all_of_them(moto: Moto, ours: Account) -> None:
    key = moto("kms").create_key(MultiRegion=True)["KeyMetadata"]
    copy = moto("kms").replicate_key(KeyId=key["KeyId"], ReplicaRegion=WEST)["ReplicaKeyMetadata"]
    assert copy["KeyId"] == key["KeyId"]
    assert ours["shared-copy"]["keyId"] == ours["shared-key"]["keyId"]
    assert str(ours["shared-key"]["keyId"])[:4] == str(key["KeyId"])[:4] == "mrk-"
    assert ours["shared-copy"]["arn"].split(":")[:5] == copy["Arn"].split(":")[:5]


def test_a_health_check_has_an_id_of_the_same_form(moto: Moto, ours: Account) -> None:
    wanted = {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": "us-east.example.com",
        "Port": 443,
        "ResourcePath": "/healthz",
    }
    theirs = moto("route53").create_health_check(CallerReference="one", HealthCheckConfig=wanted)["HealthCheck"]
    assert form(ours["check"]["id"]) == form(theirs["Id"]) == "<uuid>"


def _same_log_group(moto: Moto) -> None:
    for _ in range(2):
        moto("logs").create_log_group(logGroupName="/soma/flow")


def _same_targets(moto: Moto) -> None:
    for port in (8443, 8444):
        moto("elbv2").create_target_group(Name="soma", Port=port, Protocol="TLS", TargetType="ip", VpcId=moto.vpc)


def _same_rule(moto: Moto) -> None:
    group = moto("ec2").create_security_group(GroupName="a", Description="b", VpcId=moto.vpc)["GroupId"]
    range_ = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.64.0.0/16"}]}]
    for _ in range(2):
        moto("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=range_)


def _same_template(moto: Moto) -> None:
    for _ in range(2):
        moto("ec2").create_launch_template(LaunchTemplateName="soma", LaunchTemplateData={"InstanceType": "t3.micro"})


def _attachment_of_no_policy(moto: Moto) -> None:
    moto("iam").create_role(RoleName="pod-role", AssumeRolePolicyDocument=trust("pods.eks.amazonaws.com"))
    moto("iam").attach_role_policy(RoleName="pod-role", PolicyArn="arn:aws:iam::123456789012:policy/none")


def _alias_of_no_key(moto: Moto) -> None:
    moto("kms").create_alias(AliasName="alias/none", TargetKeyId="00000000-0000-4000-8000-000000000000")


def _policy_of_no_bucket(moto: Moto) -> None:
    moto("s3").put_bucket_policy(Bucket="soma-none", Policy="{}")


BOTH: dict[str, tuple[Callable[[Moto], None], Callable[[Account], object]]] = {
    "two log groups of one name": (_same_log_group, lambda ours: ours.another("second", "logs")),
    "two target groups of one name": (_same_targets, lambda ours: ours.another("second", "targets", port=8444)),
    "a rule that is there already": (_same_rule, lambda ours: ours.another("second", "in")),
    "two launch templates of one name": (_same_template, lambda ours: ours.another("second", "template")),
    "a policy that there is not": (
        _attachment_of_no_policy,
        lambda ours: ours.change("attached", policyArn="arn:aws:iam::123456789012:policy/none"),
    ),
    "an alias of a key that there is not": (
        _alias_of_no_key,
        lambda ours: ours.change("alias", targetKeyId="00000000-0000-4000-8000-000000000000"),
    ),
    "a policy of a bucket that there is not": (
        _policy_of_no_bucket,
        lambda ours: ours.change("bucket-policy", bucket="soma-none"),
    ),
}


@pytest.mark.parametrize("what", BOTH)
def test_both_refuse(what: str, moto: Moto, ours: Account) -> None:
    theirs, own = BOTH[what]
    with pytest.raises(ClientError):
        theirs(moto)
    with pytest.raises(RefusedByAwsError):
        own(ours)
