"""How a region is watched: every monitor finds pods and a port that they have, and Prometheus is let in there."""

import re
from collections import Counter
from typing import Any, cast

import pytest

from components import exporters, monitors, redis_plan
from components.files import qdrant_exporter
from components.files.qdrant_rest import Qdrant
from components.postgres_cluster import METRICS_PORT as POSTGRESQL_PORT
from components.postgres_cluster import instance_pods
from components.postgres_pooler import METRICS_PORT as POOLER_PORT
from components.postgres_pooler import PODS as POOLER_PODS
from observability.alerts.regions import OWN_CERTIFICATE
from observability.scope import GATEWAYS, scope
from settings import load
from settings.monitoring import Thresholds
from tests.unit import dashboards
from tests.unit.network import Peer, may_connect, outside, peer
from tests.unit.recorded import Recorded, Resource
from tests.unit.recorder import record_stack
from tests.unit.test_settings import region

PROMETHEUS = Peer({"app.kubernetes.io/name": "prometheus"}, "monitoring")
OPERATORS: dict[str, tuple[dict[str, str], int]] = {
    "postgresql": (instance_pods("postgresql-{region}"), POSTGRESQL_PORT),
    "postgresql-pooler": (POOLER_PODS, POOLER_PORT),
}
"""Pods that CloudNativePG makes: their labels, and the port that it calls `metrics` (docs/src/monitoring.md)."""


def _monitored(run: Recorded) -> dict[str, Resource]:
    return {one.object_name: one for one in run.of("PodMonitor")}


@pytest.fixture(params=["us-east", "us-west"])
def run(request: pytest.FixtureRequest, us_east: Recorded, us_west: Recorded) -> Recorded:
    return us_east if request.param == "us-east" else us_west


class TestMonitors:
    def test_there_is_one_for_everything_that_alerts_miss_when_it_is_silent(self, run: Recorded) -> None:
        probed = {"region-link", "public-name"}
        rules = run.one("PrometheusRule", "somafractalmemory").spec
        missed = next(
            rule for group in rules["groups"] for rule in group["rules"] if rule.get("alert") == "TargetMissing"
        )
        jobs = set(re.findall(r'job="([^"]+)"', missed["expr"]))
        assert jobs - probed <= _monitored(run).keys()
        assert {one.spec["jobName"] for one in run.of("Probe")} == probed
        held = {"memory-service", *GATEWAYS} if run.stack == "us-west" else set[str]()
        # An ingress controller may be somebody else's.
        assert _monitored(run).keys() - jobs == {"nginx-ingress"} | held

    def test_each_finds_pods_that_have_its_port_and_let_prometheus_in(self, run: Recorded) -> None:
        for job, monitor in _monitored(run).items():
            if job == "nginx-ingress":
                continue
            (endpoint,) = monitor.spec["podMetricsEndpoints"]
            selector = monitor.spec["selector"]
            if job in OPERATORS:
                labels, port = OPERATORS[job]
                labels = {key: value.format(region=run.stack) for key, value in labels.items()}
                assert selector == {"matchLabels": labels}
                assert endpoint["port"] == "metrics"
                assert may_connect(run, PROMETHEUS, Peer(labels), port), job
                continue
            found = [pods for pods in run.pod_templates if pods.matches(selector) and pods.workload.kind != "Job"]
            assert found, f"{job} finds nobody"
            for pods in found:
                ports = {
                    port["name"]: port["containerPort"] for each in pods.containers for port in each.get("ports", [])
                }
                assert endpoint["port"] in ports, f"{job}: {pods.name} has {ports}"
                assert may_connect(run, PROMETHEUS, peer(pods), ports[endpoint["port"]]), f"{job}: {pods.name}"

    def test_the_ingress_controllers_pods_are_looked_for_where_they_are(self, run: Recorded) -> None:
        monitor = _monitored(run)["nginx-ingress"]
        assert monitor.spec["namespaceSelector"] == {"matchNames": ["nginx-ingress"]}
        assert all("namespaceSelector" not in other.spec for other in run.of("PodMonitor") if other is not monitor)

    def test_series_carry_job_region_and_zone_and_not_the_ports_name(self, run: Recorded) -> None:
        for job, monitor in _monitored(run).items():
            target: dict[str, str] = {
                "__meta_kubernetes_pod_phase": "Running",
                "__meta_kubernetes_node_label_topology_kubernetes_io_zone": "zone-b",
                "__meta_kubernetes_pod_label_app_kubernetes_io_instance": "memory-service-notes",
                "endpoint": "metrics",
            }
            assert monitor.spec["attachMetadata"] == {"node": True}
            labels = relabelled(target, monitor.spec["podMetricsEndpoints"][0]["relabelings"])
            assert labels is not None
            told = {key: value for key, value in labels.items() if not key.startswith("__")}
            service = {"service": "memory-service-notes"} if "memory-service" in str(monitor.spec["selector"]) else {}
            assert told == {"job": job, "region": run.stack, "zone": "zone-b", **service}

    def test_pods_that_wait_are_not_asked(self, run: Recorded) -> None:
        for monitor in run.of("PodMonitor"):
            waiting = {"__meta_kubernetes_pod_phase": "Pending"}
            assert relabelled(waiting, monitor.spec["podMetricsEndpoints"][0]["relabelings"]) is None

    @pytest.mark.parametrize(
        ("endpoint", "kept"),
        [
            (None, True),
            ("/memories", True),
            ("/memories/search", True),
            ("/memories/1,2,3", False),
            ("/memories/searching", False),
            ("/health", False),
            ("/metrics", False),
            ("/wp-login.php", False),
        ],
    )
    def test_a_million_memories_add_no_series(self, us_east: Recorded, endpoint: str | None, kept: bool) -> None:
        rules = _monitored(us_east)["memory-service"].spec["podMetricsEndpoints"][0]["metricRelabelings"]
        labels = {"__name__": "api_requests_total", **({} if endpoint is None else {"endpoint": endpoint})}
        assert (relabelled(labels, rules) is not None) is kept

    @pytest.mark.parametrize(
        ("le", "kept"),
        [
            *((None, True), ("+Inf", True), ("500", True), ("500.0", True), ("50000", True)),
            *(("3", False), ("300", False), ("5000000", False)),
        ],
    )
    def test_the_ingress_controllers_histogram_has_half_of_its_bounds(
        self, us_east: Recorded, le: str | None, kept: bool
    ) -> None:
        rules = _monitored(us_east)["nginx-ingress"].spec["podMetricsEndpoints"][0]["metricRelabelings"]
        labels = {"__name__": "nginx_ingress_controller_any", **({} if le is None else {"le": le})}
        assert (relabelled(labels, rules) is not None) is kept

    def test_thresholds_are_bounds_that_are_kept(self) -> None:
        """Else no quantile is told apart from the limit, over or under it."""
        latency = Thresholds().latency
        assert {latency.warning_ms, latency.critical_ms} < {*monitors.BOUNDS_MS}

    def test_figures_of_other_pods_keep_their_names(self, us_east: Recorded) -> None:
        told = {
            job: monitor.spec["podMetricsEndpoints"][0].get("honorLabels", False)
            for job, monitor in _monitored(us_east).items()
        }
        assert [job for job, honored in told.items() if honored] == ["qdrant-shards"]

    def test_they_are_read_as_often_as_settings_say(self) -> None:
        run = record_stack("us-east", overrides={"monitoring": {"interval_seconds": 15}})
        every = {one.spec["podMetricsEndpoints"][0]["interval"] for one in run.of("PodMonitor")}
        assert every | {one.spec["interval"] for one in run.of("Probe")} == {"15s"}

    def test_rules_ask_about_what_is_there(self, us_east: Recorded) -> None:
        """While the first update makes the stores, nobody is woken for them."""
        rule = us_east.one("PrometheusRule", "somafractalmemory")
        before = {urn.rpartition("::")[2] for urn in rule.depends_on}
        assert {"us-east-qdrant-statefulset", "us-east-redis-bootstrap"} <= before, before

    def test_certificates_of_the_program_are_told_with_their_ends(self, us_east: Recorded, us_west: Recorded) -> None:
        for run, edges in ((us_east, {"edges of us-east", "entrance"}), (us_west, set[str]())):
            (group,) = run.one("PrometheusRule", "somafractalmemory-certificates").spec["groups"]
            told = {rule["labels"]["certificate"]: rule for rule in group["rules"]}
            stores = {"PostgreSQL servers", "PostgreSQL clients", "server", "streaming_replica"}
            assert stores | edges <= told.keys()
            assert len(group["rules"]) == len([one for one in run.resources if one.type.endswith("Cert")])
            for rule in told.values():
                assert rule["labels"]["region"] == run.stack
                assert (rule["record"], rule["expr"]) == (OWN_CERTIFICATE, "vector(2082758400) - time()")

    def test_nothing_is_made_where_nobody_watches_and_that_is_said(self, caplog: pytest.LogCaptureFixture) -> None:
        run = record_stack("us-east", overrides={"monitoring": {"enabled": False}})
        assert "us-east is not watched, no alert will page anybody: set monitoring.enabled to true" in caplog.text
        assert "tells nobody of its alerts" not in caplog.text
        assert not [one.urn for one in run.objects if one.inputs.get("apiVersion") == "monitoring.coreos.com/v1"]
        assert not run.has("Deployment", "monitoring-exporters")

    def test_a_region_that_is_watched_says_nothing_of_it(self, caplog: pytest.LogCaptureFixture) -> None:
        record_stack("us-east", overrides={"monitoring": {"interval_seconds": 10}})
        assert "is not watched" not in caplog.text


class TestZones:
    """What each zone has of a component at least."""

    def test_it_is_what_the_settings_spread(self) -> None:
        always = {"qdrant": 1, "redis": 2, "postgresql": 1, "postgresql-pooler": 1}
        assert dashboards.region("us-east").least == {"memory-service": 1, **always}
        # Pods of a standby's service wait for a promotion.
        assert dashboards.region("us-west").least == {"memory-edge": 1, **always}
        assert dashboards.region("us-east").zones == ("zone-a", "zone-b", "zone-c")

    @pytest.mark.parametrize(("zones", "nodes", "replicas"), [(3, 3, 1), (3, 5, 1), (3, 7, 2), (4, 9, 1), (5, 3, 1)])
    def test_no_zone_of_redis_has_fewer(self, zones: int, nodes: int, replicas: int) -> None:
        overrides: dict[str, Any] = {
            "high_availability": {"zones": [f"zone-{letter}" for letter in "abcde"[:zones]]},
            "redis": {"cluster": {"nodes": nodes, "replicas": replicas}},
        }
        settings = load(region(**overrides), "us-east")
        placed = Counter(pod.zone for shard in redis_plan.plan(zones, nodes, replicas) for pod in shard.members)
        fewest = min(placed[zone] for zone in range(zones))
        assert nodes // zones <= scope(settings).least.get("redis", 0) <= fewest


def relabelled(labels: dict[str, str], rules: list[dict[str, Any]]) -> dict[str, str] | None:
    """What Prometheus makes of labels, or None where it drops them (prometheus.io, relabel_config)."""
    known = dict(labels)
    for rule in rules:
        joined = ";".join(known.get(name, "") for name in rule.get("sourceLabels", []))
        pattern = re.compile(rule.get("regex", "(.*)"), re.DOTALL)
        match rule.get("action", "replace"):
            case "keep" if not pattern.fullmatch(joined):
                return None
            case "keep":
                continue
            case "labeldrop":
                known = {name: value for name, value in known.items() if not pattern.fullmatch(name)}
            case "replace":
                found = pattern.fullmatch(joined)
                if found:
                    known[rule["targetLabel"]] = found.expand(rule.get("replacement", "$1").replace("$", "\\"))
            case other:
                raise AssertionError(other)
    return known


class TestProbes:
    def test_every_region_is_asked_from_every_other_one(self, us_east: Recorded, us_west: Recorded) -> None:
        ways: set[tuple[str, str]] = set()
        for run in (us_east, us_west):
            for probe in run.of("Probe"):
                if probe.spec["jobName"] != "region-link":
                    continue
                static = probe.spec["targets"]["staticConfig"]
                labels = static["labels"]
                ways.add((labels["source_region"], labels["target_region"]))
                assert static["static"] == [f"postgresql.{labels['target_region']}.somafractalmemory.internal:5432"]
                assert labels["region"] == run.stack
        assert ways == {("us-east", "us-west"), ("us-west", "us-east")}

    def test_a_region_alone_asks_its_public_names_alone(self) -> None:
        run = record_stack("us-east", overrides={"multiregion": {"enabled": False}})
        assert [probe.spec["jobName"] for probe in run.of("Probe")] == ["public-name"]
        pods = run.pods_of("monitoring-exporters")
        assert not may_connect(run, peer(pods), outside("203.0.113.9"), 5432)

    def test_the_prober_is_found_and_lets_prometheus_in(self, run: Recorded) -> None:
        (service,) = [one for one in run.of("Service") if one.object_name == "monitoring-exporters"]
        (port,) = service.spec["ports"]
        places = {probe.spec["prober"]["url"] for probe in run.of("Probe")}
        assert places == {f"monitoring-exporters.somafractalmemory.svc.cluster.local:{port['port']}"}
        pods = run.pods_of("monitoring-exporters")
        assert pods.matches({"matchLabels": service.spec["selector"]})
        assert may_connect(run, PROMETHEUS, peer(pods), exporters.BLACKBOX_PORT)

    def test_it_reaches_what_it_is_to_ask(self, run: Recorded) -> None:
        pods = peer(run.pods_of("monitoring-exporters"))
        for port in (443, 5432):
            assert may_connect(run, pods, outside("203.0.113.9"), port)
        assert not may_connect(run, pods, outside("203.0.113.9"), 80)
        assert may_connect(run, pods, peer(run.pods_of("qdrant")), 6333)
        assert not may_connect(run, pods, peer(run.pods_of("redis-zone-a")), 6379)

    def test_every_module_that_a_probe_names_is_there(self, run: Recorded) -> None:
        known = exporters.modules(tls=True)
        assert {probe.spec["module"] for probe in run.of("Probe")} == known.keys()

    def test_a_name_is_whole_by_the_words_that_route_53_looks_for(self) -> None:
        from components.aws import public_names

        (words,) = exporters.modules(tls=True)["health"]["http"]["fail_if_body_not_matches_regexp"]
        assert words == public_names.HEALTHY


class TestRules:
    def test_the_program_delivers_the_rules_of_its_region(self, run: Recorded) -> None:
        groups = run.one("PrometheusRule", "somafractalmemory").spec["groups"]
        for rule in (rule for group in groups for rule in group["rules"]):
            assert rule["labels"]["region"] == run.stack

    def test_alerts_link_to_where_settings_say_that_the_pages_are(self) -> None:
        run = record_stack("us-east", overrides={"monitoring": {"docs": "https://git.example.com/docs/"}})
        groups = run.one("PrometheusRule", "somafractalmemory").spec["groups"]
        links = {rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"] if "alert" in rule}
        assert "https://git.example.com/docs/alerts.md#redisclusterfailing" in links
        assert all(link.startswith("https://git.example.com/docs/alerts.md#") for link in links)


class Nodes:
    """Qdrant nodes, each with the copies that it holds; one that has none does not answer."""

    def __init__(self, held: dict[str, list[dict[str, Any]] | None]) -> None:
        self.held = held

    def ask(self, node: str, method: str, path: str, body: object = None, seconds: float = 0) -> dict[str, Any]:
        held = self.held[node]
        if held is None:
            raise OSError("away")
        return {"collections": [{"name": "api_ns"}]} if path == "/collections" else {"local_shards": held}


class TestTheShardExporter:
    def test_each_copy_is_told_with_the_node_that_holds_it(self) -> None:
        held: dict[str, list[dict[str, Any]] | None] = {
            "qdrant-0": [{"shard_id": 0, "points_count": 7, "state": "Active"}],
            "qdrant-1": [{"shard_id": 0, "points_count": 6, "state": "Partial"}],
        }
        text = qdrant_exporter.exposition(qdrant_exporter.collected(cast(Qdrant, Nodes(held)), dict.fromkeys(held, "")))
        assert [line for line in text.splitlines() if not line.startswith("#")] == [
            'qdrant_shard_active{collection="api_ns",shard="0",pod="qdrant-0"} 1',
            'qdrant_shard_active{collection="api_ns",shard="0",pod="qdrant-1"} 0',
            'qdrant_shard_points{collection="api_ns",shard="0",pod="qdrant-0"} 7',
            'qdrant_shard_points{collection="api_ns",shard="0",pod="qdrant-1"} 6',
        ]
        assert text.endswith("\n")

    def test_a_node_that_is_away_takes_none_of_the_others_figures(self, capsys: pytest.CaptureFixture[str]) -> None:
        held: dict[str, list[dict[str, Any]] | None] = {
            "qdrant-0": None,
            "qdrant-1": [{"shard_id": 3, "points_count": 1, "state": "Active"}],
        }
        found = qdrant_exporter.collected(cast(Qdrant, Nodes(held)), dict.fromkeys(held, ""))
        assert found.keys() == {"qdrant-1"}
        assert "qdrant-0 does not answer (away)" in capsys.readouterr().out

    def test_names_are_written_as_prometheus_reads_them(self) -> None:
        copies = {"qdrant-0": [('a"b\\c', {"shard_id": 0, "points_count": 0, "state": "Active"})]}
        assert 'collection="a\\"b\\\\c"' in qdrant_exporter.exposition(copies)
