"""The ground of a region on an existing Kubernetes cluster: provider, namespace, and a network that is closed first."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

from components.objects import Manifest, labels, metadata, namespace_named, untyped
from components.placement import Placement
from settings import Kubernetes

DNS_NAMESPACE = "kube-system"
"""Where Kubernetes' DNS runs (the kube-dns Service's namespace on every distribution that we know of)."""


@dataclass(frozen=True)
class PlatformArgs:
    """What the ground needs to know."""

    region: str
    settings: Kubernetes
    zones: tuple[str, ...]
    """The region's zones by their names in the settings."""
    after: Sequence[pulumi.Input[pulumi.Resource]] = ()
    """Must be there before the first object is made: what was checked of the run before and of the home region."""


class KubernetesPlatform(pulumi.ComponentResource):
    """A namespace on a cluster that somebody else runs (on-premises, kind, the rehearsal).

    Pods must meet the `restricted` Pod Security Standard, and reach nothing but DNS until a component opens a way.
    """

    placement: Placement
    """Where the region's components land."""

    def __init__(self, name: str, args: PlatformArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:platform:Kubernetes", name, {}, opts)
        provider = kubernetes.Provider(
            f"{name}-provider",
            kubeconfig=args.settings.kubeconfig,
            context=args.settings.context,
            # Fields are owned one by one, so that the autoscaler's replicas stay the autoscaler's.
            enable_server_side_apply=True,
            # A changed script or key changes its object. Pulumi would otherwise delete and make it again, and with it
            # the StatefulSets that mount it: they are protected, so every such update would be refused.
            enable_config_map_mutable=True,
            enable_secret_mutable=True,
            # Says what the cluster is: without it a new path or context of the kubeconfig counts as another cluster,
            # and Pulumi would replace every object of the region.
            cluster_identifier=args.region,
            opts=ResourceOptions(parent=self),
        )
        # Everything of the region lives in it: deleting it would delete every volume claim.
        namespace = kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata=untyped(_namespace(args.settings.namespace)),
            opts=ResourceOptions(
                parent=self,
                provider=provider,
                protect=True,
                depends_on=list(args.after),
            ),
        )
        self.placement = Placement(
            region=args.region,
            namespace=namespace.metadata.name,
            zones=tuple(args.settings.zone_value(zone) for zone in args.zones),
            provider=provider,
            storage_class=args.settings.storage_class,
        )
        for policy, spec in (("default-deny", _default_deny()), ("allow-dns", _allow_dns())):
            kubernetes.networking.v1.NetworkPolicy(
                f"{name}-{policy}",
                metadata=untyped(metadata(policy, self.placement, labels(policy, "network"))),
                spec=untyped(spec),
                opts=ResourceOptions(parent=self, provider=provider),
            )
        self.register_outputs({"namespace": self.placement.namespace})


def _namespace(name: str) -> Manifest:
    standard = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {"name": name, "labels": {**labels("somafractalmemory", "platform"), **standard}}


def _default_deny() -> Manifest:
    """No pod of the namespace may be reached or reach anything: every way has to be opened by name."""
    return {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def _allow_dns() -> Manifest:
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{"to": [namespace_named(DNS_NAMESPACE)], "ports": ports}],
    }
