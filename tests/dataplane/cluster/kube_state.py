"""A stand-in for kube-state-metrics: what it would tell of the objects of a cluster, by the names of its docs/metrics.

Those that the program's rules ask for, with all of their labels that are stable (kubernetes/kube-state-metrics v2,
docs/metrics/{cluster/node,workload/pod,workload/cronjob,workload/horizontalpodautoscaler}-metrics.md), as it is told by
`metricLabelsAllowlist: nodes=[topology.kubernetes.io/zone]`. It looks at the cluster once for each scrape, and leaves
out everything else.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from http.server import ThreadingHTTPServer

from rehearsal.errors import RehearsalError
from rehearsal.kube import Client, Manifest
from rehearsal.standins.qdrant import wire
from settings.quantity import Quantity
from tests.dataplane.cluster.stand import ZONE, Pod

UNITS = {"cpu": "core", "memory": "byte", "ephemeral-storage": "byte"}
STATUSES = ("true", "false", "unknown")


def metrics(client: Client) -> str:
    """All lines, of every namespace."""
    lines = [
        *(line for node in client.list("v1", "Node") for line in _node(node)),
        *(line for pod in client.list("v1", "Pod") for line in _pod(pod)),
        *(line for job in client.list("batch/v1", "CronJob") for line in _cronjob(job)),
        *(line for one in client.list("autoscaling/v2", "HorizontalPodAutoscaler") for line in _autoscaler(one)),
    ]
    return "".join(f"{line}\n" for line in lines)


def _node(node: Manifest) -> Iterator[str]:
    metadata = node["metadata"]
    labels = {"node": metadata["name"], "label_topology_kubernetes_io_zone": metadata["labels"].get(ZONE, "")}
    yield _line("kube_node_labels", labels, 1)


def _pod(manifest: Manifest) -> Iterator[str]:
    pod, spec, status = Pod(manifest), manifest["spec"], manifest["status"]
    own = {"namespace": manifest["metadata"]["namespace"], "pod": pod.name, "uid": pod.uid}
    owner: Manifest = next(iter(manifest["metadata"].get("ownerReferences") or []), {})
    placed = {
        "host_ip": status.get("hostIP", ""),
        "pod_ip": pod.address,
        "node": pod.node,
        "created_by_kind": owner.get("kind", ""),
        "created_by_name": owner.get("name", ""),
        "priority_class": spec.get("priorityClassName", ""),
        "host_network": str(bool(spec.get("hostNetwork"))).lower(),
    }
    yield _line("kube_pod_info", {**own, **placed}, 1)
    conditions: list[Manifest] = status.get("conditions") or []
    for condition in (one for one in conditions if one["type"] == "Ready"):
        for name in STATUSES:
            yield _line("kube_pod_status_ready", {**own, "condition": name}, condition["status"].lower() == name)
    for container in spec["containers"]:
        for resource, amount in (container.get("resources", {}).get("limits") or {}).items():
            if resource in UNITS:
                placed = {"container": container["name"], "node": pod.node, "resource": resource}
                value = float(Quantity(str(amount)).value)
                yield _line("kube_pod_container_resource_limits", {**own, **placed, "unit": UNITS[resource]}, value)
    for one in status.get("containerStatuses") or []:
        labels = {**own, "container": one["name"]}
        yield _line("kube_pod_container_status_restarts_total", labels, one["restartCount"])


def _cronjob(job: Manifest) -> Iterator[str]:
    labels = {"namespace": job["metadata"]["namespace"], "cronjob": job["metadata"]["name"]}
    yield _line("kube_cronjob_created", labels, _seconds(job["metadata"]["creationTimestamp"]))
    done = (job.get("status") or {}).get("lastSuccessfulTime")
    if done:
        yield _line("kube_cronjob_status_last_successful_time", labels, _seconds(done))


def _autoscaler(one: Manifest) -> Iterator[str]:
    labels = {"namespace": one["metadata"]["namespace"], "horizontalpodautoscaler": one["metadata"]["name"]}
    spec, name = one["spec"], "kube_horizontalpodautoscaler"
    yield _line(f"{name}_spec_max_replicas", labels, spec["maxReplicas"])
    yield _line(f"{name}_spec_min_replicas", labels, spec.get("minReplicas", 1))
    yield _line(f"{name}_status_current_replicas", labels, (one.get("status") or {}).get("currentReplicas", 0))


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    written = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name}{{{written}}} {float(value)}"


def serve(address: str, client: Client) -> ThreadingHTTPServer:
    """Tells Prometheus, at an address of this machine; whoever starts it shuts it down."""

    def answer(request: wire.Request) -> wire.Answer:
        del request
        try:
            return wire.Answer(200, metrics(client))
        except (OSError, RehearsalError) as error:  # as when the control plane does not answer
            return wire.Answer(500, str(error))

    return wire.serve(address, 0, answer)
