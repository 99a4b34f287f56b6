"""What EKS refuses of clusters, nodes, add-ons and those who are let in."""

from typing import Any

import pytest

from rehearsal.aws import simulation
from rehearsal.aws import tokens as aws
from rehearsal.aws.simulation import RefusedByAwsError
from rehearsal.aws.world import Endpoint
from tests.unit.aws_account import ACCOUNT, EAST, Account
from tests.unit.aws_whole import Refusal, clash, judge, refused, whole


def network(account: Account, **changes: Any) -> str:
    """What is said of the cluster with some of its `vpcConfig` changed."""
    return account.refused("cluster", vpcConfig={**account.made["cluster"][0].inputs["vpcConfig"], **changes})


def elsewhere(account: Account) -> str:
    """A subnet of another VPC in the region."""
    vpc = account.make(aws.VPC, "other", cidrBlock="10.99.0.0/16")
    return account.make(
        aws.SUBNET, "other-subnet", vpcId=vpc.id, cidrBlock="10.99.0.0/24", availabilityZone=f"{EAST}b"
    ).id


def principal(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def untrusting(name: str, at: str) -> Refusal:
    """A resource under a role that trusts another service."""
    return lambda account: account.refused(name, **{at: account["copy-role"]["arn"]})


def poor(account: Account) -> str:
    """Nodes under a role without policies."""
    role = account.another("poor", "node-role", name="poor")
    return account.refused("nodes", nodeRoleArn=role.outputs["arn"])


RED: dict[str, tuple[Refusal, str]] = {
    "a cluster with a space": (refused("cluster", name="my cluster"), "at most 100 letters"),
    "a cluster with a long name": (refused("cluster", name="c" * 101), "at most 100 letters"),
    "a cluster of a patch version": (refused("cluster", version="1.36.1"), "write it like 1.36"),
    "logs that there are not": (
        refused("cluster", enabledClusterLogTypes=["kubelet"]),
        "a control plane has api, audit",
    ),
    "a range that is open to an address": (
        lambda account: network(account, publicAccessCidrs=["192.0.2.1/24"]),
        "write 192.0.2.0/24",
    ),
    "a control plane that nobody reaches": (
        lambda account: network(account, endpointPublicAccess=False, endpointPrivateAccess=False),
        "closes both endpoints",
    ),
    "a control plane in one zone": (
        lambda account: network(account, subnetIds=[account["subnet-a"]["id"]]),
        "needs subnets in at least two",
    ),
    "a control plane in two VPCs": (
        lambda account: network(account, subnetIds=[account["subnet-a"]["id"], elsewhere(account)]),
        "are of 2 VPCs",
    ),
    "a control plane in a subnet that there is not": (
        lambda account: network(account, subnetIds=["subnet-0123456789abcdef0"]),
        "vpcConfig.subnetIds names subnet-0123456789abcdef0, and there is no such subnet in us-east-1 yet",
    ),
    "a VPC for a subnet": (
        lambda account: network(account, subnetIds=[account["vpc"]["id"]]),
        "which is no subnet but a VPC",
    ),
    "services that have the nodes' addresses": (
        refused("cluster", kubernetesNetworkConfig={"serviceIpv4Cidr": "10.64.128.0/20"}),
        "shares addresses with 10.64.0.0/16 of vpc",
    ),
    "services with few addresses": (
        refused("cluster", kubernetesNetworkConfig={"serviceIpv4Cidr": "172.20.0.0/28"}),
        "EKS takes /12 to /24",
    ),
    "a cluster under a role that does not trust it": (
        untrusting("cluster", "roleArn"),
        "copy-role does not trust eks.amazonaws.com",
    ),
    "a cluster under a role that there is not": (refused("cluster", roleArn=principal("nobody")), "no such role yet"),
    "a cluster that seals other things": (
        lambda account: account.refused(
            "cluster", encryptionConfig={"provider": {"keyArn": account["key"]["arn"]}, "resources": ["pods"]}
        ),
        "EKS encrypts secrets",
    ),
    "two clusters of one name": (clash("cluster"), "is taken by cluster in us-east-1"),
    "nodes with a long name": (refused("nodes", nodeGroupName="n" * 64), "at most 63 letters"),
    "nodes of a cluster that there is not": (refused("nodes", clusterName="other"), "no such cluster in us-east-1 yet"),
    "nodes outside the cluster's VPC": (
        lambda account: account.refused("nodes", subnetIds=[elsewhere(account)]),
        "is of another VPC than cluster",
    ),
    "more nodes than there may be": (
        refused("nodes", scalingConfig={"minSize": 1, "desiredSize": 5, "maxSize": 3}),
        "each at least the one before",
    ),
    "no nodes at all": (
        refused("nodes", scalingConfig={"minSize": 0, "desiredSize": 0, "maxSize": 0}),
        "maxSize = 0: at least one",
    ),
    "an instance type that is none": (refused("nodes", instanceTypes=["large"]), "write it like m7i.large"),
    "a disk beside a template": (refused("nodes", diskSize=100), "state it in the template"),
    "a template by id and name": (
        lambda account: account.refused(
            "nodes", launchTemplate={"id": account["template"]["id"], "name": "soma-nodes", "version": "1"}
        ),
        "one of id and name",
    ),
    "an image that is none": (refused("nodes", amiType="debian"), "write it like AL2023_x86_64_STANDARD"),
    "a kind of capacity that is none": (refused("nodes", capacityType="CHEAP"), "write ON_DEMAND or SPOT"),
    "a taint in Kubernetes' spelling": (
        refused("nodes", taints=[{"key": "use", "effect": "NoSchedule"}]),
        "effect NoSchedule: EKS writes them NO_SCHEDULE",
    ),
    "nodes ahead of their cluster": (refused("nodes", version="1.37"), "never ahead"),
    "nodes of a patch version": (refused("nodes", version="1.36.1"), "write it like 1.36"),
    "nodes under a role that does not trust EC2": (
        untrusting("nodes", "nodeRoleArn"),
        "copy-role does not trust ec2.amazonaws.com",
    ),
    "nodes that may not join": (poor, "poor has no AmazonEKSWorkerNodePolicy yet"),
    "two node groups of one name": (clash("nodes"), "is taken by nodes in this cluster"),
    "an add-on that there is not": (refused("addon", addonName="vpc-cmi"), "did you mean vpc-cni"),
    "an add-on that looks like none": (refused("addon", addonName="zzz"), "describe-addon-versions"),
    "an add-on with values that are no JSON": (refused("addon", configurationValues="{a: 1"), "is not JSON"),
    "an add-on that keeps what it never had": (
        refused("addon", resolveConflictsOnCreate="PRESERVE"),
        "write NONE or OVERWRITE",
    ),
    "an add-on twice": (clash("addon"), "addon is the same add-on of the same cluster"),
    "an add-on under a role that does not trust pods": (
        lambda account: account.refused(
            "addon", podIdentityAssociations=[{"roleArn": account["node-role"]["arn"], "serviceAccount": "aws-node"}]
        ),
        "node-role does not trust pods.eks.amazonaws.com",
    ),
    "somebody who is nobody": (refused("entry", principalArn="operators"), "is no role or user of IAM"),
    "somebody twice": (clash("entry"), "a cluster has one a principal"),
    "a group of Kubernetes' own": (refused("entry", kubernetesGroups=["system:masters"]), "associate a policy instead"),
    "somebody without an entry": (refused("admin", principalArn=principal("other")), "has no access entry"),
    "a scope that is none": (refused("admin", accessScope={"type": "all"}), "write cluster or namespace"),
    "namespaces of a whole cluster": (
        refused("admin", accessScope={"type": "cluster", "namespaces": ["soma"]}),
        "leave them out",
    ),
    "a policy of IAM for an entry": (
        refused("admin", policyArn="arn:aws:iam::aws:policy/AdministratorAccess"),
        "is no policy of access entries",
    ),
    "a policy of entries that there is not": (
        refused("admin", policyArn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdmin"),
        "did you mean AmazonEKSClusterAdminPolicy",
    ),
    "a pod's role that does not trust pods": (
        untrusting("identity", "roleArn"),
        "copy-role does not trust pods.eks.amazonaws.com",
    ),
    "a service account twice": (clash("identity"), "is the association of this service account already"),
}


@pytest.mark.parametrize("what", RED)
def test_eks_refuses(what: str) -> None:
    judge(*RED[what])


def test_a_cluster_of_config_maps_takes_no_entries() -> None:
    account = whole()
    account.change("cluster", accessConfig={"authenticationMode": "CONFIG_MAP"})
    assert "set its accessConfig.authenticationMode to API" in account.refused("entry")


def test_nodes_that_reach_nothing_are_named_once_all_is_described() -> None:
    account = whole()
    table = account.make(aws.ROUTE_TABLE, "closed", vpcId=account["vpc"]["id"])
    subnet = account.another("subnet-c", "subnet-a", cidrBlock="10.64.9.0/24")
    account.make(aws.ROUTE_TABLE_ASSOCIATION, "closed-c", subnetId=subnet.id, routeTableId=table.id)
    account.another("lost", "nodes", nodeGroupName="lost", subnetIds=[subnet.id])
    with pytest.raises(RefusedByAwsError, match=r"lost .*its VPC no endpoint of ec2, ecr.dkr, eks, s3, sts"):
        simulation.finish(account.world)
    account.change("gateway-endpoint", routeTableIds=[table.id])
    for service in ("ec2", "ecr.dkr", "eks", "sts"):
        account.another(service, "endpoint", serviceName=f"com.amazonaws.{EAST}.{service}")
    simulation.finish(account.world)


def test_a_cluster_hands_out_the_api_server_that_is_there() -> None:
    account = whole()
    account.world.behind = Endpoint("https://127.0.0.1:6443", "Q0E=")
    made = account.change("cluster")
    assert made.outputs["endpoint"] == "https://127.0.0.1:6443"
    assert made.outputs["certificateAuthority"] == {"data": "Q0E="}


def test_without_one_it_hands_out_an_address_like_aws() -> None:
    made = whole()["cluster"]
    assert made["endpoint"].endswith(f".gr7.{EAST}.eks.amazonaws.com")
    issuer = made["identities"][0]["oidcs"][0]["issuer"]
    assert issuer.startswith(f"https://oidc.eks.{EAST}.amazonaws.com/id/")
    assert issuer.rsplit("/", 1)[-1] in made["endpoint"]
    assert made["vpcConfig"]["clusterSecurityGroupId"].startswith("sg-")
    assert made["vpcConfig"]["vpcId"] == whole()["vpc"]["id"]
