"""All that is scraped of a region in which all is well: at work, with backups, and with the pods of its Jobs."""

from collections.abc import Iterator

from observability.alerts.regions import OWN_CERTIFICATE
from observability.scope import (
    EDGE,
    EXPORTERS,
    GATEWAYS,
    INGRESS,
    LINK,
    MEMORY,
    POOLER,
    POSTGRESQL,
    POSTGRESQL_GATEWAY,
    PUBLIC,
    QDRANT,
    QDRANT_GATEWAY,
    REDIS,
    REDIS_GATEWAY,
    SHARDS,
)
from tests.dataplane.observability.cases import (
    DAY,
    HOUR,
    MINUTE,
    ZONES,
    Pod,
    Series,
    Watched,
    again_and_again,
    growing,
    pods,
    steady,
    taking,
)
from tests.dataplane.observability.cases_redis import cache, redis_role
from tests.dataplane.observability.cases_region import home_seen, upstream
from tests.dataplane.observability.cases_replication import confirmed, unreplayed
from tests.dataplane.observability.cases_service import node_cpu
from tests.dataplane.observability.cases_stores import archived, base_backups

ENDPOINTS = (("/memories", "POST"), ("/memories/search", "POST"), ("/stats", "GET"))
SEARCH = {"method": "POST", "endpoint": "/collections/{name}/points/search", "status": "200"}
CLAIMS = {QDRANT: "storage-{}", REDIS: "data-{}", POSTGRESQL: "{}-wal"}


def region(watched: Watched) -> Iterator[Series]:
    """Of a region of either role."""
    yield from _cluster(watched)
    yield from _qdrant(watched)
    yield from _postgresql(watched)
    yield from _redis(watched)
    yield from _ways(watched)
    yield Series(OWN_CERTIFICATE, {"certificate": "server", "region": watched.scope.region}, steady(1000 * DAY))
    if watched.scope.home:
        yield from _service(watched)
    if watched.scope.edge:
        edge = watched.component(EDGE)
        yield from watched.each(EDGE, edge, "up", steady(1))
        yield from home_seen(watched, len(edge))
        for code in ("2xx", "5xx"):
            labels = {"proxy": "edge", "code": code}
            yield from watched.each(EDGE, edge, "haproxy_frontend_http_responses_total", growing(3), **labels)


def _jobs(watched: Watched) -> list[Pod]:
    names = ("redis-healer-29411520-4xk2p", "qdrant-backup-29411520-99999", "qdrant-rebalancer-29411520-k7v2m")
    exporters = pods(f"{EXPORTERS}-84b5c6d7f-w{{}}x8q", 2)
    return [*(Pod(name, ZONES[2]) for name in names), *exporters]


def _cluster(watched: Watched) -> Iterator[Series]:
    for zone in ZONES:
        yield node_cpu(watched, zone, 0.4)
        for name, size in (("MemAvailable", 6e9), ("MemTotal", 16e9)):
            labels = {"job": "node-exporter", "node": Pod("", zone).node, "zone": zone}
            yield Series(f"node_memory_{name}_bytes", labels, steady(size))
    # It is being rolled: two tell the same.
    for teller in ("kube-state-metrics-0", "kube-state-metrics-1"):
        yield from watched.nodes(teller)
        for pod in _jobs(watched):
            yield from watched.pod_states(pod, teller=teller)
        for name in watched.scope.pods:
            waits = name == MEMORY and not watched.scope.home
            for pod in watched.component(name):
                yield from watched.pod_states(pod, ready=not waits, teller=teller)
        for pod in _placed(watched):
            own = {"namespace": watched.scope.namespace, "pod": pod.name, "container": "main"}
            for resource, unit, size in (("memory", "byte", 2e9), ("cpu", "core", 2)):
                limits = {"resource": resource, "unit": unit, **own}
                yield watched.told("kube_pod_container_resource_limits", steady(size), teller, **limits)
            yield watched.told("kube_pod_container_status_restarts_total", steady(1), teller, **own)
        scaler = {"namespace": watched.scope.namespace, "horizontalpodautoscaler": watched.scope.services[0]}
        for name, count in (("status_current", 3), ("spec_min", 3), ("spec_max", 12)):
            yield watched.told(f"kube_horizontalpodautoscaler_{name}_replicas", steady(count), teller, **scaler)
        backup = {"namespace": watched.scope.namespace, "cronjob": "qdrant-backup"}
        for name, age in (("created", 9 * DAY), ("status_last_successful_time", 5 * HOUR)):
            yield watched.told(f"kube_cronjob_{name}", steady(-age), teller, **backup)
    for pod in _placed(watched):
        for container, size in (("main", 1.2e9), ("", 1.3e9)):
            labels = {"pod": pod.name, "container": container}
            yield watched.of_kubelet("container_memory_working_set_bytes", steady(size), **labels)
            yield watched.of_kubelet("container_memory_rss", steady(size / 2), **labels)
            yield watched.of_kubelet("container_cpu_usage_seconds_total", growing(0.3), **labels)
    for name, pattern in CLAIMS.items():
        for pod in watched.component(name):
            claim = {"persistentvolumeclaim": pattern.format(pod.name), "node": pod.node}
            for what, size in (("available", 60e9), ("capacity", 100e9)):
                yield watched.of_kubelet(f"kubelet_volume_stats_{what}_bytes", steady(size), **claim)


def _placed(watched: Watched) -> list[Pod]:
    """Every pod that runs."""
    names = (name for name in watched.scope.pods if name != MEMORY or watched.scope.home)
    return [*_jobs(watched), *(pod for name in names for pod in watched.component(name))]


def _service(watched: Watched) -> Iterator[Series]:
    served = watched.component(MEMORY)
    for job in (MEMORY, *GATEWAYS):
        yield from watched.each(job, served, "up", steady(1))
    yield from watched.each(REDIS_GATEWAY, served, "redis_gateway_cluster_ok", steady(1))
    yield from watched.each(POSTGRESQL_GATEWAY, served, "postgresql_gateway_statements_sent_again_total", steady(0))
    for job, name, rates in (
        (REDIS_GATEWAY, "redis_gateway_answers_total", {"ok": 50, "error": 0.001}),
        (POSTGRESQL_GATEWAY, "postgresql_gateway_statements_total", {"ok": 50, "error": 0.001}),
        (POSTGRESQL_GATEWAY, "postgresql_gateway_logins_total", {"ok": 0.01, "failed": 0}),
    ):
        for outcome, rate in rates.items():
            yield from watched.each(job, served, name, growing(rate), outcome=outcome)
    for name, values, code in (
        ("active_servers", steady(watched.scope.qdrant_nodes), {}),
        ("response_time_average_seconds", steady(0.02), {}),
        ("client_aborts_total", growing(0.001), {}),
        ("redispatch_warnings_total", growing(0.1), {}),
        ("http_responses_total", growing(30), {"code": "2xx"}),
        ("http_responses_total", growing(0.01), {"code": "5xx"}),
    ):
        told = f"haproxy_backend_{name}"
        yield from watched.each(QDRANT_GATEWAY, served, told, values, proxy="peers", **code)
    for endpoint, method in ENDPOINTS:
        labels = {"endpoint": endpoint, "method": method}
        yield from watched.each(MEMORY, served, "api_requests_total", growing(10), **labels)
        yield from watched.each(MEMORY, served, "api_responses_total", growing(9.999), **labels, status="200")
        yield from watched.each(MEMORY, served, "api_responses_total", growing(0.0005), **labels, status="500")
        for bound, rate in taking(0.06).items():
            name = "api_request_latency_seconds_bucket"
            yield from watched.each(MEMORY, served, name, growing(rate), **labels, le=bound)


def _qdrant(watched: Watched) -> Iterator[Series]:
    """A standby has no collections: a promotion brings them."""
    nodes, home = watched.component(QDRANT), watched.scope.home
    yield from watched.each(SHARDS, pods(f"{EXPORTERS}-84b5c6d7f-w{{}}x8q", 2), "up", steady(1))
    for name, value, labels in (
        ("up", 1, {}),
        ("app_status_recovery_mode", 0, {}),
        ("collections_total", home, {}),
        ("collection_active_replicas_min", watched.scope.replication_factor if home else 0, {}),
        ("collection_dead_replicas", 0, {}),
        ("cluster_peers_total", watched.scope.qdrant_nodes, {}),
        ("cluster_commit", 100, {"peer_id": "1"}),
        ("cluster_working_state", 1, {"state": "working"}),
        ("cluster_working_state", 0, {"state": "stopped"}),
    ):
        yield from watched.each(QDRANT, nodes, name, steady(value), **labels)
    if not home:
        return
    yield from watched.each(QDRANT, nodes, "collection_points", steady(50_000), id="memories")
    for name in ("rest_responses_total", "rest_responses_duration_seconds_count"):
        yield from watched.each(QDRANT, nodes, name, growing(10), **SEARCH)
    for bound, rate in taking(0.03).items():
        name = "rest_responses_duration_seconds_bucket"
        yield from watched.each(QDRANT, nodes, name, growing(rate), **SEARCH, le=bound)
    for pod, held in zip(nodes, ((0, 1, 2), (0, 1, 3), (2, 3)), strict=True):
        for shard in held:
            labels = {"collection": "memories", "shard": str(shard), "pod": pod.name}
            yield watched.probed(SHARDS, "qdrant_shard_active", steady(1), **labels)


def _postgresql(watched: Watched) -> Iterator[Series]:
    instances, home = watched.component(POSTGRESQL), watched.scope.home
    primary, *replicas = instances
    yield from watched.each(POSTGRESQL, instances, "up", steady(1))
    for pod in instances:
        follows = not home or pod is not primary
        for name, value, labels in (
            ("pg_replication_in_recovery", follows, {}),
            ("pg_replication_is_wal_receiver_up", follows, {}),
            ("pg_replication_lag", 0.2, {}),
            ("backends_total", 60, {"usename": "app", "state": "idle"}),
            ("backends_max_tx_duration_seconds", 0.4, {"usename": "app", "state": "active"}),
            ("pg_settings_setting", 400, {"name": "max_connections"}),
            ("pg_database_xid_age", 1.9e8, {"datname": "memories"}),
        ):
            yield watched.scraped(POSTGRESQL, pod, f"cnpg_{name}", steady(value), **labels)
        for name, rate in (("xact_commit", 5), ("xact_rollback", 5), ("blks_hit", 980), ("blks_read", 20)):
            metric = f"cnpg_pg_stat_database_{name}"
            yield watched.scraped(POSTGRESQL, pod, metric, growing(rate), datname="memories")
        # Of those that archive; at home nobody has written for a day.
        if pod is primary or not home:
            yield from archived(watched, pod, DAY if home else 2 * MINUTE, waiting=0)
        yield from base_backups(watched, pod, -20 * HOUR, -3 * DAY)
    if home:
        elsewhere = f"{POSTGRESQL}-{watched.scope.others[0]}-1"
        yield from confirmed(watched, primary, [*(pod.name for pod in replicas), elsewhere])
        # A busy primary is always a little ahead.
        for name in (*(pod.name for pod in replicas), elsewhere):
            yield unreplayed(watched, primary, name, again_and_again(56, 8192, 880, 264))
    poolers = watched.component(POOLER)
    yield from watched.each(POOLER, poolers, "up", steady(1))
    yield from watched.each(POOLER, poolers, "cnpg_pgbouncer_pools_cl_waiting", steady(0), database="memories")
    yield from watched.each(POOLER, poolers, "cnpg_pgbouncer_pools_maxwait", steady(0), database="memories")


def _redis(watched: Watched) -> Iterator[Series]:
    """Nobody reads from a standby's."""
    nodes = watched.component(REDIS)
    for name, value in (
        ("up", 1),
        ("redis_up", 1),
        ("redis_cluster_state", 1),
        ("redis_cluster_slots_ok", 16384),
        ("redis_aof_last_write_status", 1),
        ("redis_evicted_keys_total", 12),
        ("redis_memory_used_bytes", 5e8),
        ("redis_memory_max_bytes", 1e9),
        ("redis_master_repl_offset", 1e6),
    ):
        yield from watched.each(REDIS, nodes, name, steady(value))
    for at, pod in enumerate(nodes):
        master = at < watched.scope.needed[REDIS]
        yield from redis_role(watched, pod, "master" if master else "slave", int(master))
        if master:
            labels = {"slave_ip": f"10.0.2.{at}", "slave_port": "6379", "slave_state": "online"}
            yield watched.scraped(REDIS, pod, "redis_connected_slave_offset_bytes", steady(1e6 - 70), **labels)
        yield watched.scraped(REDIS, pod, "redis_commands_processed_total", growing(200))
        reads = (90, 10) if watched.scope.home else (0, 0)
        yield from cache(watched, pod, *reads)


def _ways(watched: Watched) -> Iterator[Series]:
    asked = [
        *(
            (LINK, {"source_region": watched.scope.region, "target_region": other, "instance": f"{other}:5432"}, 0.07)
            for other in watched.scope.others
        ),
        *((PUBLIC, {"instance": f"https://{host}/healthz"}, 0.2) for host in watched.scope.hosts),
    ]
    for job, labels, took in asked:
        yield watched.probed(job, "up", steady(1), **labels)
        yield watched.probed(job, "probe_success", steady(1), **labels)
        yield watched.probed(job, "probe_duration_seconds", steady(took), **labels)
        if job == PUBLIC:
            yield watched.probed(job, "probe_ssl_earliest_cert_expiry", steady(60 * DAY), **labels)
    controllers = pods("nginx-ingress-controller-{}", 2)
    for name, values in (
        ("up", steady(1)),
        ("nginx_ingress_nginx_http_requests_total", growing(20)),
        ("nginx_ingress_controller_nginx_last_reload_status", steady(1)),
        ("nginx_ingress_controller_nginx_reload_errors_total", steady(0)),
    ):
        yield from watched.each(INGRESS, controllers, name, values)
    yield from upstream(watched, controllers[0], {"200": 30, "500": 0.001}, 60)


def without_zone(watched: Watched, lost: str) -> list[Series]:
    """The same region some minutes after a zone went away, with all that was in it."""
    gone = {pod.name for name in watched.scope.pods for pod in watched.component(name) if pod.zone == lost}
    left: list[Series] = []
    for series in region(watched):
        if series.labels.get("zone") == lost or series.labels.get("application_name") in gone:
            continue
        unready = series.name == "kube_pod_status_ready" and series.labels["pod"] in gone
        values = steady(series.labels["condition"] == "unknown") if unready else series.values
        left.append(Series(series.name, series.labels, values))
    return left
