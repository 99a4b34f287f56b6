"""Qdrant as a region registers it: no zone takes the raft majority or the last copy of a shard, and nothing is lost."""

import json
from typing import Any

import pytest

from components import objects
from tests.unit.guard import guarded_by
from tests.unit.network import Peer, may_connect, peer
from tests.unit.recorded import PodTemplate, Recorded, Resource
from tests.unit.recorder import record_stack

GATEWAYS = dict.fromkeys(("postgresql_gateway", "redis_gateway"), "example.org/gateway:1")


@pytest.fixture
def qdrant(us_east: Recorded) -> Resource:
    return us_east.one("StatefulSet", "qdrant")


@pytest.fixture
def pods(us_east: Recorded) -> PodTemplate:
    return us_east.pods_of("qdrant")


@pytest.fixture
def environment(pods: PodTemplate) -> dict[str, str]:
    return {variable["name"]: variable.get("value", "") for variable in pods.container("qdrant")["env"]}


def job_of(run: Recorded, prefix: str) -> Resource:
    return next(job for job in run.of("Job") if job.object_name.startswith(prefix))


def plan_of(run: Recorded) -> dict[str, Any]:
    """What the collection Job is told to make."""
    files = run.one("ConfigMap", job_of(run, "qdrant-collections-").object_name)
    return json.loads(files.inputs["data"]["collections.json"])


class TestTheCluster:
    def test_peers_start_at_once_or_none_becomes_ready(self, qdrant: Resource) -> None:
        assert qdrant.spec["podManagementPolicy"] == "Parallel"

    def test_peers_find_each_other_before_they_are_ready(self, us_east: Recorded, qdrant: Resource) -> None:
        headless = us_east.one("Service", qdrant.spec["serviceName"])
        assert headless.spec["clusterIP"] == "None"
        assert headless.spec["publishNotReadyAddresses"] is True

    def test_three_peers_stand_in_three_zones_on_nodes_of_their_own(self, pods: PodTemplate) -> None:
        (spread,) = pods.spec["topologySpreadConstraints"]
        assert pods.replicas == 3
        assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("topology.kubernetes.io/zone", "DoNotSchedule")
        assert (spread["maxSkew"], spread["minDomains"]) == (1, 3)
        assert pods.matches(spread["labelSelector"])
        (apart,) = pods.spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert apart["topologyKey"] == "kubernetes.io/hostname"
        assert pods.matches(apart["labelSelector"])

    def test_without_high_availability_peers_share_the_zones_that_there_are(self) -> None:
        run = record_stack(
            "us-east", overrides={"high_availability": {"enabled": False, "zones": ["zone-a", "zone-b"]}}
        )
        (spread,) = run.pods_of("qdrant").spec["topologySpreadConstraints"]
        assert spread["minDomains"] == 2

    def test_one_peer_at_a_time_may_be_evicted(self, us_east: Recorded, pods: PodTemplate) -> None:
        (budget,) = us_east.budgets_of(pods)
        assert budget.spec["maxUnavailable"] == 1
        assert budget.spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"

    def test_data_outlives_the_program(self, qdrant: Resource) -> None:
        assert qdrant.protect
        assert qdrant.spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}

    def test_snapshots_have_a_volume_of_their_own(self, qdrant: Resource) -> None:
        sizes = {
            claim["metadata"]["name"]: claim["spec"]["resources"]["requests"]["storage"]
            for claim in qdrant.spec["volumeClaimTemplates"]
        }
        assert sizes == {"storage": "100Gi", "snapshots": "100Gi"}
        assert all("storageClassName" not in claim["spec"] for claim in qdrant.spec["volumeClaimTemplates"])

    def test_resources_are_the_guides(self, pods: PodTemplate) -> None:
        assert pods.container("qdrant")["resources"] == {
            "requests": {"cpu": "4", "memory": "8Gi"},
            "limits": {"cpu": "8", "memory": "16Gi"},
        }

    def test_probes_use_paths_that_need_no_key(self, pods: PodTemplate) -> None:
        container = pods.container("qdrant")
        paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("readiness", "liveness", "startup")}
        assert paths == {"readiness": "/readyz", "liveness": "/livez", "startup": "/livez"}

    def test_a_peer_that_loads_or_compacts_is_not_killed(self, pods: PodTemplate) -> None:
        liveness, startup = (pods.container("qdrant")[f"{kind}Probe"] for kind in ("liveness", "startup"))
        assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 180
        assert startup["periodSeconds"] * startup["failureThreshold"] >= 1800

    def test_it_has_time_to_flush(self, pods: PodTemplate) -> None:
        assert pods.spec["terminationGracePeriodSeconds"] == 120
        assert pods.container("qdrant")["lifecycle"]["preStop"]["exec"]["command"][0] == "sleep"

    def test_it_runs_as_the_images_user_on_a_read_only_root(self, pods: PodTemplate) -> None:
        security = pods.spec["securityContext"]
        assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (1000, 2000, 3000)
        assert pods.container("qdrant")["securityContext"]["readOnlyRootFilesystem"] is True

    def test_cluster_mode_with_safe_defaults_and_no_telemetry(self, environment: dict[str, str]) -> None:
        wanted = {
            "QDRANT__CLUSTER__ENABLED": "true",
            "QDRANT__TELEMETRY_DISABLED": "true",
            "QDRANT__STORAGE__COLLECTION__REPLICATION_FACTOR": "2",
            "QDRANT_HEADLESS": "qdrant-headless",
            "QDRANT_ALLOW_RECOVERY_MODE": "true",
        }
        assert {key: environment.get(key) for key in wanted} == wanted

    def test_a_changed_script_makes_new_pods(self, us_east: Recorded, pods: PodTemplate) -> None:
        files = us_east.one("ConfigMap", "qdrant-scripts").inputs["data"]
        assert pods.annotations["soma.io/files"] == objects.content_hash({"start.sh": files["start.sh"]})

    def test_another_number_of_peers_restarts_none(self, us_east: Recorded, pods: PodTemplate) -> None:
        five = record_stack("us-east", overrides={"qdrant": {"replicas": 5}})
        assert five.one("ConfigMap", "qdrant-scripts").inputs["data"]["peers"] == "5 5\n"
        assert five.pods_of("qdrant").spec == pods.spec
        assert five.pods_of("qdrant").annotations == pods.annotations


class TestTheKeys:
    def test_no_key_stands_in_the_environment(self, pods: PodTemplate) -> None:
        assert not [variable for variable in pods.container("qdrant")["env"] if "secretKeyRef" in str(variable)]
        mount = next(m for m in pods.container("qdrant")["volumeMounts"] if m["name"] == "keys")
        assert mount["mountPath"] == "/qdrant/config/local.yaml"

    def test_only_the_group_of_the_peers_reads_their_keys(self, pods: PodTemplate) -> None:
        keys = next(volume["secret"] for volume in pods.spec["volumes"] if volume["name"] == "keys")
        assert keys["defaultMode"] == 0o440
        assert keys["items"] == [{"key": "local.yaml", "path": "local.yaml"}]

    def test_the_gateway_gets_its_key_as_a_fragment_of_haproxys_configuration(self, us_east: Recorded) -> None:
        data = us_east.one("Secret", "qdrant-api-keys").inputs["stringData"].value
        assert data["gateway.cfg"] == f"global\n    set-var proc.qdrant_api_key str({data['api-key']})\n"
        assert data["api-key"] != data["read-only-api-key"]


class TestTheNetwork:
    def test_only_peers_reach_the_port_that_takes_writes_without_a_key(
        self, us_east: Recorded, pods: PodTemplate
    ) -> None:
        callers = {
            "a peer": peer(pods),
            "the service": peer(us_east.pods_of("memory-service")),
            "the collection Job": peer(us_east.pods_of(job_of(us_east, "qdrant-collections-").object_name)),
            "monitoring": Peer({}, "monitoring"),
        }
        guarded = guarded_by(us_east, "qdrant")
        assert [who for who, source in callers.items() if may_connect(guarded, source, peer(pods), 6335)] == ["a peer"]

    def test_the_service_and_the_job_reach_rest_and_a_stranger_does_not(
        self, us_east: Recorded, pods: PodTemplate
    ) -> None:
        job = us_east.pods_of(job_of(us_east, "qdrant-collections-").object_name)
        assert may_connect(us_east, peer(us_east.pods_of("memory-service")), peer(pods), 6333)
        assert may_connect(us_east, peer(job), peer(pods), 6333)
        guarded = guarded_by(us_east, "qdrant")
        assert not may_connect(guarded, peer(us_east.pods_of("redis-zone-a")), peer(pods), 6333)
        assert not may_connect(guarded, Peer({}, "elsewhere"), peer(pods), 6333)

    def test_metrics_are_for_the_monitoring_namespace(
        self, us_east: Recorded, pods: PodTemplate, environment: dict[str, str]
    ) -> None:
        port = int(environment["QDRANT__SERVICE__METRICS_PORT"])
        assert may_connect(us_east, Peer({}, "monitoring"), peer(pods), port)
        service = peer(us_east.pods_of("memory-service"))
        assert not may_connect(guarded_by(us_east, "qdrant"), service, peer(pods), port)


class TestTheCollections:
    def test_each_namespace_gets_one_with_the_guides_shards_and_copies(self, us_east: Recorded) -> None:
        plan = plan_of(us_east)
        assert plan["collections"] == ["default"]
        assert plan["peers"] == 3
        assert (plan["parameters"]["shard_number"], plan["parameters"]["replication_factor"]) == (4, 2)
        assert plan["parameters"]["vectors"] == {"size": 768, "distance": "Cosine"}
        assert plan["parameters"]["write_consistency_factor"] == 1
        assert plan["parameters"]["on_disk_payload"] is True
        assert plan["parameters"]["hnsw_config"] == {"m": 16, "ef_construct": 100}

    def test_they_are_made_after_the_cluster_and_before_the_service(self, us_east: Recorded, qdrant: Resource) -> None:
        job = job_of(us_east, "qdrant-collections-")
        assert qdrant.urn in job.depends_on
        assert job.urn in us_east.one("Deployment", "memory-service").depends_on

    def test_a_standby_makes_none(self, us_west: Recorded) -> None:
        assert not [job for job in us_west.of("Job") if job.object_name.startswith("qdrant-collections")]
        assert us_west.has("StatefulSet", "qdrant")

    def test_the_job_ends_and_stays(self, us_east: Recorded) -> None:
        """A time to live would remove it, and the next update would run it again."""
        spec = job_of(us_east, "qdrant-collections-").spec
        assert spec["backoffLimit"] == 4
        assert spec["activeDeadlineSeconds"] == 1800
        assert "ttlSecondsAfterFinished" not in spec

    def test_what_it_does_names_it(self, us_east: Recorded) -> None:
        """Another namespace is another Job; another image of Qdrant is not."""
        before = job_of(us_east, "qdrant-collections-").object_name
        same = record_stack(
            "us-east", overrides={"images": {**GATEWAYS, "qdrant": "docker.io/qdrant/qdrant:v1.19.1-unprivileged"}}
        )
        assert job_of(same, "qdrant-collections-").object_name == before
        more = record_stack("us-east", overrides={"qdrant": {"replicas": 5}})
        assert job_of(more, "qdrant-collections-").object_name != before

    def test_its_pods_mount_the_files_that_its_name_was_made_from(self, us_east: Recorded) -> None:
        name = job_of(us_east, "qdrant-collections-").object_name
        volume = next(v for v in us_east.pods_of(name).spec["volumes"] if v["name"] == "files")
        assert volume["configMap"]["name"] == name
