"""Room on a node's own disk: what a pod may fill of it is bounded."""

from collections.abc import Iterator

from policies.checks.model import Limits, Resource
from policies.checks.plain import at, list_at, text_at
from policies.checks.templates import pod


def bounded(resource: Resource, limits: Limits) -> Iterator[str]:
    """A full disk makes the kubelet evict pods, others' first (kubernetes.io: node-pressure eviction); past its limit
    only the pod that filled it goes.
    """
    del limits
    for volume in list_at(pod(resource), "volumes"):
        if at(volume, "emptyDir") is not None and at(volume, "emptyDir", "sizeLimit") is None:
            yield f"volume {text_at(volume, 'name')} may fill the node's disk: state emptyDir.sizeLimit"
