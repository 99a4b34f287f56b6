"""The main job from nothing to down: two regions on real control planes, changed, broken, interrupted and mended."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from rich.console import Console

from rehearsal import paths, processes, run
from rehearsal.controlplane import FOLLOWERS, SERVER, STORE, ControlPlane
from rehearsal.engine.model import Change, PlannedResource
from rehearsal.errors import RehearsalError
from rehearsal.packs import Report
from rehearsal.progress import Progress
from rehearsal.summary import RegionSummary, Summary, show
from tests.rehearsal.conftest import exists
from tests.rehearsal.stand import NAMESPACE, REGIONS, Stand, standing

ROOMS = ("components", "policies", "rehearsal", "settings")
INTERRUPTED = 130


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
        assert home.pods[zone].as_json() == {"ready": 6, "held": 0, "wanted": 6}
        assert standby.pods[zone].as_json() == {"ready": 5, "held": 1, "wanted": 6}


def test_every_policy_was_asked_and_none_failed(first: Summary) -> None:
    for region in first.regions:
        (report,) = region.reports
        assert isinstance(report, Report)
        assert len(report.policies) > 10
        assert report.violations == ()


def test_what_no_cluster_here_can_do_is_named(first: Summary) -> None:
    named = " ".join(first.simulated)
    for what in ("nodes", "load balancer", "ingress", "CloudNativePG", "metrics"):
        assert what in named


def test_no_secret_is_told(first: Summary, stand: Stand) -> None:
    """Not in the document, not in the tables, not in what was said on the way."""
    tables = Console(file=io.StringIO(), width=400)
    show(first, tables)
    told = json.dumps(first.as_json()) + cast(io.StringIO, tables.file).getvalue() + stand.said.getvalue()
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


LONELY = """

from components.objects import untyped
import pulumi_kubernetes as kubernetes

kubernetes.apps.v1.Deployment(
    "lonely",
    metadata=untyped({"name": "lonely", "namespace": "somafractalmemory"}),
    spec=untyped({
        "replicas": 1,
        "selector": {"matchLabels": {"app": "lonely"}},
        "template": {
            "metadata": {"labels": {"app": "lonely"}},
            "spec": {"containers": [{"name": "a", "image": "a:1"}]},
        },
    }),
    opts=pulumi.ResourceOptions(provider=region.platform.placement.provider),
)
"""


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
        assert sum(pods.ready + pods.held for pods in region.pods.values()) == 18


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


# The command itself, as a user runs it


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A real copy of the project, as a clone would be."""
    for room in ROOMS:
        shutil.copytree(paths.CHECKOUT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / ".venv").symlink_to(paths.CHECKOUT / ".venv")
    for file in (paths.CHECKOUT / "__main__.py", *paths.CHECKOUT.glob("Pulumi*.yaml")):
        shutil.copy(file, tmp_path)
    return tmp_path


def _environment(directory: Path) -> dict[str, str]:
    return {**os.environ, "SOMA_REHEARSAL_HOME": str(directory / "run"), "PYTHONPATH": ""}


def _command(directory: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "rehearsal", *arguments],
        cwd=directory,
        env={**_environment(directory), **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_faulty_settings_end_the_command_before_anything_is_made(copy: Path) -> None:
    (copy / "Pulumi.us-east.yaml").write_text(
        "config:\n  somafractalmemory:memory:\n    replicas: 1\n"
        "  somafractalmemory:qdrant: {resources: {requests: {memory: 8gb}}}\n"
    )
    (copy / "Pulumi.us-west.yaml").write_text("config:\n  somafractalmemory:memori: {image: 'soma:1'}\n")
    ended = _command(copy, "up", "--json", "--engine", "in-process")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    for words in ("memory.image", "memory.replicas = 1", '"8gb"', "memori"):
        assert words in ended.stderr
    assert not list((copy / "run").glob("*")) if (copy / "run").exists() else True


@pytest.mark.parametrize("command", ["up", "preview", "status"])
def test_files_that_cannot_be_read_end_the_command_with_words(copy: Path, command: str) -> None:
    (copy / "Pulumi.dir.yaml").mkdir()
    (copy / "Pulumi.latin.yaml").write_bytes(b"config: {a: \xe9}\n")
    (copy / "Pulumi.list.yaml").write_text("config: [a]\n")
    (copy / "Pulumi.loop.yaml").write_text("config:\n  somafractalmemory:qdrant: &a {resources: *a}\n")
    (copy / "Pulumi.number.yaml").write_text(f"config:\n  5: x\n  somafractalmemory:qdrant: {{shards: {'9' * 5000}}}\n")
    ended = _command(copy, command)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    for words in (
        "Pulumi.dir.yaml: a directory",
        "Pulumi.latin.yaml: not UTF-8 (line 1)",
        "Pulumi.list.yaml\n  config = [a]",
        "Pulumi.loop.yaml\n  qdrant.resources   an alias of the block that it is in",
        'Pulumi.number.yaml\n  ["5"] = "x"   a key that is no text',
        "qdrant.shards = 9999",
    ):
        assert words in ended.stderr
    assert not (copy / "run").exists()


def _up_until(copy: Path, words: str, act: Callable[["subprocess.Popen[str]"], None]) -> tuple[int, str]:
    """Exit code and standard error of an `up` that something befalls when it first says the words."""
    with subprocess.Popen(
        [sys.executable, "-m", "rehearsal", "up", "--engine", "in-process"],
        cwd=copy,
        env=_environment(copy),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stderr is not None
        told = ""
        for line in running.stderr:
            told += line
            if words in line:
                act(running)
                break
        told += running.stderr.read()
    return running.returncode, told


def test_an_interrupted_up_leaves_nothing_that_down_does_not_find_and_the_next_one_ends_it(copy: Path) -> None:
    code, told = _up_until(copy, "created StatefulSet", lambda running: running.send_signal(signal.SIGTERM))
    assert code == INTERRUPTED
    assert "Traceback" not in told
    assert "interrupted: `make up` goes on from here" in told

    ended = _command(copy, "up", "--json", "--engine", "in-process")
    assert ended.returncode == 0, ended.stderr
    changes = json.loads(ended.stdout)["regions"]["us-east"]["changes"]
    assert changes["same"] > 0
    assert changes["create"] > 0
    assert changes["update"] == changes["delete"] == 0

    pids = [int(file.read_text().split()[0]) for file in (copy / "run").glob("**/*.pid")]
    assert len(pids) >= 2 * len((STORE, SERVER, *FOLLOWERS))
    assert json.loads(_command(copy, "down", "--json").stdout) == {"ended": list(REGIONS)}
    assert not any(exists(pid) for pid in pids)


def test_an_up_whose_control_plane_dies_names_what_died_and_the_next_one_goes_on(copy: Path) -> None:
    plane = copy / "run" / "us-east" / "controlplane"
    store = processes.Process(plane, STORE)
    try:
        code, told = _up_until(copy, "created StatefulSet", lambda _: store.signal(signal.SIGKILL))
        assert code == 1
        words, lost, error = told.partition("us-east: its control plane was lost: etcd ended")
        assert lost, words
        assert f"last lines of {store.log}:" in error
        assert error.rstrip().endswith("what was applied is recorded: `make up` goes on from here.")
        assert "no answer" not in error
        assert not any(processes.Process(plane, name).alive() for name in (STORE, SERVER, *FOLLOWERS))

        ended = _command(copy, "up", "--json", "--engine", "in-process")
        assert ended.returncode == 0, ended.stderr
        changes = json.loads(ended.stdout)["regions"]["us-east"]["changes"]
        assert changes["same"] >= words.count("us-east: created ")
        assert changes["create"] > 0
        assert changes["delete"] == 0
    finally:
        _command(copy, "down")


def test_preview_answers_in_the_promised_form_and_starts_nothing(copy: Path) -> None:
    ended = _command(copy, "preview", "--json", "--engine", "in-process")
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    assert document["engine"] == "in-process"
    assert {"regions", "unvalidated_kinds", "simulated"} <= document.keys()
    for region in REGIONS:
        shown = document["regions"][region]
        assert {"create", "update", "delete", "same"} <= shown["changes"].keys()
        assert shown["changes"]["create"] == len(shown["resources"])
        assert shown["policies"] == []
        assert {zone: pods["wanted"] for zone, pods in shown["pods"].items()} == dict.fromkeys(shown["pods"], 6)
        for resource in shown["resources"]:
            assert {"type", "name", "urn", "parent", "inputs", "protect", "depends_on"} == resource.keys()
    assert not list((copy / "run").glob("**/*.pid"))


def test_a_preview_names_the_kinds_that_nobody_here_can_validate(copy: Path) -> None:
    """The copy lies beside no folder of definitions, and names one that has but one of them."""
    crds = copy / "crds"
    crds.mkdir()
    (crds / "k8s.nginx.org_policies.yaml").write_text(
        "kind: CustomResourceDefinition\nmetadata:\n  name: policies.k8s.nginx.org\nspec:\n  group: k8s.nginx.org\n"
        "  names:\n    kind: Policy\n  versions:\n  - name: v1\n"
    )
    ended = _command(copy, "preview", "--json", "--engine", "in-process", SOMA_CRD_PATH=str(crds))
    unvalidated = json.loads(ended.stdout)["unvalidated_kinds"]
    assert "VirtualServer (k8s.nginx.org/v1)" in unvalidated
    assert "Policy (k8s.nginx.org/v1)" not in unvalidated
    assert not any("(apps/" in kind or "k8s.io/" in kind for kind in unvalidated)


def test_a_preview_that_is_refused_says_by_whom_and_exits_with_one(copy: Path) -> None:
    program = copy / "__main__.py"
    program.write_text(program.read_text() + LONELY)
    ended = _command(copy, "preview", "--json", "--engine", "in-process")
    assert ended.returncode == 1
    violations = json.loads(ended.stdout)["regions"]["us-west"]["policies"]
    (few,) = (one for one in violations if one["policy"] == "enough-replicas")
    assert few["urn"].endswith("::lonely")
    assert few == {
        "pack": "high-availability",
        "policy": "enough-replicas",
        "level": "mandatory",
        "urn": few["urn"],
        "message": few["message"],
    }
    assert "lonely" in few["message"]


def test_down_leaves_alone_what_is_not_the_rehearsals(copy: Path) -> None:
    foreign = copy / "run"
    (foreign / "important").mkdir(parents=True)
    for command in ("up", "down"):
        ended = _command(copy, command)
        assert ended.returncode == 1
        assert "no run directory of the rehearsal" in ended.stderr
        assert "Traceback" not in ended.stderr
    assert (foreign / "important").is_dir()


def _await(condition: Any, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
