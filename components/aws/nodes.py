"""The region's nodes: a managed group for each use and zone, so that each zone has its own and keeps them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_aws import ec2, eks, iam

from components import objects
from components.aws import identity
from components.placement import StatefulNodes
from settings.aws import STATEFUL, STATELESS, USE, NodeGroup, is_arm
from settings.aws import Nodes as NodeSettings

POLICIES: Final = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""What a kubelet does on AWS. The network plugin has a role of its own."""
GIB: Final = 2**30


@dataclass(frozen=True)
class NodesArgs:
    """Where nodes land."""

    cluster_name: str
    cluster: Input[str]
    """The name once the cluster serves."""
    version: str
    """Kubernetes version of the nodes, such as `1.36`."""
    aws_region: str
    settings: NodeSettings
    subnets: Mapping[str, Input[str]]
    """Zone of `high_availability.zones` to the private subnet in it."""
    tags: Mapping[str, str]
    """Of the machines and their volumes, which the provider's own tags do not reach."""
    after: Sequence[pulumi.Resource]
    """Add-ons without which no node becomes Ready."""


class Nodes(pulumi.ComponentResource):
    """Two managed groups a zone: tainted ones for the stores, others for everything else."""

    stateful: StatefulNodes
    """How a store gets onto its nodes."""
    ready: list[pulumi.Resource]
    """The groups: their nodes are Ready once they are there."""

    def __init__(self, name: str, args: NodesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Nodes", name, {}, opts)
        self._name, self._args, self._own = name, args, ResourceOptions(parent=self)
        self.stateful = StatefulNodes(label=USE, value=STATEFUL)
        role, policies = self._role()
        groups = {STATEFUL: args.settings.stateful, STATELESS: args.settings.stateless}
        templates = {use: self._template(use, group) for use, group in groups.items()}
        self.ready = []
        # A zone after the other: side by side, an update would drain the nodes of a store in all zones at once.
        before: list[pulumi.Resource] = [*args.after, *policies]
        for zone in args.subnets:
            made = [self._group(use, groups[use], zone, role, templates[use], before) for use in groups]
            self.ready += made
            before = [*args.after, *policies, *made]
        self.register_outputs({})

    def _role(self) -> tuple[iam.Role, list[pulumi.Resource]]:
        args = self._args
        return identity.role(
            f"{self._name}-role",
            identity.RoleArgs(
                name=f"{args.cluster_name}-node",
                description=f"Nodes of the EKS cluster {args.cluster_name}",
                trust=identity.by_service("ec2.amazonaws.com"),
                managed=[identity.managed(args.aws_region, policy) for policy in POLICIES],
            ),
            self._own,
        )

    def _template(self, use: str, group: NodeGroup) -> ec2.LaunchTemplate:
        args = self._args
        tags = {**args.tags, "Name": f"{args.cluster_name}-{use}"}
        return ec2.LaunchTemplate(
            f"{self._name}-{use}-template",
            name=f"{args.cluster_name}-{use}",
            update_default_version=True,
            # Version 2 of the metadata service asks for a token, and one hop keeps the node's role from its pods.
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
                "instance_metadata_tags": "disabled",
            },
            block_device_mappings=[
                {
                    "device_name": "/dev/xvda",
                    "ebs": {
                        "volume_size": math.ceil(group.disk.value / GIB),
                        "volume_type": "gp3",
                        "encrypted": "true",
                        "delete_on_termination": "true",
                    },
                }
            ],
            tag_specifications=[{"resource_type": kind, "tags": tags} for kind in ("instance", "volume")],
            opts=self._own,
        )

    def _group(
        self,
        use: str,
        group: NodeGroup,
        zone: str,
        role: iam.Role,
        template: ec2.LaunchTemplate,
        before: Sequence[pulumi.Resource],
    ) -> eks.NodeGroup:
        args = self._args
        ami = "AL2023_ARM_64_STANDARD" if is_arm(group.instance_types[0]) else "AL2023_x86_64_STANDARD"
        # What cannot be changed is part of the name: the new group is there before the old one goes.
        kind = objects.content_hash([ami, *group.instance_types])
        taint = eks.NodeGroupTaintArgs(key=USE, value=use, effect="NO_SCHEDULE")
        return eks.NodeGroup(
            f"{self._name}-{use}-{zone}",
            cluster_name=args.cluster,
            node_group_name=f"{use}-{zone}-{kind}",
            node_role_arn=role.arn,
            subnet_ids=[args.subnets[zone]],
            version=args.version,
            ami_type=ami,
            instance_types=list(group.instance_types),
            capacity_type="ON_DEMAND",
            labels={USE: use},
            taints=[taint] if use == STATEFUL else None,
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            # One more while a group is renewed: a new node is there before an old one goes.
            scaling_config={
                "min_size": group.per_zone,
                "desired_size": group.per_zone,
                "max_size": group.per_zone + 1,
            },
            update_config={"max_unavailable": 1},
            node_repair_config={"enabled": True},
            opts=ResourceOptions(parent=self, depends_on=list(before)),
        )
