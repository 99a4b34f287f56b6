"""What regions must state alike: home says it, and a standby that differs is told so before anything is made."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components import home
from rehearsal.engine.model import UNKNOWN, Secret, revealed
from tests.unit.recorded import Recorded
from tests.unit.recorder import record_stack, stack_configuration

THIRD = {"multiregion": {"regions": [{"name": "us-east", "primary": True}, {"name": "us-west"}, {"name": "eu-west"}]}}


def namespaces(*names: str) -> dict[str, Any]:
    """Overrides that give a region these memory namespaces, and a host to each."""
    memory = {**stack_configuration("us-west")["memory"], "namespaces": list(names)}
    services = ["memory-service" if name == "default" else f"memory-service-{name}" for name in names]
    rules = [
        {"host": f"{service}.example.com", "paths": [{"path": "/", "backend": {"service": service}}]}
        for service in services
    ]
    return {"memory": memory, "ingress": {"rules": rules}}


def refusal(outputs: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> str:
    """The words with which the standby refuses to follow a home region that gave these outputs."""
    with pytest.raises(pulumi.RunError) as caught:
        record_stack("us-west", overrides=overrides, stacks={"us-east": outputs})
    return str(caught.value)


def test_home_says_in_the_clear_what_every_region_shares(us_east: Recorded) -> None:
    assert not isinstance(us_east.outputs["shared"], Secret)
    assert us_east.outputs["shared"] == {
        "multiregion.home": "us-east",
        "multiregion.regions": ["us-east", "us-west"],
        "multiregion.generations": [],
        "multiregion.postgresql_addresses": [],
        "multiregion.internal_domain": "somafractalmemory.internal",
        "memory.namespaces": ["default"],
        "memory.token_version": 1,
        "sharding.shards": 4,
        "sharding.replication_factor": 2,
        "postgresql.database": "somamemory",
        "postgresql.owner": "soma",
        "postgresql.partitions": 8,
        "images.postgresql": "PostgreSQL 18",
        "platform": "kubernetes",
    }


def test_a_difference_is_told_with_path_both_values_and_a_remedy(us_east: Recorded) -> None:
    assert refusal(us_east.outputs, {"postgresql": {"partitions": 16}}) == (
        "Pulumi.us-west.yaml or Pulumi.yaml: what every region shares differs from the home region us-east\n"
        "  postgresql.partitions = 16   us-east has 8: state that here too, or bring us-east to this first "
        "(pulumi up -s us-east)"
    )


def test_a_home_with_another_major_version_of_postgresql_is_a_difference(us_east: Recorded) -> None:
    said = refusal({**us_east.outputs, "shared": {**us_east.outputs["shared"], "images.postgresql": "PostgreSQL 17"}})
    assert 'images.postgresql = "PostgreSQL 18"   us-east has "PostgreSQL 17": ' in said


def test_all_differences_are_told_at_once(us_east: Recorded) -> None:
    said = refusal(
        us_east.outputs,
        {**THIRD, "postgresql": {"owner": "other", "database": "other"}, "sharding": {"shards": 6}},
    )
    lines = [line.split("   ")[0].strip() for line in said.splitlines()[1:]]
    assert lines == [
        'multiregion.regions = ["us-east", "us-west", "eu-west"]',
        "sharding.shards = 6",
        'postgresql.database = "other"',
        'postgresql.owner = "other"',
    ]


def test_a_memory_namespace_that_home_lacks_is_a_difference(us_east: Recorded) -> None:
    said = refusal(us_east.outputs, namespaces("default", "eu"))
    assert 'memory.namespaces = ["default", "eu"]   us-east has ["default"]:' in said


def test_memory_namespaces_may_be_named_in_another_order() -> None:
    first = record_stack("us-east", overrides=namespaces("default", "eu"))
    record_stack("us-west", overrides=namespaces("eu", "default"), stacks={"us-east": first.outputs})


def test_home_of_an_earlier_release_has_to_be_updated_first(us_east: Recorded) -> None:
    outputs = {key: value for key, value in us_east.outputs.items() if key != "shared"}
    assert refusal(outputs) == (
        "stack us-east was last updated by an earlier release, which does not say what every region shares: "
        "update us-east first (pulumi up -s us-east)"
    )


def test_what_home_does_not_say_is_no_value_of_its_own(us_east: Recorded) -> None:
    said = {path: value for path, value in us_east.outputs["shared"].items() if path != "postgresql.owner"}
    assert 'postgresql.owner = "soma"   us-east says nothing of it:' in refusal({**us_east.outputs, "shared": said})


def test_numbers_may_come_as_fractions_from_the_engine(us_east: Recorded) -> None:
    fractions = {**us_east.outputs["shared"], "postgresql.partitions": 8.0, "sharding.shards": 5.0}
    said = refusal({**us_east.outputs, "shared": fractions})
    assert "postgresql.partitions" not in said
    assert "us-east has 5:" in said


class TestAPreview:
    """Home may be about to change as well: `up` of the rehearsal and a review preview every region before any."""

    @pytest.fixture
    def warnings(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        said: list[str] = []

        def warn(text: str, resource: pulumi.Resource | None = None) -> None:
            if resource is None:  # what is said of a resource is another matter
                said.append(text)

        monkeypatch.setattr(pulumi.log, "warn", warn)
        return said

    def test_it_warns_of_a_difference_and_goes_on(self, us_east: Recorded, warnings: list[str]) -> None:
        overrides = namespaces("default", "eu")
        run = record_stack("us-west", overrides=overrides, stacks={"us-east": us_east.outputs}, preview=True)
        assert len(warnings) == 1
        assert 'memory.namespaces = ["default", "eu"]' in warnings[0]
        token = revealed(run.one("Secret", "memory-service-eu-token").inputs["stringData"])
        assert token in (UNKNOWN, {"token": UNKNOWN})

    def test_it_takes_a_home_of_an_earlier_release(self, us_east: Recorded, warnings: list[str]) -> None:
        outputs = {key: value for key, value in us_east.outputs.items() if key != "shared"}
        assert record_stack("us-west", stacks={"us-east": outputs}, preview=True).of("Deployment")
        assert warnings == []


def test_a_token_that_home_does_not_have_is_asked_for_by_its_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    with pytest.raises(pulumi.RunError, match=r"memory\.namespaces: us-east has no token for \"eu\""):
        home._token({"default": "x"}, "eu", "us-east")
