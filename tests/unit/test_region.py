"""A region as a whole: what it gives out, and what it reads from home."""

from typing import Any

import pulumi
import pytest

from components import home
from rehearsal.engine.model import UNKNOWN, Secret, revealed
from tests.unit import recorder
from tests.unit.recorded import Recorded
from tests.unit.recorder import Provided, Recorder, record_stack


@pytest.fixture(params=["us_east", "us_west"])
def run(request: pytest.FixtureRequest) -> Recorded:
    return request.getfixturevalue(request.param)


class TestOutputs:
    def test_home_says_what_users_and_standbys_need(self, us_east: Recorded) -> None:
        plain = {key: value for key, value in us_east.outputs.items() if not isinstance(value, Secret)}
        assert plain == {
            "endpoint": "https://memory.example.com",
            "region": "us-east",
            "role": "home",
            "namespace": "somafractalmemory",
            "shared": plain["shared"],
            "home": "us-east",
            "promotion": "",
            "replication": {
                "postgresql": {
                    "metrics": {
                        "lag_seconds": "cnpg_pg_replication_lag",
                        "receiver_is_up": "cnpg_pg_replication_is_wal_receiver_up",
                    }
                }
            },
            "scale_in": {"qdrant.replicas": 3, "redis.cluster.nodes": 3, "redis.cluster.replicas": 1},
            "made_with": {
                "values": {
                    "sharding.shards": 4,
                    "sharding.replication_factor": 2,
                    "postgresql.partitions": 8,
                    "postgresql.replica.replicas": 2,
                    "postgresql.storage": "100Gi",
                    "postgresql.wal_storage": "20Gi",
                    "qdrant.storage": "100Gi",
                    "qdrant.snapshot_storage": "100Gi",
                    "redis.storage": "20Gi",
                    "redis.resources.limits.memory": "4Gi",
                },
                "derived": [],
            },
            "zones": [{"name": f"zone-{zone}", "redis_pods": 2} for zone in "abc"],
            "secret_versions": {
                "memory.token_version": 1,
                "postgresql.password_version": 1,
                "qdrant.api_key_version": 1,
                "redis.password_version": 1,
            },
        }
        secret = {"postgresql_replication", "memory_tokens", "generated"}
        assert us_east.outputs.keys() - plain.keys() == {*secret, "edges"}

    def test_a_standby_says_the_same_for_the_day_of_its_promotion(self, us_east: Recorded, us_west: Recorded) -> None:
        # No edges: who is home has made what they need.
        assert us_west.outputs.keys() == us_east.outputs.keys() - {"edges"}
        assert (us_west.outputs["role"], us_west.outputs["home"]) == ("standby", "us-east")
        assert revealed(us_west.outputs["memory_tokens"]) == revealed(us_east.outputs["memory_tokens"])
        for name in ("postgresql_replication", "memory_tokens", "generated"):
            assert isinstance(us_west.outputs[name], Secret)

    def test_no_secret_stands_in_the_clear_anywhere(self, run: Recorded) -> None:
        secrets = run.generated_secrets()
        assert len(secrets) >= 5, "the run has lost its secrets"
        for secret in secrets:
            assert run.in_the_clear(secret) == [], secret


class TestBackups:
    @pytest.mark.parametrize(("overrides", "told"), [({}, True), ({"backups": {"enabled": False}}, False)])
    def test_a_region_without_backups_says_so_until_that_is_meant(
        self, monkeypatch: pytest.MonkeyPatch, overrides: dict[str, Any], told: bool
    ) -> None:
        said: list[str] = []
        monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: said.append(text))
        record_stack("us-east", overrides=overrides)
        assert any("us-east has no backups: name an object store in backups.s3" in line for line in said) == told


class TestHome:
    def test_a_standby_follows_with_what_home_gave_out(self, us_east: Recorded, us_west: Recorded) -> None:
        copied = revealed(us_west.one("Secret", "postgresql-us-east-replication").inputs["stringData"])
        given = revealed(us_east.outputs["postgresql_replication"])
        assert copied["tls.key"] == given["client_key"]

    def test_a_preview_before_home_is_up_shows_what_is_not_known_yet(self) -> None:
        run = record_stack("us-west", stacks={"us-east": {}}, preview=True)
        token = run.one("Secret", "memory-service-token").inputs["stringData"]
        assert revealed(token) == {"token": UNKNOWN} or revealed(token) == UNKNOWN
        assert {deployment.object_name for deployment in run.of("Deployment")} == {
            "memory-service",
            "memory-edge",
            "monitoring-exporters",
        }
        assert revealed(run.one("Secret", "memory-edge").inputs["stringData"]) == UNKNOWN

    def test_an_update_before_home_is_up_ends_with_a_remedy_and_creates_nothing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = _watched(monkeypatch)
        with pytest.raises(pulumi.RunError, match=r"no output \w+ yet: bring us-east up first"):
            record_stack("us-west", stacks={"us-east": {}})
        assert not [resource.urn for resource in made[0].kept if resource.is_object]

    def test_all_of_a_standby_comes_after_what_it_reads_of_home(self, us_west: Recorded) -> None:
        """Else an update could make half a region before it finds that home has said nothing."""
        namespace = us_west.one("Namespace", "somafractalmemory")
        assert any("StackReference" in urn for urn in namespace.depends_on)
        for resource in us_west.objects:
            assert resource is namespace or namespace.urn in resource.depends_on, resource.urn

    @pytest.mark.parametrize("missing", ["postgresql_replication", "memory_tokens"])
    def test_one_missing_output_is_enough_to_stop(self, us_east: Recorded, missing: str) -> None:
        outputs = {key: value for key, value in us_east.outputs.items() if key != missing}
        with pytest.raises(pulumi.RunError, match=missing):
            home._accepted(outputs, "us-west", outputs["shared"])

    def test_a_standby_refuses_to_follow_another_standby(self, us_east: Recorded) -> None:
        outputs: dict[str, Any] = {**us_east.outputs, "role": "standby"}
        with pytest.raises(pulumi.RunError, match="us-east says that it is a standby"):
            record_stack("us-west", stacks={"us-east": outputs})

    def test_home_reads_no_other_region(self, us_east: Recorded) -> None:
        """The run of home knew no other stack; a reference to one would have ended it."""
        known = {urn for resource in us_east.resources for urn in resource.depends_on if "StackReference" in urn}
        assert [urn.rpartition("::")[2] for urn in known] == ["us-east-scale-in-before"]


def _watched(monkeypatch: pytest.MonkeyPatch) -> list[Recorder]:
    """The recorders that are made from now on: also those of runs that fail."""
    made: list[Recorder] = []

    class Watched(Recorder):
        def __init__(self, provided: Provided) -> None:
            super().__init__(provided)
            made.append(self)

    monkeypatch.setattr(recorder, "Recorder", Watched)
    return made


class TestThePlatform:
    def test_the_namespace_is_protected_and_restricted(self, run: Recorded) -> None:
        namespace = run.one("Namespace", "somafractalmemory")
        assert namespace.protect
        assert namespace.metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"

    def test_every_pod_meets_the_restricted_standard(self, run: Recorded) -> None:
        for pods in run.pod_templates:
            assert pods.spec["securityContext"]["runAsNonRoot"] is True, pods.name
            assert pods.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, pods.name
            for container in pods.containers:
                security = container["securityContext"]
                assert security["allowPrivilegeEscalation"] is False, (pods.name, container["name"])
                assert security["capabilities"] == {"drop": ["ALL"]}, (pods.name, container["name"])

    def test_no_pod_but_these_carries_a_credential_of_the_api_server(self, run: Recorded) -> None:
        """One may read pods and nodes (test_qdrant_rebalancer.py), the others change claims (test_claims.py)."""
        carrying = {
            pods.labels["app.kubernetes.io/name"]
            for pods in run.pod_templates
            if pods.spec["automountServiceAccountToken"] is not False
        }
        assert carrying == {"qdrant-rebalancer", "qdrant-volumes", "redis-volumes"}

    def test_another_path_of_the_kubeconfig_is_the_same_cluster(self, run: Recorded) -> None:
        (provider,) = [r for r in run.resources if r.type == "pulumi:providers:kubernetes"]
        assert provider.inputs["clusterIdentifier"] == run.stack
        assert provider.inputs["enableServerSideApply"] in (True, "true")

    def test_zones_are_called_what_the_cluster_calls_them(self) -> None:
        zones = {"zone-a": "eu-1a", "zone-b": "eu-1b", "zone-c": "eu-1c"}
        run = record_stack("us-east", overrides={"kubernetes": {"zones": zones}})
        text = str([set_.spec for set_ in run.of("StatefulSet")])
        assert "eu-1a" in text
        assert "'zone-a'" not in text
