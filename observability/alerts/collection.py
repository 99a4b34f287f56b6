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

WATCHDOG = "RegionWatchdog"
"""Not `Watchdog`: kube-prometheus-stack has one of that name, which it keeps to itself."""


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
        " or absent(kubelet_volume_stats_available_bytes)"
        ' or absent(node_cpu_seconds_total{node!=""})'
        ' or absent(kube_node_labels{label_topology_kubernetes_io_zone!=""})',
        "warning",
        "Figures of the cluster itself are missing",
        "kube-state-metrics, the node exporter or kubelet is not collected, or nodes and zones are no labels: "
        "whether a zone may be lost and how nodes are loaded cannot be told.",
        "docs/monitoring.md lists the values that kube-prometheus-stack needs.",
        "5m",
    )
    yield Alert(
        "FiguresMissing",
        " or ".join(
            f"max by (job, pod) (up{scope.of(job)} == 1 unless on (namespace, pod) {metric}{scope.of(job)})"
            for job, metric in always(scope).items()
        ),
        "warning",
        "{{ $labels.pod }} answers, and does not tell of {{ $labels.job }} what it should",
        "Its exporter reaches its server no more, or a release has renamed its figures: alerts that need them stay "
        "silent.",
        "Its log says what it cannot read. After an upgrade: observability/metrics.py lists what is asked for.",
        "10m",
    )
    yield Alert(
        WATCHDOG,
        "vector(1)",
        # kube-prometheus-stack silences alerts that are `info` while nothing else fires.
        "none",
        "Alerting works",
        "Always fires. Whoever gets the alerts has to notice when this one stops.",
        "If it is missing, Prometheus or Alertmanager of the region is down.",
    )


def always(scope: Scope) -> dict[str, str]:
    """Job to a metric that each of its pods tells at all times."""
    told = {
        REDIS_GATEWAY: "redis_gateway_cluster_ok",
        POSTGRESQL_GATEWAY: "postgresql_gateway_statements_sent_again_total",
        QDRANT: "collections_total",
        POSTGRESQL: "cnpg_pg_replication_in_recovery",
        POOLER: "cnpg_pgbouncer_pools_cl_waiting",
        REDIS: "redis_cluster_state",
        EDGE: "haproxy_server_status",
    }
    watched = jobs(scope)
    return {job: metric for job, metric in told.items() if job in watched}
