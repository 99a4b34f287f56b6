"""A cluster with all that it takes to run pods: control plane, add-ons, nodes. Or one that is there already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import Input, Output, ResourceOptions

from components.aws.addons import BEFORE_NODES, ON_NODES, Addons, AddonsArgs
from components.aws.cluster import Cluster, ClusterArgs
from components.aws.network import NetworkFacts
from components.aws.nodes import Nodes, NodesArgs
from components.placement import StatefulNodes
from components.platform import kubernetes_provider
from settings import Kubernetes
from settings.aws import Aws, ExistingCluster


@dataclass(frozen=True)
class ClusterFacts:
    """What others need to know of a region's cluster, whoever made it."""

    name: str
    """Name of the cluster."""
    serving_name: Input[str]
    """The name again, known once the cluster serves."""
    pods: Input[str]
    """Security group of the nodes and their pods."""
    provider: kubernetes.Provider
    """Kubernetes provider of the cluster."""
    stateful_nodes: StatefulNodes | None
    """Nodes that are kept for the stores; None where there are none."""
    ready: Sequence[pulumi.Resource]
    """Nodes and add-ons: pods run and find each other once they are there."""


@dataclass(frozen=True)
class EksArgs:
    """What a cluster is made of."""

    region: str
    name: str
    """Name of the cluster, unique in the account's region."""
    account: str
    aws_region: str
    settings: Aws
    network: NetworkFacts
    tags: Mapping[str, str]


class Eks(pulumi.ComponentResource):
    """A control plane, what a node needs to become Ready, nodes in every zone, and what runs on them."""

    facts: ClusterFacts

    def __init__(self, name: str, args: EksArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Eks", name, {}, opts)
        self._name, self._args, self._own = name, args, ResourceOptions(parent=self)
        cluster = self._cluster()
        before = self._addons("before-nodes", cluster.name, BEFORE_NODES, [])
        nodes = self._nodes(cluster.name, before.ready)
        ready = [*nodes.ready, *self._addons("on-nodes", cluster.name, ON_NODES, nodes.ready).ready]
        provider = kubernetes_provider(
            f"{name}-provider", args.region, self, kubeconfig=cluster.kubeconfig, depends_on=ready
        )
        self.facts = ClusterFacts(
            name=args.name,
            serving_name=cluster.name,
            pods=cluster.security_group,
            provider=provider,
            stateful_nodes=nodes.stateful,
            ready=ready,
        )
        self.register_outputs({})

    def _cluster(self) -> Cluster:
        args = ClusterArgs(
            name=self._args.name,
            account=self._args.account,
            aws_region=self._args.aws_region,
            settings=self._args.settings.cluster,
            subnets=[subnets.isolated for subnets in self._args.network.subnets.values()],
        )
        return Cluster(f"{self._name}-cluster", args, self._own)

    def _addons(
        self, name: str, cluster: Output[str], names: Sequence[str], after: Sequence[pulumi.Resource]
    ) -> Addons:
        args = AddonsArgs(
            cluster_name=self._args.name,
            cluster=cluster,
            aws_region=self._args.aws_region,
            settings=self._args.settings.cluster,
            names=names,
            after=after,
        )
        return Addons(f"{self._name}-{name}", args, self._own)

    def _nodes(self, cluster: Output[str], after: Sequence[pulumi.Resource]) -> Nodes:
        args = NodesArgs(
            cluster_name=self._args.name,
            cluster=cluster,
            version=self._args.settings.cluster.version,
            aws_region=self._args.aws_region,
            settings=self._args.settings.nodes,
            subnets={zone: subnets.private for zone, subnets in self._args.network.subnets.items()},
            tags=self._args.tags,
            after=after,
        )
        return Nodes(f"{self._name}-nodes", args, self._own)


def of_yours(
    name: str, region: str, existing: ExistingCluster, settings: Kubernetes, parent: pulumi.Resource
) -> ClusterFacts:
    """The facts of a cluster as the settings describe it; the kubeconfig leads to it."""
    provider = kubernetes_provider(
        f"{name}-provider", region, parent, kubeconfig=settings.kubeconfig, context=settings.context
    )
    return ClusterFacts(
        name=existing.name,
        serving_name=existing.name,
        pods=existing.security_group,
        provider=provider,
        stateful_nodes=None,
        ready=(),
    )
