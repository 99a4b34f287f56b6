"""Recording rules: every metric of the guide under a name of its own, with its unit.

Where the metrics come from is in `observability/metrics.py`. The guide's list is "Metrics to Watch" in its chapter
"Monitoring Scaled Deployments".
"""

from collections.abc import Iterator

from observability import ways, workloads
from observability.rule import QUANTILES, Group, Recording, share
from observability.scope import (
    MEMORY,
    POOLER,
    POSTGRESQL,
    POSTGRESQL_GATEWAY,
    QDRANT,
    QDRANT_GATEWAY,
    REDIS,
    REDIS_GATEWAY,
    SHARDS,
    Scope,
    equal,
)

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
"""Of the error ratio: those of the alerts on the error budget (sre.google/workbook/alerting-on-slos)."""

PEERS = equal("proxy", "peers")
"""Matcher of what the gateway to Qdrant tells of its nodes (components/files/qdrant-gateway.cfg)."""


def groups(scope: Scope) -> list[Group]:
    """All recording rules of a region."""
    return [
        Group("nodes", list(workloads.nodes())),
        Group("components", list(workloads.components(scope))),
        Group("service", list(_service(scope))),
        Group("qdrant", list(_qdrant(scope))),
        Group("postgresql", list(_postgresql(scope))),
        Group("redis", list(_redis(scope))),
        *([Group("regions", regions)] if (regions := list(ways.regions(scope))) else []),
        *([Group("ingress", list(ways.ingress(scope)))] if scope.hosts else []),
    ]


def idle(labels: str, selector: str) -> str:
    """Nought for each pod that answers: a counter that never counted is no series, and would be missing in a mean."""
    return f"0 * group by ({labels}) (up{selector} == 1)"


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
    stores = 'endpoint="/memories", method="POST"'
    every, failed = scope.of(MEMORY, stores), scope.of(MEMORY, f'{stores}, status=~"5.."')
    yield Recording(
        "service:failed_stores:ratio_rate5m",
        share("service", f"api_responses_total{failed}", f"api_responses_total{every}"),
        "ratio",
        "Share of memories to be stored that failed.",
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
    failed = scope.of(QDRANT, 'status=~"5.."')
    yield Recording(
        "qdrant_node:errors:ratio_rate5m",
        share("pod, zone", f"rest_responses_total{failed}", f"rest_responses_total{own}"),
        "ratio",
        "Share of its requests that a node fails; the gateways send those to another node.",
    )
    yield from _through_gateways(scope)
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


def _through_gateways(scope: Scope) -> Iterator[Recording]:
    """Qdrant as the gateways beside the service see it. Nothing waits in their queue: they hold no call back."""
    own, failed = scope.of(QDRANT_GATEWAY, PEERS), scope.of(QDRANT_GATEWAY, f'{PEERS}, code="5xx"')

    def rate(counted: str) -> str:
        return f"sum by (service) (rate(haproxy_backend_{counted}[5m]))"

    calls, repeated = rate(f"http_responses_total{own}"), rate(f"redispatch_warnings_total{own}")
    yield Recording(
        "service:qdrant_errors:ratio_rate5m",
        f"({rate(f'http_responses_total{failed}')} + {rate(f'client_aborts_total{own}')}) / ({calls} > 0)",
        "ratio",
        "Share of a service's calls to Qdrant that failed, or that it gave up, whatever it answered its users.",
    )
    yield Recording(
        "service:qdrant_repeated:ratio_rate5m",
        f"{repeated} / ({calls} > 0)",
        "ratio",
        "How often a node failed a call to Qdrant, so that it was made to another one, of all calls.",
    )
    yield Recording(
        "qdrant_gateway:peers:count",
        f"max by (service, pod, zone) (haproxy_backend_active_servers{own})",
        "count",
        "Nodes of Qdrant that answer a gateway.",
    )
    yield Recording(
        "qdrant_gateway:response:seconds",
        f"max by (service, pod, zone) (haproxy_backend_response_time_average_seconds{own})",
        "seconds",
        "Time to an answer of Qdrant as a gateway sees it: the mean of its last 1024 calls.",
    )


def _postgresql(scope: Scope) -> Iterator[Recording]:
    own = scope.of(POSTGRESQL)
    yield Recording(
        "postgresql:replication_lag:seconds",
        f"max by (pod, zone) (cnpg_pg_replication_lag{own})",
        "seconds",
        "How far an instance is behind what it follows, by its own clock: 0 where it has replayed no commit since it "
        "started.",
    )
    if scope.home:
        yield Recording(
            "postgresql:replay_behind:bytes",
            f"max by (application_name) (cnpg_pg_stat_replication_replay_diff_bytes{own})",
            "bytes",
            "WAL of the primary that an instance which streams from it has not replayed, as the primary sees it.",
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
    asked = "postgresql_gateway_statements_total"
    failed = scope.of(POSTGRESQL_GATEWAY, equal("outcome", "error"))
    yield Recording(
        "service:postgresql_errors:ratio_rate5m",
        share("service", f"{asked}{failed}", f"{asked}{scope.of(POSTGRESQL_GATEWAY)}"),
        "ratio",
        "Share of a service's statements that failed, whatever it answered its users.",
    )
    hit, read = (f"sum by (pod) (rate(cnpg_pg_stat_database_blks_{found}{own}[5m]))" for found in ("hit", "read"))
    yield Recording(
        "postgresql:cache_hits:ratio_rate5m",
        f"{hit} / ({hit} + {read} > 0)",
        "ratio",
        "Share of the blocks that an instance reads which it finds in its memory.",
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
    answers, failed = "redis_gateway_answers_total", scope.of(REDIS_GATEWAY, equal("outcome", "error"))
    yield Recording(
        "service:redis_errors:ratio_rate5m",
        share("service", f"{answers}{failed}", f"{answers}{scope.of(REDIS_GATEWAY)}"),
        "ratio",
        "Share of a service's commands to Redis that failed, of those that its gateway carries.",
    )
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
