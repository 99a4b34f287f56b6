"""The simulated account as a provider of the real engine: what it answers, without an engine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from rehearsal.aws.tokens import ROLE, SUBNET, VPC
from rehearsal.engine import wire
from rehearsal.engine.aws_accounts import Accounts
from rehearsal.engine.aws_service import Service
from rehearsal.engine.model import UNKNOWN, Secret, Value
from rehearsal.errors import RehearsalError
from tests.unit.aws_account import EAST, WEST, policy, trust


class RefusedError(Exception):
    """A call that failed."""


@dataclass
class Connection:
    """What a call is told of where it comes from."""

    address: str

    def peer(self) -> str:
        return self.address

    def abort(self, code: grpc.StatusCode, words: str) -> None:
        raise RefusedError(f"{code.name}: {words}")


class Program:
    """A program's provider of one region, as the engine speaks for it."""

    def __init__(self, service: Service, region: str = EAST, **inputs: Value) -> None:
        self.service, self.connection = service, Connection(f"ipv4:127.0.0.1:{region}")
        asked = provider_pb2.ConfigureRequest(args=wire.to_struct({"region": region, **inputs}))
        self.service.Configure(asked, self.connection)

    def urn(self, type_: str, name: str) -> str:
        return f"urn:pulumi:us-east::soma::{type_}::{name}"

    def make(
        self, type_: str, called: str, /, *, preview: bool = False, **inputs: Value
    ) -> tuple[str, dict[str, Value]]:
        asked = provider_pb2.CreateRequest(
            urn=self.urn(type_, called), properties=wire.to_struct(inputs), preview=preview
        )
        made = self.service.Create(asked, self.connection)
        return made.id, wire.from_struct(made.properties)

    def diff(self, type_: str, id_: str, before: dict[str, Value], after: dict[str, Value], **olds: Value) -> Any:
        asked = provider_pb2.DiffRequest(
            urn=self.urn(type_, "x"),
            id=id_,
            olds=wire.to_struct(olds),
            old_inputs=wire.to_struct(before),
            news=wire.to_struct(after),
        )
        return self.service.Diff(asked, self.connection)

    def update(self, type_: str, name: str, id_: str, **news: Value) -> dict[str, Value]:
        asked = provider_pb2.UpdateRequest(urn=self.urn(type_, name), id=id_, news=wire.to_struct(news))
        return wire.from_struct(self.service.Update(asked, self.connection).properties)

    def delete(self, type_: str, name: str, id_: str) -> None:
        asked = provider_pb2.DeleteRequest(urn=self.urn(type_, name), id=id_)
        self.service.Delete(asked, self.connection)

    def read(self, type_: str, name: str, id_: str) -> str:
        return self.service.Read(provider_pb2.ReadRequest(urn=self.urn(type_, name), id=id_), self.connection).id


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "aws.jsonl"


@pytest.fixture
def service(journal: Path) -> Service:
    return Service(Accounts(journal))


@pytest.fixture
def program(service: Service) -> Program:
    return Program(service)


RANGE: dict[str, Any] = {"cidrBlock": "10.64.0.0/16"}
ROLES: dict[str, Any] = {"name": "soma", "assumeRolePolicy": trust("eks.amazonaws.com")}


def test_each_connection_has_the_region_and_tags_of_its_provider(service: Service) -> None:
    east = Program(service, defaultTags='{"tags": {"from": "east"}}')
    west = Program(service, WEST)
    _, here = east.make(VPC, "east", **RANGE)
    _, there = west.make(VPC, "west", cidrBlock="10.65.0.0/16")
    assert (here["region"], here["tagsAll"]) == (EAST, {"from": "east"})
    assert (there["region"], there["tagsAll"]) == (WEST, {})


def test_a_preview_keeps_nothing_and_knows_only_what_is_stated(program: Program, journal: Path) -> None:
    id_, planned = program.make(VPC, "vpc", preview=True, **RANGE)
    assert id_ == ""
    assert planned["cidrBlock"] == RANGE["cidrBlock"]
    assert planned["arn"] is UNKNOWN
    program.make(SUBNET, "subnet", preview=True, vpcId=UNKNOWN, cidrBlock="10.64.0.0/24")
    assert not journal.exists()


def test_what_a_preview_makes_is_there_for_who_names_it(program: Program) -> None:
    program.make(ROLE, "role", preview=True, **ROLES)
    program.make(
        "aws:iam/rolePolicy:RolePolicy",
        "policy",
        preview=True,
        name="own",
        role="soma",
        policy=policy(),
    )


def test_a_rule_that_is_broken_fails_the_call_in_its_own_words(program: Program) -> None:
    with pytest.raises(RefusedError, match=r"INVALID_ARGUMENT: .*from /16 to /28"):
        program.make(VPC, "vpc", cidrBlock="10.0.0.0/8")


def test_a_type_that_is_not_known_is_refused_by_name(program: Program) -> None:
    asked = provider_pb2.CheckRequest(urn=program.urn("aws:sqs/queue:Queue", "jobs"))
    with pytest.raises(RefusedError, match=r"does not imitate aws:sqs/queue:Queue \(jobs\)"):
        program.service.Check(asked, program.connection)


def test_an_update_keeps_the_id_and_a_forced_input_takes_a_new_resource(program: Program) -> None:
    id_, made = program.make(VPC, "vpc", **RANGE)
    assert program.update(VPC, "vpc", id_, **RANGE, tags={"a": "b"})["arn"] == made["arn"]
    tagged = program.diff(VPC, id_, RANGE, {**RANGE, "tags": {"a": "b"}})
    assert (list(tagged.diffs), list(tagged.replaces)) == (["tags"], [])
    moved = program.diff(VPC, id_, RANGE, {"cidrBlock": "10.70.0.0/16"})
    assert list(moved.replaces) == ["cidrBlock"]
    assert not moved.deleteBeforeReplace
    other, _ = program.make(VPC, "vpc", cidrBlock="10.70.0.0/16")
    assert other != id_


def test_what_keeps_its_name_goes_before_its_replacement_comes(program: Program) -> None:
    id_, _ = program.make(ROLE, "role", **ROLES)
    assert program.diff(ROLE, id_, ROLES, {**ROLES, "path": "/soma/"}).deleteBeforeReplace
    moved: dict[str, Any] = {**ROLES, "path": "/soma/"}
    with pytest.raises(RefusedError, match="is there already"):
        program.make(ROLE, "role", **moved)


def test_tags_of_the_provider_that_change_are_a_change_of_the_resource(program: Program) -> None:
    id_, _ = program.make(VPC, "vpc", **RANGE)
    assert list(program.diff(VPC, id_, RANGE, RANGE, tagsAll={}).diffs) == []
    assert list(program.diff(VPC, id_, RANGE, RANGE, tagsAll={"old": "tag"}).diffs) == ["tagsAll"]


def test_secrets_come_back_as_secrets(program: Program) -> None:
    _, made = program.make(VPC, "vpc", **RANGE, tags={"a": Secret("hidden-tag")})
    assert "hidden-tag" not in repr(made["tags"])
    assert "hidden-tag" not in repr(made["tagsAll"])


def test_what_is_deleted_is_gone_and_what_is_kept_from_that_is_not(program: Program) -> None:
    id_, _ = program.make(VPC, "vpc", **RANGE)
    assert program.read(VPC, "vpc", id_) == id_
    program.delete(VPC, "vpc", id_)
    assert program.read(VPC, "vpc", id_) == ""


def test_another_process_finds_the_account_in_its_file(program: Program, journal: Path) -> None:
    id_, _ = program.make(VPC, "vpc", **RANGE)
    gone, _ = program.make(VPC, "other", cidrBlock="10.65.0.0/16")
    program.delete(VPC, "other", gone)
    assert journal.stat().st_mode & 0o777 == 0o600
    with journal.open("a") as file:
        file.write('{"account": "1234')  # what an ended process left
    again = Program(Service(Accounts(journal)))
    assert again.read(VPC, "vpc", id_) == id_
    assert again.read(VPC, "other", gone) == ""
    anew, _ = again.make(VPC, "other", cidrBlock="10.65.0.0/16")
    assert anew != gone


def test_a_file_that_is_no_journal_is_refused(journal: Path) -> None:
    journal.write_text("once upon a time\n")
    with pytest.raises(RehearsalError, match="no journal"):
        Accounts(journal)
