"""The Redis Cluster as a region registers it."""

import json
import re

import pytest

from components import objects, redis_exporter
from rehearsal.engine.model import revealed
from tests.unit.guard import guarded_by
from tests.unit.network import Peer, may_connect, peer
from tests.unit.recorded import PodTemplate, Recorded, Resource
from tests.unit.recorder import record_stack

ZONES = ("redis-zone-a", "redis-zone-b", "redis-zone-c")


@pytest.fixture(params=["us-east", "us-west"])
def region(request: pytest.FixtureRequest, us_east: Recorded, us_west: Recorded) -> Recorded:
    """A standby has a Redis Cluster of its own, formed and empty."""
    return us_east if request.param == "us-east" else us_west


@pytest.fixture
def zone_a(us_east: Recorded) -> PodTemplate:
    return us_east.pods_of(ZONES[0])


def bootstrap_of(run: Recorded) -> Resource:
    return next(job for job in run.of("Job") if job.object_name.startswith("redis-bootstrap-"))


def files_of(run: Recorded, name: str) -> dict[str, str]:
    return run.one("ConfigMap", name).inputs["data"]


def test_each_zone_has_a_statefulset_pinned_to_it(region: Recorded) -> None:
    for name, zone in zip(ZONES, ("zone-a", "zone-b", "zone-c"), strict=True):
        pods = region.pods_of(name)
        (term,) = pods.spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
            "nodeSelectorTerms"
        ]
        assert term["matchExpressions"] == [{"key": objects.ZONE, "operator": "In", "values": [zone]}]
        assert pods.replicas == 2


def test_the_platforms_own_zone_names_are_used() -> None:
    mapped = record_stack("us-east", overrides={"kubernetes": {"zones": {"zone-b": "us-east-1b"}}})
    term = mapped.pods_of("redis-zone-b").spec["affinity"]["nodeAffinity"]
    assert "us-east-1b" in str(term)


def test_one_budget_counts_the_pods_of_every_zone(region: Recorded) -> None:
    budgets = {budget.urn for name in ZONES for budget in region.budgets_of(region.pods_of(name))}
    assert len(budgets) == 1
    assert region.one("PodDisruptionBudget", "redis").spec["maxUnavailable"] == 1


def test_an_update_goes_from_zone_to_zone(region: Recorded) -> None:
    """No budget holds a rollout back: three at once would restart a pod in every zone."""
    a, b, c = (region.one("StatefulSet", name) for name in ZONES)
    assert a.urn in b.depends_on
    assert b.urn in c.depends_on


def test_data_outlives_the_program(region: Recorded) -> None:
    for name in ZONES:
        zone = region.one("StatefulSet", name)
        assert zone.protect
        assert set(zone.spec["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}


def test_selectors_tell_the_zones_apart(region: Recorded) -> None:
    for name in ZONES:
        selector = region.one("StatefulSet", name).spec["selector"]
        assert [other for other in ZONES if region.pods_of(other).matches(selector)] == [name]


def test_memory_is_three_quarters_of_the_limit(zone_a: PodTemplate) -> None:
    environment = {variable["name"]: variable.get("value") for variable in zone_a.container("redis")["env"]}
    assert zone_a.container("redis")["resources"]["limits"]["memory"] == "4Gi"
    assert environment["MAXMEMORY"] == str(3 * 1024**3)


def test_a_node_announces_its_own_address(zone_a: PodTemplate) -> None:
    address = next(v for v in zone_a.container("redis")["env"] if v["name"] == "POD_IP")
    assert address["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}


def test_the_password_is_a_file_in_memory_and_nowhere_else(zone_a: PodTemplate, us_east: Recorded) -> None:
    assert not [v for v in zone_a.container("redis")["env"] if "secretKeyRef" in str(v)]
    run = next(v for v in zone_a.spec["volumes"] if v["name"] == "run")
    assert run["emptyDir"]["medium"] == "Memory"
    assert "user default" not in files_of(us_east, "redis-files")["valkey.conf"]


@pytest.fixture(scope="module")
def second() -> Recorded:
    return record_stack("us-east", overrides={"redis": {"password_version": 2}})


class TestAnotherPassword:
    """The nodes take it before any client shows it, and the one before for as long as it may be shown."""

    def test_the_first_has_none_before_it(self, us_east: Recorded) -> None:
        assert revealed(us_east.one("Secret", "redis-node-auth").inputs["stringData"]).keys() == {"password"}

    def test_nodes_take_both_and_clients_show_the_new_one(self, us_east: Recorded, second: Recorded) -> None:
        first = revealed(us_east.one("Secret", "redis-auth").inputs["stringData"])["password"]
        new = revealed(second.one("Secret", "redis-auth").inputs["stringData"])["password"]
        nodes = revealed(second.one("Secret", "redis-node-auth").inputs["stringData"])
        assert nodes == {"password": new, "previous": first}
        assert new != first

    def test_a_job_brings_it_to_the_nodes_before_clients_get_it(self, us_east: Recorded, second: Recorded) -> None:
        assert bootstrap_of(second).object_name != bootstrap_of(us_east).object_name
        assert bootstrap_of(second).urn in second.one("Secret", "redis-auth").depends_on

    def test_no_pod_restarts_for_it(self, us_east: Recorded, second: Recorded) -> None:
        for name in (*ZONES, "memory-service"):
            assert second.pods_of(name).spec == us_east.pods_of(name).spec


@pytest.mark.parametrize(
    "line",
    [
        "cluster-enabled yes",
        "cluster-config-file /data/nodes.conf",
        "cluster-node-timeout 5000",
        "cluster-require-full-coverage no",
        "cluster-replica-validity-factor 0",
        "cluster-allow-replica-migration yes",
        "cluster-migration-barrier 1000",
        "cluster-allow-reads-when-down no",
        "maxmemory-policy allkeys-lru",
        "appendonly yes",
        "appendfsync everysec",
    ],
)
def test_the_cluster_is_set_for_going_on(us_east: Recorded, line: str) -> None:
    assert line in files_of(us_east, "redis-files")["valkey.conf"].splitlines()


def test_a_changed_file_makes_new_pods(us_east: Recorded, zone_a: PodTemplate) -> None:
    assert zone_a.annotations["soma.io/files"] == objects.content_hash(files_of(us_east, "redis-files"))


def test_probes_ask_the_node_by_the_mounted_script(zone_a: PodTemplate, us_east: Recorded) -> None:
    container = zone_a.container("redis")
    commands = {kind: container[f"{kind}Probe"]["exec"]["command"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: command[-1] for kind, command in commands.items()} == {
        "startup": "alive",
        "liveness": "alive",
        "readiness": "ready",
    }
    assert all(command[1] == "/files/probe.sh" for command in commands.values())
    assert "probe.sh" in files_of(us_east, "redis-files")


class TestTheExporter:
    """Nothing of it may cost a node that is well its readiness, and it shows what clients show."""

    def test_every_node_has_one_at_a_named_port(self, region: Recorded) -> None:
        for name in ZONES:
            (port,) = region.pods_of(name).container("exporter")["ports"]
            assert (port["name"], port["containerPort"]) == ("metrics", redis_exporter.PORT)
            assert may_connect(region, Peer({}, "monitoring"), peer(region.pods_of(name)), port["containerPort"])
            assert not may_connect(region, Peer({}, "elsewhere"), peer(region.pods_of(name)), port["containerPort"])

    def test_its_password_is_that_of_the_clients_and_in_a_file(self, us_east: Recorded, zone_a: PodTemplate) -> None:
        exporter = zone_a.container("exporter")
        environment = {variable["name"]: variable["value"] for variable in exporter["env"]}
        folder, _, file = environment["REDIS_PASSWORD_FILE"].rpartition("/")
        (mount,) = [mount for mount in exporter["volumeMounts"] if mount["mountPath"] == folder]
        volume = next(volume for volume in zone_a.spec["volumes"] if volume["name"] == mount["name"])
        (item,) = volume["secret"]["items"]
        secret = revealed(us_east.one("Secret", volume["secret"]["secretName"]).inputs["stringData"])
        assert json.loads(secret[item["key"]]) == {environment["REDIS_ADDR"]: secret["password"]}
        assert item["path"] == file
        assert secret["password"] not in json.dumps(exporter)

    def test_pods_start_before_that_secret_is_there(self, us_east: Recorded, zone_a: PodTemplate) -> None:
        """It is made after the bootstrap, which needs the pods."""
        assert us_east.one("StatefulSet", ZONES[0]).urn in bootstrap_of(us_east).depends_on
        assert bootstrap_of(us_east).urn in us_east.one("Secret", "redis-auth").depends_on
        volume = next(volume for volume in zone_a.spec["volumes"] if volume["name"] == "exporter")
        assert volume["secret"]["optional"] is True

    def test_no_probe_asks_the_exporter(self, zone_a: PodTemplate) -> None:
        exporter = zone_a.container("exporter")
        probes = [probe for field, probe in exporter.items() if field.endswith("Probe")]
        assert probes
        assert not any(str(word) in json.dumps(probes) for word in (redis_exporter.PORT, "metrics", "httpGet"))
        # A port of another container has no name here.
        ports = {port["name"]: port["containerPort"] for port in zone_a.container("redis")["ports"]}
        assert exporter["readinessProbe"]["tcpSocket"]["port"] == ports["redis"]

    def test_a_script_that_is_mounted_keeps_it(self, us_east: Recorded, zone_a: PodTemplate) -> None:
        folder, _, file = zone_a.container("exporter")["command"][-1].rpartition("/")
        assert {"name": "files", "mountPath": folder, "readOnly": True} in zone_a.container("exporter")["volumeMounts"]
        assert file in files_of(us_east, "redis-files")


class TestFormingAndHealing:
    def test_every_region_forms_its_cluster(self, region: Recorded) -> None:
        job = bootstrap_of(region)
        assert {region.one("StatefulSet", name).urn for name in ZONES} <= set(job.depends_on)
        assert job.spec["activeDeadlineSeconds"] > 0
        assert "ttlSecondsAfterFinished" not in job.spec

    def test_the_service_starts_after_it(self, us_east: Recorded) -> None:
        assert bootstrap_of(us_east).urn in us_east.one("Deployment", "memory-service").depends_on

    def test_its_plan_names_every_pod_once(self, region: Recorded) -> None:
        plan = files_of(region, bootstrap_of(region).object_name)["plan.json"]
        hosts = re.findall(r"(redis-zone-[a-c]-\d)\.redis-headless", plan)
        assert sorted(hosts) == [f"{zone}-{ordinal}" for zone in ZONES for ordinal in (0, 1)]

    def test_both_have_the_same_files(self, region: Recorded) -> None:
        assert files_of(region, bootstrap_of(region).object_name) == files_of(region, "redis-healer")

    def test_their_files_lack_no_module(self, us_east: Recorded) -> None:
        files = files_of(us_east, "redis-healer")
        needed = {name for text in files.values() for name in re.findall(r"^from (redis_\w+) import", text, re.M)}
        assert {f"{name}.py" for name in needed} | {"redis_keeper.py", "plan.json"} == files.keys()

    def test_the_healer_comes_every_minute_and_waits_for_no_run_that_hangs(self, region: Recorded) -> None:
        healer = region.one("CronJob", "redis-healer").spec
        assert (healer["schedule"], healer["concurrencyPolicy"]) == ("* * * * *", "Replace")
        assert healer["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 120

    def test_the_healer_knows_a_plan_before_the_nodes_and_the_bootstrap_do(self, region: Recorded) -> None:
        assert region.one("CronJob", "redis-healer").urn in bootstrap_of(region).depends_on

    def test_a_drain_keeps_the_pods_and_plans_without_those_beyond(self) -> None:
        drained = record_stack("us-east", overrides={"redis": {"cluster": {"nodes": 5, "drain_to": 3}}})
        assert [drained.pods_of(name).replicas for name in ZONES] == [3, 4, 3]
        plan = json.loads(files_of(drained, "redis-healer")["plan.json"])
        assert (len(plan["shards"]), len(plan["leaving"])) == (3, 4)

    @pytest.mark.parametrize("kind", ["bootstrap", "healer"])
    def test_both_run_their_mounted_script_on_the_mounted_plan(self, us_east: Recorded, kind: str) -> None:
        if kind == "bootstrap":
            pod = bootstrap_of(us_east).spec["template"]["spec"]
        else:
            pod = us_east.one("CronJob", "redis-healer").spec["jobTemplate"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
        environment = {variable["name"]: variable["value"] for variable in container["env"]}
        files = files_of(us_east, mounted["/files"]["configMap"]["name"])
        assert container["command"][0] == "python3"
        assert container["command"][2] == ("bootstrap" if kind == "bootstrap" else "heal")
        assert {container["command"][1], environment["PLAN"]} <= {f"/files/{name}" for name in files}
        assert "python" in container["image"]
        folder, _, key = environment["PASSWORD_FILE"].rpartition("/")
        secret = mounted[folder]["secret"]
        assert secret["defaultMode"] == 0o440
        assert key in us_east.one("Secret", secret["secretName"]).inputs["stringData"].value

    def test_more_masters_are_another_plan_and_another_job(self, us_east: Recorded) -> None:
        more = record_stack("us-east", overrides={"redis": {"cluster": {"nodes": 5}}})
        assert [more.pods_of(name).replicas for name in ZONES] == [3, 4, 3]
        assert bootstrap_of(more).object_name != bootstrap_of(us_east).object_name


class TestTheNetwork:
    def test_the_bus_is_for_nodes_alone(self, region: Recorded) -> None:
        node, other = (peer(region.pods_of(name)) for name in ZONES[:2])
        assert may_connect(region, other, node, 16379)
        for stranger in (region.pods_of("memory-service"), region.pods_of(bootstrap_of(region).object_name)):
            assert not may_connect(guarded_by(region, "redis"), peer(stranger), node, 16379)

    def test_the_service_the_bootstrap_and_the_healer_reach_every_node(self, us_east: Recorded) -> None:
        healer = us_east.one("CronJob", "redis-healer").spec["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
        callers = (
            peer(us_east.pods_of("memory-service")),
            peer(us_east.pods_of(bootstrap_of(us_east).object_name)),
            Peer(healer),
        )
        for caller in callers:
            assert all(may_connect(us_east, caller, peer(us_east.pods_of(name)), 6379) for name in ZONES)

    def test_nobody_else_does(self, us_east: Recorded, zone_a: PodTemplate) -> None:
        guarded = guarded_by(us_east, "redis")
        assert not may_connect(guarded, peer(us_east.pods_of("qdrant")), peer(zone_a), 6379)
        assert not may_connect(guarded, Peer({}, "elsewhere"), peer(zone_a), 6379)
