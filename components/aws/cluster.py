"""The region's EKS cluster: its control plane, who may administer it, and how it is reached."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import Input, Output, ResourceOptions
from pulumi_aws import cloudwatch, eks, iam, kms

from components.aws import identity, keys
from settings import networks
from settings.aws import Cluster as ClusterSettings

LOGS: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""All logs of a control plane (docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html)."""
ADMIN_POLICY: Final = "AmazonEKSClusterAdminPolicy"


@dataclass(frozen=True)
class ClusterArgs:
    """What a control plane needs to know."""

    name: str
    """Name of the cluster, unique in the account's region."""
    account: str
    aws_region: str
    settings: ClusterSettings
    subnets: Sequence[Input[str]]
    """Subnets of the control plane's interfaces, one a zone."""


class Cluster(pulumi.ComponentResource):
    """A control plane in three zones, whose API is reached from the region's network.

    Its objects are encrypted with a key of the stack, its logs are kept, and whoever made it has no rights by that:
    `aws.cluster.admins` names who has.
    """

    name: Output[str]
    """Resolves once the cluster serves and the administrators have their rights."""
    security_group: Output[str]
    """Id of the group that EKS gives to the control plane's interfaces and to the nodes of managed groups."""
    kubeconfig: Output[str]
    """JSON, for kubectl and for Pulumi's provider. It has no credentials: a command asks for them."""

    def __init__(self, name: str, args: ClusterArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Cluster", name, {}, opts)
        self._name, self._args, self._own = name, args, ResourceOptions(parent=self)
        key = self._key()
        role, policies = self._role(key)
        cluster = self._cluster(role, key, [*policies, self._log_group()])
        admins = self._admins(cluster)
        self.name = Output.all(cluster.name, *(admin.urn for admin in admins)).apply(lambda known: str(known[0]))
        self.security_group = cluster.vpc_config.cluster_security_group_id.apply(str)
        command = token_command(args.name, args.aws_region, args.settings)
        self.kubeconfig = Output.all(
            name=self.name, endpoint=cluster.endpoint, authority=cluster.certificate_authority.data
        ).apply(lambda known: kubeconfig(known["name"], known["endpoint"], known["authority"], command))
        self.register_outputs({"name": self.name})

    def _key(self) -> kms.Key:
        args = self._args
        wanted = keys.KeyArgs(
            account=args.account,
            aws_region=args.aws_region,
            alias=f"{args.name}-eks",
            description=f"Objects of the EKS cluster {args.name}",
        )
        return keys.key(f"{self._name}-key", wanted, self._own)

    def _role(self, key: kms.Key) -> tuple[iam.Role, list[pulumi.Resource]]:
        """Of the control plane itself. EKS asks for grants on the key in its name."""
        args = self._args
        use_key = identity.allow(["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant"], [key.arn])
        return identity.role(
            f"{self._name}-role",
            identity.RoleArgs(
                name=f"{args.name}-control-plane",
                description=f"Control plane of the EKS cluster {args.name}",
                trust=identity.by_service("eks.amazonaws.com"),
                managed=[identity.managed(args.aws_region, "AmazonEKSClusterPolicy")],
                inline=identity.document(use_key),
            ),
            self._own,
        )

    def _log_group(self) -> cloudwatch.LogGroup:
        """EKS would make it itself, and keep logs for ever."""
        return cloudwatch.LogGroup(
            f"{self._name}-logs",
            name=f"/aws/eks/{self._args.name}/cluster",
            retention_in_days=self._args.settings.log_days,
            opts=self._own,
        )

    def _cluster(self, role: iam.Role, key: kms.Key, after: Sequence[pulumi.Resource]) -> eks.Cluster:
        args, settings = self._args, self._args.settings
        return eks.Cluster(
            f"{self._name}-control-plane",
            name=args.name,
            version=settings.version,
            role_arn=role.arn,
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
            bootstrap_self_managed_addons=False,
            deletion_protection=True,
            enabled_cluster_log_types=list(LOGS),
            encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
            kubernetes_network_config={"service_ipv4_cidr": str(networks.SERVICES), "ip_family": "ipv4"},
            # Extended support costs six times as much, and begins by itself where this is not said.
            upgrade_policy={"support_type": "STANDARD"},
            vpc_config=eks.ClusterVpcConfigArgs(
                subnet_ids=args.subnets,
                endpoint_private_access=True,
                endpoint_public_access=bool(settings.public_access_cidrs),
                public_access_cidrs=settings.public_access_cidrs or None,
            ),
            zonal_shift_config={"enabled": True},
            opts=ResourceOptions(parent=self, protect=True, depends_on=list(after)),
        )

    def _admins(self, cluster: eks.Cluster) -> list[pulumi.Resource]:
        policy = f"arn:{identity.partition(self._args.aws_region)}:eks::aws:cluster-access-policy/{ADMIN_POLICY}"
        made: list[pulumi.Resource] = []
        for arn in self._args.settings.admins:
            name = f"{self._name}-admin-{arn.partition(':iam::')[2].replace(':', '-').replace('/', '-')}"
            entry = eks.AccessEntry(name, cluster_name=cluster.name, principal_arn=arn, opts=self._own)
            made.append(
                eks.AccessPolicyAssociation(
                    name,
                    cluster_name=cluster.name,
                    principal_arn=entry.principal_arn,
                    policy_arn=policy,
                    access_scope={"type": "cluster"},
                    opts=self._own,
                )
            )
        return made


def token_command(cluster: str, aws_region: str, settings: ClusterSettings) -> list[str]:
    """The command of the settings, for one cluster."""
    return [part.format(cluster=cluster, region=aws_region) for part in settings.token_command]


def kubeconfig(name: str, endpoint: str, authority: str, command: Sequence[str]) -> str:
    """A kubeconfig as JSON. `authority` is the base64 of a PEM certificate, as EKS says it."""
    user = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": command[0],
        "args": list(command[1:]),
        "interactiveMode": "Never",
        "provideClusterInfo": False,
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": endpoint, "certificate-authority-data": authority}}],
            "users": [{"name": name, "user": {"exec": user}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
