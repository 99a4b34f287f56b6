"""Flow logs: who talked to whom in the VPC, accepted and rejected, encrypted and kept for a number of days."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_aws import cloudwatch, ec2, iam, kms

from components.aws import identity, keys

USE_KEY: Final = ("kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*")
"""What CloudWatch Logs does with a key
(docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html)."""
WRITE: Final = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
"""What flow logs do in a group that is there (docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html)."""


@dataclass(frozen=True)
class FlowLogsArgs:
    """What is logged, and where."""

    region: str
    """Name of the region, as in `multiregion.regions`."""
    aws_region: str
    account: str
    """The twelve digits of the account."""
    cluster: str
    """Name of the region's EKS cluster: what has to be unique in the account is named by it."""
    vpc_id: Input[str]
    days: int
    """How long they are kept."""


class FlowLogs(pulumi.ComponentResource):
    """All traffic of a VPC, in a log group of CloudWatch with a key of the stack."""

    def __init__(self, name: str, args: FlowLogsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:FlowLogs", name, {}, opts)
        self._name, self._args, self._own = name, args, ResourceOptions(parent=self)
        # Known before anything is made, so that the policies are shown whole in a preview.
        self._group_name = f"{args.cluster}/vpc-flow-logs"
        self._logs = f"arn:{identity.partition(args.aws_region)}:logs:{args.aws_region}:{args.account}"
        self._group_arn = f"{self._logs}:log-group:{self._group_name}"
        group = cloudwatch.LogGroup(
            f"{name}-group",
            name=self._group_name,
            retention_in_days=args.days,
            kms_key_id=self._key().arn,
            opts=self._own,
        )
        self._log(group, *self._role())
        self.register_outputs({})

    def _key(self) -> kms.Key:
        """A key that CloudWatch uses for this one group; the account's administrators keep it."""
        args = self._args
        logs = identity.allow(
            USE_KEY,
            ["*"],
            Sid="Logs",
            Principal={"Service": f"logs.{args.aws_region}.amazonaws.com"},
            Condition={"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": self._group_arn}},
        )
        wanted = keys.KeyArgs(
            account=args.account,
            aws_region=args.aws_region,
            alias=f"{args.cluster}-flow-logs",
            description=f"Flow logs of the VPC of {args.region}",
            users=(logs,),
        )
        return keys.key(f"{self._name}-key", wanted, self._own)

    def _role(self) -> tuple[iam.Role, list[pulumi.Resource]]:
        """Of the flow logs of this account and region, for this group."""
        args = self._args
        source = f"arn:{identity.partition(args.aws_region)}:ec2:{args.aws_region}:{args.account}:vpc-flow-log/*"
        return identity.role(
            f"{self._name}-role",
            identity.RoleArgs(
                name=f"{args.cluster}-flow-logs",
                description=f"Writes the flow logs of the VPC of {args.region}",
                trust=identity.by_service(
                    "vpc-flow-logs.amazonaws.com",
                    conditions={
                        "StringEquals": {"aws:SourceAccount": args.account},
                        "ArnLike": {"aws:SourceArn": source},
                    },
                ),
                inline=identity.document(
                    identity.allow(WRITE, [self._group_arn, f"{self._group_arn}:*"]),
                    # Of groups one may list all or none.
                    identity.allow(["logs:DescribeLogGroups"], [f"{self._logs}:*"]),
                ),
            ),
            self._own,
        )

    def _log(self, group: cloudwatch.LogGroup, role: iam.Role, policies: Sequence[pulumi.Resource]) -> None:
        args = self._args
        ec2.FlowLog(
            f"{self._name}-log",
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            tags={"Name": f"{args.region}-flow-logs"},
            opts=ResourceOptions(parent=self, depends_on=list(policies)),
        )
