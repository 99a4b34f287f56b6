"""The main job by the real engine: the same plan as our own, both regions up on real control planes, changed, kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from promotion.cli_access import CliAccess
from promotion.files import Checkout
from rehearsal.engine import cli_workspace
from rehearsal.engine.cli import PulumiEngine
from rehearsal.engine.in_process import InProcessEngine
from rehearsal.engine.model import Change, to_json
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from rehearsal.summary import RegionSummary, Summary
from state import __main__ as state
from tests.engine.checkouts import checkout
from tests.rehearsal.stand import NAMESPACE, REGIONS, Stand, standing

pytestmark = pytest.mark.timeout(1200)
"""Seconds: the CLI waits until what it makes is ready, region by region, and a fixture brings both up."""

PODS = {"home": 21, "standby": 24}
"""3 each of the service, Qdrant, PostgreSQL, its pooler and the exporters, 6 of Redis; 3 of a standby's edge proxy."""


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("cli"), PulumiEngine.name) as stand:
        yield stand


@pytest.fixture(scope="module")
def first(stand: Stand) -> Summary:
    """What the first `up` ended with."""
    return stand.up()


def _steps(region: RegionSummary) -> dict[str, str]:
    """What changed, by name; unchanged resources are left out."""
    return {step.name: step.change.value for step in region.outcome.steps if step.change is not Change.SAME}


@pytest.mark.parametrize("region", REGIONS)
def test_our_own_engine_plans_what_pulumi_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    """URNs, parents, protection, dependencies and inputs: what the rehearsal shows is what Pulumi would do."""
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path / "run"))
    program = checkout(tmp_path / "checkout")
    theirs = _by_urn(to_json(PulumiEngine(program, judge=False).preview(region)))
    own = InProcessEngine(program)
    ours = {known: _by_urn(to_json(own.preview(known))) for known in REGIONS}[region]
    assert ours.keys() == theirs.keys()
    assert len(ours) > 70
    for urn, resource in theirs.items():
        found = ours[urn]
        if resource["type"] == "pulumi:providers:kubernetes":  # the CLI names the kubeconfig of the rehearsal in it
            resource, found = ({**one, "inputs": {}} for one in (resource, found))
        assert _agree(resource, found), urn


def test_both_regions_come_up_from_nothing(first: Summary, stand: Stand) -> None:
    assert first.engine == "pulumi"
    for region in first.regions:
        assert set(_steps(region).values()) == {"create"}
        assert sum(pods.ready + pods.held for pods in region.pods.values()) == PODS[region.role]
        assert stand.client(region.region).find("apps/v1", "Deployment", "memory-service", NAMESPACE) is not None


def test_every_policy_was_asked_and_none_failed(first: Summary) -> None:
    for region in first.regions:
        assert [report.pack for report in region.reports] == [
            "capacity", "data-safety", "high-availability", "security",
        ]  # fmt: skip
        for report in region.reports:
            assert len(report.policies) >= 10
            assert report.mandatory == ()
        assert {violation.policy for violation in region.violations} == {"any-backups", "not-judged"}


@pytest.mark.parametrize("region", REGIONS)
def test_no_secret_lies_in_the_clear_in_the_state(first: Summary, stand: Stand, region: str) -> None:
    del first
    state = cli_workspace.state_file("somafractalmemory", region).read_text()
    generated = stand.generated(region)
    assert len(generated) >= 6
    for text in generated:
        assert text not in state
        assert json.dumps(text)[1:-1] not in state


def test_a_second_up_changes_nothing(first: Summary, stand: Stand) -> None:
    del first
    assert stand.up().unchanged


def test_a_changed_setting_changes_just_what_it_should(first: Summary, stand: Stand) -> None:
    del first
    stand.set("us-east", "qdrant", {"resources": {"requests": {"memory": "10Gi"}}})
    home, standby = stand.up().regions
    assert _steps(home) == {"us-east-qdrant-statefulset": "update", "us-east-record-settings": "update"}
    assert _steps(standby) == {}


def test_what_holds_data_cannot_be_destroyed(first: Summary, stand: Stand) -> None:
    del first
    with pytest.raises(RehearsalError, match="protected"):
        PulumiEngine(stand.directory).destroy("us-east", Progress(stand.said))
    for kind, name in (("StatefulSet", "qdrant"), ("Deployment", "memory-service")):
        assert stand.client("us-east").find("apps/v1", kind, name, NAMESPACE) is not None, "all stays, or nothing"


def _by_urn(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {resource["urn"]: resource for resource in document["resources"]}


def _agree(theirs: object, ours: object) -> bool:
    """Are they equal, but for what only an update will tell Pulumi and our engine knows at once?"""
    if theirs == "[unknown]":
        return True
    if isinstance(theirs, dict) and isinstance(ours, dict):
        one, other = cast(dict[str, object], theirs), cast(dict[str, object], ours)
        return one.keys() == other.keys() and all(_agree(value, other[key]) for key, value in one.items())
    if isinstance(theirs, list) and isinstance(ours, list):
        items, others = cast(list[object], theirs), cast(list[object], ours)
        return len(items) == len(others) and all(map(_agree, items, others))
    return theirs == ours


def test_what_stands_in_the_way_of_an_end_is_told_and_left(
    first: Summary, stand: Stand, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del first
    for name, value in cli_workspace.environment(Path("none")).items():
        monkeypatch.setenv(name, value)
    assert state.main(["--directory", str(stand.directory), "destroy", "us-west"]) == 0
    said = capsys.readouterr().out
    for name in ("qdrant-statefulset", "postgresql-cluster", "redis-zone-a", "platform-namespace"):
        assert f"::us-west-{name}'" in said, said
    assert stand.up().unchanged


def test_a_fence_changes_outputs_and_opens_no_secret(
    first: Summary, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    del first
    for name, value in cli_workspace.environment(Path("none")).items():
        monkeypatch.setenv(name, value)
    access = CliAccess(cli_workspace.directory() / "project", Checkout(stand.directory).settings())
    before = access.outputs("us-west")
    assert before["home"] == "us-east"
    access.fence("us-west", {"promotion": "fence"})
    try:
        after = access.outputs("us-west")
        closed = {name for name, value in before.items() if isinstance(value, dict) and "ciphertext" in value}
        assert closed >= {"generated", "memory_tokens"}
        assert after.keys() == before.keys()
        assert {name for name in before if after[name] != before[name]} - closed == {"promotion"}
        texts = str([before, after])
        assert not [secret for secret in stand.generated("us-west") if secret in texts]
    finally:
        access.fence("us-west", {"promotion": ""})
    assert stand.up().unchanged
