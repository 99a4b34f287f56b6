"""Add-ons that EKS keeps: the network of the pods, names, volumes, identities and figures for the autoscaler."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_aws import eks

from components.aws import identity
from components.objects import SYSTEM_NAMESPACE, ZONE
from components.versions import (
    ADDONS,
    COREDNS,
    EBS_CSI,
    KUBE_PROXY,
    METRICS_SERVER,
    POD_IDENTITY,
    VPC_CNI,
)
from settings.aws import Cluster as ClusterSettings

BEFORE_NODES: Final = (POD_IDENTITY, VPC_CNI, KUBE_PROXY)
"""A node is Ready once these run on it, and a node group waits for its nodes."""
ON_NODES: Final = (COREDNS, EBS_CSI, METRICS_SERVER)
"""Deployments: they become active on nodes only."""

_SPREAD: Final[list[dict[str, Any]]] = [
    {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
]
CONFIGURATION: Final[Mapping[str, Mapping[str, Any]]] = {
    VPC_CNI: {"enableNetworkPolicy": "true"},
    # Names are asked for by every store and every gateway: each zone answers for itself.
    COREDNS: {
        "replicaCount": 3,
        "topologySpreadConstraints": _SPREAD,
        "podDisruptionBudget": {"enabled": True, "maxUnavailable": 1},
    },
    # The program makes its own class, and states it wherever it wants a volume.
    EBS_CSI: {"defaultStorageClass": {"enabled": False}},
}
"""Values in the schema of each add-on (`aws eks describe-addon-configuration`)."""


@dataclass(frozen=True)
class Right:
    """What an add-on may do on AWS: a policy that AWS keeps for it, for one service account."""

    account: str
    policy: str


RIGHTS: Final[Mapping[str, Right]] = {
    VPC_CNI: Right("aws-node", "AmazonEKS_CNI_Policy"),
    EBS_CSI: Right("ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy"),
}


@dataclass(frozen=True)
class AddonsArgs:
    """Some of the cluster's add-ons."""

    cluster_name: str
    cluster: Input[str]
    """The name once the cluster serves."""
    aws_region: str
    settings: ClusterSettings
    names: Sequence[str]
    """Add-ons of EKS, in the order in which they are made."""
    after: Sequence[pulumi.Resource] = ()


class Addons(pulumi.ComponentResource):
    """Add-ons with pinned versions; those that act on AWS have a role of their own by Pod Identity."""

    ready: list[pulumi.Resource]
    """The add-ons: active once they are there."""

    def __init__(self, name: str, args: AddonsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Addons", name, {}, opts)
        self._name, self._args, self._own = name, args, ResourceOptions(parent=self)
        self.ready = [self._addon(addon) for addon in args.names]
        self.register_outputs({})

    def _addon(self, addon: str) -> eks.Addon:
        args, name = self._args, f"{self._name}-{addon}"
        role, policies = self._role(name, addon)
        values = CONFIGURATION.get(addon)
        return eks.Addon(
            name,
            cluster_name=args.cluster,
            addon_name=addon,
            addon_version=args.settings.addons.get(addon) or ADDONS[args.settings.version][addon],
            configuration_values=json.dumps(values) if values else None,
            pod_identity_associations=role,
            # What somebody changed by hand is not the program's: an update takes it back.
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=ResourceOptions(parent=self, depends_on=[*args.after, *policies]),
        )

    def _role(
        self, name: str, addon: str
    ) -> tuple[list[eks.AddonPodIdentityAssociationArgs] | None, list[pulumi.Resource]]:
        args, right = self._args, RIGHTS.get(addon)
        if right is None:
            return None, []
        account = identity.ServiceAccount(args.cluster_name, SYSTEM_NAMESPACE, right.account)
        role, policies = identity.role(
            f"{name}-role",
            identity.RoleArgs(
                name=f"{args.cluster_name}-{addon}",
                description=f"Add-on {addon} of the EKS cluster {args.cluster_name}",
                trust=identity.by_pods(account),
                managed=[identity.managed(args.aws_region, right.policy)],
            ),
            self._own,
        )
        made = eks.AddonPodIdentityAssociationArgs(role_arn=role.arn, service_account=right.account)
        return [made], policies
