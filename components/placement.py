"""Where the components of a region land: the provider, the namespace and the zones that they share."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes


@dataclass(frozen=True)
class StatefulNodes:
    """Nodes that are kept for the stores: they have a label, and a taint of the same key and value."""

    label: str
    """Key of the label and of the taint."""
    value: str
    """Value of both."""


@dataclass(frozen=True)
class Placement:
    """Where a component of one region lands.

    Components never read a kubeconfig, a context or a zone map themselves: they are told, so that a test,
    another platform or a second region in one program can place them elsewhere.
    """

    region: str
    """Name of the region, as in `multiregion.regions`."""

    namespace: pulumi.Input[str]
    """Kubernetes namespace of the region's objects: taken from the Namespace, so that it exists first."""

    zones: tuple[str, ...]
    """Values of `topology.kubernetes.io/zone`, in the order of `high_availability.zones`."""

    provider: kubernetes.Provider
    """Provider of the region's cluster; every resource states it. `kubernetes_provider` of components/platform.py makes
    one that changes ConfigMaps and Secrets in place: with another, each change would replace what mounts them, and that
    is protected.
    """

    storage_class: str | None = None
    """Storage class of every volume; None takes the cluster's default."""

    stateful_nodes: StatefulNodes | None = None
    """Nodes of the stores' pods; None lets them land on any."""

    api_server_ranges: tuple[str, ...] | None = None
    """Ranges with all addresses of the cluster's API server, its Service's too: pods that ask it are let out to these
    alone; None lets them out to any address at its ports.
    """

    own_load_balancers: bool = False
    """Whether the program makes the load balancers itself, and a Service need not ask its cluster for one."""
