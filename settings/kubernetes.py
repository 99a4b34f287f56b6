"""The cluster that a region runs on."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, PlainSerializer

from settings.model import FrozenMap, Model, checked
from settings.names import Label, ObjectName, ZoneValue
from settings.networks import Cidr


def _own_namespace(name: str) -> str:
    if name == "default" or name.startswith("kube-"):
        raise ValueError("belongs to Kubernetes: choose a namespace of your own, which this program makes and removes")
    return name


def _kubeconfig_path(path: str) -> str:
    if "\n" in path or "{" in path:
        raise ValueError("looks like the contents of a kubeconfig: write them to a file and name its path here")
    if not path.strip():
        raise ValueError("empty: leave it out to use the ambient kubeconfig")
    return path


class Kubernetes(Model):
    """Where and how a cluster is reached, and what is installed on it."""

    context: str | None = Field(
        default=None, min_length=1, description="Context of the kubeconfig; left out, its current one."
    )
    kubeconfig: Annotated[str, checked(_kubeconfig_path)] | None = Field(
        default=None, description="Path of a kubeconfig; left out, the ambient one ($KUBECONFIG or ~/.kube/config)."
    )
    namespace: Annotated[Label, checked(_own_namespace)] = Field(
        default="somafractalmemory", description="Kubernetes namespace of everything in the region."
    )
    storage_class: ObjectName | None = Field(
        default=None, description="Storage class of all volumes; left out, the cluster's default."
    )
    zones: Annotated[Mapping[str, ZoneValue], AfterValidator(FrozenMap), PlainSerializer(dict)] = Field(
        default=FrozenMap({}),
        description="Zone of `high_availability.zones` to the cluster's topology.kubernetes.io/zone, where it differs.",
    )
    api_server_ranges: tuple[Cidr, ...] = Field(
        default=(),
        description="Ranges with the addresses of the API server, both of its Service and behind it: pods that ask it "
        "are let out to these alone; left out, to any address at its ports. Of a VPC that the program makes it knows "
        "them.",
    )
    ingress_namespace: Label = Field(default="nginx-ingress", description="Namespace of the ingress controller.")
    cnpg_namespace: Label = Field(default="cnpg-system", description="Namespace of the CloudNativePG operator.")
    monitoring_namespace: Label = Field(default="monitoring", description="Namespace of Prometheus and Grafana.")

    def zone_value(self, zone: str) -> str:
        """The cluster's own name of a zone."""
        return self.zones.get(zone, zone)
