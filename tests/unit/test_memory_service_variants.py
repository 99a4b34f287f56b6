"""The memory service where it is not the home region's first: held at a standby, several namespaces, other settings."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from components import fence
from components.memory_environment import PostgresEndpoint, environment
from components.memory_service import NO_DEADLINE, autoscaler_spec, deployment_spec
from components.objects import content_hash
from rehearsal.engine.model import Secret, revealed
from settings import Autoscaling, Memory
from tests.unit.recorded import PodTemplate, Recorded
from tests.unit.recorder import record_stack, stack_configuration

SERVICE = "memory-service"
IMAGE = "ghcr.io/somatechlat/somafractalmemory:9d8f7f1"


def us_east_with(memory: Mapping[str, Any], **blocks: Any) -> Recorded:
    """us-east with some keys of its `memory` block changed."""
    given = stack_configuration("us-east")["memory"]
    return record_stack("us-east", overrides={"memory": {**given, **memory}, **blocks})


@pytest.fixture(scope="module")
def two_namespaces() -> Recorded:
    hosts = {"memory-service": "memory.example.com", "memory-service-eu": "eu.example.com"}
    rules = [
        {"host": host, "paths": [{"path": "/", "backend": {"service": service, "port": 80}}]}
        for service, host in hosts.items()
    ]
    return us_east_with({"namespaces": ["default", "eu"]}, ingress={"rules": rules})


@pytest.fixture(scope="module")
def unscaled() -> Recorded:
    return us_east_with({"autoscaling": {"enabled": False}, "replicas": 5})


class TestAStandby:
    @pytest.fixture
    def pods(self, us_west: Recorded) -> PodTemplate:
        return us_west.pods_of(SERVICE)

    def test_pods_are_scheduled_as_at_home_but_say_that_they_wait(self, us_east: Recorded, pods: PodTemplate) -> None:
        assert pods.replicas == 3
        assert pods.labels["soma.io/region-role"] == "standby"
        assert us_east.pods_of(SERVICE).labels["soma.io/region-role"] == "home"

    @pytest.mark.parametrize("name", ["await-primary", "await-stores"])
    def test_pods_wait_for_their_stores_without_end(self, pods: PodTemplate, name: str) -> None:
        wait = {variable["name"]: variable["value"] for variable in pods.container(name)["env"]}
        assert wait["WAIT_SECONDS"] == "0"

    def test_nobody_waits_for_held_pods(self, us_west: Recorded, pods: PodTemplate) -> None:
        for held in (pods.workload, us_west.one("Service", SERVICE)):
            assert held.metadata["annotations"] == {"pulumi.com/skipAwait": "true"}
        assert pods.workload.spec["progressDeadlineSeconds"] == NO_DEADLINE

    def test_home_is_waited_for(self, us_east: Recorded) -> None:
        for served in (us_east.one("Deployment", SERVICE), us_east.one("Service", SERVICE)):
            assert "annotations" not in served.metadata

    def test_neither_schema_nor_collections_are_made(self, us_west: Recorded) -> None:
        assert {job.object_name.rpartition("-")[0] for job in us_west.of("Job")} == {
            "qdrant-rebalance",
            "qdrant-volumes",
            "redis-bootstrap",
            "redis-volumes",
        }

    def test_clients_keep_their_token(self, us_east: Recorded, us_west: Recorded) -> None:
        home, standby = (
            cast(dict[str, str], revealed(run.one("Secret", "memory-service-token").inputs["stringData"]))
            for run in (us_east, us_west)
        )
        assert standby == {"token": home["token"]}
        assert not [r.name for r in us_west.resources if r.kind == "RandomPassword" and "token" in r.name]


class TestSeveralNamespaces:
    def test_each_has_objects_of_its_own(self, two_namespaces: Recorded) -> None:
        kinds = ("Deployment", "Service", "ServiceAccount", "ConfigMap", "HorizontalPodAutoscaler", "NetworkPolicy")
        for kind in (*kinds, "PodDisruptionBudget"):
            assert two_namespaces.has(kind, "memory-service"), kind
            assert two_namespaces.has(kind, "memory-service-eu"), kind
        assert two_namespaces.has("Secret", "memory-service-eu-token")

    def test_each_writes_to_its_own_collection(self, two_namespaces: Recorded) -> None:
        for service, namespace in (("memory-service", "default"), ("memory-service-eu", "eu")):
            container = two_namespaces.pods_of(service).container("memory-service")
            assert {"name": "SOMA_NAMESPACE", "value": namespace} in container["env"]

    def test_selectors_do_not_find_the_others_pods(self, two_namespaces: Recorded) -> None:
        first, second = two_namespaces.pods_of("memory-service"), two_namespaces.pods_of("memory-service-eu")
        assert not second.matches(first.workload.spec["selector"])
        assert not second.matches(first.spec["topologySpreadConstraints"][0]["labelSelector"])
        assert len(two_namespaces.budgets_of(first)) == len(two_namespaces.budgets_of(second)) == 1
        assert not second.matches({"matchLabels": two_namespaces.one("Service", "memory-service").spec["selector"]})

    def test_each_has_its_host_and_its_token(self, two_namespaces: Recorded) -> None:
        hosts = {server.spec["host"]: server.spec["upstreams"][0]["service"] for server in two_namespaces.user_hosts}
        assert hosts == {"memory.example.com": "memory-service", "eu.example.com": "memory-service-eu"}
        tokens = revealed(two_namespaces.outputs["memory_tokens"])
        assert set(tokens) == {"default", "eu"}
        assert len(set(tokens.values())) == 2


class TestWithoutAutoscaling:
    def test_replicas_are_the_settings(self, unscaled: Recorded) -> None:
        pods = unscaled.pods_of(SERVICE)
        assert pods.replicas == 5
        assert pods.workload.ignore_changes == ()

    def test_there_is_no_autoscaler(self, unscaled: Recorded) -> None:
        assert not unscaled.of("HorizontalPodAutoscaler")


class TestPureParts:
    def test_the_autoscaler_starts_from_the_replicas_unless_told_otherwise(self) -> None:
        def least(**autoscaling: Any) -> int:
            memory = Memory(image=IMAGE, replicas=4, autoscaling=Autoscaling(**autoscaling))
            return autoscaler_spec(memory, SERVICE)["minReplicas"]

        assert least() == 4
        assert least(min_replicas=6) == 6

    def test_a_rollout_at_home_has_a_deadline(self) -> None:
        home, standby = (deployment_spec(3, {}, {}, role)["progressDeadlineSeconds"] for role in ("home", "standby"))
        assert home < standby == NO_DEADLINE

    def test_environment_names_are_unique(self) -> None:
        endpoint = PostgresEndpoint("h", "d", "u", "s", "c")
        names = [variable["name"] for variable in environment("default", 1, endpoint)]
        assert sorted(set(names)) == sorted(names)

    def test_other_files_are_other_pods(self, us_east: Recorded) -> None:
        """A ConfigMap that changes in place changes nothing in a process that has read it. Whom the probe asks it reads
        each time: a region that is added restarts nobody.
        """
        files = dict(us_east.one("ConfigMap", SERVICE).inputs["data"])
        assert files.pop(fence.FILE)
        assert us_east.pods_of(SERVICE).annotations["soma.io/files"] == content_hash(files)
        assert content_hash({**files, "x": ""}) != content_hash(files)

    def test_the_token_is_marked_as_secret(self, us_east: Recorded) -> None:
        assert isinstance(us_east.one("Secret", "memory-service-token").inputs["stringData"], Secret)
