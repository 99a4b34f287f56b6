"""When an object counts as ready, as pulumi-kubernetes awaits it (provider/pkg/await/awaiters.go).

Awaited: Deployment, StatefulSet, DaemonSet, Job, Pod, Service, Ingress, CustomResourceDefinition. Not awaited, unlike
there: claims, volumes, ReplicaSets and the service account's tokens. `pulumi.com/skipAwait` is honoured,
`pulumi.com/waitFor` is not.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal import kube
from rehearsal.engine.clusters import Cluster, Manifest
from rehearsal.errors import RehearsalError

DEFAULT_SECONDS = 600.0
"""Longest wait for one object where the program states no timeout (the provider's own default for a Deployment)."""
SLICE_SECONDS = 2.0
"""How long one watch runs before it looks whether the update was interrupted."""
SKIP = "pulumi.com/skipAwait"
SERVICE = ("v1", "Service")
Ready = Callable[[Manifest], str | None]
"""None when ready, else what is missing. Raises RehearsalError when it will never be."""


class InterruptedUpdateError(Exception):
    """The update was interrupted while something was awaited."""


def awaits(obj: Manifest) -> bool:
    """Whether an object is awaited at all."""
    annotations = obj["metadata"].get("annotations") or {}
    return _key(obj) in READY and str(annotations.get(SKIP, "")).lower() != "true"


def await_ready(cluster: Cluster, obj: Manifest, timeout: float | None, stop: threading.Event) -> None:
    """Returns when the applied object is ready; RehearsalError when it fails or `timeout` seconds pass."""
    if not awaits(obj):
        return
    if _key(obj) == SERVICE and _takes_endpoints(obj):
        # v1 Endpoints: one object of the Service's name, where EndpointSlices are several
        endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": obj["metadata"]}
        _await(lambda left: _wait_object(cluster, endpoints, _endpoints, left, "a ready pod behind it"), timeout, stop)
    _await(lambda left: _wait_object(cluster, obj, READY[_key(obj)], left), timeout, stop)


def await_gone(cluster: Cluster, obj: Manifest, timeout: float | None, stop: threading.Event) -> None:
    """Returns when the object, marked for deletion, is gone, or another one of its name is there."""
    uid = obj["metadata"].get("uid")

    def gone(left: float) -> str | None:
        try:
            cluster.wait(
                obj, lambda seen: seen is None or (uid is not None and seen["metadata"].get("uid") != uid), left
            )
        except kube.WaitTimeout:
            return "its deletion to end (a finalizer holds it)"
        return None

    _await(gone, timeout, stop)


def _await(slice_: Callable[[float], str | None], timeout: float | None, stop: threading.Event) -> None:
    limit = timeout or DEFAULT_SECONDS
    deadline = time.monotonic() + limit
    while True:
        left = deadline - time.monotonic()
        missing = slice_(max(0.0, min(left, SLICE_SECONDS)))
        if missing is None:
            return
        if stop.is_set():
            raise InterruptedUpdateError
        if left <= 0:
            raise RehearsalError(f"not ready after {limit:.0f} s: waited for {missing}")


def _wait_object(
    cluster: Cluster, obj: Manifest, ready: Ready, left: float, absent: str = "it to be there"
) -> str | None:
    said: list[str | None] = [absent]

    def is_ready(seen: Manifest | None) -> bool:
        said[0] = absent if seen is None else ready(seen)
        return said[0] is None

    try:
        cluster.wait(obj, is_ready, left)
    except kube.WaitTimeout:
        return said[0]
    return None


def _takes_endpoints(obj: Manifest) -> bool:
    """A Service that selects pods is ready with one ready pod behind it; headless and external ones are at once."""
    spec = obj.get("spec") or {}
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None"


def _endpoints(obj: Manifest) -> str | None:
    subsets: list[Manifest] = obj.get("subsets") or []
    return None if any(subset.get("addresses") for subset in subsets) else "a ready pod behind it"


def _deployment(obj: Manifest) -> str | None:
    spec, status = obj["spec"], _status(obj)
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return "its controller to see it"
    progressing = _condition(obj, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        raise RehearsalError("its rollout does not progress: see `kubectl describe` of its pods")
    wanted = spec.get("replicas", 1)
    if status.get("updatedReplicas", 0) < wanted or status.get("availableReplicas", 0) < wanted:
        return f"{wanted} updated and available pods ({status.get('availableReplicas', 0)} are)"
    return "old pods to go" if status.get("replicas", 0) > status.get("updatedReplicas", 0) else None


def _stateful_set(obj: Manifest) -> str | None:
    spec, status = obj["spec"], _status(obj)
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return "its controller to see it"
    wanted = spec.get("replicas", 1)
    if status.get("readyReplicas", 0) < wanted:
        return f"{wanted} ready pods ({status.get('readyReplicas', 0)} are)"
    rolling = (spec.get("updateStrategy") or {}).get("type", "RollingUpdate") == "RollingUpdate"
    partition = ((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}).get("partition", 0)
    if rolling and not partition and status.get("currentRevision") != status.get("updateRevision"):
        return "its pods to be of the new revision"
    return None


def _daemon_set(obj: Manifest) -> str | None:
    status = _status(obj)
    wanted = status.get("desiredNumberScheduled", 0)
    behind = status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0)
    return f"{wanted} ready pods" if behind or status.get("numberReady", 0) < wanted else None


def _job(obj: Manifest) -> str | None:
    failed = _condition(obj, "Failed")
    if failed.get("status") == "True":
        raise RehearsalError(f"the Job failed: {failed.get('message') or failed.get('reason')}")
    return None if _condition(obj, "Complete").get("status") == "True" else "its completion"


def _pod(obj: Manifest) -> str | None:
    if _status(obj).get("phase") == "Succeeded":
        return None
    return None if _condition(obj, "Ready").get("status") == "True" else "its containers to be ready"


def _load_balanced(obj: Manifest) -> str | None:
    if obj["kind"] == "Service" and (obj.get("spec") or {}).get("type") != "LoadBalancer":
        return None
    return None if (_status(obj).get("loadBalancer") or {}).get("ingress") else "an address from its load balancer"


def _definition(obj: Manifest) -> str | None:
    return None if _condition(obj, "Established").get("status") == "True" else "it to be served"


READY: Mapping[tuple[str, str], Ready] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("v1", "Pod"): _pod,
    SERVICE: _load_balanced,
    ("networking.k8s.io", "Ingress"): _load_balanced,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}
"""By API group (`v1` for the core) and kind."""


def _key(obj: Manifest) -> tuple[str, str]:
    return obj["apiVersion"].split("/")[0], obj["kind"]


def _status(obj: Manifest) -> Manifest:
    return obj.get("status") or {}


def _condition(obj: Manifest, type_: str) -> Mapping[str, Any]:
    return next((one for one in _status(obj).get("conditions") or [] if one.get("type") == type_), {})
