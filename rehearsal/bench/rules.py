"""What a region's rules cost Prometheus: the time of one evaluation of those of two regions, at many series.

A real Prometheus reads made-up figures of two regions in which all is well: those that rules ask for, as many pods as
make them, and for each of those some that no rule asks for, as a region has them. Windows hold what came since the
start: those of days would hold many more samples in a region's long life, of the few series that tell the service's
answers.
"""

import itertools
import json
import statistics
import time
import urllib.request
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from observability.metrics import SOURCES
from observability.rules import rules
from observability.scope import (
    EDGE,
    INGRESS,
    LINK,
    MEMORY,
    POSTGRESQL,
    POSTGRESQL_GATEWAY,
    QDRANT,
    QDRANT_GATEWAY,
    REDIS,
    REDIS_GATEWAY,
    SHARDS,
    Scope,
    scope,
)
from rehearsal import paths
from rehearsal.bench.measure import Measure
from rehearsal.bench.stand import Stand, find, missing, stand
from rehearsal.engine.project import Project
from rehearsal.errors import RehearsalError
from rehearsal.ports import free_port
from rehearsal.progress import Progress
from rehearsal.standins.qdrant import wire

NEEDED = (("prometheus",),)
SERIES, GOAL_SECONDS = 100_000, 1.0
EVERY_SECONDS, EVALUATIONS = 10, 3
ASKED = 0.125
"""Share of a region's series that its rules ask for, and more than that: the data tier holds real nodes to it."""
JOBS = {
    "memory service": MEMORY,
    "Redis gateway": REDIS_GATEWAY,
    "PostgreSQL gateway": POSTGRESQL_GATEWAY,
    "HAProxy of the Qdrant gateway": QDRANT_GATEWAY,
    "Qdrant": QDRANT,
    "shard exporter": SHARDS,
    "CloudNativePG": POSTGRESQL,
    "Barman Cloud plugin": POSTGRESQL,
    "redis_exporter": REDIS,
    "NGINX Ingress Controller": INGRESS,
    "HAProxy of the edge": EDGE,
    "blackbox exporter": LINK,
}
"""Source of metrics to the job that reads them; the others are read by jobs of the cluster's own."""
_BOUNDS = ("0.005", "0.01", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "+Inf")
_BOUNDS_MS = ("50", "100", "200", "500", "1000", "+Inf")
_MORE: Mapping[str, list[dict[str, str]]] = {
    "api_request_latency_seconds_bucket": [{"le": le} for le in _BOUNDS],
    "rest_responses_duration_seconds_bucket": [{"le": le} for le in _BOUNDS],
    "api_responses_total": [{"status": status} for status in ("200", "404", "500")],
    "nginx_ingress_controller_upstream_server_response_latency_ms_bucket": [
        {"le": le, "code": "200"} for le in _BOUNDS_MS
    ],
    "nginx_ingress_controller_upstream_server_response_latency_ms_count": [{"code": code} for code in ("200", "502")],
    "haproxy_backend_http_responses_total": [{"code": code} for code in ("2xx", "5xx")],
    "postgresql_gateway_logins_total": [{"outcome": outcome} for outcome in ("ok", "failed")],
    "postgresql_gateway_statements_total": [{"outcome": outcome} for outcome in ("ok", "error")],
    "redis_gateway_answers_total": [{"outcome": outcome} for outcome in ("ok", "error")],
    "node_cpu_seconds_total": [{"mode": "idle", "cpu": str(cpu)} for cpu in range(4)],
    "kube_pod_status_ready": [{"condition": "true"}],
    "kube_pod_container_resource_limits": [{"resource": "memory"}],
    "cnpg_pg_settings_setting": [{"name": "max_connections"}],
}
"""Labels that some metrics have more of."""
_COUNTERS = ("_total", "_bucket", "_count", "_commit", "_rollback")
_FAILURES = ('status="500"', 'code="502"', 'code="5xx"', 'outcome="error"', 'outcome="failed"')
_VALUES = {
    "app_status_recovery_mode": 0,
    "cluster_peers_total": 3,
    "cnpg_backends_total": 1,
    "collections_total": 1,
    "haproxy_backend_client_aborts_total": 1,
    "haproxy_backend_redispatch_warnings_total": 1,
    "kube_pod_container_status_restarts_total": 1,
    "nginx_ingress_controller_nginx_reload_errors_total": 0,
    "postgresql_gateway_statements_sent_again_total": 1,
    "redis_evicted_keys_total": 1,
    "redis_keyspace_misses_total": 1,
    "cluster_working_state": 0,
    "cnpg_pg_settings_setting": 1000,
    "collection_active_replicas_min": 2,
    "collection_dead_replicas": 0,
    "kube_pod_container_resource_limits": 2,
    "kubelet_volume_stats_capacity_bytes": 2,
    "node_memory_MemTotal_bytes": 2,
    "redis_cluster_slots_ok": 16384,
}
"""Of what is well otherwise than by a one."""


def measure(progress: Progress, series: int = SERIES, every: int = EVERY_SECONDS) -> list[Measure]:
    """One evaluation of all rules, groups added up; figures and evaluations come every so many seconds."""
    lacks = missing(*NEEDED)
    if lacks:
        return [Measure.missing("the rules", lacks)]
    with progress.step(f"evaluate the rules of two regions over {series} series"), _prometheus(series, every) as port:
        seconds, read = _seconds(port, every), _read(port)
    return [
        Measure("rules of two regions: one evaluation", seconds, "s", GOAL_SECONDS),
        Measure("rules of two regions: series", read, "series"),
    ]


def scopes() -> list[Scope]:
    """Two regions of this checkout, each in a namespace of its own here, with all that may be watched."""
    settings = Project.load(paths.CHECKOUT).settings()
    return [
        replace(scope(one), namespace=f"bench-{name}", ingress_namespace=f"bench-{name}", backups=True)
        for name, one in settings.items()
    ]


def figures(regions: list[Scope], series: int) -> str:
    """Series in Prometheus' text format: counters that count, and figures of a region in which all is well."""
    moment, asked = int(time.time()), round(series * ASKED)
    made = itertools.islice(_series(regions), asked)
    told = [f"{metric}{{{labels}}} {_value(metric, labels, moment)}\n" for metric, labels in made]
    # Each pod has the same ones.
    others = round(1 / ASKED) - 1
    told += [f'other_{number % others}{{number="{number // others}"}} {moment}\n' for number in range(series - asked)]
    return "".join(told)


def _value(metric: str, labels: str, moment: int) -> int:
    if metric in _VALUES or any(failure in labels for failure in _FAILURES):
        return _VALUES.get(metric, 1)
    return moment if metric.endswith(_COUNTERS) else 1


def _series(regions: list[Scope]) -> Iterator[tuple[str, str]]:
    """Metrics and their labels: pod after pod, each with every metric, on a node of its own."""
    for number in itertools.count():
        for region in regions:
            zone = f"zone-{'abc'[number % 3]}"
            own = {"namespace": region.namespace, "region": region.region, "pod": f"qdrant-{number}", "zone": zone}
            own["resource_namespace"] = region.namespace
            node = {"node": f"{region.region}-{number}", "label_topology_kubernetes_io_zone": zone}
            yield _line("up", {"job": "qdrant", **own})
            for source in SOURCES:
                for metric in source.metrics if source.name != "Prometheus" else ():
                    labels = {"job": JOBS.get(source.name, source.name), **own, **node, "container": "main"}
                    for more in _MORE.get(metric, [{}]):
                        yield _line(metric, {**labels, **_FIXED, **more})


_FIXED = {
    "service": "memory-service",
    "proxy": "peers",
    "method": "POST",
    "endpoint": "/collections/api_ns/points/search",
    "collection": "api_ns",
    "shard": "0",
    "source_region": "us-east",
    "target_region": "us-west",
}


def _line(metric: str, labels: Mapping[str, str]) -> tuple[str, str]:
    return metric, ",".join(f'{key}="{value}"' for key, value in labels.items())


@contextmanager
def _prometheus(series: int, every: int) -> Generator[int]:
    """Port of a Prometheus that reads them and evaluates the rules."""
    regions = scopes()
    with stand("rules") as here, _told(regions, series) as source:
        files: list[str] = []
        for region in regions:
            told = rules(region)
            for group in told["groups"]:
                group["name"] += f"-{region.region}"
            (here.folder / f"{region.region}.json").write_text(json.dumps(told))
            files.append(f"{region.region}.json")
        interval = f"{every}s"
        target = {"job_name": "all", "honor_labels": True, "static_configs": [{"targets": [f"127.0.0.1:{source}"]}]}
        config = {
            "global": dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), interval),
            "rule_files": files,
            "scrape_configs": [target],
        }
        (here.folder / "prometheus.json").write_text(json.dumps(config))
        port = free_port()
        _start(here, port)
        yield port


def _start(here: Stand, port: int) -> None:
    command = [find("prometheus") or "", f"--config.file={here.folder}/prometheus.json"]
    command += [f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={here.folder}/data"]
    here.start("prometheus", [*command, "--log.level=warn"])
    here.await_(lambda: ready(port), "Prometheus", "prometheus")


@contextmanager
def _told(regions: list[Scope], series: int) -> Generator[int]:
    """Port of a server that tells the figures, anew at each scrape."""

    server = wire.serve("127.0.0.1", 0, lambda _: wire.Answer(200, figures(regions, series)))
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _seconds(port: int, every: int) -> float:
    """The median of some evaluations after figures have come twice. RehearsalError where a rule fails."""
    found: list[float] = []
    deadline = time.monotonic() + 30 * every
    while _read(port) == 0:
        if time.monotonic() > deadline:
            raise RehearsalError("Prometheus has read nothing")
        time.sleep(1)
    time.sleep(2 * every)
    for _ in range(EVALUATIONS):
        time.sleep(every)
        groups = _get(port, "/api/v1/rules")["data"]["groups"]
        failed = {
            rule["name"]: rule["lastError"] for group in groups for rule in group["rules"] if rule.get("lastError")
        }
        if failed:
            raise RehearsalError(f"rules fail: {failed}")
        found.append(sum(group["evaluationTime"] for group in groups))
    return statistics.median(found)


def _read(port: int) -> float:
    result = _get(port, "/api/v1/query?query=scrape_samples_scraped")["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


def ready(port: int) -> bool:
    """Whether a Prometheus on loopback answers queries."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5):
            return True
    except OSError:
        return False


def _get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return json.load(answer)
