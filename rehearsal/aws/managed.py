"""Policies that AWS keeps ready: of those, the ones that clusters and their add-ons have use for.

docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html and
docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html.
"""

import difflib
from collections.abc import Iterator
from typing import Final

IAM: Final = frozenset(
    {
        "AdministratorAccess",
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonEC2ContainerRegistryReadOnly",
        "AmazonEKSBlockStoragePolicy",
        "AmazonEKSClusterPolicy",
        "AmazonEKSComputePolicy",
        "AmazonEKSLoadBalancingPolicy",
        "AmazonEKSNetworkingPolicy",
        "AmazonEKSVPCResourceController",
        "AmazonEKSWorkerNodeMinimalPolicy",
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "AmazonPrometheusRemoteWriteAccess",
        "AmazonRoute53FullAccess",
        "AmazonS3FullAccess",
        "AmazonS3ReadOnlyAccess",
        "AmazonSSMManagedInstanceCore",
        "CloudWatchAgentServerPolicy",
        "ReadOnlyAccess",
        "SecurityAudit",
        "ViewOnlyAccess",
        "service-role/AmazonEBSCSIDriverPolicy",
        "service-role/AmazonEBSCSIDriverPolicyV2",
        "service-role/AmazonEFSCSIDriverPolicy",
        "service-role/AmazonS3ObjectLambdaExecutionRolePolicy",
    }
)
EKS: Final = frozenset(
    {
        "AmazonEKSAdminPolicy",
        "AmazonEKSAdminViewPolicy",
        "AmazonEKSAutoNodePolicy",
        "AmazonEKSBlockStorageClusterPolicy",
        "AmazonEKSBlockStoragePolicy",
        "AmazonEKSClusterAdminPolicy",
        "AmazonEKSComputeClusterPolicy",
        "AmazonEKSComputePolicy",
        "AmazonEKSEditPolicy",
        "AmazonEKSHybridPolicy",
        "AmazonEKSLoadBalancingClusterPolicy",
        "AmazonEKSLoadBalancingPolicy",
        "AmazonEKSNetworkingClusterPolicy",
        "AmazonEKSNetworkingPolicy",
        "AmazonEKSSecretReaderPolicy",
        "AmazonEKSViewPolicy",
    }
)
"""Policies of access entries."""


def faults(arn: str, partition: str) -> Iterator[str]:
    """What is wrong with the ARN of a policy that is AWS's own."""
    for start, known in (
        (f"arn:{partition}:iam::aws:policy/", IAM),
        (f"arn:{partition}:eks::aws:cluster-access-policy/", EKS),
    ):
        if arn.startswith(start):
            name = arn.removeprefix(start)
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                guess = f"did you mean {near[0]}?" if near else "is it missing in rehearsal/aws/managed.py?"
                yield f"policyArn names {name}, which is not known among the policies of AWS: {guess}"
            return
    yield f"policyArn names {arn}: ARNs of AWS's policies begin with arn:{partition}:iam::aws:policy/ here"
