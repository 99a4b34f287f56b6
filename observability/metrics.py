"""Metrics that rules ask for, by who tells them, and where upstream says that they exist.

A rule that asks for anything else fails a test: an upgrade that renames a metric is mended here and in the rules.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Who tells metrics."""

    name: str
    where: str
    """Of the versions that components/versions.py and settings/images.py pin."""
    metrics: tuple[str, ...]


SOURCES = (
    Source(
        "memory service",
        "http_api.py of 9d8f7f1; nothing else that its documentation names is ever served",
        ("api_requests_total", "api_responses_total", "api_request_latency_seconds_bucket"),
    ),
    Source(
        "Redis gateway",
        "images/redis-gateway/metrics.go",
        ("redis_gateway_answers_total", "redis_gateway_cluster_ok"),
    ),
    Source(
        "PostgreSQL gateway",
        "images/postgresql-gateway/metrics.go",
        (
            "postgresql_gateway_logins_total",
            "postgresql_gateway_statements_sent_again_total",
            "postgresql_gateway_statements_total",
        ),
    ),
    Source(
        "Qdrant",
        "qdrant v1.19.0 src/common/metrics.rs",
        (
            "app_status_recovery_mode",
            "cluster_commit",
            "cluster_peers_total",
            "cluster_working_state",
            "collection_active_replicas_min",
            "collection_dead_replicas",
            "collection_points",
            "collections_total",
            "rest_responses_duration_seconds_bucket",
            "rest_responses_duration_seconds_count",
            "rest_responses_total",
        ),
    ),
    Source("shard exporter", "components/files/qdrant_exporter.py", ("qdrant_shard_active",)),
    Source(
        "CloudNativePG",
        "cloudnative-pg v1.30.0 docs/src/monitoring.md and config/manager/default-monitoring.yaml; pooler: "
        "docs/src/connection_pooling.md",
        (
            "cnpg_backends_max_tx_duration_seconds",
            "cnpg_backends_total",
            "cnpg_collector_pg_wal_archive_status",
            "cnpg_collector_sync_replicas",
            "cnpg_pg_database_xid_age",
            "cnpg_pg_postmaster_start_time",
            "cnpg_pg_replication_in_recovery",
            "cnpg_pg_replication_is_wal_receiver_up",
            "cnpg_pg_replication_lag",
            "cnpg_pg_replication_streaming_replicas",
            "cnpg_pg_settings_setting",
            "cnpg_pg_stat_archiver_seconds_since_last_archival",
            "cnpg_pg_stat_database_blks_hit",
            "cnpg_pg_stat_database_blks_read",
            "cnpg_pg_stat_database_xact_commit",
            "cnpg_pg_stat_database_xact_rollback",
            "cnpg_pg_stat_replication_replay_diff_bytes",
            "cnpg_pg_stat_replication_sent_diff_bytes",
            "cnpg_pgbouncer_pools_cl_waiting",
            "cnpg_pgbouncer_pools_maxwait",
        ),
    ),
    Source(
        "Barman Cloud plugin",
        "plugin-barman-cloud v0.13 web/docs/observability.md",
        (
            "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp",
            "barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp",
        ),
    ),
    Source(
        "redis_exporter",
        "oliver006/redis_exporter v1.88.0 exporter/exporter.go and metrics.go",
        (
            "redis_aof_last_write_status",
            "redis_cluster_known_nodes",
            "redis_cluster_slots_ok",
            "redis_cluster_state",
            "redis_commands_processed_total",
            "redis_connected_slave_offset_bytes",
            "redis_connected_slaves",
            "redis_evicted_keys_total",
            "redis_instance_info",
            "redis_keyspace_hits_total",
            "redis_keyspace_misses_total",
            "redis_master_repl_offset",
            "redis_memory_max_bytes",
            "redis_memory_used_bytes",
            "redis_up",
        ),
    ),
    Source(
        "NGINX Ingress Controller",
        "nginx/kubernetes-ingress v5.5.4 internal/metrics/collectors, with `enableLatencyMetrics`; the first: "
        "nginx/nginx-prometheus-exporter v1.5.1 collector/nginx.go",
        (
            "nginx_ingress_nginx_http_requests_total",
            "nginx_ingress_controller_nginx_last_reload_status",
            "nginx_ingress_controller_nginx_reload_errors_total",
            "nginx_ingress_controller_upstream_server_response_latency_ms_bucket",
            "nginx_ingress_controller_upstream_server_response_latency_ms_count",
        ),
    ),
    Source(
        "HAProxy of the Qdrant gateway",
        "haproxy v3.2 addons/promex/README",
        (
            "haproxy_backend_active_servers",
            "haproxy_backend_client_aborts_total",
            "haproxy_backend_http_responses_total",
            "haproxy_backend_redispatch_warnings_total",
            "haproxy_backend_response_time_average_seconds",
        ),
    ),
    Source(
        "HAProxy of the edge",
        "haproxy v3.2 addons/promex/README",
        ("haproxy_frontend_http_responses_total", "haproxy_server_status"),
    ),
    Source(
        "blackbox exporter",
        "prometheus/blackbox_exporter v0.28.0 prober/",
        ("probe_duration_seconds", "probe_ssl_earliest_cert_expiry", "probe_success"),
    ),
    Source(
        "kube-state-metrics",
        "kubernetes/kube-state-metrics docs/metrics, as kube-prometheus-stack 88.5.3 brings it",
        (
            "kube_cronjob_created",
            "kube_cronjob_status_last_successful_time",
            "kube_horizontalpodautoscaler_spec_max_replicas",
            "kube_horizontalpodautoscaler_spec_min_replicas",
            "kube_horizontalpodautoscaler_status_current_replicas",
            "kube_node_labels",
            "kube_pod_container_resource_limits",
            "kube_pod_container_status_restarts_total",
            "kube_pod_info",
            "kube_pod_status_ready",
        ),
    ),
    Source(
        "kubelet",
        "kubernetes v1.36 pkg/kubelet/metrics/collectors/volume_stats.go, google/cadvisor docs/storage/prometheus.md",
        (
            "container_cpu_usage_seconds_total",
            "container_memory_rss",
            "container_memory_working_set_bytes",
            "kubelet_volume_stats_available_bytes",
            "kubelet_volume_stats_capacity_bytes",
        ),
    ),
    Source(
        "node exporter",
        "prometheus/node_exporter collector/cpu_common.go and meminfo.go, as kube-prometheus-stack 88.5.3 brings it",
        ("node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"),
    ),
    Source("Prometheus", "prometheus.io/docs/concepts/jobs_instances", ("up",)),
)
