"""The command itself as a user runs it: faulty input, interruptions, a control plane that dies, what is told."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rehearsal import processes
from rehearsal.controlplane import FOLLOWERS, SERVER, STORE
from tests.engine.checkouts import LONELY
from tests.rehearsal.command import clone, command, environment, make
from tests.rehearsal.conftest import exists
from tests.rehearsal.stand import REGIONS

INTERRUPTED = 130


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """A checkout; what a test that fails has left running in it is ended."""
    made = clone(tmp_path)
    yield made
    if (made / "run").exists():
        command(made, "down")


def test_faulty_settings_end_the_command_before_anything_is_made(copy: Path) -> None:
    (copy / "Pulumi.us-east.yaml").write_text(
        "config:\n  somafractalmemory:memory:\n    replicas: 1\n"
        "  somafractalmemory:qdrant: {resources: {requests: {memory: 8gb}}}\n"
    )
    (copy / "Pulumi.us-west.yaml").write_text("config:\n  somafractalmemory:memori: {image: 'soma:1'}\n")
    ended = command(copy, "up", "--json", "--engine", "in-process")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    for words in ("memory.image", "memory.replicas = 1", '"8gb"', "memori"):
        assert words in ended.stderr
    assert not list((copy / "run").glob("*")) if (copy / "run").exists() else True


@pytest.mark.parametrize("name", ["up", "preview", "status"])
def test_files_that_cannot_be_read_end_the_command_with_words(copy: Path, name: str) -> None:
    (copy / "Pulumi.dir.yaml").mkdir()
    (copy / "Pulumi.latin.yaml").write_bytes(b"config: {a: \xe9}\n")
    (copy / "Pulumi.list.yaml").write_text("config: [a]\n")
    (copy / "Pulumi.loop.yaml").write_text("config:\n  somafractalmemory:qdrant: &a {resources: *a}\n")
    (copy / "Pulumi.number.yaml").write_text(f"config:\n  5: x\n  somafractalmemory:qdrant: {{shards: {'9' * 5000}}}\n")
    ended = command(copy, name)
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
        env=environment(copy),
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

    ended = command(copy, "up", "--json", "--engine", "in-process")
    assert ended.returncode == 0, ended.stderr
    changes = json.loads(ended.stdout)["regions"]["us-east"]["changes"]
    assert changes["same"] > 0
    assert changes["create"] > 0
    assert changes["delete"] == 0
    # What was waited for when the interrupt came is gone on with, which counts as an update.
    made = set(re.findall(r"us-east: created (\w+ \S+)$", told, re.MULTILINE))
    went_on = set(re.findall(r"us-east: updated (\w+ \S+)$", ended.stderr, re.MULTILINE))
    assert changes["update"] == len(went_on)
    assert not made & went_on

    pids = [int(file.read_text().split()[0]) for file in (copy / "run").glob("**/*.pid")]
    assert len(pids) >= 2 * len((STORE, SERVER, *FOLLOWERS))
    assert json.loads(command(copy, "down", "--json").stdout) == {"ended": list(REGIONS)}
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

        ended = command(copy, "up", "--json", "--engine", "in-process")
        assert ended.returncode == 0, ended.stderr
        changes = json.loads(ended.stdout)["regions"]["us-east"]["changes"]
        assert changes["same"] >= words.count("us-east: created ")
        assert changes["create"] > 0
        assert changes["delete"] == 0
    finally:
        command(copy, "down")


def test_preview_answers_in_the_promised_form_and_starts_nothing(copy: Path) -> None:
    ended = make(copy, "preview", "--json", "--engine", "in-process")
    assert ended.returncode == 0, ended.stderr
    assert (copy / "run" / "preview.html").exists()
    document = json.loads(ended.stdout)
    assert document["engine"] == "in-process"
    assert {"regions", "unvalidated_kinds", "simulated"} <= document.keys()
    for region in REGIONS:
        shown = document["regions"][region]
        assert {"create", "update", "delete", "same"} <= shown["changes"].keys()
        assert shown["changes"]["create"] == len(shown["resources"])
        # The stack files name no object store, and a cluster that is there is not judged.
        assert {(it["policy"], it["level"]) for it in shown["policies"]} == {
            ("any-backups", "advisory"),
            ("not-judged", "advisory"),
        }
        wanted = 7 if region == "us-east" else 8  # a standby has a pod of the edge proxy in each zone
        assert {zone: pods["wanted"] for zone, pods in shown["pods"].items()} == dict.fromkeys(shown["pods"], wanted)
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
    ended = command(copy, "preview", "--json", "--engine", "in-process", SOMA_CRD_PATH=str(crds))
    unvalidated = json.loads(ended.stdout)["unvalidated_kinds"]
    assert "VirtualServer (k8s.nginx.org/v1)" in unvalidated
    assert "Policy (k8s.nginx.org/v1)" not in unvalidated
    assert not any("(apps/" in kind or "k8s.io/" in kind for kind in unvalidated)


def test_a_preview_that_is_refused_says_by_whom_and_exits_with_one(copy: Path) -> None:
    program = copy / "__main__.py"
    program.write_text(program.read_text() + LONELY)
    ended = command(copy, "preview", "--json", "--engine", "in-process")
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


def test_policies_judges_every_region_on_both_platforms_and_changes_nothing(copy: Path) -> None:
    ended = make(copy, "policies", seconds=400)
    assert ended.returncode == 0, ended.stderr
    for words in (
        "kubernetes", "aws", "us-west", "data-safety", "security", "advisory: data-safety: any-backups",
        "the loss of any one zone", "Deployment memory-service",
    ):  # fmt: skip
        assert words in " ".join(ended.stdout.split()), ended.stdout
    assert "remedy of" not in ended.stdout
    assert sorted(path.name for path in copy.glob("run*")) == ["run-aws", "run-kubernetes"]


def test_policies_that_refuse_exit_with_one_and_say_what_helps(copy: Path) -> None:
    program = copy / "__main__.py"
    program.write_text(program.read_text() + LONELY)
    ended = command(copy, "policies", "--json")
    assert ended.returncode == 1
    found = json.loads(ended.stdout)
    assert [(one["platform"], one["region"]) for one in found] == [
        (platform, region) for platform in ("kubernetes", "aws") for region in REGIONS
    ]
    for one in found:
        refusing = {
            pack: {said["policy"] for said in about["violations"] if said["level"] == "mandatory"}
            for pack, about in one["packs"].items()
        }
        assert refusing["data-safety"] == set()
        assert {"enough-replicas", "probes"} <= refusing["high-availability"]
        assert {"unprivileged-pods", "read-only-pods", "tokens", "network-selectors"} == refusing["security"]
        proven = {told["component"]: told for told in one["zone_loss"]}
        assert {name for name, told in proven.items() if not told["serves"]} == {"Deployment lonely"}
        assert proven["StatefulSet qdrant"] == {
            "component": "StatefulSet qdrant",
            "pods": 3,
            "placements": 1,
            "needed": 2,
            "left": 2,
            "serves": True,
            "evictable_then": 0,
            "guarded": True,
            "serves_after_eviction_and_loss": False,
            "back_elsewhere": 0,
        }
    told = command(copy, "policies").stdout
    assert "remedy of security: tokens: automountServiceAccountToken false" in " ".join(told.split())


def test_down_leaves_alone_what_is_not_the_rehearsals(copy: Path) -> None:
    foreign = copy / "run"
    (foreign / "important").mkdir(parents=True)
    for name in ("up", "down"):
        ended = command(copy, name)
        assert ended.returncode == 1
        assert "no run directory of the rehearsal" in ended.stderr
        assert "Traceback" not in ended.stderr
    assert (foreign / "important").is_dir()
