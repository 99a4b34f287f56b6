"""The memory service as the home region registers it: the contract's facts, one by one."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from components import fence, postgres_pooler
from components.files import memory_probe
from components.memory_environment import QUERY_WAIT
from rehearsal.engine.model import Secret
from settings import load
from tests.unit.network import may_connect, peer
from tests.unit.recorded import PodTemplate, Recorded
from tests.unit.recorder import stack_configuration

SERVICE = "memory-service"
GATEWAYS = ("postgresql-gateway", "qdrant-gateway", "redis-gateway")
PROBES = ("readiness", "liveness", "startup")


@pytest.fixture
def pods(us_east: Recorded) -> PodTemplate:
    return us_east.pods_of(SERVICE)


@pytest.fixture
def environment(pods: PodTemplate) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in pods.container(SERVICE)["env"]}


@pytest.fixture
def dsn(environment: dict[str, str]) -> dict[str, str]:
    """Options of the DSN."""
    return {key: values[0] for key, values in parse_qs(urlsplit(environment["SOMA_POSTGRES_URL"]).query).items()}


@pytest.fixture
def gateway(pods: PodTemplate) -> dict[str, str]:
    """What the gateway to PostgreSQL is told."""
    return {variable["name"]: variable["value"] for variable in pods.container("postgresql-gateway")["env"]}


def patience(probe: dict[str, Any]) -> int:
    """Seconds of failure in a row that a probe forgives."""
    return probe["periodSeconds"] * probe["failureThreshold"]


class TestTheContainer:
    def test_requests_and_limits_are_the_regions_own(self, pods: PodTemplate) -> None:
        """us-east asks for more than the guide's 4 CPU and 8Gi; limits follow."""
        assert pods.container(SERVICE)["resources"] == {
            "requests": {"cpu": "8", "memory": "16Gi"},
            "limits": {"cpu": "8", "memory": "16Gi"},
        }

    def test_a_region_without_resources_of_its_own_has_the_guides(self, us_west: Recorded) -> None:
        assert us_west.pods_of(SERVICE).container(SERVICE)["resources"] == {
            "requests": {"cpu": "4", "memory": "8Gi"},
            "limits": {"cpu": "8", "memory": "16Gi"},
        }

    def test_settings_of_the_contract(self, environment: dict[str, str]) -> None:
        wanted = {
            "SOMA_NAMESPACE": "default",
            "SOMA_VECTOR_DIM": "768",
            "SOMA_MAX_MEMORY_SIZE": "100000",
            "SOMA_RATE_LIMIT_MAX": "0",
            "SOMA_PRUNING_INTERVAL_SECONDS": "31536000",
            "SOMA_FORCE_HASH_EMBEDDINGS": "1",
            "SOMA_HYBRID_RECALL_DEFAULT": "0",
            "UVICORN_WORKERS": "1",
            "OPA_URL": "http://127.0.0.1:9",
        }
        assert {key: environment.get(key) for key in wanted} == wanted

    def test_qdrant_and_redis_are_reached_through_the_gateways_beside_it(self, environment: dict[str, str]) -> None:
        assert environment["QDRANT_URL"] == "http://127.0.0.1:6333"
        assert (environment["QDRANT_HOST"], environment["QDRANT_PORT"]) == ("127.0.0.1", "6333")
        assert (environment["REDIS_HOST"], environment["REDIS_PORT"]) == ("127.0.0.1", "6379")

    def test_postgresql_is_reached_through_the_gateway_beside_it(self, environment: dict[str, str]) -> None:
        place = urlsplit(environment["SOMA_POSTGRES_URL"]).netloc.partition("@")[2]
        assert place == "127.0.0.1:5432"
        assert (environment["POSTGRES_HOST"], environment["POSTGRES_PORT"]) == ("127.0.0.1", "5432")

    def test_the_url_carries_no_password(self, environment: dict[str, str], dsn: dict[str, str]) -> None:
        """The service writes it to its log."""
        assert urlsplit(environment["SOMA_POSTGRES_URL"]).netloc.partition("@")[0] == "soma"
        assert "password" not in dsn

    def test_a_session_takes_writes_or_does_not_begin(self, dsn: dict[str, str]) -> None:
        assert dsn["target_session_attrs"] == "read-write"

    def test_a_login_may_take_as_long_as_the_gateway_is_patient(
        self, dsn: dict[str, str], gateway: dict[str, str]
    ) -> None:
        """Then the gateway says why, before the client stops listening."""
        assert gateway["PATIENCE"] == f"{QUERY_WAIT}s"
        assert int(dsn["connect_timeout"]) > QUERY_WAIT

    def test_encryption_begins_at_the_gateway(self, environment: dict[str, str], dsn: dict[str, str]) -> None:
        """The variable overrides the URL (contract, §2)."""
        assert dsn["sslmode"] == environment["POSTGRES_SSL_MODE"] == "disable"
        assert dsn["gssencmode"] == "disable"

    def test_the_token_is_a_file(self, us_east: Recorded, pods: PodTemplate, environment: dict[str, str]) -> None:
        assert "SOMA_API_TOKEN" not in environment
        folder, _, key = environment["SOMA_API_TOKEN_FILE"].rpartition("/")
        mount = next(m for m in pods.container(SERVICE)["volumeMounts"] if m["mountPath"] == folder)
        volume = next(v for v in pods.spec["volumes"] if v["name"] == mount["name"])
        secret = us_east.one("Secret", volume["secret"]["secretName"]).inputs["stringData"]
        assert isinstance(secret, Secret)
        assert key in secret.value

    def test_no_variable_of_any_container_holds_a_secret(self, us_east: Recorded, pods: PodTemplate) -> None:
        for container in pods.containers:
            for variable in container.get("env", []):
                assert not any(secret in variable["value"] for secret in us_east.generated_secrets()), variable["name"]


class TestProbes:
    def test_each_asks_its_own_question_of_the_script(self, pods: PodTemplate) -> None:
        """What the service says of itself is true whatever happens (contract, facts 5 and 6)."""
        asked = {probe: pods.container(SERVICE)[f"{probe}Probe"]["exec"]["command"] for probe in PROBES}
        for command in asked.values():
            assert command[:4] == ["python3", "-I", "-S", "/opt/soma/memory_probe.py"]
        assert {probe: command[4:] for probe, command in asked.items()} == {
            "startup": ["started"],
            "readiness": ["ready", *fence.asked(load(stack_configuration("us-east"), "us-east"))],
            "liveness": ["alive", "http://memory-service.somafractalmemory.svc.cluster.local"],
        }

    def test_the_script_gives_up_before_the_kubelet_does(self, pods: PodTemplate) -> None:
        """Else the reason is lost, and who is asked second would never be asked."""
        times = {probe: pods.container(SERVICE)[f"{probe}Probe"]["timeoutSeconds"] for probe in PROBES}
        assert min(times["startup"], times["readiness"]) > memory_probe.HERE + 1
        assert times["liveness"] > memory_probe.HERE + memory_probe.OTHERS + 1

    def test_what_the_script_reads_is_in_the_environment(self, environment: dict[str, str]) -> None:
        assert (environment["SOMA_API_PORT"], environment["POSTGRES_PORT"]) == ("9595", "5432")

    def test_the_other_pods_may_be_asked(self, us_east: Recorded, pods: PodTemplate) -> None:
        assert may_connect(us_east, peer(pods), peer(pods), 9595)
        assert us_east.one("Service", SERVICE).spec["ports"][0]["port"] == 80

    def test_nothing_is_killed_while_its_statements_are_held(self, pods: PodTemplate) -> None:
        """The service repeats a failed statement once, after a login that is held as long as a statement."""
        held = int(postgres_pooler.PARAMETERS["query_wait_timeout"])
        assert held == QUERY_WAIT
        assert patience(pods.container(SERVICE)["livenessProbe"]) > 3 * held

    def test_a_killed_primary_passes_unnoticed_and_a_lost_zone_does_not(self, pods: PodTemplate) -> None:
        """Measured stalls: 10 s and 75 s."""
        assert 10 < patience(pods.container(SERVICE)["readinessProbe"]) < 75

    def test_the_start_may_take_the_entrypoints_three_minutes(self, pods: PodTemplate) -> None:
        assert patience(pods.container(SERVICE)["startupProbe"]) > 180

    def test_a_pod_may_drain_a_held_statement_before_it_is_killed(self, pods: PodTemplate) -> None:
        drain = int(pods.container(SERVICE)["lifecycle"]["preStop"]["exec"]["command"][-1])
        assert pods.spec["terminationGracePeriodSeconds"] > drain + QUERY_WAIT


class TestThePod:
    def test_service_links_are_off(self, pods: PodTemplate) -> None:
        assert pods.spec["enableServiceLinks"] is False

    def test_no_container_is_root_or_writes_to_its_image(self, pods: PodTemplate) -> None:
        security = pods.spec["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 1000)
        for container in pods.containers:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, container["name"]
            assert container["securityContext"]["allowPrivilegeEscalation"] is False, container["name"]

    def test_no_pod_carries_a_credential_of_the_api_server(self, us_east: Recorded, pods: PodTemplate) -> None:
        assert pods.spec["automountServiceAccountToken"] is False
        assert (
            us_east.one("ServiceAccount", pods.spec["serviceAccountName"]).inputs["automountServiceAccountToken"]
            is False
        )

    def test_every_container_has_requests_limits_and_a_pinned_image(self, pods: PodTemplate) -> None:
        for container in pods.containers:
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, container["name"]
            assert container["resources"]["limits"].keys() == {"cpu", "memory"}, container["name"]
            assert re.search(r":(?!latest)[\w.-]+$|@sha256:", container["image"]), container["name"]

    def test_what_is_behind_the_gateways_is_waited_for_postgresql_first(self, pods: PodTemplate) -> None:
        names = [container["name"] for container in pods.spec["initContainers"]]
        assert names == [GATEWAYS[0], "await-primary", *GATEWAYS[1:], "await-stores"]
        for name in GATEWAYS:
            assert pods.container(name)["restartPolicy"] == "Always"
            assert pods.container(name).keys() >= {"startupProbe", "readinessProbe", "livenessProbe"}
        for name in ("await-primary", "await-stores"):
            assert "restartPolicy" not in pods.container(name), "the service would start beside it"

    def test_the_wait_goes_the_services_own_way_for_its_own_collection(
        self, pods: PodTemplate, environment: dict[str, str]
    ) -> None:
        waits = {variable["name"]: variable["value"] for variable in pods.container("await-stores")["env"]}
        assert (waits["REDIS_PORT"], waits["QDRANT_PORT"]) == (environment["REDIS_PORT"], environment["QDRANT_PORT"])
        assert (waits["COLLECTION"], waits["VECTOR_SIZE"]) == (
            environment["SOMA_NAMESPACE"],
            environment["SOMA_VECTOR_DIM"],
        )
        assert pods.container("await-stores")["image"] == pods.container(SERVICE)["image"]

    def test_the_redis_gateway_is_told_where_the_cluster_is_and_reads_its_password_from_a_file(
        self, us_east: Recorded, pods: PodTemplate
    ) -> None:
        gateway = pods.container("redis-gateway")
        told = {variable["name"]: variable["value"] for variable in gateway["env"]}
        assert told == {
            "REDIS_SEEDS": "redis-headless.somafractalmemory.svc.cluster.local",
            "REDIS_PASSWORD_FILE": "/run/soma/redis/password",
            "GATEWAY_PORT": "6379",
            "METRICS_PORT": "9122",
        }
        (mount,) = gateway["volumeMounts"]
        assert (mount["name"], mount["mountPath"]) == ("redis-auth", "/run/soma/redis")
        assert gateway["command"] == ["/redis-gateway"]
        assert gateway["image"].startswith("ghcr.io/somatechlat/somafractalmemory-redis-gateway:")

    def test_the_postgresql_gateway_is_told_where_the_pooler_is_and_reads_its_password_from_a_file(
        self, us_east: Recorded, pods: PodTemplate, gateway: dict[str, str], environment: dict[str, str]
    ) -> None:
        assert gateway == {
            "POOLER_HOST": "postgresql-pooler.somafractalmemory.svc.cluster.local",
            "POOLER_CA_FILE": "/run/soma/postgresql-ca/ca.crt",
            "POSTGRES_DATABASE": "somamemory",
            "POSTGRES_USER": "soma",
            "POSTGRES_PASSWORD_FILE": "/run/soma/postgresql/password",
            "POSTGRES_NEXT_PASSWORD_FILE": "/run/soma/postgresql/next",
            "GATEWAY_PORT": environment["POSTGRES_PORT"],
            "QUESTION_PORT": "5433",
            "METRICS_PORT": "9123",
            "PATIENCE": "120s",
        }
        container = pods.container("postgresql-gateway")
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts == {"postgresql-auth": "/run/soma/postgresql", "postgresql-ca": "/run/soma/postgresql-ca"}
        assert container["command"] == ["/postgresql-gateway"]
        assert container["image"].startswith("ghcr.io/somatechlat/somafractalmemory-postgresql-gateway:")
        certified = us_east.one("Secret", "postgresql-server-tls").inputs["stringData"].value["tls.crt"]
        assert certified, "the pooler shows the servers' certificate"

    def test_the_wait_for_the_primary_asks_the_gateway_without_its_patience(
        self, pods: PodTemplate, gateway: dict[str, str]
    ) -> None:
        told = {variable["name"]: variable["value"] for variable in pods.container("await-primary")["env"]}
        assert (told["PGHOST"], told["PGPORT"]) == ("127.0.0.1", gateway["QUESTION_PORT"])
        assert (told["PGUSER"], told["PGDATABASE"]) == (gateway["POSTGRES_USER"], gateway["POSTGRES_DATABASE"])
        assert told["PGSSLMODE"] == "disable"

    def test_monitoring_alone_reads_the_gateways_metrics(self, us_east: Recorded) -> None:
        ingress = us_east.one("NetworkPolicy", SERVICE).inputs["spec"]["ingress"]
        ports = [{"protocol": "TCP", "port": port} for port in (9122, 9123, 9124)]
        (scraped,) = (rule for rule in ingress if rule["ports"] == ports)
        assert scraped["from"] == [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        ]

    def test_a_gateway_is_not_killed_because_its_store_is_away(self, pods: PodTemplate) -> None:
        for name in GATEWAYS:
            ready, alive, starting = (pods.container(name)[f"{p}Probe"]["exec"]["command"] for p in PROBES)
            assert ready != alive == starting

    def test_the_process_has_no_password_of_a_store(self, pods: PodTemplate) -> None:
        """What it keeps it could log; the gateways have them."""
        assert {m["name"] for m in pods.container(SERVICE)["volumeMounts"]} == {"token", "files", "tmp"}

    def test_every_mount_has_its_volume_and_every_volume_its_object(self, us_east: Recorded, pods: PodTemplate) -> None:
        volumes = {volume["name"]: volume for volume in pods.spec["volumes"]}
        for container in pods.containers:
            for mount in container["volumeMounts"]:
                assert mount["name"] in volumes, (container["name"], mount["name"])
        for volume in volumes.values():
            if "configMap" in volume:
                assert us_east.has("ConfigMap", volume["configMap"]["name"])
            if "secret" in volume:
                assert us_east.has("Secret", volume["secret"]["secretName"]), volume["name"]

    def test_each_secret_gives_what_is_needed_and_to_the_group_alone(
        self, us_east: Recorded, pods: PodTemplate
    ) -> None:
        """The Secret of PostgreSQL's user also holds a password file, that of Qdrant both of its keys."""
        given = {volume["name"]: volume["secret"] for volume in pods.spec["volumes"] if "secret" in volume}
        keys = {
            "token": ["token"],
            "postgresql-auth": ["password", "next"],
            "postgresql-ca": ["ca.crt"],
            "qdrant-keys": ["gateway.cfg"],
            "redis-auth": ["password"],
        }
        assert given.keys() == keys.keys()
        for volume, wanted in keys.items():
            assert given[volume]["items"] == [{"key": key, "path": key} for key in wanted]
            assert given[volume]["defaultMode"] == 0o440
            assert {*wanted} <= us_east.one("Secret", given[volume]["secretName"]).inputs["stringData"].value.keys()

    def test_every_mounted_script_is_in_the_config_map(self, us_east: Recorded, pods: PodTemplate) -> None:
        files = us_east.one("ConfigMap", SERVICE).inputs["data"]
        probes = [c[p]["exec"] for c in pods.containers for p in c if p.endswith("Probe")]
        commands = [part.get("command", []) for part in (*pods.containers, *probes)]
        used = {word.rpartition("/")[2] for command in commands for word in command if word.startswith("/opt/soma/")}
        assert used == set(files)
        for container in pods.containers:
            if "/opt/soma/" in str(container):
                assert "/opt/soma" in {mount["mountPath"] for mount in container["volumeMounts"]}, container["name"]

    @pytest.mark.parametrize("name", ["await-primary", "await-stores"])
    def test_the_wait_at_home_ends(self, pods: PodTemplate, name: str) -> None:
        wait = {variable["name"]: variable["value"] for variable in pods.container(name)["env"]}
        assert 0 < int(wait["WAIT_SECONDS"]) <= 900


class TestTheWorkload:
    def test_the_guides_three_replicas_over_the_three_zones(self, pods: PodTemplate) -> None:
        assert pods.replicas == 3
        spread = pods.spec["topologySpreadConstraints"][0]
        assert pods.matches(spread["labelSelector"])
        assert {key: spread[key] for key in ("maxSkew", "topologyKey", "whenUnsatisfiable", "nodeTaintsPolicy")} == {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "nodeTaintsPolicy": "Honor",
        }
        assert spread["matchLabelKeys"] == ["pod-template-hash"]
        assert "minDomains" not in spread, "it would block replacements while a zone is lost"

    def test_replicas_are_the_autoscalers_once_they_are_made(self, us_east: Recorded, pods: PodTemplate) -> None:
        assert pods.workload.ignore_changes == ("spec.replicas",)
        scaler = us_east.one("HorizontalPodAutoscaler", SERVICE).spec
        assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": SERVICE}
        assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 12)

    def test_scaling_follows_cpu_used_by_the_service_itself(self, us_east: Recorded, pods: PodTemplate) -> None:
        (metric,) = us_east.one("HorizontalPodAutoscaler", SERVICE).spec["metrics"]
        source = metric["containerResource"]
        assert (source["name"], source["target"]) == ("cpu", {"type": "AverageValue", "averageValue": "700m"})
        assert pods.container(source["container"])

    def test_scaling_down_is_calm(self, us_east: Recorded) -> None:
        down = us_east.one("HorizontalPodAutoscaler", SERVICE).spec["behavior"]["scaleDown"]
        assert down["stabilizationWindowSeconds"] >= 300
        assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 120}]

    def test_one_pod_starts_at_a_time_and_none_is_away(self, pods: PodTemplate) -> None:
        assert pods.workload.spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}

    def test_one_budget_lets_one_pod_go(self, us_east: Recorded, pods: PodTemplate) -> None:
        (budget,) = us_east.budgets_of(pods)
        assert budget.spec["maxUnavailable"] == 1
        assert budget.spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"

    def test_port_80_leads_to_the_named_port(self, us_east: Recorded, pods: PodTemplate) -> None:
        service = us_east.one("Service", SERVICE).spec
        (port,) = service["ports"]
        assert (port["port"], port["targetPort"]) == (80, "http")
        assert pods.matches({"matchLabels": service["selector"]})
        assert pods.container(SERVICE)["ports"] == [{"name": "http", "containerPort": 9595, "protocol": "TCP"}]

    def test_the_service_comes_after_schema_collections_and_redis(self, us_east: Recorded, pods: PodTemplate) -> None:
        before = {us_east.by_urn[urn].kind for urn in pods.workload.depends_on if urn in us_east.by_urn}
        jobs = {
            us_east.by_urn[urn].object_name.rpartition("-")[0] for urn in pods.workload.depends_on if "Job::" in urn
        }
        assert {"Job", "StatefulSet", "Cluster", "Pooler"} <= before
        assert jobs == {"postgresql-schema", "qdrant-collections", "redis-bootstrap"}

    def test_the_wait_for_endpoints_begins_with_the_pods(self, us_east: Recorded, pods: PodTemplate) -> None:
        """The CLI waits ten minutes for a Service's endpoints, which cannot come before the stores."""
        stores = {urn for urn in pods.workload.depends_on if "Job::" in urn}
        assert stores <= set(us_east.one("Service", SERVICE).depends_on)
