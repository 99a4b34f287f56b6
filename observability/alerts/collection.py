"""Silence: what is not collected raises no other alert."""

from collections.abc import Iterator

from observability.rule import Alert
from observability.scope import (
    EDGE,
    LINK,
    MEMORY,
    POOLER,
    POSTGRESQL,
    POSTGRESQL_GATEWAY,
    PUBLIC,
    QDRANT,
    REDIS,
    REDIS_GATEWAY,
    SHARDS,
    Scope,
)


def jobs(scope: Scope) -> list[str]:
    """What has to be collected in a region."""
    held = () if scope.home else (MEMORY, REDIS_GATEWAY, POSTGRESQL_GATEWAY)
    every = [MEMORY, REDIS_GATEWAY, POSTGRESQL_GATEWAY, QDRANT, SHARDS, POSTGRESQL, POOLER, REDIS]
    probes = [*([LINK] if scope.others else []), *([PUBLIC] if scope.hosts else [])]
    # The pods of a standby's service wait for a promotion.
    return [job for job in [*every, *([EDGE] if scope.edge else []), *probes] if job not in held]


def alerts(scope: Scope) -> Iterator[Alert]:
    """Of the collection itself."""
    yield Alert(
        "TargetDown",
        f"avg by (job) (up{{{scope.own}}}) < 0.7",
        "warning",
        "Only {{ $value | humanizePercentage }} of {{ $labels.job }} can be read",
        "Figures are missing, and alerts that need them stay silent.",
        "`up == 0` in Prometheus names the pods. A pod that is ready but cannot be read: see its NetworkPolicy.",
        "10m",
    )
    yield Alert(
        "TargetMissing",
        " or ".join(f"absent(up{scope.of(job)})" for job in jobs(scope)),
        "critical",
        "Nothing of {{ $labels.job }} is collected",
        "Prometheus knows no pod of it: there is none, or its monitor selects nobody.",
        "See whether its pods are there, and whether Prometheus reads the namespace's monitors.",
        "10m",
    )
    yield Alert(
        "ClusterMetricsMissing",
        "absent(kube_pod_info) or absent(container_memory_working_set_bytes)"
        ' or absent(node_cpu_seconds_total{node!=""})'
        ' or absent(kube_node_labels{label_topology_kubernetes_io_zone!=""})',
        "warning",
        "Figures of the cluster itself are missing",
        "kube-state-metrics, the node exporter or kubelet is not collected, or nodes and zones are no labels: "
        "whether a zone may be lost and how nodes are loaded cannot be told.",
        "docs/monitoring.md lists the values that kube-prometheus-stack needs.",
        "15m",
    )
    yield Alert(
        "Watchdog",
        "vector(1)",
        "info",
        "Alerting works",
        "Always fires. Whoever gets the alerts has to notice when this one stops.",
        "If it is missing, Prometheus or Alertmanager of the region is down.",
    )
