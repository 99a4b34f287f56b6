"""PostgreSQL as a region registers it: no acknowledged write is lost with a zone, and a standby follows home."""

import pytest

from components import postgres_password, postgres_pooler
from components.postgres_cluster import parameters
from rehearsal.engine.model import Secret
from settings import Pooler, PostgreSQL
from tests.unit.guard import guarded_by
from tests.unit.network import Peer, may_connect, peer
from tests.unit.recorded import Recorded, Resource
from tests.unit.recorder import record_stack

INSTANCES = Peer({"cnpg.io/cluster": "postgresql-us-east", "cnpg.io/podRole": "instance"})
"""The operator makes these pods; labels as it sets them (pkg/specs/pods.go)."""
SERVER_CA = "postgresql-server-ca"
POOLERS = Peer({"cnpg.io/cluster": "postgresql-us-east", "cnpg.io/poolerName": "postgresql-pooler"})


@pytest.fixture
def cluster(us_east: Recorded) -> Resource:
    return us_east.one("Cluster", "postgresql-us-east")


@pytest.fixture
def standby(us_west: Recorded) -> Resource:
    return us_west.one("Cluster", "postgresql-us-west")


@pytest.fixture
def pooler(us_east: Recorded) -> Resource:
    return us_east.one("Pooler", "postgresql-pooler")


def schema_job(run: Recorded) -> Resource:
    return next(job for job in run.of("Job") if job.object_name.startswith("postgresql-schema-"))


def secret_data(run: Recorded, name: str) -> dict[str, str]:
    data = run.one("Secret", name).inputs["stringData"]
    assert isinstance(data, Secret)
    return data.value


class TestTheCluster:
    def test_a_primary_and_two_replicas_each_in_a_zone_of_its_own(self, cluster: Resource) -> None:
        assert cluster.spec["instances"] == 3
        assert cluster.spec["affinity"] == {
            "enablePodAntiAffinity": True,
            "podAntiAffinityType": "required",
            "topologyKey": "topology.kubernetes.io/zone",
        }

    def test_more_instances_than_zones_are_spread_evenly(self) -> None:
        run = record_stack("us-east", overrides={"postgresql": {"replica": {"replicas": 4}}})
        spec = run.one("Cluster", "postgresql-us-east").spec
        assert spec["affinity"]["topologyKey"] == "kubernetes.io/hostname"
        (spread,) = spec["topologySpreadConstraints"]
        assert (spread["topologyKey"], spread["maxSkew"]) == ("topology.kubernetes.io/zone", 1)
        assert spread["minDomains"] == 3
        assert spread["labelSelector"]["matchLabels"] == INSTANCES.labels

    def test_a_commit_is_on_two_instances_and_only_one_that_has_it_is_promoted(self, cluster: Resource) -> None:
        assert cluster.spec["postgresql"]["synchronous"] == {
            "method": "any",
            "number": 1,
            "dataDurability": "required",
            "failoverQuorum": True,
        }
        assert cluster.spec["replicationSlots"]["highAvailability"]["enabled"] is True

    @pytest.mark.parametrize(
        ("replicas", "high_availability", "number"), [(4, True, 2), (5, True, 2), (6, True, 3), (1, False, 1)]
    )
    def test_as_many_standbys_confirm_as_share_a_zone(
        self, replicas: int, high_availability: bool, number: int
    ) -> None:
        settings = {"postgresql": {"replica": {"replicas": replicas}}}
        run = record_stack("us-east", overrides={**settings, "high_availability": {"enabled": high_availability}})
        assert run.one("Cluster", "postgresql-us-east").spec["postgresql"]["synchronous"]["number"] == number

    def test_a_primary_alone_waits_for_nobody(self) -> None:
        settings = {"postgresql": {"replica": {"replicas": 0}}, "high_availability": {"enabled": False}}
        run = record_stack("us-east", overrides=settings)
        assert "synchronous" not in run.one("Cluster", "postgresql-us-east").spec["postgresql"]

    def test_data_outlives_the_program(self, cluster: Resource, standby: Resource) -> None:
        assert cluster.protect
        assert standby.protect

    def test_it_is_guaranteed_its_resources(self, cluster: Resource) -> None:
        guides = {"cpu": "4", "memory": "8Gi"}
        assert cluster.spec["resources"] == {"requests": guides, "limits": guides}

    def test_wal_has_a_volume_of_its_own(self, cluster: Resource) -> None:
        assert (cluster.spec["storage"], cluster.spec["walStorage"]) == ({"size": "100Gi"}, {"size": "20Gi"})

    def test_nobody_is_superuser_and_the_operator_guards_evictions(self, cluster: Resource) -> None:
        assert cluster.spec["enableSuperuserAccess"] is False
        assert cluster.spec["enablePDB"] is True

    def test_without_high_availability_instances_share_the_zones_that_there_are(self) -> None:
        run = record_stack(
            "us-east", overrides={"high_availability": {"enabled": False, "zones": ["zone-a", "zone-b"]}}
        )
        (spread,) = run.one("Cluster", "postgresql-us-east").spec["topologySpreadConstraints"]
        assert spread["minDomains"] == 2

    def test_an_isolated_primary_ends_itself(self, cluster: Resource) -> None:
        """The operator's defaults of one second would take a slow answer for isolation."""
        assert cluster.spec["probes"] == {
            "liveness": {"isolationCheck": {"enabled": True, "requestTimeout": 2000, "connectionTimeout": 2000}}
        }

    def test_a_client_in_a_cut_zone_loses_its_locks_in_seconds(self, cluster: Resource) -> None:
        server = cluster.spec["postgresql"]["parameters"]
        wanted = {"tcp_keepalives_idle": "3", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"}
        assert {key: server[key] for key in wanted} == wanted
        assert server["tcp_user_timeout"] == "8000"

    def test_memory_follows_the_instances_size(self) -> None:
        small = parameters(PostgreSQL())
        assert (small["shared_buffers"], small["effective_cache_size"]) == ("2048MB", "6144MB")
        large = PostgreSQL.model_validate({"primary": {"resources": {"requests": {"memory": "32Gi"}}}})
        assert parameters(large)["shared_buffers"] == "8192MB"

    @pytest.mark.parametrize(
        ("memory", "connections", "work_mem"),
        [("1Gi", "64", "4MB"), ("2Gi", "128", "4MB"), ("8Gi", "200", "10MB"), ("32Gi", "200", "40MB")],
    )
    def test_connections_and_what_each_may_take_follow_it_too(
        self, memory: str, connections: str, work_mem: str
    ) -> None:
        made = parameters(PostgreSQL.model_validate({"primary": {"resources": {"requests": {"memory": memory}}}}))
        assert (made["max_connections"], made["work_mem"]) == (connections, work_mem)

    def test_nobody_comes_in_without_tls(self, cluster: Resource) -> None:
        """The operator puts these before its last rule, `host all all all` (pkg/postgres/configuration.go)."""
        assert cluster.spec["postgresql"]["pg_hba"] == ["hostnossl all all all reject"]

    def test_a_lost_replica_cannot_fill_the_primarys_wal_volume(self) -> None:
        assert parameters(PostgreSQL())["max_slot_wal_keep_size"] == "10240MB"
        tiny = PostgreSQL.model_validate({"wal_storage": "4Gi"})
        assert parameters(tiny)["max_slot_wal_keep_size"] == "2048MB"


class TestTheDatabase:
    def test_it_is_made_for_the_application_without_sql_of_the_superuser(self, cluster: Resource) -> None:
        """What postInitApplicationSQL makes belongs to the superuser, and the service's writes are refused."""
        initdb = cluster.spec["bootstrap"]["initdb"]
        assert (initdb["database"], initdb["owner"]) == ("somamemory", "soma")
        assert not [key for key in initdb if key.startswith("postInit")]

    def test_the_roles_secret_is_one_that_the_operator_takes(self, us_east: Recorded, cluster: Resource) -> None:
        name = cluster.spec["bootstrap"]["initdb"]["secret"]["name"]
        secret = us_east.one("Secret", name)
        assert secret.inputs["type"] == "kubernetes.io/basic-auth"
        assert "cnpg.io/reload" in secret.inputs["metadata"]["labels"]
        assert secret_data(us_east, name)["username"] == "soma"

    @pytest.mark.parametrize("region", ["us_east", "us_west"])
    def test_the_operator_sets_what_postgresql_keeps(self, region: str, request: pytest.FixtureRequest) -> None:
        """In the clear it would get another salt with each primary, and what PgBouncer has kept would be refused."""
        run: Recorded = request.getfixturevalue(region)
        (bootstrap,) = run.one("Cluster", f"postgresql-{region.replace('_', '-')}").spec["bootstrap"].values()
        kept = secret_data(run, bootstrap["secret"]["name"])["password"]
        assert kept.startswith("SCRAM-SHA-256$4096:")
        assert kept == postgres_password.verifier("soma", secret_data(run, "postgresql-app")["password"])

    def test_the_applications_secret_is_for_those_who_log_in(self, us_east: Recorded) -> None:
        data = secret_data(us_east, "postgresql-app")
        assert data["username"] == "soma"
        assert data["pgpass"] == f"*:5432:somamemory:soma:{data['password']}\n"

    def test_the_schema_is_made_after_the_cluster_and_before_the_service(
        self, us_east: Recorded, cluster: Resource
    ) -> None:
        job = schema_job(us_east)
        assert cluster.urn in job.depends_on
        assert job.urn in us_east.one("Deployment", "memory-service").depends_on

    def test_the_schema_job_is_the_applications_user_at_the_writable_servers(self, us_east: Recorded) -> None:
        (container,) = us_east.pods_of(schema_job(us_east).object_name).containers
        environment = {variable["name"]: variable["value"] for variable in container["env"]}
        assert environment["PGHOST"] == "postgresql-us-east-rw"
        assert environment["PGUSER"] == "soma"
        assert environment["PGSSLMODE"] == "verify-full"
        assert environment["PARTITIONS"] == "8"
        assert "PGPASSWORD" not in environment

    def test_the_schema_job_runs_the_mounted_script_with_mounted_files(self, us_east: Recorded) -> None:
        job = schema_job(us_east)
        pods = us_east.pods_of(job.object_name)
        (container,) = pods.containers
        volumes = {volume["name"]: volume for volume in pods.spec["volumes"]}
        mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
        environment = {variable["name"]: variable["value"] for variable in container["env"]}

        interpreter, script = container["command"]
        files = us_east.one("ConfigMap", mounted["/files"]["configMap"]["name"]).inputs["data"]
        assert interpreter == "sh"
        for path in (script, environment["SCHEMA"]):
            folder, _, file = path.rpartition("/")
            assert folder == "/files"
            assert file in files
        assert environment["WORK"] in mounted
        assert mounted[environment["WORK"]]["emptyDir"]["medium"] == "Memory"
        for path, secret in ((environment["PASSFILE"], "postgresql-app"), (environment["PGSSLROOTCERT"], SERVER_CA)):
            folder, _, key = path.rpartition("/")
            assert mounted[folder]["secret"] == {
                "secretName": secret,
                "defaultMode": 0o440,
                "items": [{"key": key, "path": key}],
            }
            assert key in secret_data(us_east, secret)
        assert [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")] == ["/run/work"]

    def test_another_number_of_partitions_is_another_job(self, us_east: Recorded) -> None:
        other = record_stack("us-east", overrides={"postgresql": {"partitions": 16}})
        assert schema_job(other).object_name != schema_job(us_east).object_name

    def test_a_standby_makes_no_schema(self, us_west: Recorded) -> None:
        assert not [job for job in us_west.of("Job") if job.object_name.startswith("postgresql-")]


class TestThePooler:
    def test_it_holds_queries_longer_than_the_longest_failover(self, pooler: Resource) -> None:
        settings = pooler.spec["pgbouncer"]["parameters"]
        assert float(settings["query_wait_timeout"]) > 75
        assert settings["server_login_retry"] == "1"

    def test_it_notices_a_primary_that_went_without_a_word(self, pooler: Resource) -> None:
        settings = pooler.spec["pgbouncer"]["parameters"]
        wanted = {"tcp_keepalive": "1", "tcp_keepidle": "3", "tcp_keepintvl": "2", "tcp_keepcnt": "3"}
        assert {key: settings[key] for key in wanted} == wanted
        assert settings["tcp_user_timeout"] == "8000"

    def test_it_takes_tls_only_and_checks_whom_it_calls(self, pooler: Resource) -> None:
        settings = pooler.spec["pgbouncer"]["parameters"]
        assert (settings["client_tls_sslmode"], settings["server_tls_sslmode"]) == ("require", "verify-full")

    def test_its_connections_fit_into_the_servers(self, pooler: Resource, cluster: Resource) -> None:
        connections = pooler.spec["instances"] * int(pooler.spec["pgbouncer"]["parameters"]["default_pool_size"])
        assert connections < int(cluster.spec["postgresql"]["parameters"]["max_connections"]) - 50

    @pytest.mark.parametrize(("instances", "connections"), [(3, 25), (6, 25), (7, 21), (12, 12), (30, 5)])
    def test_more_poolers_share_the_servers_connections(self, instances: int, connections: int) -> None:
        pooler = postgres_pooler.spec("x", PostgreSQL(pooler=Pooler(instances=instances)), "image")
        assert int(pooler["pgbouncer"]["parameters"]["default_pool_size"]) == connections
        assert instances * connections <= int(parameters(PostgreSQL())["max_connections"]) - 50

    def test_three_pods_over_all_zones_with_a_budget_of_their_own(self, us_east: Recorded, pooler: Resource) -> None:
        assert (pooler.spec["instances"], pooler.spec["type"]) == (3, "rw")
        spreads = pooler.spec["template"]["spec"]["topologySpreadConstraints"]
        spread = next(s for s in spreads if s["topologyKey"] == "topology.kubernetes.io/zone")
        budget = us_east.one("PodDisruptionBudget", "postgresql-pooler").spec
        assert spread["whenUnsatisfiable"] == "DoNotSchedule"
        own_pods = {"matchLabels": {"cnpg.io/poolerName": pooler.object_name}}
        assert spread["labelSelector"] == budget["selector"] == own_pods
        assert budget["maxUnavailable"] == 1

    def test_the_container_is_called_as_the_operator_calls_it(self, pooler: Resource) -> None:
        (container,) = pooler.spec["template"]["spec"]["containers"]
        assert container["name"] == "pgbouncer"
        assert container["resources"]["limits"]

    def test_a_standby_has_one_ready_for_its_promotion(self, us_west: Recorded) -> None:
        assert us_west.one("Pooler", "postgresql-pooler").spec["cluster"] == {"name": "postgresql-us-west"}


class TestTheNetwork:
    def test_the_service_reaches_the_pooler_and_not_the_servers(self, us_east: Recorded) -> None:
        service = peer(us_east.pods_of("memory-service"))
        assert may_connect(us_east, service, POOLERS, 5432)
        assert may_connect(guarded_by(us_east, "postgresql-pooler"), service, POOLERS, 5432)
        assert not may_connect(us_east, service, INSTANCES, 5432)

    def test_nobody_else_reaches_the_pooler(self, us_east: Recorded) -> None:
        stranger = peer(us_east.pods_of("redis-zone-a"))
        assert not may_connect(guarded_by(us_east, "postgresql-pooler"), stranger, POOLERS, 5432)

    def test_poolers_instances_and_the_schema_job_reach_the_servers(self, us_east: Recorded) -> None:
        job = peer(us_east.pods_of(schema_job(us_east).object_name))
        guarded = guarded_by(us_east, "postgresql")
        for source in (POOLERS, INSTANCES, job):
            assert may_connect(us_east, source, INSTANCES, 5432)
            assert may_connect(guarded, source, INSTANCES, 5432)
        assert not may_connect(guarded, peer(us_east.pods_of("qdrant")), INSTANCES, 5432)

    def test_other_regions_reach_the_servers_and_not_the_poolers(self, us_east: Recorded) -> None:
        balancer = Peer({}, "kube-system")
        assert may_connect(us_east, balancer, INSTANCES, 5432)
        assert not may_connect(us_east, balancer, INSTANCES, 8000)
        assert not may_connect(us_east, balancer, POOLERS, 5432)

    def test_the_operator_reaches_their_status(self, us_east: Recorded) -> None:
        guarded = guarded_by(us_east, "postgresql")
        assert may_connect(us_east, Peer({}, "cnpg-system"), INSTANCES, 8000)
        assert may_connect(us_east, INSTANCES, INSTANCES, 8000)
        assert not may_connect(guarded, peer(us_east.pods_of("memory-service")), INSTANCES, 8000)
        assert not may_connect(guarded, Peer({}, "elsewhere"), INSTANCES, 8000)

    def test_monitoring_reaches_metrics(self, us_east: Recorded) -> None:
        assert may_connect(us_east, Peer({}, "monitoring"), INSTANCES, 9187)
        assert may_connect(us_east, Peer({}, "monitoring"), POOLERS, 9127)
