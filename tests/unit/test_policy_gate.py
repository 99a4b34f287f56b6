"""The gate before an update: what holds data is deleted or replaced only with an approval that holds."""

import datetime
import json
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies import exceptions, gate
from policies.exceptions import Exemption
from tests.unit.policy_plan import planned

TODAY = datetime.date(2026, 11, 29)
STACK = "urn:pulumi:us-east::somafractalmemory"
QDRANT = f"{STACK}::soma:region:Region$soma:data:QdrantCluster$kubernetes:apps/v1:StatefulSet::us-east-qdrant"
SERVICE = f"{STACK}::soma:region:Region$kubernetes:core/v1:Service::us-east-qdrant"
BUCKET = f"{STACK}::aws:s3/bucket:Bucket::backups"
APPROVAL = Exemption(
    pack="destructive-changes",
    policy="delete",
    urn=f"{STACK}::*StatefulSet::us-east-qdrant",
    reason="Moved to another namespace, and its snapshots restored there.",
    owner="storage operations",
    expires=datetime.date(2026, 12, 1),
)


def plan(*steps: tuple[str, str]) -> dict[str, Any]:
    return {"config": {}, "steps": [{"op": op, "urn": urn} for op, urn in steps]}


def refused(*steps: tuple[str, str], approvals: tuple[Exemption, ...] = ()) -> list[tuple[str, str]]:
    return [(it.change, it.urn) for it in gate.refusals(plan(*steps), approvals, TODAY)]


@pytest.mark.parametrize("op", ["delete", "discard", "read-discard"])
def test_a_deletion_of_what_holds_data_is_refused(op: str) -> None:
    assert refused((op, QDRANT), ("same", BUCKET), ("delete", SERVICE)) == [("delete", QDRANT)]


def test_a_replacement_is_said_once_whatever_its_steps() -> None:
    steps = [(op, BUCKET) for op in ("create-replacement", "replace", "delete-replaced")]
    assert refused(*steps) == [("replace", BUCKET)]


def test_what_is_refused_is_told_by_resource_whatever_the_order_of_the_steps() -> None:
    steps = [("delete", BUCKET), ("replace", QDRANT), ("delete", QDRANT)]
    assert refused(*steps) == refused(*reversed(steps)) == sorted(refused(*steps), key=itemgetter(1, 0))


@pytest.mark.parametrize("op", ["create", "same", "read", "refresh", "import"])
def test_what_ends_nothing_passes(op: str) -> None:
    assert refused((op, QDRANT), (op, BUCKET), ("update", BUCKET)) == []


def test_an_approval_lets_its_change_pass_and_no_other() -> None:
    assert refused(("delete", QDRANT), approvals=(APPROVAL,)) == []
    assert refused(("replace", QDRANT), ("delete", BUCKET), approvals=(APPROVAL,)) == sorted(
        [("replace", QDRANT), ("delete", BUCKET)], key=itemgetter(1)
    )
    assert refused(("delete", QDRANT), approvals=(replace(APPROVAL, pack="data-safety"),)) == [("delete", QDRANT)]


def test_one_that_has_ended_lets_nothing_pass_and_is_named() -> None:
    ended = replace(APPROVAL, expires=TODAY - datetime.timedelta(days=1))
    (found,) = gate.refusals(plan(("delete", QDRANT)), [ended], TODAY)
    assert "storage operations's ended on 2026-11-28" in str(found)


@pytest.mark.parametrize("platform", ["kubernetes", "aws"])
def test_everything_that_the_program_protects_is_guarded(platform: str) -> None:
    """A program that is gone would delete all of it."""
    resources = planned(platform)["us-east"]
    lost = {urn for _, urn in refused(*(("delete", resource.urn) for resource in resources))}
    assert {resource.urn for resource in resources if resource.protect} <= lost


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "has no steps"),
        ('{"steps": 3}', "has no steps"),
        ('{"steps": [{}]}', "a step without op or urn"),
        ('{"steps": [null]}', "a step without op or urn"),
        (json.dumps(plan(("update", QDRANT))), "has an update without its oldState"),
        (json.dumps({"steps": [{"op": "update", "urn": QDRANT, "oldState": {"inputs": {}}}]}), "without its newState"),
        ("{", "Expecting property name"),
    ],
)
def test_what_is_no_plan_is_an_error_and_never_a_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, words: str
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(content, encoding="utf-8")
    assert gate.main([str(file)]) == 2
    assert words in capsys.readouterr().err


def test_the_command_says_what_would_be_lost_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exceptions, "FILE", tmp_path / "exceptions.yaml")
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan(("delete", QDRANT))), encoding="utf-8")
    assert gate.main([str(file), str(file)]) == 1
    told = capsys.readouterr().out
    assert f"would delete {QDRANT}: nobody approved it" in told
    assert "approve them in policies/exceptions.yaml, as pack destructive-changes" in told
    soon = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=3)
    stated = ("pack", "policy", "urn", "reason", "owner")
    entry = {name: getattr(APPROVAL, name) for name in stated} | {"expires": soon}
    (tmp_path / "exceptions.yaml").write_text(yaml.safe_dump({"exceptions": [entry]}), encoding="utf-8")
    assert gate.main([str(file)]) == 0
    assert "without an approval" in capsys.readouterr().out
    assert gate.main([str(tmp_path / "none.json")]) == 2
    (tmp_path / "exceptions.yaml").write_text(yaml.safe_dump({"exceptions": [{**entry, "policy": "remove"}]}))
    assert gate.main([str(file)]) == 2
    assert "the pack destructive-changes has no policy remove" in capsys.readouterr().err
