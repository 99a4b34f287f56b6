"""What stands beside a region's subnets on AWS: endpoints of AWS's services, and logs of the traffic."""

import json
from collections.abc import Iterator

import pytest

from tests.unit.aws_network import ZONES, named, of, recorded
from tests.unit.aws_region import ACCOUNT
from tests.unit.recorded import Recorded, Resource


@pytest.fixture
def run() -> Recorded:
    return recorded()


class TestEndpoints:
    def test_s3_is_on_every_private_and_isolated_table(self, run: Recorded) -> None:
        (gateway,) = (r for r in endpoints(run) if r.inputs["vpcEndpointType"] == "Gateway")
        assert gateway.inputs["serviceName"] == "com.amazonaws.us-east-1.s3"
        tables = {f"{kind}-{zone}-routes" for kind in ("private", "isolated") for zone in ZONES}
        assert named(run, gateway.depends_on) == {"vpc"} | tables
        assert len(gateway.inputs["routeTableIds"]) == len(tables)

    def test_a_cluster_reaches_what_it_lives_on_without_leaving_the_vpc(self, run: Recorded) -> None:
        prefix = "com.amazonaws.us-east-1."
        services = {r.inputs["serviceName"].removeprefix(prefix) for r in interfaces(run)}
        registries = {"ecr.api", "ecr.dkr"}
        assert services == registries | {
            "ec2", "sts", "eks", "eks-auth", "elasticloadbalancing", "logs", "autoscaling"
        }  # fmt: skip

    def test_each_has_an_interface_in_every_zone_and_the_services_own_name(self, run: Recorded) -> None:
        for endpoint in interfaces(run):
            used = named(run, endpoint.depends_on)
            assert {f"isolated-{zone}" for zone in ZONES} <= used, endpoint.urn
            assert len(endpoint.inputs["subnetIds"]) == len(ZONES)
            assert endpoint.inputs["privateDnsEnabled"] is True
            assert len(endpoint.inputs["securityGroupIds"]) == 1
            assert "endpoints-group" in used

    def test_they_are_open_to_the_vpc_by_https_and_to_nothing_else(self, run: Recorded) -> None:
        (rule,) = of(run, "vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        assert named(run, rule.depends_on) == {"endpoints-group"}
        opened = {key: rule.inputs[key] for key in ("cidrIpv4", "ipProtocol", "fromPort", "toPort")}
        assert opened == {"cidrIpv4": "10.64.0.0/16", "ipProtocol": "tcp", "fromPort": 443, "toPort": 443}
        assert of(run, "vpc/securityGroupEgressRule:SecurityGroupEgressRule") == []
        assert [r.name for r in of(run, "ec2/securityGroup:SecurityGroup")] == ["us-east-network-endpoints-group"]


def endpoints(run: Recorded) -> list[Resource]:
    return of(run, "ec2/vpcEndpoint:VpcEndpoint")


def interfaces(run: Recorded) -> Iterator[Resource]:
    return (r for r in endpoints(run) if r.inputs["vpcEndpointType"] == "Interface")


GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:soma-us-east/vpc-flow-logs"


class TestFlowLogs:
    def test_all_traffic_is_logged_once_somebody_may_write_it(self, run: Recorded) -> None:
        (log,) = of(run, "ec2/flowLog:FlowLog")
        assert log.inputs["trafficType"] == "ALL"
        assert log.inputs["logDestinationType"] == "cloud-watch-logs"
        assert {"vpc", "flow-logs-group", "flow-logs-role", "flow-logs-role-policy"} == named(run, log.depends_on)

    def test_logs_are_kept_for_as_long_as_stated_and_encrypted(self, run: Recorded) -> None:
        (group,) = of(run, "cloudwatch/logGroup:LogGroup")
        assert GROUP.endswith(f":{group.inputs['name']}")
        assert group.inputs["retentionInDays"] == 90
        assert named(run, group.depends_on) == {"flow-logs-key"}

    def test_the_key_is_for_these_logs_and_is_kept(self, run: Recorded) -> None:
        (key,) = of(run, "kms/key:Key")
        assert key.protect
        assert key.inputs["enableKeyRotation"] is True
        assert key.inputs["deletionWindowInDays"] == 30
        account, logs = json.loads(key.inputs["policy"])["Statement"]
        assert account["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        assert logs["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"}
        assert logs["Condition"] == {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": GROUP}}
        assert all(action.startswith("kms:") and action != "kms:*" for action in logs["Action"])

    def test_the_role_is_for_flow_logs_of_this_account_and_region(self, run: Recorded) -> None:
        (role,) = of(run, "iam/role:Role")
        (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc-flow-log/*"},
        }

    def test_the_role_writes_into_this_group_alone(self, run: Recorded) -> None:
        (policy,) = of(run, "iam/rolePolicy:RolePolicy")
        statements = json.loads(policy.inputs["policy"])["Statement"]
        allowed = {action: statement["Resource"] for statement in statements for action in statement["Action"]}
        assert allowed.pop("logs:DescribeLogGroups") == [f"arn:aws:logs:us-east-1:{ACCOUNT}:*"]
        assert set(allowed) == {"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"}
        assert all(resources == [GROUP, f"{GROUP}:*"] for resources in allowed.values())
        assert of(run, "iam/rolePolicyAttachment:RolePolicyAttachment") == []
