"""Pods as their templates describe them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policies.checks import metadata
from policies.checks.model import Resource
from policies.checks.plain import Plain, labels_at, list_at, object_at, text_at
from policies.checks.tokens import POOLER, POSTGRESQL, TEMPLATES


@dataclass(frozen=True)
class PodSet:
    """What a NetworkPolicy needs to know of the pods of one resource."""

    resource: Resource
    namespace: str
    labels: Mapping[str, str]


def pod(resource: Resource) -> Mapping[str, Plain]:
    """The spec of a resource's pods. Raises Unreadable."""
    return object_at(resource.inputs, *TEMPLATES[resource.type], "spec")


def containers(resource: Resource) -> Iterator[tuple[str, Mapping[str, Plain]]]:
    """Name and description of each container, init containers too."""
    spec = pod(resource)
    for group in ("initContainers", "containers"):
        for container in list_at(spec, group):
            yield text_at(container, "name", default="without a name"), object_at(container)


def stays(container: Plain) -> bool:
    """Whether an init container is a sidecar, which runs beside those after it."""
    return text_at(container, "restartPolicy") == "Always"


def pods(resource: Resource) -> PodSet:
    """Of a workload, or of a kind whose pods CloudNativePG makes, with the labels that it gives them
    (pkg/specs, pkg/utils/labels_annotations.go). Raises Unreadable.
    """
    namespace = metadata.namespace(resource)
    if resource.type == POSTGRESQL:
        return PodSet(resource, namespace, {"cnpg.io/cluster": metadata.name(resource), "cnpg.io/podRole": "instance"})
    if resource.type == POOLER:
        own = {
            "cnpg.io/cluster": text_at(resource.inputs, "spec", "cluster", "name"),
            "cnpg.io/poolerName": metadata.name(resource),
            "cnpg.io/podRole": "pooler",
        }
        return PodSet(resource, namespace, labels_at(resource.inputs, "spec", "template", "metadata", "labels") | own)
    return PodSet(resource, namespace, labels_at(resource.inputs, *TEMPLATES[resource.type], "metadata", "labels"))
