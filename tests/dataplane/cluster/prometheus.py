"""A real Prometheus beside our own nodes, told by a stand-in for its operator what the program's monitors say.

The stand-in writes the operator's configuration for PodMonitors, Probes and rules (prometheus-operator v0.93,
pkg/prometheus/promcfg.go): selectors, ports, its own labels, then the monitor's relabelings. It leaves out
ServiceMonitors and authentication. Debian's Prometheus cannot ask Kubernetes: every three seconds it is told the pods
that there are, with labels as Kubernetes' discovery has them (discovery/kubernetes/pod.go). Scrapes and rules come as
often, whatever the monitors say, or as far apart as an exporter may wait for its server; alerts fire at once (promtool
tries that they last), and a prober is found by the address of its Service: Prometheus stands in the nodes' network,
where no pod's DNS is.

The region has no other. So that the links to others are there as well, it takes its own PostgreSQL for that of one
(`linked`), which it asks as the program would.
"""

import contextlib
import json
import re
import threading
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from components import monitors
from components.postgres_cluster import cluster_name
from observability.rules import rules
from observability.scope import LINK, POSTGRESQL, REDIS, SHARDS, Scope, scope
from rehearsal.errors import RehearsalError
from rehearsal.kube import Manifest
from rehearsal.processes import Process
from rehearsal.real import addresses
from rehearsal.real.cluster import Cluster
from tests.dataplane.cluster import kube_state
from tests.dataplane.cluster.stand import ZONE, Stand, eventually
from tests.dataplane.conftest import tool

PORT, NODE_PORT = 19090, 19100
"""In the network of the nodes, which is this cluster's alone."""
SECONDS = 3
EVERY, PATIENT = f"{SECONDS}s", f"{2 * SECONDS}s"
LINKED = ("somafractalmemory-regions", "somafractalmemory-alerts-regions")
"""Groups of rules that ask about other regions."""
WAITING = (REDIS, SHARDS, POSTGRESQL)
"""Whose exporters wait up to five seconds for a server."""
KUBE_STATE = "kube-state-metrics"
FAR = "us-west"
"""The region that there is not."""
MONITORING = "monitoring.coreos.com/v1"


@dataclass(frozen=True)
class Sample:
    """One series of an answer."""

    labels: Mapping[str, str]
    value: float


class Prometheus:
    """Prometheus with a region's monitors and rules."""

    def __init__(self, stand: Stand, own: Cluster, directory: Path) -> None:
        self._stand, self._own, self._directory = stand, own, directory
        self._process, self._nodes = Process(directory, "prometheus"), Process(directory, "node-exporter")
        self._state = kube_state.serve(own.namespace.machine, stand.client)
        self._over = threading.Event()
        self._finder = threading.Thread(target=self._find_pods, daemon=True)

    def start(self) -> None:
        """Ready once it answers."""
        exporter = [tool("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{NODE_PORT}"]
        collectors = ["--collector.disable-defaults", "--collector.cpu", "--collector.meminfo"]
        self._nodes.start([*self._own.namespace.enter, *exporter, *collectors])
        told = self._stand.client.list(MONITORING, "PrometheusRule", self._stand.namespace)
        groups = {group["name"]: group for rule in told for group in rule["spec"]["groups"]}
        groups |= {group["name"]: group for group in rules(self.linked, "docs")["groups"] if group["name"] in LINKED}
        (self._directory / "rules.json").write_text(json.dumps({"groups": list(map(_at_once, groups.values()))}))
        self._tell_pods()
        self._finder.start()
        (self._directory / "prometheus.json").write_text(json.dumps(self._configuration()))
        command = [tool("prometheus"), "--config.file=prometheus.json", f"--web.listen-address=0.0.0.0:{PORT}"]
        self._process.start([*self._own.namespace.enter, *command, "--storage.tsdb.path=data", "--log.level=warn"])
        eventually("Prometheus is ready", lambda: self._get("/-/ready"), 30)

    @property
    def url(self) -> str:
        """Where this machine reaches it."""
        return f"http://{self._own.namespace.server}:{PORT}"

    @property
    def linked(self) -> Scope:
        """The region, as it were with another."""
        own = scope(self._stand.settings)
        return replace(own, regions=(own.region, FAR))

    def stop(self) -> None:
        self._over.set()
        if self._finder.is_alive():
            self._finder.join()
        self._process.stop()
        self._nodes.stop()
        self._state.shutdown()
        self._state.server_close()

    def query(self, expression: str) -> list[Sample]:
        """Its series now."""
        answer = json.loads(self._get("/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
        return [Sample(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    def firing(self) -> set[tuple[str, str]]:
        """Names of alerts that fire, with the job that each is of."""
        fired = self.query('ALERTS{alertstate="firing"}')
        return {(one.labels["alertname"], one.labels.get("job", "")) for one in fired}

    def pages(self, seconds: float) -> set[str]:
        """Names of alerts that have fired within so many seconds and wake somebody."""
        fired = 'ALERTS{alertstate="firing", severity="critical"}'
        return {one.labels["alertname"] for one in self.query(f"last_over_time({fired}[{seconds:.0f}s])")}

    def rules(self) -> list[dict[str, Any]]:
        """Every rule, with how it is."""
        answer = json.loads(self._get("/api/v1/rules"))
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]]

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
            return answer.read().decode()

    def _configuration(self) -> dict[str, Any]:
        client, namespace = self._stand.client, self._stand.namespace
        of_pods = client.list(MONITORING, "PodMonitor", namespace)
        probes = client.list(MONITORING, "Probe", namespace)
        return {
            "global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY},
            "rule_files": ["rules.json"],
            "scrape_configs": [
                *map(self._of_pods, of_pods),
                *map(self._of_probe, [*probes, *self._links(probes[0])]),
                *self._of_the_cluster(),
            ],
        }

    def _links(self, known: Manifest) -> list[Manifest]:
        """Probes of the other region, by the prober of one that is there."""
        own = self._stand.settings.region.name
        hosts = {FAR: f"{cluster_name(own)}-rw.{self._stand.namespace}.svc"}
        return [
            {
                "metadata": {**known["metadata"], "name": one.name},
                "spec": monitors.probe_spec(one, self.linked, known["spec"]["prober"]["url"]),
            }
            for one in monitors.asked(self.linked, hosts, tls=False)
            if one.job == LINK
        ]

    def _of_the_cluster(self) -> list[dict[str, Any]]:
        """What kube-prometheus-stack collects without being told of us."""
        nodes = [
            (node["metadata"]["name"], node["metadata"]["labels"][ZONE], _address(node))
            for node in self._stand.client.list("v1", "Node")
        ]
        kubelets = [{"targets": [f"{at}:{addresses.KUBELET_PORT}"], "labels": {"node": name}} for name, _, at in nodes]
        machines = [
            {"targets": [f"127.0.0.1:{NODE_PORT}"], "labels": {"instance": at, "node": name, "zone": zone}}
            for name, zone, at in nodes
        ]
        insecure = {"scheme": "https", "tls_config": {"insecure_skip_verify": True}, "honor_labels": True}
        return [
            {"job_name": "kubelet", "static_configs": kubelets, **insecure},
            {"job_name": "cadvisor", "metrics_path": "/metrics/cadvisor", "static_configs": kubelets, **insecure},
            {"job_name": "node-exporter", "static_configs": machines},
            {
                "job_name": KUBE_STATE,
                "scrape_interval": PATIENT,
                "scrape_timeout": PATIENT,
                "honor_labels": True,
                "static_configs": [{"targets": [f"{self._own.namespace.machine}:{self._state.server_port}"]}],
            },
        ]

    def _of_pods(self, monitor: Manifest) -> dict[str, Any]:
        spec, metadata = monitor["spec"], monitor["metadata"]
        (endpoint,) = spec["podMetricsEndpoints"]
        namespaces = spec.get("namespaceSelector", {}).get("matchNames", [metadata["namespace"]])
        chosen = [
            _keep(f"__meta_kubernetes_pod_label_{_told(label)}", value)
            for label, value in spec["selector"]["matchLabels"].items()
        ]
        own = {
            "namespace": "__meta_kubernetes_namespace",
            "container": "__meta_kubernetes_pod_container_name",
            "pod": "__meta_kubernetes_pod_name",
        }
        patience = PATIENT if metadata["name"] in WAITING else EVERY
        return {
            "job_name": f"podMonitor/{metadata['namespace']}/{metadata['name']}/0",
            "scrape_interval": patience,
            "scrape_timeout": patience,
            "honor_labels": endpoint.get("honorLabels", False),
            "metrics_path": endpoint["path"],
            "file_sd_configs": [{"files": [_file(namespace) for namespace in namespaces], "refresh_interval": EVERY}],
            "relabel_configs": [
                *chosen,
                _keep("__meta_kubernetes_pod_container_port_name", endpoint["port"]),
                *({"source_labels": [source], "target_label": label} for label, source in own.items()),
                {"target_label": "job", "replacement": f"{metadata['namespace']}/{metadata['name']}"},
                {"target_label": "endpoint", "replacement": endpoint["port"]},
                *map(_snake, endpoint["relabelings"]),
            ],
            "metric_relabel_configs": [_snake(rule) for rule in endpoint.get("metricRelabelings", [])],
        }

    def _find_pods(self) -> None:
        """Tells Prometheus of pods that came and went, until it is over."""
        while not self._over.wait(SECONDS):
            with contextlib.suppress(OSError, RehearsalError):  # as when the control plane does not answer
                self._tell_pods()

    def _tell_pods(self) -> None:
        settings = self._stand.settings.kubernetes
        for namespace in (settings.namespace, settings.ingress_namespace):
            file = self._directory / _file(namespace)
            half = file.with_suffix(".new")
            half.write_text(json.dumps(self._pods(namespace)))
            half.replace(file)

    def _pods(self, namespace: str) -> list[dict[str, Any]]:
        """A target for each port of each pod, with what Prometheus knows of pod and node."""
        nodes = {node["metadata"]["name"]: node["metadata"]["labels"] for node in self._stand.client.list("v1", "Node")}
        found: list[dict[str, Any]] = []
        for pod in self._stand.pods("", namespace):
            spec = pod.manifest["spec"]
            of_pod = {
                "namespace": namespace,
                "pod_name": pod.name,
                "pod_phase": pod.manifest["status"]["phase"],
                **{f"pod_label_{_told(label)}": value for label, value in pod.labels.items()},
                **{f"node_label_{_told(label)}": value for label, value in nodes.get(pod.node, {}).items()},
            }
            for container in [*spec.get("initContainers", []), *spec["containers"]]:
                for port in container.get("ports", []):
                    names = {"pod_container_name": container["name"], "pod_container_port_name": port.get("name", "")}
                    labels = {f"__meta_kubernetes_{name}": value for name, value in {**of_pod, **names}.items()}
                    found.append({"targets": [f"{pod.address}:{port['containerPort']}"], "labels": labels})
        return found

    def _of_probe(self, probe: Manifest) -> dict[str, Any]:
        spec, metadata = probe["spec"], probe["metadata"]
        host, _, port = spec["prober"]["url"].rpartition(":")
        name, namespace, *_ = host.split(".")
        address = self._stand.client.get("v1", "Service", name, namespace)["spec"]["clusterIP"]
        static = spec["targets"]["staticConfig"]
        return {
            "job_name": f"probe/{metadata['namespace']}/{metadata['name']}",
            "metrics_path": "/probe",
            "params": {"module": [spec["module"]]},
            "static_configs": [
                {"targets": static["static"], "labels": {"namespace": metadata["namespace"], **static["labels"]}}
            ],
            "relabel_configs": [
                {"target_label": "job", "replacement": spec["jobName"]},
                {"source_labels": ["__address__"], "target_label": "__param_target"},
                {"source_labels": ["__param_target"], "target_label": "instance"},
                {"target_label": "__address__", "replacement": f"{address}:{port}"},
            ],
        }


def _file(namespace: str) -> str:
    """Where Prometheus is told the pods of a namespace."""
    return f"pods-{namespace}.json"


def _address(node: Manifest) -> str:
    (address,) = (one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP")
    return address


def _at_once(group: Mapping[str, Any]) -> dict[str, Any]:
    """Rules whose alerts need not last."""
    rules = [{key: value for key, value in rule.items() if key != "for"} for rule in group["rules"]]
    return {**group, "rules": rules}


def _told(label: str) -> str:
    """A label of Kubernetes as Prometheus writes it."""
    return re.sub("[^a-zA-Z0-9_]", "_", label)


def _keep(label: str, value: str) -> dict[str, Any]:
    return {"action": "keep", "source_labels": [label], "regex": re.escape(value)}


def _snake(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A relabeling as Prometheus names its fields."""
    return {re.sub("[A-Z]", lambda found: "_" + found[0].lower(), key): value for key, value in rule.items()}
