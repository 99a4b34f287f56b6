"""Silence: what is not collected raises no other alert."""

from collections.abc import Iterator

from observability.rule import Alert
from observability.scope import (
    EDGE,
    GATEWAYS,
    INGRESS,
    LINK,
    MEMORY,
    PODS,
    POOLER,
    POSTGRESQL,
    POSTGRESQL_GATEWAY,
    PUBLIC,
    QDRANT,
    QDRANT_GATEWAY,
    REDIS,
    REDIS_GATEWAY,
    SHARDS,
    Scope,
)

WATCHDOG = "RegionWatchdog"
"""Not `Watchdog`: kube-prometheus-stack has one of that name, which it keeps to itself."""


def jobs(scope: Scope) -> list[str]:
    """What has to be collected in a region."""
    held = () if scope.home else (MEMORY, *GATEWAYS)
    every = [MEMORY, *GATEWAYS, QDRANT, SHARDS, POSTGRESQL, POOLER, REDIS]
    probes = [*([LINK] if scope.others else []), *([PUBLIC] if scope.hosts else [])]
    # The pods of a standby's service wait for a promotion.
    ways = [*([EDGE] if scope.edge else []), *([INGRESS] if scope.ingress_installed else [])]
    return [job for job in [*every, *ways, *probes] if job not in held]


def alerts(scope: Scope) -> Iterator[Alert]:
    """Of the collection itself."""
    yield Alert(
        "TargetDown",
        f"avg by (job) (up{{{scope.own}}}{f' or up{scope.of_ingress()}' if scope.hosts else ''}) < 0.7",
        "warning",
        "Only {{ $value | humanizePercentage }} of {{ $labels.job }} can be read",
        "Figures are missing, and alerts that need them stay silent.",
        "`up == 0` in Prometheus names the pods. A pod that is ready but cannot be read: see its NetworkPolicy.",
        "10m",
    )
    yield Alert(
        "TargetVanished",
        # The gateways stand beside the service. Pods that are not ready are ZoneBelowMinimum's.
        f"({_ready(scope)}) unless on (namespace, pod, job) up{{{scope.own}}}",
        "warning",
        "{{ $labels.pod }} is ready, and {{ $labels.job }} of it is not collected",
        "Prometheus knows others of it, and not this one: whatever befalls it is not seen.",
        "See whether its node tells a zone, its labels are those that the monitor selects, and its port has its name.",
        "10m",
    )
    yield Alert(
        "TargetMissing",
        " or ".join(f"absent(up{_of(scope, job)})" for job in jobs(scope)),
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
            f"max by (job, pod) (up{_of(scope, job)} == 1 unless on (namespace, pod) {metric}{_of(scope, job)})"
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


def _of(scope: Scope, job: str) -> str:
    """Selector of what a job reads."""
    return scope.of_ingress() if job == INGRESS else scope.of(job)


def _ready(scope: Scope) -> str:
    """Pods that are ready, with each job that reads them."""

    def ready(pods: str) -> str:
        return f'max by (namespace, pod) (kube_pod_status_ready{{{scope.own}, condition="true", pod=~"{pods}"}}) == 1'

    beside = [job for job in GATEWAYS if job in jobs(scope)]
    own, served = f'label_replace({ready(PODS)}, "job", "$1$2", "pod", "{PODS}")', ready(f"{MEMORY}-.+")
    return " or ".join([own, *(f'label_replace({served}, "job", "{job}", "", "")' for job in beside)])


def always(scope: Scope) -> dict[str, str]:
    """Job to a metric that each of its pods tells at all times."""
    told = {
        REDIS_GATEWAY: "redis_gateway_cluster_ok",
        POSTGRESQL_GATEWAY: "postgresql_gateway_statements_sent_again_total",
        QDRANT_GATEWAY: "haproxy_backend_active_servers",
        QDRANT: "collections_total",
        POSTGRESQL: "cnpg_pg_replication_in_recovery",
        POOLER: "cnpg_pgbouncer_pools_cl_waiting",
        REDIS: "redis_cluster_state",
        EDGE: "haproxy_server_status",
        INGRESS: "nginx_ingress_controller_nginx_last_reload_status",
    }
    watched = jobs(scope)
    return {job: metric for job, metric in told.items() if job in watched}
