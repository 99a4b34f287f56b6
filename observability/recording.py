"""Recording rules: every metric of the guide under a name of its own, with its unit.

Where the metrics come from is in `observability/metrics.py`. The guide's list is "Metrics to Watch" in its chapter
"Monitoring Scaled Deployments".
"""

from collections.abc import Iterator

from observability.rule import Group, Recording
from observability.scope import (
    EDGE,
    LINK,
    MEMORY,
    PODS,
    POOLER,
    POSTGRESQL,
    PUBLIC,
    QDRANT,
    REDIS,
    SHARDS,
    Scope,
    equal,
)

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
"""Of the error ratio: those of the alerts on the error budget (sre.google/workbook/alerting-on-slos)."""
QUANTILES = ("0.5", "0.95", "0.99")


def groups(scope: Scope) -> list[Group]:
    """All recording rules of a region."""
    return [
        Group("nodes", list(_nodes(scope))),
        Group("components", list(_components(scope))),
        Group("service", list(_service(scope))),
        Group("qdrant", list(_qdrant(scope))),
        Group("postgresql", list(_postgresql(scope))),
        Group("redis", list(_redis(scope))),
        *([Group("regions", regions)] if (regions := list(_regions(scope))) else []),
    ]


def component(metric: str) -> str:
    """A metric of pods with the component that the pod is of."""
    return f'label_replace({metric}, "component", "$1$2", "pod", "{PODS}")'


def placed(metric: str) -> str:
    """A metric of pods with the zone of the node that each is on (kube-state-metrics)."""
    named = 'label_replace(kube_node_labels, "zone", "$1", "label_topology_kubernetes_io_zone", "(.+)")'
    # While kube-state-metrics is rolled, two of it tell of each node.
    zone = f"max by (node, zone) ({named})"
    node = f"max by (namespace, pod, node) (kube_pod_info) * on (node) group_left (zone) {zone}"
    return f"{metric} * on (namespace, pod) group_left (node, zone) ({node})"


def idle(labels: str, selector: str) -> str:
    """Nought for each pod that answers: a counter that never counted is no series, and would be missing in a mean."""
    return f"0 * group by ({labels}) (up{selector} == 1)"


def _nodes(scope: Scope) -> Iterator[Recording]:
    del scope
    yield Recording(
        "node:cpu_used:ratio_rate5m",
        '1 - avg by (node, zone) (rate(node_cpu_seconds_total{mode="idle"}[5m]))',
        "ratio",
        "Share of a node's CPU in use.",
    )
    yield Recording(
        "node:memory_used:ratio",
        "1 - max by (node, zone) (node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
        "ratio",
        "Share of a node's memory in use.",
    )


def _components(scope: Scope) -> Iterator[Recording]:
    ours = f'{scope.own}, container!=""'
    yield Recording(
        "pod:cpu_used:cores_rate5m",
        component(f"sum by (pod) (rate(container_cpu_usage_seconds_total{{{ours}}}[5m]))"),
        "cores",
        "CPU that a pod uses.",
    )
    yield Recording(
        "pod:memory_used:bytes",
        component(f"sum by (pod) (container_memory_working_set_bytes{{{ours}}})"),
        "bytes",
        "Memory that a pod uses and that cannot be reclaimed.",
    )
    yield Recording(
        "pod:memory_of_limit:ratio",
        component(
            f"max by (pod) (max by (pod, container) (container_memory_working_set_bytes{{{ours}}})"
            f' / max by (pod, container) (kube_pod_container_resource_limits{{{scope.own}, resource="memory"}}))'
        ),
        "ratio",
        "Memory of a pod's fullest container as a share of its limit, at which it is killed.",
    )
    yield Recording(
        "component:memory_used:bytes",
        "sum by (component) (pod:memory_used:bytes)",
        "bytes",
        "Memory that a component uses.",
    )
    yield Recording(
        "component:cpu_used:cores_rate5m",
        "sum by (component) (pod:cpu_used:cores_rate5m)",
        "cores",
        "CPU that a component uses.",
    )
    ready = f'max by (namespace, pod) (kube_pod_status_ready{{{scope.own}, condition="true"}})'
    yield Recording(
        "component:ready_pods:count",
        f"sum by (component, zone) ({component(placed(ready))})",
        "count",
        "Ready pods of a component in a zone.",
    )
    for name, needed in scope.needed.items():
        yield Recording(
            "component:needed_pods:count",
            f"vector({needed})",
            "count",
            "Pods without which a component does not serve.",
            {"component": name},
        )
    yield Recording(
        "component:left_pods:count",
        "sum by (component) (component:ready_pods:count) - max by (component) (component:ready_pods:count)",
        "count",
        "Ready pods that are left when the fullest zone is lost.",
    )
    volumes = f"{{{scope.own}}}"
    yield Recording(
        "volume:free:ratio",
        f"min by (persistentvolumeclaim) (kubelet_volume_stats_available_bytes{volumes}"
        f" / kubelet_volume_stats_capacity_bytes{volumes})",
        "ratio",
        "Share of a volume that is free.",
    )


def _service(scope: Scope) -> Iterator[Recording]:
    yield Recording(
        "service:requests:rate5m",
        f"sum by (service, method, endpoint) (rate(api_requests_total{scope.of(MEMORY)}[5m]))",
        "per second",
        "Requests to a memory namespace, without health checks.",
    )
    yield Recording(
        "service_pod:requests:rate5m",
        f"sum by (service, pod, zone) (rate(api_requests_total{scope.of(MEMORY)}[5m]))"
        f" or {idle('service, pod, zone', scope.of(MEMORY))}",
        "per second",
        "Requests that a pod of the service takes.",
    )
    for quantile in QUANTILES:
        yield Recording(
            "service:latency_seconds:quantile_rate5m",
            f"histogram_quantile({quantile}, sum by (le, service, method, endpoint) "
            f"(rate(api_request_latency_seconds_bucket{scope.of(MEMORY)}[5m])))",
            "seconds",
            "Time from a request to its answer, at a quantile.",
            {"quantile": quantile},
        )
    every, failed = scope.of(MEMORY), scope.of(MEMORY, 'status=~"5.."')
    for window in WINDOWS:
        yield Recording(
            f"service:errors:ratio_rate{window}",
            f"(sum by (service) (rate(api_responses_total{failed}[{window}])) or"
            f" 0 * sum by (service) (rate(api_responses_total{every}[{window}])))"
            f" / (sum by (service) (rate(api_responses_total{every}[{window}])) > 0)",
            "ratio",
            f"Share of requests that failed in {window}.",
        )


def _qdrant(scope: Scope) -> Iterator[Recording]:
    own, members = scope.of(QDRANT), scope.of_members()
    searches = scope.of(QDRANT, 'endpoint=~".*/points/(search|query).*"')
    yield Recording(
        "qdrant_node:points:count",
        f"sum by (pod, zone) (collection_points{own})",
        "count",
        "Points on a node, those of each copy of a shard.",
    )
    yield Recording(
        "qdrant_node:requests:rate5m",
        f"sum by (pod, zone) (rate(rest_responses_total{own}[5m])) or {idle('pod, zone', own)}",
        "per second",
        "Requests that a node answers.",
    )
    for quantile in QUANTILES:
        yield Recording(
            "qdrant:search_latency_seconds:quantile_rate5m",
            f"histogram_quantile({quantile}, sum by (le) (rate(rest_responses_duration_seconds_bucket{searches}[5m])))",
            "seconds",
            "Time that a vector search takes inside Qdrant, at a quantile.",
            {"quantile": quantile},
        )
    yield Recording(
        "qdrant:searches:rate5m",
        f"sum(rate(rest_responses_duration_seconds_count{searches}[5m]))",
        "per second",
        "Vector searches.",
    )
    yield Recording(
        "qdrant_node:commit_lag:operations",
        f"scalar(max(cluster_commit{members})) - max by (pod, zone) (cluster_commit{members})",
        "operations",
        "Consensus operations that a node is behind the furthest.",
    )
    yield Recording(
        "qdrant:dead_replicas:count",
        f"max(collection_dead_replicas{members})",
        "count",
        "Copies of shards that do not serve.",
    )
    # Every exporter asks all nodes.
    active = f"max by (collection, shard, pod) (qdrant_shard_active{scope.of(SHARDS)})"
    yield Recording(
        "qdrant_shard:copies:count",
        f"sum by (collection, shard) ({active})",
        "count",
        "Active copies of a shard.",
    )
    zones = f"max by (pod, zone) (up{own})"
    yield Recording(
        "qdrant_shard:zones:count",
        "count by (collection, shard) (group by (collection, shard, zone)"
        f" ({active} * on (pod) group_left (zone) {zones} > 0))",
        "count",
        "Zones in which a shard has an active copy on a node that answers.",
    )
    yield Recording(
        "qdrant_node:shards:count",
        # A node that answers and holds none has none; where no exporter tells, nobody knows.
        f"(sum by (pod) ({active}) or {idle('pod', own)} and on () group({active}))"
        f" * on (pod) group_left (zone) group by (pod, zone) (up{own})",
        "count",
        "Active copies of shards on a node.",
    )
    if scope.backups and scope.home:
        job = f'{{{scope.own}, cronjob="qdrant-backup"}}'
        yield Recording(
            "qdrant:snapshot_age:seconds",
            f"time() - max(kube_cronjob_status_last_successful_time{job})",
            "seconds",
            "Since the newest snapshot.",
        )


def _postgresql(scope: Scope) -> Iterator[Recording]:
    own = scope.of(POSTGRESQL)
    yield Recording(
        "postgresql:replication_lag:seconds",
        f"max by (pod, zone) (cnpg_pg_replication_lag{own})",
        "seconds",
        "How far an instance is behind what it follows.",
    )
    yield Recording(
        "postgresql:connections:ratio",
        f"sum by (pod) (cnpg_backends_total{own})"
        f" / max by (pod) (cnpg_pg_settings_setting{scope.of(POSTGRESQL, equal('name', 'max_connections'))})",
        "ratio",
        "Share of an instance's connections in use.",
    )
    yield Recording(
        "postgresql:transactions:rate5m",
        f"sum by (pod) (rate(cnpg_pg_stat_database_xact_commit{own}[5m])"
        f" + rate(cnpg_pg_stat_database_xact_rollback{own}[5m]))",
        "per second",
        "Transactions of an instance.",
    )
    yield Recording(
        "postgresql:pooler_waiting:count",
        f"sum(cnpg_pgbouncer_pools_cl_waiting{scope.of(POOLER)})",
        "count",
        "Clients that the pooler holds.",
    )
    if scope.backups:
        yield from _postgresql_backups(scope, own)


def _postgresql_backups(scope: Scope, own: str) -> Iterator[Recording]:
    yield Recording(
        "postgresql:base_backup_age:seconds",
        f"time() - max(barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{own})",
        "seconds",
        "Since the newest base backup.",
    )
    # Nothing is archived where nothing is written: that is no age.
    waits = f"cnpg_collector_pg_wal_archive_status{scope.of(POSTGRESQL, equal('value', 'ready'))}"
    since = f"cnpg_pg_stat_archiver_seconds_since_last_archival{own}"
    yield Recording(
        "postgresql:archive_age:seconds",
        f"max(max by (pod) ({since}) * on (pod) sgn(max by (pod) ({waits})))",
        "seconds",
        "Since WAL was last archived, while some of it waits; else nought.",
    )


def _redis(scope: Scope) -> Iterator[Recording]:
    own = scope.of(REDIS)
    hits, misses = f"redis_keyspace_hits_total{own}", f"redis_keyspace_misses_total{own}"
    read = f"(rate({hits}[5m]) + rate({misses}[5m]))"
    yield Recording(
        "redis_node:hits:ratio_rate5m",
        f"sum by (pod, zone) (rate({hits}[5m])) / (sum by (pod, zone) ({read}) > 0)",
        "ratio",
        "Share of reads that found their key, on a node that is read.",
    )
    yield Recording(
        "redis:hits:ratio_rate5m",
        f"sum(rate({hits}[5m])) / (sum({read}) > 0)",
        "ratio",
        "Share of reads that found their key.",
    )
    yield Recording(
        "redis_node:evictions:rate5m",
        f"sum by (pod, zone) (rate(redis_evicted_keys_total{own}[5m]))",
        "per second",
        "Keys that a node dropped to stay under its memory.",
    )
    yield Recording(
        "redis_node:commands:rate5m",
        f"sum by (pod, zone) (rate(redis_commands_processed_total{own}[5m]))",
        "per second",
        "Commands that a node answers.",
    )
    yield Recording(
        "redis_node:memory_used:ratio",
        f"max by (pod, zone) (redis_memory_used_bytes{own} / (redis_memory_max_bytes{own} > 0))",
        "ratio",
        "Share of maxmemory in use; at 1 keys are evicted.",
    )
    yield Recording(
        "redis:replication_lag:bytes",
        f"max by (pod, slave_ip) (redis_master_repl_offset{own}"
        f" - on (namespace, pod) group_right () redis_connected_slave_offset_bytes{own})",
        "bytes",
        "How far a replica is behind its master.",
    )


def _regions(scope: Scope) -> Iterator[Recording]:
    if scope.others:
        link = scope.of(LINK)
        yield Recording(
            "region_link:connect:seconds",
            f"avg by (source_region, target_region) (avg_over_time(probe_duration_seconds{link}[5m]))"
            f" and on (source_region, target_region) (probe_success{link} == 1)",
            "seconds",
            "Time to look up and to connect to another region: one round trip of the link.",
        )
        yield Recording(
            "region_link:up:ratio_avg5m",
            f"avg by (source_region, target_region) (avg_over_time(probe_success{link}[5m]))",
            "ratio",
            "Share of connections to another region that came about.",
        )
    if scope.hosts:
        yield Recording(
            "public_name:up:ratio_avg5m",
            f"avg by (instance) (avg_over_time(probe_success{scope.of(PUBLIC)}[5m]))",
            "ratio",
            "Share of health checks through a public name that found the service whole.",
        )
        yield Recording(
            "public_name:certificate:seconds",
            f"min by (instance) (probe_ssl_earliest_cert_expiry{scope.of(PUBLIC)}) - time()",
            "seconds",
            "Until the certificate of a public name ends.",
        )
    if scope.edge:
        yield Recording(
            "edge:responses:rate5m",
            f"sum by (code) (rate(haproxy_frontend_http_responses_total{scope.of(EDGE, equal('proxy', 'edge'))}[5m]))",
            "per second",
            "Answers of the edge to users, by class.",
        )
        yield Recording(
            "edge:home_up:ratio",
            f"avg(max by (pod) (haproxy_server_status{scope.of(EDGE, equal('state', 'UP'))}))",
            "ratio",
            "Share of the edge's pods that reach home.",
        )
