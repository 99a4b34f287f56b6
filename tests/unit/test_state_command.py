"""What `python -m state` refuses, and what it tells of a region's end."""

import json
from pathlib import Path
from typing import Any

import pytest

from rehearsal.overlay import ON_AWS
from settings import load
from state import __main__ as command
from state import cli, leaving
from tests.unit.aws_region import Regions
from tests.unit.recorder import record_stack, stack_configuration
from tests.unit.test_aws_reach import named
from tests.unit.test_state_store import Stack, made

ROOT = Path(__file__).parents[2]
URN = "urn:pulumi:us-east::somafractalmemory::"


def resource(type_: str, name: str, protect: bool = True) -> dict[str, Any]:
    return {"urn": f"{URN}{type_}::{name}", "type": type_, "protect": protect}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.shutil, "which", lambda _: "/usr/bin/pulumi")


def test_everything_that_is_not_named_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--directory", str(ROOT), "store", "--account", "12"]) == 1
    assert capsys.readouterr().err == "--account: name it, twelve digits\n"
    assert command.main(["store", "--account", "12", "--region", "us-east-1", "--copy-region", "us-east-1"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "--account: name it, twelve digits",
        "--copy-region: name it: another region than the bucket's",
    ]


def test_regions_and_account_are_those_of_the_stacks(tmp_path: Path) -> None:
    listed = [
        {"name": "us-east", "primary": True, "aws_region": "us-east-1"},
        {"name": "us-west", "aws_region": "us-west-2"},
    ]
    (tmp_path / "Pulumi.yaml").write_text(
        json.dumps({"name": "soma", "config": {"multiregion": {"type": "object", "default": {"regions": listed}}}})
    )
    for region in ("us-east", "us-west"):
        stated = {**stack_configuration("us-east"), "platform": "aws", "aws": ON_AWS}
        stated.pop("multiregion", None)
        (tmp_path / f"Pulumi.{region}.yaml").write_text(
            json.dumps({"config": {f"soma:{key}": value for key, value in stated.items()}})
        )
    options = command._parser().parse_args(["--directory", str(tmp_path), "store"])
    args = command._args(options)
    assert (args.account, args.region, args.copy_region) == ("123456789012", "us-east-1", "us-west-2")


def test_without_the_cli_it_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.shutil, "which", lambda _: None)
    assert command.main(["--directory", str(ROOT), "destroy", "us-east"]) == 1
    assert "the Pulumi CLI is not on PATH" in capsys.readouterr().err


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("answer", ["", "  ", "n"])
def test_whoever_answers_nothing_has_said_no(
    answer: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack()
    monkeypatch.setattr(cli, "CliAccess", lambda *_: stack)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    named = ["--account", "123456789012", "--region", "us-east-1", "--copy-region", "us-west-2"]
    assert command.main(["store", *named]) == 1
    assert capsys.readouterr().err == "nothing was changed\n"
    assert stack.up_at == []
    assert command.main(["store", *named, "--yes"]) == 0
    assert stack.up_at == [False]


@pytest.mark.usefixtures("installed")
def test_a_region_that_has_left_the_list_is_told_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "exported", lambda *_: [resource("aws:ec2/vpc:Vpc", "vpc")])
    assert command.main(["--directory", str(ROOT), "destroy", "eu-west"]) == 0
    said = capsys.readouterr().out
    assert "multiregion.regions" not in said
    assert "1. Lift the protection from each of these 1 that you mean to lose:" in said


@pytest.mark.usefixtures("installed")
def test_destroy_destroys_nothing_and_names_all_that_is_protected(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [resource(type_, f"one-{number}") for number, type_ in enumerate(leaving.HOLDS)]
    free = resource("kubernetes:core/v1:Service", "free", protect=False)
    monkeypatch.setattr(cli, "exported", lambda *_: [*held, free])
    assert command.main(["--directory", str(ROOT), "destroy", "us-east"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Nothing is destroyed by this command.")
    assert "1. us-east is home: make another region home first, with `make promote TO=us-west`." in said
    for one in held:
        assert f"# {leaving.HOLDS[one['type']]}\n   pulumi state unprotect --stack us-east '{one['urn']}'" in said
    assert "free" not in said
    assert said.index("make promote") < said.index("multiregion.regions") < said.index("unprotect")
    assert said.index("unprotect") < said.index("`pulumi destroy --stack us-east`") < said.index("pulumi stack rm")


def test_every_kind_that_the_program_protects_is_known() -> None:
    """By what it is, not by the words for whatever else there may be."""
    transit = Regions(link="transit-gateway")
    runs = [record_stack("us-east"), *named(), *(transit.up(region) for region in transit.names), made()]
    protected = {one.type for run in runs for one in run.resources if one.protect}
    assert protected >= {"kubernetes:apps/v1:StatefulSet", "aws:s3/bucket:Bucket", "aws:kms/replicaKey:ReplicaKey"}
    assert protected - set(leaving.HOLDS) == set()


def test_a_standby_needs_no_promotion() -> None:
    standby = load(stack_configuration("us-west"), "us-west")
    said = list(leaving.guide("us-west", standby, []))
    assert not any("is home" in line or "Buckets" in line or "aws " in line for line in said)
    assert any("Nothing is protected" in line for line in said)


def test_what_aws_protects_itself_is_told_before_the_end() -> None:
    said = "\n".join(leaving.guide("us-west", None, [resource("aws:eks/cluster:Cluster", "cluster")]))
    assert said.index("update-cluster-config --name … --no-deletion-protection") < said.index("pulumi destroy")
    assert said.index("deletion_protection.enabled,Value=false") < said.index("pulumi destroy")
    assert "Buckets with backups" in said
