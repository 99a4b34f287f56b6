"""What Prometheus collects from a region's pods and asks of its names: PodMonitors and Probes, as plain dicts.

Pods and not Services: a PodMonitor needs none, and every pod is read, ready or not. Fields are those of the Prometheus
operator v0.93 (pkg/apis/monitoring/v1), whose own labels `job`, `namespace`, `pod`, `container`, `endpoint` come first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pulumi import Input

from components import objects, postgres_pooler
from components.edge import NAME as EDGE_NAME
from components.objects import Manifest
from components.postgres_cluster import POSTGRES_PORT, cluster_name, instance_pods
from observability import scope
from observability.scope import Scope

ENDPOINTS = ("/memories", "/memories/search", "/stats")
"""Paths of the service whose figures are kept. Every other one is dropped: the service counts by the path that was
asked for, so that each memory, and each path that somebody tries, would be a series of its own.
"""
INGRESS_PODS = {"app.kubernetes.io/name": "nginx-ingress"}
"""github.com/nginx/kubernetes-ingress charts/nginx-ingress/templates/_helpers.tpl"""
BOUNDS_MS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
"""Of the ingress controller's histogram of answers, those that are kept: about half of them. There is one for each pod
that answers, each pod that asks, and each code.
"""
NODE_ZONE = "__meta_kubernetes_node_label_topology_kubernetes_io_zone"


@dataclass(frozen=True)
class Monitor:
    """Pods whose figures are collected, by the name of their port."""

    job: str
    pods: Mapping[str, str]
    """Their labels."""
    port: str
    namespace: str | None = None
    """Where they are; None stands for the region's own."""
    service: bool = False
    """Pods of several memory namespaces, told apart by the label `service`."""
    kept: Sequence[str] = ()
    """Values of the label `endpoint` of series that are kept; empty keeps all."""
    bounds: Sequence[int] = ()
    """Of histograms, those that are kept; empty keeps all."""
    honor_labels: bool = False
    """The figures are of other pods than the one that tells them, and say so."""


def monitors(settings: Scope) -> list[Monitor]:
    """Of everything in a region that tells figures."""
    memory, cluster = objects.every("memory-service"), cluster_name(settings.region)
    made = [
        Monitor(scope.MEMORY, memory, "http", service=True, kept=ENDPOINTS),
        Monitor(scope.REDIS_GATEWAY, memory, "redis-metrics", service=True),
        Monitor(scope.POSTGRESQL_GATEWAY, memory, "pg-metrics", service=True),
        Monitor(scope.QDRANT_GATEWAY, memory, "qdrant-metrics", service=True),
        Monitor(scope.QDRANT, objects.every("qdrant"), "metrics"),
        Monitor(scope.SHARDS, objects.every(scope.EXPORTERS), "qdrant", honor_labels=True),
        Monitor(scope.POSTGRESQL, instance_pods(cluster), "metrics"),
        Monitor(scope.POOLER, postgres_pooler.PODS, "metrics"),
        Monitor(scope.REDIS, objects.every("redis"), "metrics"),
    ]
    if settings.edge:
        made.append(Monitor(scope.EDGE, objects.every(EDGE_NAME), "metrics"))
    if settings.hosts:
        namespace = settings.ingress_namespace
        made.append(Monitor(scope.INGRESS, INGRESS_PODS, "prometheus", namespace=namespace, bounds=BOUNDS_MS))
    return made


def pod_monitor_spec(monitor: Monitor, settings: Scope) -> Manifest:
    """Spec of the PodMonitor."""
    endpoint: Manifest = {
        "port": monitor.port,
        "path": "/metrics",
        "interval": f"{settings.monitoring.interval_seconds}s",
        "relabelings": _relabelings(monitor, settings.region),
    }
    if monitor.kept:
        # Series without the label, such as those of the process, have it empty.
        kept = "|".join(["", *monitor.kept])
        endpoint["metricRelabelings"] = [{"sourceLabels": ["endpoint"], "regex": f"({kept})", "action": "keep"}]
    if monitor.bounds:
        # As the text has them, or as Prometheus 3 writes them; other series have no bound.
        kept = "|".join(["", r"\+Inf", *(rf"{bound}(\.0)?" for bound in monitor.bounds)])
        endpoint["metricRelabelings"] = [{"sourceLabels": ["le"], "regex": f"({kept})", "action": "keep"}]
    if monitor.honor_labels:
        endpoint["honorLabels"] = True
    elsewhere = {"namespaceSelector": {"matchNames": [monitor.namespace]}} if monitor.namespace else {}
    return {
        "selector": {"matchLabels": dict(monitor.pods)},
        **elsewhere,
        "attachMetadata": {"node": True},
        "podMetricsEndpoints": [endpoint],
    }


def _relabelings(monitor: Monitor, region: str) -> list[Manifest]:
    instance = "__meta_kubernetes_pod_label_app_kubernetes_io_instance"
    return [
        # Pods that wait in an init container have an address, and nobody who answers.
        {"sourceLabels": ["__meta_kubernetes_pod_phase"], "regex": "Running", "action": "keep"},
        {"targetLabel": "job", "replacement": monitor.job},
        {"targetLabel": "region", "replacement": region},
        {"sourceLabels": [NODE_ZONE], "targetLabel": "zone"},
        *([{"sourceLabels": [instance], "targetLabel": "service"}] if monitor.service else []),
        # The operator's, the port's name, would rename the label of that name that the service and Qdrant have.
        {"regex": "endpoint", "action": "labeldrop"},
    ]


@dataclass(frozen=True)
class Asked:
    """What the prober asks again and again."""

    name: str
    job: str
    module: str
    targets: Sequence[str]
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


def asked(settings: Scope, hosts: Mapping[str, str], *, tls: bool) -> list[Asked]:
    """Every other region's PostgreSQL, which each region follows or may have to follow, and the public names. `hosts`
    are what the regions' PostgreSQL are called.
    """
    links = [
        Asked(
            f"link-{other}",
            scope.LINK,
            "region_link",
            [f"{hosts[other]}:{POSTGRES_PORT}"],
            {"source_region": settings.region, "target_region": other},
        )
        for other in settings.others
    ]
    scheme = "https" if tls else "http"
    names = [f"{scheme}://{host}/healthz" for host in settings.hosts]
    return [*links, *([Asked(scope.PUBLIC, scope.PUBLIC, "health", names)] if names else [])]


def probe_spec(one: Asked, settings: Scope, prober: Input[str]) -> Manifest:
    """Spec of the Probe; `prober` is the place of the blackbox exporter."""
    return {
        "jobName": one.job,
        "interval": f"{settings.monitoring.interval_seconds}s",
        "module": one.module,
        "prober": {"url": prober},
        "targets": {
            "staticConfig": {"static": list(one.targets), "labels": {"region": settings.region, **one.labels}},
        },
    }
