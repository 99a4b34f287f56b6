"""The program as Pulumi starts it: settings in, one region, outputs out, and bad settings stopped at the door."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.configuration import project_configuration
from tests.unit import recorder
from tests.unit.recorded import Recorded
from tests.unit.recorder import Provided, Recorder, record_stack


def refused(monkeypatch: pytest.MonkeyPatch, overrides: Mapping[str, Any]) -> str:
    """The words with which us-east is refused; fails if anything was registered."""
    made: list[Recorder] = []

    class Watched(Recorder):
        def __init__(self, provided: Provided) -> None:
            super().__init__(provided)
            made.append(self)

    monkeypatch.setattr(recorder, "Recorder", Watched)
    with pytest.raises(pulumi.RunError) as caught:
        record_stack("us-east", overrides=overrides)
    assert made[0].kept == []
    return str(caught.value)


def test_unknown_keys_are_refused_before_anything_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "qdrnt" in refused(monkeypatch, {"qdrnt": {"replicas": 3}})


def test_all_faults_come_at_once_with_the_file_they_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    text = refused(monkeypatch, {"colour": "red", "sharding": {"replication_factor": 9}, "platform": "azure"})
    assert text.startswith("Pulumi.us-east.yaml")
    assert all(fault in text for fault in ("colour", "sharding.replication_factor", 'platform = "azure"'))


def test_keys_of_other_programs_and_providers_are_not_ours() -> None:
    pulumi.runtime.set_all_config({"somafractalmemory:memory": "{}", "kubernetes:context": "x", "aws:region": "y"})
    try:
        assert project_configuration("somafractalmemory") == {"memory": "{}"}
    finally:
        pulumi.runtime.set_all_config({})


def test_configuration_comes_by_the_environment_as_the_engine_passes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", '{"somafractalmemory:platform": "kubernetes", "kubernetes:context": "x"}')
    assert project_configuration("somafractalmemory") == {"platform": "kubernetes"}


def test_the_same_settings_make_the_same_region(us_east: Recorded) -> None:
    """Nothing of time, order or chance is in the inputs: a second update has nothing to do."""
    again = record_stack("us-east")
    assert {r.urn: r.inputs for r in again.resources} == {r.urn: r.inputs for r in us_east.resources}


def test_without_an_ingress_the_endpoint_is_the_service() -> None:
    run = record_stack("us-east", overrides={"ingress": {"enabled": False}})
    assert run.outputs["endpoint"] == "http://memory-service.somafractalmemory.svc.cluster.local"
    assert not run.of("VirtualServer")


def test_a_region_by_itself_needs_no_other(us_east: Recorded) -> None:
    run = record_stack("us-east", overrides={"multiregion": {"enabled": False, "regions": []}})
    assert run.outputs["role"] == "home"
