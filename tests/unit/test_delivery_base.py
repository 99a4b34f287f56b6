"""The gate without credentials: what a branch would lose of what its base describes."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from delivery import __main__ as command
from delivery import base
from delivery.errors import DeliveryError
from delivery.stage import lost
from rehearsal.engine.model import PlannedResource, Secret, resource_json
from rehearsal.progress import Progress

ROOT = Path(__file__).parents[2]
STACK = "urn:pulumi:us-west::soma"
KIND = "kubernetes:apps/v1:StatefulSet"


def stateful_set(name: str = "qdrant", size: str = "10Gi", **options: object) -> PlannedResource:
    claims = [{"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": size}}}}]
    inputs = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "qdrant"},
        "spec": {"volumeClaimTemplates": claims, "replicas": 3},
        "key": Secret("s3cret"),
    }
    return replace(PlannedResource(KIND, name, f"{STACK}::{KIND}::{name}", None, inputs, protect=True), **options)


def compared(before: list[PlannedResource], after: list[PlannedResource]) -> list[str]:
    """What is refused, the base told as `preview --json` tells it."""
    told = [base._resource(resource_json(one)) for one in before]
    return lost({"steps": base.compared(told, after, "us-west")})


def test_what_stays_is_nothing() -> None:
    assert compared([stateful_set()], [stateful_set()]) == []


def test_a_store_that_leaves_the_program_is_lost() -> None:
    assert compared([stateful_set()], []) == [f"would delete {STACK}::{KIND}::qdrant: nobody approved it"]


def test_a_claim_that_changes_makes_the_store_anew() -> None:
    assert compared([stateful_set()], [stateful_set(size="20Gi")]) == [
        f"would replace {STACK}::{KIND}::qdrant: nobody approved it"
    ]


def test_a_store_by_another_name_is_lost_unless_it_says_what_it_was() -> None:
    renamed = stateful_set("store")
    assert compared([stateful_set()], [renamed]) == [f"would delete {STACK}::{KIND}::qdrant: nobody approved it"]
    assert compared([stateful_set()], [replace(renamed, aliases=(f"{STACK}::{KIND}::qdrant",))]) == []


def test_another_secret_is_no_change() -> None:
    other = stateful_set()
    told = [base._resource(resource_json(stateful_set()))]
    changed = replace(other, inputs={**other.inputs, "key": Secret("other")})
    assert [step["op"] for step in base.compared(told, [changed], "us-west")] == ["same"]


def test_what_an_update_makes_or_changes_in_place_is_not_lost() -> None:
    more = stateful_set()
    spec = {**more.inputs["spec"], "replicas": 5}
    assert compared([stateful_set()], [replace(more, inputs={**more.inputs, "spec": spec})]) == []
    assert compared([], [stateful_set()]) == []


def git(directory: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(directory), *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The program as it is, committed; then Qdrant's volumes in us-east are to be of another size."""
    place = tmp_path / "checkout"
    left = shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "previews", "*.egg-info")
    shutil.copytree(ROOT, place, ignore=left)
    git(place, "init", "-q")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "base")
    file = place / "Pulumi.us-east.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"]["somafractalmemory:qdrant"] = {"storage": "777Gi"}
    file.write_text(yaml.safe_dump(document))
    return place


def test_both_programs_are_evaluated_and_compared(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(base, "PLATFORMS", ("kubernetes",))
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    assert command.main(["--directory", str(checkout), "gate", "HEAD"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert said[0].startswith("would replace urn:pulumi:us-east::somafractalmemory::")
    assert said[0].endswith("::us-east-qdrant-statefulset: nobody approved it")
    assert said[1].startswith("1 changes would lose data: approve them in policies/exceptions.yaml")
    git(checkout, "worktree", "prune")
    listed = subprocess.run(
        ["git", "-C", str(checkout), "worktree", "list"], check=True, capture_output=True, text=True
    )
    assert len(listed.stdout.splitlines()) == 1


def test_a_base_that_is_not_here_is_a_sentence(checkout: Path) -> None:
    with pytest.raises(DeliveryError, match=r"name a commit that is here with BASE=…$"):
        base.lost("origin/none", checkout, Progress())


def test_a_base_that_cannot_be_evaluated_passes_nothing(checkout: Path) -> None:
    (checkout / "Pulumi.yaml").write_text("name: [\n")
    git(checkout, "commit", "-qam", "broken")
    with pytest.raises(DeliveryError, match="the base cannot be evaluated, so nobody knows what would be lost"):
        base.lost("HEAD", checkout, Progress())
