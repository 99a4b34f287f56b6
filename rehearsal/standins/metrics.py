"""Plays metrics-server: serves `metrics.k8s.io/v1beta1` so that HPAs and `kubectl top` see usage.

An aggregated API on the loopback interface, behind an APIService and a Service of type ExternalName in kube-system, as
kwokctl sets its metrics-server up. Usage is made up (usage.py); only pods that run are reported. Samples carry the
time of the question and a window of one second, so an HPA takes a new pod into account at once, where the real one
waits for two scrapes. Left out: kubelets, history, watches, authentication of the caller (all that is served is made
up, and only to this machine), `?fieldSelector=`.
"""

import json
import ssl
import threading
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rehearsal.kube import Client, KubeError, Manifest, NotFound
from rehearsal.standins import usage
from rehearsal.standins.certificate import self_signed
from rehearsal.standins.informer import Informer
from rehearsal.standins.log import note
from rehearsal.standins.loop import Loop
from rehearsal.standins.writer import Writer

MANAGER = "rehearsal-metrics"
GROUP, VERSION = "metrics.k8s.io", "v1beta1"
NAMESPACE, SERVICE = "kube-system", "rehearsal-metrics"
HOST = f"{SERVICE}.{NAMESPACE}.svc"
"""The name under which the API server's aggregation layer expects the certificate."""
LOOPBACK = "127.0.0.1"
WINDOW = "1s"
ROOT = f"/apis/{GROUP}/{VERSION}"

RESOURCES: list[Manifest] = [
    {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": ["get", "list"]},
    {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]},
]
GROUP_VERSION = {"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}


def registration(port: int, certificate: str) -> list[Manifest]:
    """The Service and the APIService that send `metrics.k8s.io` to a port of this machine; `certificate` in base64."""
    target = {"type": "ExternalName", "externalName": "localhost"}
    api: Manifest = {
        "group": GROUP,
        "version": VERSION,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "service": {"name": SERVICE, "namespace": NAMESPACE, "port": port},
        "caBundle": certificate,
    }
    name = f"{VERSION}.{GROUP}"
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVICE, "namespace": NAMESPACE}, "spec": target},
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name}, "spec": api},
    ]


def pod_metrics(pod: Manifest, rules: tuple[usage.Rule, ...], now: datetime) -> Manifest:
    """A PodMetrics object."""
    metadata = pod["metadata"]
    use = usage.of_pod(pod, rules)
    return {
        "kind": "PodMetrics",
        "apiVersion": f"{GROUP}/{VERSION}",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": metadata.get("labels") or {},
            "creationTimestamp": _text(now),
        },
        "timestamp": _text(now),
        "window": WINDOW,
        "containers": [{"name": name, "usage": _amounts(amounts)} for name, amounts in use.items()],
    }


def node_metrics(node: Manifest, pods: list[Manifest], rules: tuple[usage.Rule, ...], now: datetime) -> Manifest:
    """A NodeMetrics object: the sum of the pods on the node."""
    name = node["metadata"]["name"]
    total = {resource: Decimal(0) for resource in usage.SHARE}
    for pod in pods:
        if pod["spec"].get("nodeName") == name:
            for amounts in usage.of_pod(pod, rules).values():
                for resource, amount in amounts.items():
                    total[resource] += amount
    metadata = {"name": name, "labels": node["metadata"].get("labels") or {}, "creationTimestamp": _text(now)}
    base = {"kind": "NodeMetrics", "apiVersion": f"{GROUP}/{VERSION}", "metadata": metadata}
    return {**base, "timestamp": _text(now), "window": WINDOW, "usage": _amounts(total)}


def _amounts(amounts: dict[str, Decimal]) -> dict[str, str]:
    """Whole milli-cores and bytes: quantities that every client reads."""
    return {"cpu": f"{round(amounts['cpu'] * 1000)}m", "memory": str(round(amounts["memory"]))}


def _text(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Metrics:
    """The stand-in of one region: the server, its registration and the rules of the drills."""

    def __init__(self, client: Client, state: Path) -> None:
        self._client = client
        self._file = state / usage.STATE_FILE
        self._writer = Writer(client, MANAGER)
        self._told = ""
        self._ending = False
        self._server, certificate = _serve(state, self)
        self._registration = registration(int(self._server.server_address[1]), certificate)
        self._services = Informer(client, "apiregistration.k8s.io/v1", "APIService")
        loop = Loop(MANAGER, lambda _: self._register())
        self._services.listen(lambda _: loop.put(("", "registration")))
        self._services.relisted.append(self._writer.forget_all)
        self.informers = (self._services,)
        self.loops = (loop,)

    def _register(self) -> float | None:
        if self._ending:
            return None
        name = self._registration[1]["metadata"]["name"]
        if self._services.get(("", name)) is None:
            self._writer.forget_all()
        for obj in self._registration:
            self._writer.apply(obj)
        return None

    def withdraw(self) -> None:
        """Takes the registration back, so that the API server's discovery does not name what nobody serves."""
        self._ending = True
        self._client.delete("apiregistration.k8s.io/v1", "APIService", self._registration[1]["metadata"]["name"])

    # Questions

    def answer(self, path: str, query: dict[str, str]) -> Manifest | None:
        """The document at a path of the API; None when there is none."""
        match path.strip("/").split("/"):
            case ["apis"]:
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group()]}
            case ["apis", str(group)] if group == GROUP:
                return _group()
            case ["apis", str(group), str(version), *rest] if (group, version) == (GROUP, VERSION):
                return self._resource(rest, query)
            case ["livez" | "readyz" | "healthz"]:
                return {}
            case _:
                return None

    def _resource(self, rest: list[str], query: dict[str, str]) -> Manifest | None:
        now = datetime.now(UTC)
        match rest:
            case []:
                return {
                    "kind": "APIResourceList",
                    "apiVersion": "v1",
                    "groupVersion": f"{GROUP}/{VERSION}",
                    "resources": RESOURCES,
                }
            case ["nodes"]:
                nodes = self._list("Node", None, query)
                pods = self._running(None, {})
                items = [node_metrics(node, pods, self._rules(), now) for node in nodes]
                return _list("NodeMetricsList", items)
            case ["nodes", str(name)]:
                node = self._client.get("v1", "Node", name)
                return node_metrics(node, self._running(None, {}), self._rules(), now)
            case ["pods"]:
                return _list(
                    "PodMetricsList", [pod_metrics(pod, self._rules(), now) for pod in self._running(None, query)]
                )
            case ["namespaces", str(namespace), "pods"]:
                found = self._running(namespace, query)
                rules = self._rules()
                return _list("PodMetricsList", [pod_metrics(pod, rules, now) for pod in found])
            case ["namespaces", str(namespace), "pods", str(name)]:
                return pod_metrics(self._client.get("v1", "Pod", name, namespace), self._rules(), now)
            case _:
                return None

    def _list(self, kind: str, namespace: str | None, query: dict[str, str]) -> list[Manifest]:
        return self._client.list("v1", kind, namespace, label_selector=query.get("labelSelector") or None)

    def _running(self, namespace: str | None, query: dict[str, str]) -> list[Manifest]:
        pods = self._list("Pod", namespace, query)
        return [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Running"]

    def _rules(self) -> tuple[usage.Rule, ...]:
        """The rules in force; faulty ones are said once and left out."""
        found: list[usage.Rule] = []
        for where, text in self._sources():
            try:
                found += usage.rules(text)
            except usage.RulesError as error:
                if self._told != f"{where}{error}":
                    self._told = f"{where}{error}"
                    note(MANAGER, f"{where}: {error}; no rule of it is in force")
        return tuple(found)

    def _sources(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        if self._file.is_file():
            found.append((str(self._file), self._file.read_text()))
        config = self._client.find("v1", "ConfigMap", usage.CONFIG_MAP, usage.CONFIG_NAMESPACE)
        text = ((config or {}).get("data") or {}).get(usage.CONFIG_KEY)
        return [*found, (f"ConfigMap {usage.CONFIG_MAP}", text)] if text else found


def _group() -> Manifest:
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": GROUP,
        "versions": [GROUP_VERSION],
        "preferredVersion": GROUP_VERSION,
    }


def _list(kind: str, items: list[Manifest]) -> Manifest:
    return {"kind": kind, "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": items}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, metrics: Metrics, *args: Any) -> None:
        self._metrics = metrics
        super().__init__(*args)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        try:
            document = self._metrics.answer(parts.path, query)
        except NotFound:
            document = None
        except KubeError as error:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, _refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error)))
            return
        if document is None:
            self._send(HTTPStatus.NOT_FOUND, _refusal(HTTPStatus.NOT_FOUND, f"nothing at {parts.path}"))
        else:
            self._send(HTTPStatus.OK, document)

    def _send(self, status: HTTPStatus, document: Manifest) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class calls it so
        """Says nothing: an autoscaler asks every few seconds."""


def _refusal(status: HTTPStatus, message: str) -> Manifest:
    reason = "NotFound" if status is HTTPStatus.NOT_FOUND else "ServiceUnavailable"
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": status,
    }


def _serve(state: Path, metrics: Metrics) -> tuple[ThreadingHTTPServer, str]:
    """Starts the server on a free port; answers it and its certificate in base64."""
    certificate, encoded = self_signed(HOST, state)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = ThreadingHTTPServer((LOOPBACK, 0), partial(_Handler, metrics))
    server.daemon_threads = True
    # the handshake belongs into the connection's own thread: one that never speaks must not block the others
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, name="metrics server", daemon=True).start()
    return server, encoded
