"""A real Prometheus collects what the program's monitors say, and its rules tell what the load implies."""

from collections import Counter
from collections.abc import Callable

import pytest

from observability.metrics import SOURCES
from rehearsal.bench.rules import ASKED, scopes
from rehearsal.pods import is_of_a_job
from tests.dataplane.cluster.prometheus import MONITORING, Prometheus
from tests.dataplane.cluster.series import of_a_region
from tests.dataplane.cluster.service_load import ask
from tests.dataplane.cluster.stand import Pod, Stand, eventually

pytestmark = pytest.mark.own_nodes

COLLECTED_SECONDS = 120
ABSENT = "nginx-ingress"
"""Whose pods our own nodes have not."""
NOT_HERE = {
    "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp": "the stand-in of CloudNativePG makes no backups",
    "barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp": "the same",
    "haproxy_frontend_http_responses_total": "home has no edge: test_edge_proxy.py asks a real one",
    "haproxy_server_status": "the same",
    "kube_cronjob_status_last_successful_time": "of no CronJob before its first time, which may have been",
    "kube_horizontalpodautoscaler_spec_max_replicas": "this region scales by hand",
    "kube_horizontalpodautoscaler_spec_min_replicas": "the same",
    "kube_horizontalpodautoscaler_status_current_replicas": "the same",
    "nginx_ingress_controller_nginx_last_reload_status": "no ingress controller: its stand-in tells no figures",
    "nginx_ingress_controller_nginx_reload_errors_total": "the same",
    "nginx_ingress_controller_upstream_server_response_latency_ms_bucket": "the same",
    "nginx_ingress_controller_upstream_server_response_latency_ms_count": "the same",
    "nginx_ingress_nginx_http_requests_total": "the same",
    "probe_ssl_earliest_cert_expiry": "nobody answers by the public name",
}
"""What rules ask for and this region need not have, and why."""
READS = 2000
SERIES_OF_A_POD, SERIES_OF_A_REGION = 1000, 15_000
OF_THE_CLUSTER = ("kubelet", "cadvisor", "kube-state-metrics")
"""Which tell of all pods of a node, or of all there are."""
_READ = """
import sys
from redis.cluster import RedisCluster
password = open("/run/secrets/redis/password").read()
redis = RedisCluster(host="redis-headless", password=password, socket_timeout=5)
for number in range(50):
    redis.set(f"seen-{number}", "here")
for number in range(int(sys.argv[1])):
    redis.get(f"seen-{number % 50}" if number % 5 else f"never-{number}")
for number in range(50):
    redis.delete(f"seen-{number}")
"""


def selected(cluster: Stand, job: str) -> list[Pod]:
    """Pods that a monitor selects."""
    monitor = cluster.client.get(MONITORING, "PodMonitor", job, cluster.namespace)
    labels = monitor["spec"]["selector"]["matchLabels"]
    pods = cluster.pods(",".join(f"{key}={value}" for key, value in labels.items()))
    return [pod for pod in pods if not is_of_a_job(pod.manifest)]


def test_every_monitor_reads_its_pods_by_job_and_zone(cluster: Stand, prometheus: Prometheus) -> None:
    monitors = [one["metadata"]["name"] for one in cluster.client.list(MONITORING, "PodMonitor", cluster.namespace)]
    for job in monitors:
        pods = selected(cluster, job)
        assert pods or job == ABSENT, job
        wanted = {(pod.name, cluster.zone_of(pod)) for pod in pods}

        def read(job: str = job, wanted: set[tuple[str, str]] = wanted) -> bool:
            up = prometheus.query(f'up{{job="{job}"}} == 1')
            assert {(one.labels["pod"], one.labels["zone"]) for one in up} == wanted, job
            assert {one.labels["region"] for one in up} <= {cluster.settings.region.name}
            assert not [one for one in up if "endpoint" in one.labels]
            return True

        eventually(f"{job} is read", read, COLLECTED_SECONDS)


def test_every_rule_is_reckoned(prometheus: Prometheus) -> None:
    eventually("all rules ran", lambda: all(rule["evaluationTime"] for rule in prometheus.rules()), 30)
    assert [rule["name"] for rule in prometheus.rules() if rule["health"] != "ok"] == []


def test_whatever_rules_ask_for_is_told(cluster: Stand, prometheus: Prometheus) -> None:
    """By the real servers and exporters, where they are real: a metric of another name is a rule that says nothing."""
    asked = {metric for source in SOURCES for metric in source.metrics}
    pod = cluster.pods("app.kubernetes.io/name=memory-service")[0]
    with cluster.forwarded(pod.name, 9595) as port:
        ask(port, "/stats")  # before the first request it tells of none

    def told() -> bool:
        found = prometheus.query(f'count by (__name__) ({{__name__=~"{"|".join(asked)}"}})')
        assert asked - {one.labels["__name__"] for one in found} <= NOT_HERE.keys()
        return True

    eventually("every metric is told", told, COLLECTED_SECONDS)


def test_the_series_of_a_pod_are_counted(prometheus: Prometheus, figure: Callable[[str], None]) -> None:
    """They grow with pods, of which there are as many as the guide's sizes ask for, and with nothing that the pods hold
    (the paths of memories: see below).
    """
    pods = {one.labels["job"]: one.value for one in prometheus.query("count by (job) (up == 1)")}
    series = {one.labels["job"]: one.value for one in prometheus.query('count by (job) ({__name__!="", job!=""})')}
    for job in sorted(pods):
        figure(f"monitoring: {job}: {series[job] / pods[job]:.0f} series a pod")
    own = sum(count for job, count in series.items() if job not in OF_THE_CLUSTER)
    figure(
        f"monitoring: {own:.0f} series of the region's own, {sum(series.values()):.0f} with kubelets' and pods' state"
    )
    each = {job: series[job] / pods[job] for job in pods if job not in OF_THE_CLUSTER}
    for scope in scopes():
        now, twice = (of_a_region(each, pods, scope.pods, times) for times in (1, 2))
        figure(
            f"monitoring: at the sizes of {scope.region}, which are the guide's, {now:.0f} series of its own, and "
            f"{twice:.0f} with twice the pods"
        )
        assert twice < 2 * now < 2 * SERIES_OF_A_REGION
    names = "|".join(metric for source in SOURCES for metric in source.metrics)
    (asked,) = prometheus.query(f'count({{job!="", __name__=~"{names}"}})')
    share = asked.value / sum(series.values())
    figure(f"monitoring: rules ask for {share:.1%} of them")
    assert share < ASKED
    assert max(series[job] / pods[job] for job in pods if job not in OF_THE_CLUSTER) < SERIES_OF_A_POD


def test_the_share_of_reads_that_hit_is_told(
    cluster: Stand, prometheus: Prometheus, figure: Callable[[str], None]
) -> None:
    """Four of five reads find their key."""

    def told() -> bool:
        cluster.tool("python3", "-c", _READ, str(READS))
        hits = [one.value for one in prometheus.query("redis:hits:ratio_rate5m")]
        assert [0.75 < value < 0.85 for value in hits] == [True], hits
        nodes = prometheus.query("redis_node:hits:ratio_rate5m")
        # Masters are read, and replicas not; one that has been a master within the window was read, too.
        assert len(nodes) >= cluster.settings.redis.cluster.nodes
        assert all(one.labels["zone"] for one in nodes)
        return True

    eventually("the hit rate is told", told, 90, every=4)
    figure("monitoring: four reads of five hit, and Prometheus says so")


def test_every_copy_of_a_shard_is_told_with_its_node(cluster: Stand, prometheus: Prometheus) -> None:
    settings = cluster.settings
    copies = settings.sharding.replication_factor

    def told() -> bool:
        shards = prometheus.query("qdrant_shard:copies:count")
        by_collection = Counter(one.labels["collection"] for one in shards)
        assert list(by_collection.values()) == [settings.shards] * len(settings.memory.namespaces)
        assert {one.value for one in shards} == {float(copies)}
        return True

    eventually("shards are told", told, 60)
    nodes = prometheus.query("qdrant_node:shards:count")
    assert {one.labels["pod"] for one in nodes} == {f"qdrant-{node}" for node in range(settings.qdrant.replicas)}
    assert sum(one.value for one in nodes) == settings.shards * copies * len(settings.memory.namespaces)
    assert {one.labels["zone"] for one in nodes} == set(settings.zone_values.values())


def test_every_gateway_asks_every_node_of_qdrant(cluster: Stand, prometheus: Prometheus) -> None:
    """Each pod of the service tells of its own."""
    gateways = {pod.name for pod in cluster.pods("app.kubernetes.io/name=memory-service")}

    def told() -> bool:
        peers = {one.labels["pod"]: one.value for one in prometheus.query("qdrant_gateway:peers:count")}
        assert peers == dict.fromkeys(gateways, float(cluster.settings.qdrant.replicas))
        return True

    eventually("gateways tell of their nodes", told, 60)


def test_the_service_is_told_without_the_coordinates_of_memories(cluster: Stand, prometheus: Prometheus) -> None:
    pod = cluster.pods("app.kubernetes.io/name=memory-service")[0]
    with cluster.forwarded(pod.name, 9595) as port:
        for path in ("/stats", "/memories/1,2,3", "/ping", "/nowhere"):
            ask(port, path)

    def told() -> bool:
        paths = {one.labels["endpoint"] for one in prometheus.query(f'api_requests_total{{pod="{pod.name}"}}')}
        assert "/stats" in paths
        assert paths <= {"/stats", "/memories", "/memories/search"}
        return True

    eventually("the request is told", told, 30)


def test_a_name_that_nobody_answers_is_told(prometheus: Prometheus) -> None:
    """No user reaches our own nodes: the prober says so."""

    def told() -> bool:
        asked = prometheus.query('probe_success{job="public-name"}')
        assert {one.labels["instance"] for one in asked} == {
            "https://memory.example.com/healthz",
            "https://second.example.com/healthz",
        }
        assert {one.value for one in asked} == {0.0}
        return True

    eventually("names are asked", told, 60)
