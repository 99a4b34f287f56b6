"""The gate without credentials: what a branch would lose of what its base describes."""

import json
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
from tests.unit import delivery_fakes
from tests.unit.aws_region import Regions
from tests.unit.policy_plan import KubernetesRegions

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


def with_replicas(number: int) -> PlannedResource:
    one = stateful_set()
    return replace(one, inputs={**one.inputs, "spec": {**one.inputs["spec"], "replicas": number}})


def recorded(**qdrant: int) -> PlannedResource:
    """The settings of a region, as the program records them."""
    settings = {
        "qdrant": {"replicas": 3, **qdrant},
        "redis": {"cluster": {"nodes": 3, "replicas": 1}},
        "high_availability": {"zones": ["a", "b", "c"]},
    }
    inputs = {"metadata": {"name": "region-settings"}, "data": {"settings.json": json.dumps(settings)}}
    kind = "kubernetes:core/v1:ConfigMap"
    return PlannedResource(kind, "settings", f"{STACK}::{kind}::settings", None, inputs)


def test_a_store_that_gets_smaller_is_lost_unless_the_base_drains_it() -> None:
    said = f"would delete 2 of 5 pods of {STACK}::{KIND}::qdrant: nothing has emptied them, and nobody approved it"
    smaller = [with_replicas(3)]
    assert compared([with_replicas(5)], smaller) == [said]
    assert compared([with_replicas(5), recorded(replicas=5)], [*smaller, recorded()]) == [said]
    assert compared([with_replicas(5), recorded(replicas=5, drain_to=4)], [*smaller, recorded()]) == [said]
    assert compared([with_replicas(5), recorded(replicas=5, drain_to=3)], [*smaller, recorded()]) == []


@pytest.mark.parametrize("told", ["{", "[]", "{}", '{"qdrant": {}}'])
def test_a_base_whose_record_says_something_else_drains_nothing(told: str) -> None:
    record = recorded(replicas=5, drain_to=3)
    record = replace(record, inputs={**record.inputs, "data": {"settings.json": told}})
    assert len(compared([with_replicas(5), record], [with_replicas(3), record])) == 1


@pytest.mark.parametrize("platform", ["kubernetes", "aws"])
def test_the_record_of_the_program_says_what_its_outputs_say(platform: str) -> None:
    regions = (Regions if platform == "aws" else KubernetesRegions)(
        more={
            "qdrant": {"replicas": 6, "drain_to": 5},
            "redis": {"cluster": {"nodes": 7, "replicas": 2, "drain_to": 5, "drain_replicas_to": 1}},
        }
    )
    regions.up("us-east")
    described = regions.plans["us-east"]
    (stack,) = base._stack(described.resources)
    assert stack["urn"].startswith("urn:pulumi:us-east::somafractalmemory::pulumi:pulumi:Stack::")
    told = stack["oldState"]["outputs"]
    assert told["scale_in"]["qdrant.replicas"] == described.outputs["scale_in"]["qdrant.replicas"] == 5
    pods = [zone["redis_pods"] for zone in described.outputs["zones"]]
    assert [zone["redis_pods"] for zone in told["zones"]] == pods == [3, 4, 3]


def test_what_an_update_makes_or_changes_in_place_is_not_lost() -> None:
    more = stateful_set()
    spec = {**more.inputs["spec"], "replicas": 5}
    assert compared([stateful_set()], [replace(more, inputs={**more.inputs, "spec": spec})]) == []
    assert compared([], [stateful_set()]) == []


def git(directory: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(directory), *arguments]
    subprocess.run(command, check=True, capture_output=True)


def stated(checkout: Path, region: str, **settings: object) -> None:
    file = checkout / f"Pulumi.{region}.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"].update({f"somafractalmemory:{name}": value for name, value in settings.items()})
    file.write_text(yaml.safe_dump(document))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The program, committed with more nodes in us-west, of which Redis' are drained; then none of these are to be
    there, and volumes in us-east are to be of another class."""
    place = tmp_path / "checkout"
    left = shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "previews", "*.egg-info")
    shutil.copytree(ROOT, place, ignore=left)
    stated(place, "us-west", qdrant={"replicas": 5}, redis={"cluster": {"nodes": 5, "drain_to": 3}})
    git(place, "init", "-q")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "base")
    stated(place, "us-west", qdrant={"replicas": 3}, redis={"cluster": {"nodes": 3}})
    stated(place, "us-east", kubernetes={"storage_class": "another"})
    return place


def test_both_programs_are_evaluated_and_compared(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(base, "PLATFORMS", ("kubernetes",))
    monkeypatch.setattr(command.signal, "signal", lambda *_: None)
    assert command.main(["--directory", str(checkout), "gate", "HEAD"]) == 1
    *replaced, smaller, last = capsys.readouterr().out.splitlines()
    assert all(line.startswith("would replace urn:pulumi:us-east::somafractalmemory::") for line in replaced)
    stores = ["qdrant-statefulset", *(f"redis-zone-{zone}" for zone in "abc")]
    assert [line.rpartition("::us-east-")[2] for line in replaced] == [f"{one}: nobody approved it" for one in stores]
    assert smaller.startswith("would delete 2 of 5 pods of urn:pulumi:us-west::somafractalmemory::")
    assert smaller.endswith("::us-west-qdrant-statefulset: nothing has emptied them, and nobody approved it")
    assert last.startswith("5 changes would lose data: approve them in policies/exceptions.yaml")
    git(checkout, "worktree", "prune")
    listed = subprocess.run(
        ["git", "-C", str(checkout), "worktree", "list"], check=True, capture_output=True, text=True
    )
    assert len(listed.stdout.splitlines()) == 1


def test_a_base_that_is_not_here_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = delivery_fakes.make(tmp_path, ("us-east", "us-west"), "us-east", monkeypatch)
    done = fakes.make("base-gate", "BASE=origin/none")
    assert done.returncode == 2
    sentence, made, _ = done.stderr.split("\n")
    assert sentence.endswith("origin/none: name a commit that is here with BASE=…")
    assert made.endswith("base-gate] Error 1")


def test_a_base_that_cannot_be_evaluated_passes_nothing(checkout: Path) -> None:
    (checkout / "Pulumi.yaml").write_text("name: [\n")
    git(checkout, "commit", "-qam", "broken")
    with pytest.raises(DeliveryError, match="the base cannot be evaluated, so nobody knows what would be lost"):
        base.lost("HEAD", checkout, Progress())
