"""Stacks as they once were are updated to today's program: nothing that holds data may go or be made anew."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import pytest

from policies.checks import tokens
from rehearsal import overlay, paths, record, replay
from rehearsal.engine import property_path as at
from rehearsal.engine.model import Plan, PlannedResource, Secret
from rehearsal.errors import RehearsalError
from rehearsal.judgement import own_home
from rehearsal.progress import Progress
from rehearsal.record import Kept

STATES = sorted(record.STATES.glob("*/*/*.json"))
RECORDS = sorted({(path.parts[-3], path.parts[-2]) for path in STATES})
TABLE = re.findall(r"^\| `([^`]+)` \|", (record.STATES / "README.md").read_text(), re.MULTILINE)
"""Their names, oldest first."""
NEWEST = TABLE[-1]
REGIONS = {"us-east", "us-west"}
PASSWORD = "random:index/randomPassword:RandomPassword"
Change = Callable[[PlannedResource], PlannedResource | None]


@pytest.fixture(scope="session")
def checkouts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """The program's own stacks by platform."""
    made: dict[str, Path] = {}
    with own_home():
        os.environ["SOMA_REHEARSAL_HOME"] = str(tmp_path_factory.mktemp("run") / "own")
        made |= {platform: overlay.on(platform, paths.CHECKOUT) for platform in ("kubernetes", "aws")}
    yield made.__getitem__
    for made_one in made.values():
        shutil.rmtree(made_one.parent)


@cache
def kept(name: str, platform: str) -> dict[str, Kept]:
    return {path.stem: record.read(path) for path in (record.STATES / name / platform).glob("*.json")}


@cache
def today(name: str, platform: str, checkout: Path) -> dict[str, Plan]:
    """Evaluated once: a test that changes a plan changes a copy."""
    return replay.plans(kept(name, platform), checkout)


def test_every_record_has_a_home_and_a_standby_and_this_release_is_among_them() -> None:
    assert metadata.version("somafractalmemory-infrastructure") in {name for name, _ in RECORDS}
    assert sorted(TABLE) == sorted({name for name, _ in RECORDS})
    assert {platform for name, platform in RECORDS if name == NEWEST} == {"kubernetes", "aws"}
    for name, platform in RECORDS:
        roles = {region: one.outputs["role"] for region, one in kept(name, platform).items()}
        assert set(roles) == REGIONS, (name, platform)
        assert sorted(map(str, roles.values())) == ["home", "standby"], (name, platform)


@pytest.mark.parametrize(("name", "platform"), RECORDS)
def test_an_update_loses_nothing(name: str, platform: str, checkouts: Callable[[str], Path]) -> None:
    plans = today(name, platform, checkouts(platform))
    assert {region: replay.losses(plan, kept(name, platform)[region]) for region, plan in plans.items()} == {
        region: [] for region in REGIONS
    }


def changed(platform: str, checkouts: Callable[[str], Path], change: Change) -> list[str]:
    """What the update of the newest home would lose, were every resource changed so."""
    plan = today(NEWEST, platform, checkouts(platform))["us-east"]
    resources = tuple(new for new in map(change, plan.resources) if new is not None)
    return [str(loss) for loss in replay.losses(replace(plan, resources=resources), kept(NEWEST, platform)["us-east"])]


def setting(type_: str, path: str, value: Any) -> Change:
    """The field of every resource of a type becomes another."""

    def change(resource: PlannedResource) -> PlannedResource:
        if resource.type != type_:
            return resource
        return replace(resource, inputs=at.placed(resource.inputs, at.parse(path), value))

    return change


@pytest.mark.parametrize(
    ("type_", "path", "value"),
    [
        (tokens.STATEFUL_SET, "spec.volumeClaimTemplates[0].metadata.name", "other"),
        (tokens.STATEFUL_SET, "spec.volumeClaimTemplates[0].spec.storageClassName", "other"),
        (tokens.STATEFUL_SET, "spec.volumeClaimTemplates[0].metadata.labels.more", "x"),
        (tokens.STATEFUL_SET, "spec.serviceName", "other"),
        (tokens.STATEFUL_SET, "spec.podManagementPolicy", "OrderedReady"),
        (tokens.STATEFUL_SET, "spec.selector.matchLabels.more", "x"),
        (tokens.STATEFUL_SET, "metadata.name", "other"),
        (tokens.STATEFUL_SET, "metadata.namespace", "other"),
        (tokens.NAMESPACE, "metadata.name", "other"),
        (tokens.POSTGRESQL, "metadata.name", "other"),
        (tokens.POSTGRESQL, "spec.walStorage", at.ABSENT),
        (tokens.POSTGRESQL, "spec.storage.size", "1Gi"),
        (tokens.POSTGRESQL, "spec.walStorage.size", "1Gi"),
        (tokens.POSTGRESQL, "spec.storage.storageClass", "other"),
        (tokens.POSTGRESQL, "spec.postgresUID", 1000),
        (tokens.DEPLOYMENT, "spec.selector.matchLabels.more", "x"),
        (tokens.SERVICE, "spec.clusterIP", "10.0.0.10"),
        (PASSWORD, "length", 20),
    ],
)
def test_a_field_that_cannot_be_changed_is_noticed(
    type_: str, path: str, value: Any, checkouts: Callable[[str], Path]
) -> None:
    found = changed("kubernetes", checkouts, setting(type_, path, value))
    assert found
    assert all(f"{type_}::" in loss for loss in found), found


@pytest.mark.parametrize(
    ("type_", "path", "value"),
    [
        (tokens.BUCKET, "bucket", "other"),
        (tokens.KEY, "multiRegion", False),
        (tokens.EKS_CLUSTER, "name", "other"),
        (tokens.EKS_CLUSTER, "roleArn", "arn:aws:iam::123456789012:role/other"),
        (tokens.EKS_CLUSTER, "encryptionConfig", at.ABSENT),
        (tokens.VPC, "cidrBlock", "10.99.0.0/16"),
        (tokens.SUBNET, "cidrBlock", "10.99.0.0/20"),
        (tokens.SUBNET, "availabilityZone", "us-east-1f"),
        (tokens.ZONE, "name", "other.internal"),
        (tokens.LOAD_BALANCER, "name", "other"),
    ],
)
def test_a_field_that_aws_cannot_change_is_noticed(
    type_: str, path: str, value: Any, checkouts: Callable[[str], Path]
) -> None:
    found = changed("aws", checkouts, setting(type_, path, value))
    assert any(f"{type_}::" in loss and "would be replaced" in loss for loss in found), found


@pytest.mark.parametrize("platform", ["kubernetes", "aws"])
def test_what_leaves_the_program_or_moves_without_an_alias_is_noticed(
    platform: str, checkouts: Callable[[str], Path]
) -> None:
    stays = {one.urn for one in kept(NEWEST, platform)["us-east"].resources if one.type in replay.STAYS}

    def renamed(resource: PlannedResource, aliases: tuple[str, ...] = ()) -> PlannedResource:
        return replace(resource, urn=f"{resource.urn}-new", name=f"{resource.name}-new", aliases=aliases)

    gone = changed(platform, checkouts, lambda _: None)
    assert {loss.split()[0] for loss in gone} == stays
    assert all("would be deleted" in loss for loss in gone)
    moved = changed(platform, checkouts, renamed)
    assert stays <= {loss.split()[0] for loss in moved}
    assert changed(platform, checkouts, lambda resource: renamed(resource, (resource.urn,))) == []


def test_ordinary_changes_are_no_loss(checkouts: Callable[[str], Path]) -> None:
    """Images, replicas, sizes that grow: what an operator changes each day."""
    for type_, path, value in (
        (tokens.STATEFUL_SET, "spec.template.spec.containers[0].image", "docker.io/other:2"),
        (tokens.STATEFUL_SET, "spec.replicas", 9),
        (tokens.STATEFUL_SET, "spec.volumeClaimTemplates[0].spec.resources.requests.storage", "9Ti"),
        (tokens.POSTGRESQL, "spec.storage.size", "9Ti"),
        (tokens.DEPLOYMENT, "spec.replicas", 9),
        (tokens.JOB, "spec.template.spec.containers[0].image", "docker.io/other:2"),
    ):
        assert changed("kubernetes", checkouts, setting(type_, path, value)) == [], path


def test_a_secret_keeps_its_shape_and_nothing_else() -> None:
    held = {"tokens": Secret({"default": "s3cret", "more": ["s3cret", 5]}), "name": "plain", "list": [Secret("s3cret")]}
    assert record.without_secrets(held) == {
        "tokens": Secret({"default": "recorded", "more": ["recorded", "recorded"]}),
        "name": "plain",
        "list": [Secret("recorded")],
    }


@pytest.mark.parametrize("state", STATES, ids=lambda path: "-".join(path.parts[-3:]))
def test_a_record_holds_no_secret(state: Path) -> None:
    read = record.read(state)
    values = (*(value for one in read.resources for value in (one.inputs, one.outputs)), read.outputs)
    assert {text for value in values for text in _secret_texts(value)} == {record.STAND_IN}
    assert "PRIVATE KEY" not in state.read_text()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    inputs = {"bucket": "memories", "password": Secret("s3cret")}
    bucket = PlannedResource(tokens.BUCKET, "b", "urn:b", None, inputs, outputs={**inputs, "id": "memories"})
    record.write(Plan("us-east", (bucket,), {"role": "home"}), tmp_path / "us-east.json")
    without = {"bucket": "memories", "password": Secret("recorded")}
    known = replace(bucket, inputs=without, outputs={**without, "id": "memories"})
    assert record.read(tmp_path / "us-east.json") == Kept("us-east", (known,), {"role": "home"})
    assert "s3cret" not in (tmp_path / "us-east.json").read_text()


@pytest.mark.parametrize(
    ("name", "words"), [("", "no name"), ("../x", "no name"), ("A b", "no name"), ("taken", "recorded already")]
)
def test_a_name_that_is_none_or_taken_is_refused(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(RehearsalError, match=words):
        record.record_all(name, Progress(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def _secret_texts(value: Any, secret: bool = False) -> Iterator[str]:
    if isinstance(value, Secret):
        yield from _secret_texts(value.value, secret=True)
    elif isinstance(value, dict):
        for item in cast(dict[str, Any], value).values():
            yield from _secret_texts(item, secret)
    elif isinstance(value, list):
        for item in cast(list[Any], value):
            yield from _secret_texts(item, secret)
    elif secret:
        yield str(value)
