"""A stand-in for kube-state-metrics: what it would tell of the objects of a cluster, by the names of its docs/metrics.

Those that the program's rules ask for, with all of their labels that are stable (kubernetes/kube-state-metrics v2,
docs/metrics/{cluster/node,workload/pod,workload/cronjob,workload/horizontalpodautoscaler}-metrics.md), as it is told by
`metricLabelsAllowlist: nodes=[topology.kubernetes.io/zone]`. It looks at the cluster once for each scrape, and leaves
out everything else.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rehearsal.errors import RehearsalError
from rehearsal.kube import Client, Manifest
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


class KubeState(ThreadingHTTPServer):
    """Tells Prometheus, at an address of this machine."""

    daemon_threads = True

    def __init__(self, address: str, ask: Callable[[], str]) -> None:
        self.ask = ask
        super().__init__((address, 0), _Page)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def target(self) -> str:
        """Host and port."""
        host, port = self.server_address[:2]
        return f"{host}:{port}" if isinstance(host, str) else f"{host.decode()}:{port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A Prometheus that waits no longer is no event."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Page(BaseHTTPRequestHandler):
    server: KubeState  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        try:
            status, text = 200, self.server.ask()
        except (OSError, RehearsalError) as error:  # as when the control plane does not answer
            status, text = 500, str(error)
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        pass
