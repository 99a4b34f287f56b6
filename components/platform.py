"""The ground of a region: a provider for its cluster, its namespace, and a network that is closed first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceOptions

from components import backup_keys
from components.backup_store import BackupStores
from components.objects import SYSTEM_NAMESPACE, Manifest, labels, metadata, named, namespace_named, untyped
from components.placement import Placement
from components.services import PlatformServices, ServicesArgs
from settings import Kubernetes
from settings.backups import ObjectStore as OfYours
from settings.services import Service


class Platform(Protocol):
    """What a region stands on, whoever made it."""

    placement: Placement
    """Where the region's components land."""

    backups: BackupStores | None
    """Where its backups lie; None where there are none."""

    def open(self, name: str, opts: ResourceOptions) -> Mapping[str, Any]:
        """Makes the ways into the region, once what they lead to is declared; stack outputs for other regions."""
        ...


@dataclass(frozen=True)
class PlatformArgs:
    """What the ground needs to know."""

    region: str
    settings: Kubernetes
    zones: tuple[str, ...]
    """The region's zones as the cluster labels them."""
    services: tuple[Service, ...] = ()
    """Platform services that the cluster does not have yet."""
    service_values: Mapping[Service, Mapping[str, Any]] = field(default_factory=dict)
    """Values beside a service's own."""
    backup_store: OfYours | None = None
    """Where backups go; None where there are none."""
    after: Sequence[pulumi.Input[pulumi.Resource]] = ()
    """Must be there before the first object is made: what was checked of the run before and of the home region."""


class KubernetesPlatform(pulumi.ComponentResource):
    """A namespace on a cluster that somebody else runs (on-premises, kind, the rehearsal)."""

    placement: Placement
    """Where the region's components land."""

    backups: BackupStores | None

    def __init__(self, name: str, args: PlatformArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:platform:Kubernetes", name, {}, opts)
        provider = kubernetes_provider(
            f"{name}-provider", args.region, self, kubeconfig=args.settings.kubeconfig, context=args.settings.context
        )
        ground = Placement(
            region=args.region,
            namespace=args.settings.namespace,
            zones=args.zones,
            provider=provider,
            storage_class=args.settings.storage_class,
            api_server_ranges=args.settings.api_server_ranges or None,
        )
        after = [*args.after]
        if args.services:
            wanted = ServicesArgs(provider, args.services, args.settings, args.service_values, args.after)
            after += PlatformServices(f"{name}-services", wanted, ResourceOptions(parent=self)).ready
        self.placement = lay(name, ground, self, after)
        self.backups = None
        if args.backup_store is not None:
            self.backups = backup_keys.store_of_yours(f"{name}-backups", args.backup_store, self.placement, self)
        self.register_outputs({"namespace": self.placement.namespace})

    def open(self, name: str, opts: ResourceOptions) -> Mapping[str, Any]:
        """Nothing: the cluster answers Services of type LoadBalancer, and names and links are its operator's."""
        del name, opts
        return {}


def kubernetes_provider(
    name: str,
    region: str,
    parent: pulumi.Resource,
    *,
    kubeconfig: pulumi.Input[str] | None,
    context: str | None = None,
    depends_on: Sequence[pulumi.Resource] = (),
) -> kubernetes.Provider:
    """The provider of all objects in a region's cluster."""
    return kubernetes.Provider(
        name,
        kubeconfig=kubeconfig,
        context=context,
        # Fields are owned one by one, so that the autoscaler's replicas stay the autoscaler's.
        enable_server_side_apply=True,
        # A changed script or key changes its object. Pulumi would otherwise delete and make it again, and with it
        # the StatefulSets that mount it: they are protected, so every such update would be refused.
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
        # Says what the cluster is: without it a new path or context of the kubeconfig counts as another cluster,
        # and Pulumi would replace every object of the region.
        cluster_identifier=region,
        opts=ResourceOptions(parent=parent, depends_on=list(depends_on)),
    )


def lay(
    name: str, ground: Placement, parent: pulumi.Resource, after: Sequence[pulumi.Input[pulumi.Resource]] = ()
) -> Placement:
    """Makes the region's namespace and closes its network: where the region's components land.

    `ground` names the namespace that is not there yet; the answer is the same place once it is. Pods must meet the
    `restricted` Pod Security Standard, and reach nothing but DNS until a component opens a way. `after` must be there
    before the first object is made.
    """
    # Everything of the region lives in it: deleting it would delete every volume claim.
    namespace = kubernetes.core.v1.Namespace(
        f"{name}-namespace",
        metadata=untyped(_namespace(ground.namespace)),
        opts=ResourceOptions(parent=parent, provider=ground.provider, protect=True, depends_on=list(after)),
    )
    placement = replace(ground, namespace=named(namespace, ground.namespace))
    for policy, spec in (("default-deny", _default_deny()), ("allow-dns", _allow_dns())):
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-{policy}",
            metadata=untyped(metadata(policy, placement, labels(policy, "network"))),
            spec=untyped(spec),
            opts=ResourceOptions(parent=parent, provider=placement.provider),
        )
    return placement


def _namespace(name: pulumi.Input[str]) -> Manifest:
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
        "egress": [{"to": [namespace_named(SYSTEM_NAMESPACE)], "ports": ports}],
    }
