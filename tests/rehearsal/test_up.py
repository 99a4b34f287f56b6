"""The main job from nothing to down: two regions on real control planes, changed, broken, interrupted and mended."""

import io
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from rich.console import Console

from rehearsal import paths, processes, reporting, run
from rehearsal.controlplane import FOLLOWERS, SERVER, STORE, ControlPlane
from rehearsal.engine.model import Change, PlannedResource
from rehearsal.errors import RehearsalError
from rehearsal.packs import Report
from rehearsal.progress import Progress
from rehearsal.summary import RegionSummary, Summary, show
from tests.engine.checkouts import LONELY
from tests.rehearsal.conftest import exists
from tests.rehearsal.stand import NAMESPACE, REGIONS, Stand, standing


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("up")) as stand:
        yield stand


@pytest.fixture(scope="module")
def first(stand: Stand) -> Summary:
    """What the first `up` ended with."""
    return stand.up()


def _objects(region: RegionSummary) -> Iterator[PlannedResource]:
    return (one for one in region.outcome.resources if one.type.startswith("kubernetes:"))


def _steps(region: RegionSummary) -> dict[str, str]:
    """What changed, by name; unchanged resources are left out."""
    return {step.name: step.change.value for step in region.outcome.steps if step.change is not Change.SAME}


def test_both_regions_come_up_from_nothing_home_first(first: Summary) -> None:
    assert [(region.region, region.role) for region in first.regions] == [("us-east", "home"), ("us-west", "standby")]
    for region in first.regions:
        assert {step.change for step in region.outcome.steps} == {Change.CREATE}


@pytest.mark.parametrize("region", REGIONS)
def test_the_api_server_holds_every_object_of_the_plan(first: Summary, stand: Stand, region: str) -> None:
    (summary,) = (one for one in first.regions if one.region == region)
    planned = list(_objects(summary))
    assert len(planned) > 40
    client = stand.client(region)
    for one in planned:
        metadata = one.inputs["metadata"]
        found = client.find(
            one.inputs["apiVersion"], one.inputs["kind"], metadata["name"], metadata.get("namespace") or NAMESPACE
        )
        assert found is not None, one.urn


def test_every_pod_is_ready_or_held_and_the_zones_carry_alike(first: Summary) -> None:
    home, standby = first.regions
    for zone in ("zone-a", "zone-b", "zone-c"):
        assert home.pods[zone].as_json() == {"ready": 7, "held": 0, "wanted": 7}
        # One of the edge proxy beside them.
        assert standby.pods[zone].as_json() == {"ready": 7, "held": 1, "wanted": 8}


def test_every_policy_was_asked_and_none_failed(first: Summary) -> None:
    for region in first.regions:
        assert [report.pack for report in region.reports] == [
            "capacity", "data-safety", "high-availability", "security",
        ]  # fmt: skip
        for report in region.reports:
            assert isinstance(report, Report)
            assert len(report.policies) >= 10
            assert report.mandatory == ()
        # The stack files name no object store, and a cluster that is there has a StorageClass of its own.
        assert {violation.policy for violation in region.violations} == {"any-backups", "not-judged"}


def test_what_no_cluster_here_can_do_is_named(first: Summary) -> None:
    named = " ".join(first.simulated)
    for what in ("nodes", "load balancer", "ingress", "CloudNativePG", "metrics"):
        assert what in named


def test_no_secret_is_told(first: Summary, stand: Stand, tmp_path: Path) -> None:
    """Not in the document, not in the tables, not on the page nor in what is kept of it, not in what was said."""
    tables = Console(file=io.StringIO(), width=400)
    show(first, tables)
    told = json.dumps(first.as_json()) + cast(io.StringIO, tables.file).getvalue() + stand.said.getvalue()
    told += reporting.of_run(first, "up", tmp_path / "report.html").read_text()
    told += (paths.home() / "report.json").read_text()
    generated = [text for region in REGIONS for text in stand.generated(region)]
    assert len(generated) >= 12
    for text in generated:
        assert text not in told
        assert json.dumps(text)[1:-1] not in told
    assert "[secret]" in told


def test_a_second_up_changes_nothing_and_says_so(first: Summary, stand: Stand) -> None:
    again = stand.up()
    assert again.unchanged
    assert not first.unchanged
    for before, after in zip(first.regions, again.regions, strict=True):
        assert after.outcome.changes["same"] == before.outcome.changes["create"]


def test_a_changed_setting_changes_just_what_it_should(first: Summary, stand: Stand) -> None:
    del first
    before = stand.client("us-east").get("apps/v1", "StatefulSet", "redis-zone-a", NAMESPACE)
    stand.set("us-east", "qdrant", {"resources": {"requests": {"memory": "10Gi"}}})
    home, standby = stand.up().regions
    assert _steps(home) == {"us-east-qdrant-statefulset": "update", "us-east-record-settings": "update"}
    assert _steps(standby) == {}
    qdrant = stand.client("us-east").get("apps/v1", "StatefulSet", "qdrant", NAMESPACE)
    assert qdrant["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["memory"] == "10Gi"
    after = stand.client("us-east").get("apps/v1", "StatefulSet", "redis-zone-a", NAMESPACE)
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


def test_what_leaves_the_settings_leaves_the_cluster(first: Summary, stand: Stand) -> None:
    del first
    image = yaml.safe_load((stand.directory / "Pulumi.us-east.yaml").read_text())["config"]["somafractalmemory:memory"]
    stand.set("us-east", "memory", {**image, "autoscaling": {"enabled": False}})
    home, _ = stand.up().regions
    assert _steps(home) == {"us-east-memory-service-autoscaler": "delete", "us-east-record-settings": "update"}
    assert stand.client("us-east").list("autoscaling/v2", "HorizontalPodAutoscaler", NAMESPACE) == []


def test_a_mandatory_violation_stops_the_run_with_nothing_applied(first: Summary, stand: Stand) -> None:
    del first
    stand.program(LONELY)
    try:
        with pytest.raises(run.RefusedError) as refused:
            stand.up()
    finally:
        stand.program()
    violations = [one for region in refused.value.summary.regions for one in region.violations if one.mandatory]
    assert {one.policy for one in violations} >= {"enough-replicas", "zone-spread", "probes", "requests-and-limits"}
    assert all(one.urn.endswith("::lonely") for one in violations)
    for region in REGIONS:
        assert stand.client(region).find("apps/v1", "Deployment", "lonely", NAMESPACE) is None


def test_a_control_plane_that_died_comes_back_with_what_it_held(first: Summary, stand: Stand) -> None:
    del first
    directory = ControlPlane("us-west").directory
    before = stand.client("us-west").get("v1", "Namespace", NAMESPACE)["metadata"]["uid"]
    for name in (STORE, SERVER):
        processes.Process(directory, name).signal(signal.SIGKILL)
    _await(lambda: not ControlPlane("us-west").alive())
    summary = stand.up()
    assert "starting the control plane again on its data" in stand.said.getvalue()
    assert _steps(summary.regions[1]) == {}
    assert stand.client("us-west").get("v1", "Namespace", NAMESPACE)["metadata"]["uid"] == before


def test_what_somebody_deleted_is_made_again(first: Summary, stand: Stand) -> None:
    del first
    stand.client("us-east").delete("policy/v1", "PodDisruptionBudget", "redis", NAMESPACE)
    home, _ = stand.up().regions
    assert _steps(home) == {"us-east-redis-budget": "create"}


def test_status_tells_what_stands(first: Summary, stand: Stand) -> None:
    del first
    for region in stand.rehearsal().status():
        assert region.alive
        wanted = 21 if region.region == "us-east" else 24
        assert sum(pods.ready + pods.held for pods in region.pods.values()) == wanted


def test_two_commands_at_once_do_not_meet(first: Summary, stand: Stand) -> None:
    del first
    with processes.exclusive(paths.home()), pytest.raises(RehearsalError, match="another command is at work"):
        stand.up()


def test_down_ends_every_process_and_removes_the_state(first: Summary, stand: Stand) -> None:
    del first, stand
    names = (STORE, SERVER, *FOLLOWERS)
    pids = [processes.Process(ControlPlane(region).directory, name).pid() for region in REGIONS for name in names]
    assert None not in pids
    assert run.down(Progress(io.StringIO())) == REGIONS
    assert not any(pid is not None and exists(pid) for pid in pids)
    assert [left.name for left in paths.home().iterdir()] == [paths.MARK]


def _await(condition: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
