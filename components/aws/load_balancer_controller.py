"""What the AWS Load Balancer Controller may do: put pods behind the program's own load balancers, and nothing else.

It makes no load balancer, so of docs/install/iam_policy.json (kubernetes-sigs/aws-load-balancer-controller at v3.5.0)
it needs what a TargetGroupBinding without `networking` takes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import pulumi
from pulumi import Input, ResourceOptions

from components.aws import identity
from components.objects import SYSTEM_NAMESPACE

ACCOUNT: Final = "aws-load-balancer-controller"
Use = Literal["users", "links"]
USES: Final[tuple[Use, ...]] = get_args(Use)
LONGEST: Final = 20
"""Characters of a region's name (settings/names.py)."""
READ: Final = (
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
)
"""AWS knows no resources for these actions, so they are allowed on all
(docs.aws.amazon.com/service-authorization/latest/reference, EC2 and Elastic Load Balancing V2).
"""


@dataclass(frozen=True)
class ControllerArgs:
    """Whose controller it is."""

    cluster_name: str
    cluster: Input[str]
    """The name once the cluster serves."""
    account: str
    aws_region: str
    vpc_id: Input[str]


def controller(
    name: str, args: ControllerArgs, opts: ResourceOptions
) -> tuple[Mapping[str, Any], list[pulumi.Resource]]:
    """Values of the controller's chart, and what has to be there before it starts: its role, and who has it."""
    pods = identity.ServiceAccount(args.cluster_name, SYSTEM_NAMESPACE, ACCOUNT)
    role, policies = identity.role(
        f"{name}-role",
        identity.RoleArgs(
            name=f"{args.cluster_name}-load-balancers",
            description=f"Load balancer controller of the EKS cluster {args.cluster_name}",
            trust=identity.by_pods(pods),
            inline=policy(args),
        ),
        opts,
    )
    association = identity.give(name, args.cluster, pods, role, opts)
    # Told, because its pods cannot ask the metadata service of their node.
    values = {
        "clusterName": args.cluster_name,
        "region": args.aws_region,
        "vpcId": args.vpc_id,
        "serviceAccount": {"create": True, "name": ACCOUNT},
    }
    return values, [*policies, association]


def policy(args: ControllerArgs) -> identity.Document:
    """Reading everywhere; registering with target groups that are named like the cluster's."""
    where = f"arn:{identity.partition(args.aws_region)}:elasticloadbalancing:{args.aws_region}:{args.account}"
    register = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
    return identity.document(
        identity.allow(READ, ["*"], Sid="Read"),
        identity.allow(
            register,
            [f"{where}:targetgroup/{balancer_name(args.cluster_name, use)}-*/*" for use in USES],
            Sid="Register",
        ),
    )


def balancer_name(cluster_name: str, use: Use) -> str:
    """Name of one of the cluster's load balancers, with which the names of its target groups begin: 26 characters at
    most. A cluster of yours may have a longer name, and signs that a load balancer's may not have.
    """
    own = cluster_name.removeprefix("somafractalmemory-")
    if len(own) > LONGEST or not own.replace("-", "").isalnum():
        own = f"eks-{hashlib.sha256(cluster_name.encode()).hexdigest()[:12]}"
    return f"{own}-{use}"
