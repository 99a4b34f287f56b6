"""Other keys and tokens by a version in the settings: who takes what when, and that no version is skipped."""

import base64
import hashlib
import hmac
import json
from typing import Any, cast

import pulumi
import pytest

from components import qdrant_keys
from components.home import REPLICATION
from components.secret_versions import OUTPUT
from rehearsal.engine.model import revealed
from tests.unit.recorded import Recorded
from tests.unit.recorder import record_stack

KEYS = {"qdrant": {"api_key_version": 2}}
TOKENS = {"token_version": 2}


def data(run: Recorded, secret: str) -> dict[str, str]:
    return cast(dict[str, str], revealed(run.one("Secret", secret).inputs["stringData"]))


def memory(**values: Any) -> dict[str, Any]:
    return {"memory": {"image": "ghcr.io/somatechlat/somafractalmemory:9d8f7f1", **values}}


def generated(run: Recorded, part: str) -> list[str]:
    return sorted(one.name for one in run.resources if one.kind == "RandomPassword" and part in one.name)


@pytest.fixture(scope="module")
def second() -> Recorded:
    """A region whose API keys have changed once."""
    return record_stack("us-east", overrides=KEYS)


class TestQdrantsKeys:
    def test_at_first_nodes_take_one_full_key_and_one_that_reads(self, us_east: Recorded) -> None:
        nodes, shown = data(us_east, "qdrant-node-keys")["local.yaml"], data(us_east, "qdrant-api-keys")
        assert f"  api_key: {shown['api-key']}\n" in nodes
        assert "  read_only_api_key: " in nodes
        assert "alt_api_key" not in nodes

    def test_then_they_take_the_one_before_as_well_and_tokens_of_both(self, second: Recorded) -> None:
        nodes, shown = data(second, "qdrant-node-keys")["local.yaml"], data(second, "qdrant-api-keys")
        assert f"  api_key: {shown['api-key']}\n" in nodes
        assert "  alt_api_key: " in nodes
        assert "  jwt_rbac: true\n" in nodes
        assert "read_only_api_key" not in nodes
        assert generated(second, "qdrant") == ["us-east-qdrant-api-key", "us-east-qdrant-api-key-2"]

    def test_the_third_leaves_nothing_of_the_first(self) -> None:
        third = record_stack("us-east", overrides={"qdrant": {"api_key_version": 3}})
        assert generated(third, "qdrant") == ["us-east-qdrant-api-key-2", "us-east-qdrant-api-key-3"]

    def test_nodes_start_again_for_it_and_clients_follow_when_all_have(
        self, us_east: Recorded, second: Recorded
    ) -> None:
        cluster, shown = second.one("StatefulSet", "qdrant"), second.one("Secret", "qdrant-api-keys")
        assert second.one("Secret", "qdrant-node-keys").urn in cluster.depends_on
        assert cluster.urn in shown.depends_on
        assert shown.urn in second.one("Deployment", "memory-service").depends_on
        for workload in ("qdrant", "memory-service"):
            before, now = (
                run.pods_of(workload).annotations[qdrant_keys.VERSION_ANNOTATION] for run in (us_east, second)
            )
            assert (before, now) == ("1", "2"), workload

    def test_nothing_else_of_the_pods_changes(self, us_east: Recorded, second: Recorded) -> None:
        for workload in ("qdrant", "memory-service"):
            assert second.pods_of(workload).spec == us_east.pods_of(workload).spec
        jobs = [{job.object_name for job in run.of("Job")} for run in (us_east, second)]
        assert jobs[0] == jobs[1], "no Job runs again for it"

    def test_readers_show_a_token_that_the_full_key_signs(self) -> None:
        token = qdrant_keys.read_only_token("letters")
        header, claims, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
        assert json.loads(header) == {"alg": "HS256", "typ": "JWT"}
        assert json.loads(claims) == {"access": "r"}
        assert signature == hmac.digest(b"letters", token.rpartition(".")[0].encode(), hashlib.sha256)


class TestTheServicesTokens:
    def test_the_next_token_is_known_before_it_counts(self, us_east: Recorded) -> None:
        assert set(data(us_east, "memory-service-token")) == {"token", "next"}
        assert generated(us_east, "-token") == ["us-east-memory-service-token", "us-east-memory-service-token-2"]

    def test_what_was_next_is_then_the_token_and_pods_start_again(self, us_east: Recorded) -> None:
        changed = record_stack("us-east", overrides=memory(**TOKENS))
        assert generated(changed, "-token") == ["us-east-memory-service-token-2", "us-east-memory-service-token-3"]
        before, now = (run.pods_of("memory-service").annotations["soma.io/token"] for run in (us_east, changed))
        assert (before, now) == ("1", "2")
        assert changed.pods_of("memory-service").spec == us_east.pods_of("memory-service").spec

    def test_pods_see_the_present_one_alone(self, us_east: Recorded) -> None:
        volumes = us_east.pods_of("memory-service").spec["volumes"]
        (token,) = [volume["secret"] for volume in volumes if volume["name"] == "token"]
        assert token["items"] == [{"key": "token", "path": "token"}]

    def test_a_standby_follows_home(self, us_east: Recorded) -> None:
        with pytest.raises(pulumi.RunError, match=r"memory\.token_version = 2   us-east has 1:"):
            record_stack("us-west", overrides=memory(**TOKENS), stacks={"us-east": us_east.outputs})


class TestPostgresqlsPassword:
    def test_what_was_next_is_then_the_password_and_no_pod_starts_again(self, us_east: Recorded) -> None:
        changed = record_stack("us-east", overrides={"postgresql": {"password_version": 2}})
        names = [f"us-east-postgresql-app-password{version}" for version in ("", "-2", "-3")]
        assert [generated(run, "-app-password") for run in (us_east, changed)] == [names[:2], names[1:]]
        before, now = (data(run, "postgresql-app") for run in (us_east, changed))
        assert now["password"] == before["next"]
        assert len({before["password"], before["next"], now["next"]}) == 3
        assert changed.pods_of("memory-service") == us_east.pods_of("memory-service")

    def test_gateways_see_the_present_one_and_the_next(self, us_east: Recorded) -> None:
        volumes = us_east.pods_of("memory-service").spec["volumes"]
        (mounted,) = [volume["secret"] for volume in volumes if volume["name"] == "postgresql-auth"]
        assert [item["key"] for item in mounted["items"]] == ["password", "next"]

    def test_a_standby_has_both_of_home(self, us_east: Recorded) -> None:
        standby = record_stack("us-west", stacks={"us-east": us_east.outputs})
        assert data(standby, "postgresql-app") == data(us_east, "postgresql-app")

    def test_a_standby_of_a_home_that_knows_no_next_one_goes_on(self, us_east: Recorded) -> None:
        told = revealed(us_east.outputs[REPLICATION])
        older = {key: value for key, value in told.items() if key != "next_password"}
        standby = record_stack("us-west", stacks={"us-east": {**us_east.outputs, REPLICATION: older}})
        shown = data(standby, "postgresql-app")
        assert (shown["password"], shown["next"]) == (told["password"], "")


class TestTheOrderOfVersions:
    @pytest.mark.parametrize(
        ("path", "overrides"),
        [
            ("qdrant.api_key_version", {"qdrant": {"api_key_version": 3}}),
            ("redis.password_version", {"redis": {"password_version": 3}}),
            ("postgresql.password_version", {"postgresql": {"password_version": 3}}),
            ("memory.token_version", memory(token_version=3)),
        ],
    )
    def test_one_that_is_skipped_is_refused_before_anything_changes(
        self, us_east: Recorded, path: str, overrides: dict[str, Any]
    ) -> None:
        with pytest.raises(pulumi.RunError) as caught:
            record_stack("us-east", overrides=overrides, stacks={"us-east": us_east.outputs})
        assert str(caught.value) == (
            "Pulumi.us-east.yaml or Pulumi.yaml: a secret changes one version after the other\n"
            f"  {path} = 3   clients show 1: set it to 2, run pulumi up, then raise it again"
        )

    def test_there_is_no_way_back(self, second: Recorded) -> None:
        with pytest.raises(pulumi.RunError, match=r"qdrant\.api_key_version = 1   2 is in use, .*: set it to 2"):
            record_stack("us-east", stacks={"us-east": second.outputs})

    def test_the_next_one_and_the_same_are_taken_also_as_fractions(self, us_east: Recorded) -> None:
        fractions = {**us_east.outputs, OUTPUT: {path: float(n) for path, n in us_east.outputs[OUTPUT].items()}}
        for stacks in (us_east.outputs, fractions):
            assert record_stack("us-east", overrides=KEYS, stacks={"us-east": stacks}).outputs[OUTPUT] == {
                "memory.token_version": 1,
                "postgresql.password_version": 1,
                "qdrant.api_key_version": 2,
                "redis.password_version": 1,
            }

    def test_a_stack_of_an_earlier_release_has_said_nothing(self, us_east: Recorded) -> None:
        outputs = {key: value for key, value in us_east.outputs.items() if key != OUTPUT}
        record_stack("us-east", overrides=KEYS, stacks={"us-east": outputs})
