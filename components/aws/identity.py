"""Roles of IAM: who may assume them, and what they may do. Never more than what its one user needs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import eks, iam

Document = dict[str, Any]
"""A policy document of IAM, before it is JSON."""

POD_IDENTITY: Final = "pods.eks.amazonaws.com"


def partition(aws_region: str) -> str:
    """The part of AWS that a region is in, as ARNs name it
    (docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
    """
    return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(aws_region.rsplit("-", 2)[0], "aws")


def managed(aws_region: str, name: str) -> str:
    """ARN of a policy that AWS keeps."""
    return f"arn:{partition(aws_region)}:iam::aws:policy/{name}"


def document(*statements: Document) -> Document:
    """A policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions: Sequence[str], resources: Sequence[Input[str]], **more: Any) -> Document:
    """A statement of an identity's policy."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources), **more}


def text(policy: Document) -> Output[str]:
    """The JSON that AWS takes, once all its values are known."""
    return Output.json_dumps(policy)


def by_service(service: str, *, conditions: Mapping[str, Mapping[str, str]] | None = None) -> Document:
    """Trust in a service of AWS. `conditions` keep it to the resources that are meant, where the service says which."""
    statement: Document = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return document({**statement, **({"Condition": dict(conditions)} if conditions else {})})


@dataclass(frozen=True)
class ServiceAccount:
    """Pods that act under a service account of one cluster."""

    cluster: str
    namespace: str
    name: str


def by_pods(account: ServiceAccount) -> Document:
    """Trust in pods by EKS Pod Identity, which tags the session with whom it is for
    (docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html): no other pod and no other cluster gets the role.
    """
    tags = {
        "eks-cluster-name": account.cluster,
        "kubernetes-namespace": account.namespace,
        "kubernetes-service-account": account.name,
    }
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": POD_IDENTITY},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {"StringEquals": {f"aws:RequestTag/{key}": value for key, value in tags.items()}},
        }
    )


@dataclass(frozen=True)
class RoleArgs:
    """A role and its policies."""

    name: str
    """Name in the account, 64 characters at most."""
    description: str
    trust: Document
    managed: Sequence[str] = ()
    """ARNs of policies that AWS keeps."""
    inline: Document | None = None


def give(
    name: str, cluster: Input[str], account: ServiceAccount, made: iam.Role, opts: ResourceOptions
) -> eks.PodIdentityAssociation:
    """The role to the pods of a service account. `cluster` is its name once the cluster serves."""
    return eks.PodIdentityAssociation(
        name,
        cluster_name=cluster,
        namespace=account.namespace,
        service_account=account.name,
        role_arn=made.arn,
        opts=opts,
    )


def role(name: str, args: RoleArgs, opts: ResourceOptions) -> tuple[iam.Role, list[pulumi.Resource]]:
    """The role, and what has to be there before somebody relies on it: its policies."""
    made = iam.Role(
        name,
        name=args.name,
        description=args.description,
        assume_role_policy=json.dumps(args.trust),
        opts=opts,
    )
    policies: list[pulumi.Resource] = [
        iam.RolePolicyAttachment(f"{name}-{arn.rsplit('/', 1)[-1]}", role=made.name, policy_arn=arn, opts=opts)
        for arn in args.managed
    ]
    if args.inline is not None:
        policies.append(
            iam.RolePolicy(f"{name}-policy", name=args.name, role=made.name, policy=text(args.inline), opts=opts)
        )
    return made, policies
