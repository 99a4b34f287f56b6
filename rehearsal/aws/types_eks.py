"""EKS: clusters, node groups, add-ons, access entries, pod identities.

A cluster hands out the API server that the world names; without one, an address that AWS would give, which nobody
listens at. Forms: docs.aws.amazon.com/eks/latest/APIReference/API_Cluster.html. Which inputs take a replacement:
terraform-provider-aws, internal/service/eks.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Final, cast

from rehearsal.aws import regions, values
from rehearsal.aws.resource import MADE, Draft, Kind, Resource
from rehearsal.aws.tokens import (
    ACCESS_ENTRY,
    ACCESS_POLICY,
    ADDON,
    CLUSTER,
    NODE_GROUP,
    POD_IDENTITY,
    SECURITY_GROUP,
    SUBNET,
)
from rehearsal.engine.model import Value

LATEST: Final = "1.36"
"""The version of a cluster that states none."""
NO_CA: Final = base64.b64encode(b"no certificate: no API server is behind this cluster").decode()


def _cluster(draft: Draft) -> dict[str, Value]:
    name = draft.named()
    identity = draft.hex("identity", 32).upper()
    behind = draft.world.behind
    domain = f"eks.{regions.suffix(draft.region)}"
    return {
        "name": name,
        "arn": draft.arn("eks", "cluster/", name),
        "version": draft.stated("version", LATEST),
        "endpoint": behind.server if behind else f"https://{identity}.gr7.{draft.region}.{domain}",
        "certificateAuthority": {"data": behind.ca if behind else NO_CA},
        "identities": [{"oidcs": [{"issuer": f"https://oidc.eks.{draft.region}.amazonaws.com/id/{identity}"}]}],
        "createdAt": MADE,
        "platformVersion": "eks.1",
        "status": "ACTIVE",
        "vpcConfig": _vpc_config(draft),
        "accessConfig": _merged(
            draft, "accessConfig", authenticationMode="CONFIG_MAP", bootstrapClusterCreatorAdminPermissions=True
        ),
        "kubernetesNetworkConfig": _merged(
            draft,
            "kubernetesNetworkConfig",
            ipFamily="ipv4",
            serviceIpv4Cidr="172.20.0.0/16",
            elasticLoadBalancing={"enabled": False},
        ),
        "upgradePolicy": _merged(draft, "upgradePolicy", supportType="EXTENDED"),
        "controlPlaneScalingConfig": _merged(draft, "controlPlaneScalingConfig", tier="standard"),
        "computeConfig": _merged(draft, "computeConfig", enabled=False),
        "storageConfig": _merged(draft, "storageConfig", blockStorage={"enabled": False}),
        "kubeApiServerConfig": _merged(draft, "kubeApiServerConfig", eventTtl="1h"),
        "kubeControllerManagerConfig": _merged(draft, "kubeControllerManagerConfig"),
        "kubeSchedulerConfig": _merged(draft, "kubeSchedulerConfig"),
    }


def _vpc_config(draft: Draft) -> Value:
    subnets = (draft.world.find(SUBNET, draft.region, one) for one in draft.texts("vpcConfig", "subnetIds"))
    vpc = next((subnet.text("vpcId") for subnet in subnets if subnet), "")
    return {
        **_merged(
            draft,
            "vpcConfig",
            endpointPrivateAccess=False,
            endpointPublicAccess=True,
            publicAccessCidrs=["0.0.0.0/0"],
            securityGroupIds=[],
        ),
        "clusterSecurityGroupId": draft.id("sg"),
        "vpcId": vpc,
    }


def _merged(draft: Draft, block: str, **taken: Value) -> dict[str, Value]:
    """A block of the inputs over what AWS takes for what it leaves out."""
    stated = draft.get(block)
    return {**taken, **(cast(Mapping[str, Value], stated) if isinstance(stated, Mapping) else {})}


def _beside_cluster(draft: Draft, outputs: Mapping[str, Value]) -> Iterator[Resource]:
    """The security group that EKS makes for the control plane and the nodes."""
    config = cast(Mapping[str, Value], outputs["vpcConfig"])
    id_ = str(config["clusterSecurityGroupId"])
    arn = draft.arn("ec2", "security-group/", id_)
    name = values.joined("eks-cluster-sg-", outputs["name"], "-", draft.number("group", 10**9))
    found = {"vpcId": config["vpcId"], "arn": arn, "ownerId": draft.account, "name": name}
    yield Resource(SECURITY_GROUP, draft.region, id_, {"vpcId": config["vpcId"]}, found)


def _node_group(draft: Draft) -> dict[str, Value]:
    name = draft.named("nodeGroupName")
    cluster = _cluster_of(draft)
    version = draft.stated("version", cluster.text("version") if cluster else LATEST)
    templated = draft.get("launchTemplate") is not None
    return {
        "nodeGroupName": name,
        "arn": draft.arn("eks", "nodegroup/", draft.inputs.get("clusterName"), "/", name, "/", draft.uuid()),
        "version": version,
        "releaseVersion": draft.stated("releaseVersion", values.joined(version, ".0-20260101")),
        "status": "ACTIVE",
        "resources": [
            {
                "autoscalingGroups": [{"name": values.joined("eks-", name, "-", draft.uuid("group"))}],
                "remoteAccessSecurityGroupId": "",
            }
        ],
        # with a launch template, these are its own
        "diskSize": draft.stated("diskSize", 0 if templated else 20),
        "instanceTypes": draft.stated("instanceTypes", [] if templated else ["t3.medium"]),
        "updateConfig": draft.stated("updateConfig", {"maxUnavailable": 1}),
        "nodeRepairConfig": draft.stated("nodeRepairConfig", {"enabled": False}),
    }


def _cluster_of(draft: Draft) -> Resource | None:
    return draft.world.find(CLUSTER, draft.region, draft.text("clusterName"))


def _addon(draft: Draft) -> dict[str, Value]:
    cluster, addon = draft.inputs.get("clusterName"), draft.inputs.get("addonName")
    return {
        "arn": draft.arn("eks", "addon/", cluster, "/", addon, "/", draft.uuid()),
        "addonVersion": draft.stated("addonVersion", "v1.0.0-eksbuild.1"),
        "createdAt": MADE,
        "modifiedAt": MADE,
        "namespaceConfig": draft.stated("namespaceConfig", {"namespace": "kube-system"}),
    }


def _access_entry(draft: Draft) -> dict[str, Value]:
    principal = draft.text("principalArn") or ""
    kind, _, name = principal.split(":")[-1].partition("/")
    cluster = draft.inputs.get("clusterName")
    path = f"{kind}/{draft.account}/{name.rsplit('/', 1)[-1]}/{draft.uuid()}"
    return {
        "accessEntryArn": draft.arn("eks", "access-entry/", cluster, f"/{path}"),
        "createdAt": MADE,
        "modifiedAt": MADE,
        "userName": draft.stated("userName", principal),
    }


def _pod_identity(draft: Draft) -> dict[str, Value]:
    id_ = f"a-{draft.hex('association')}"
    return {
        "associationId": id_,
        "associationArn": draft.arn("eks", "podidentityassociation/", draft.inputs.get("clusterName"), f"/{id_}"),
    }


def _within_cluster(separator: str, *parts: str) -> Callable[[Draft], Value]:
    """An id of a cluster's name and other inputs."""

    def id_(draft: Draft) -> Value:
        found: list[Value] = [draft.inputs.get("clusterName")]
        for part in parts:
            found += [separator, draft.inputs.get(part)]
        return values.joined(*found)

    return id_


KINDS: Final[dict[str, Kind]] = {
    CLUSTER: Kind(
        lambda draft: draft.named(),
        _cluster,
        {"bootstrapSelfManagedAddons": True},
        ("clusterId", "deletionProtection"),
        (
            "name",
            "roleArn",
            "bootstrapSelfManagedAddons",
            "accessConfig.bootstrapClusterCreatorAdminPermissions",
            "kubernetesNetworkConfig.ipFamily",
            "kubernetesNetworkConfig.serviceIpv4Cidr",
            "outpostConfig",
        ),
        beside=_beside_cluster,
        irrevocable=("encryptionConfig",),
    ),
    NODE_GROUP: Kind(
        lambda draft: values.joined(draft.inputs.get("clusterName"), ":", draft.named("nodeGroupName")),
        _node_group,
        {"amiType": "AL2023_x86_64_STANDARD", "capacityType": "ON_DEMAND"},
        (),
        (
            "amiType",
            "capacityType",
            "clusterName",
            "diskSize",
            "instanceTypes",
            "launchTemplate.id",
            "launchTemplate.name",
            "nodeGroupName",
            "nodeGroupNamePrefix",
            "nodeRoleArn",
            "remoteAccess",
            "subnetIds",
        ),
    ),
    ADDON: Kind(
        _within_cluster(":", "addonName"),
        _addon,
        {},
        ("configurationValues",),
        ("addonName", "clusterName", "namespaceConfig"),
    ),
    ACCESS_ENTRY: Kind(
        _within_cluster(":", "principalArn"),
        _access_entry,
        {"type": "STANDARD"},
        ("kubernetesGroups",),
        ("clusterName", "principalArn", "type"),
    ),
    ACCESS_POLICY: Kind(
        _within_cluster("#", "principalArn", "policyArn"),
        lambda _: {"associatedAt": MADE, "modifiedAt": MADE},
        forced=("clusterName", "principalArn", "policyArn", "accessScope"),
    ),
    POD_IDENTITY: Kind(
        lambda draft: f"a-{draft.hex('association')}",
        _pod_identity,
        {},
        ("disableSessionTags", "externalId"),
        ("clusterName", "namespace", "serviceAccount"),
    ),
}
