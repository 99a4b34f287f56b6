"""Whether a region's API server answers, as kubectl says; what is no answer to that stops the command."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from promotion import cli_access
from promotion.cli_access import CliAccess
from promotion.errors import PromotionError
from promotion.files import Checkout
from rehearsal import paths


@pytest.fixture
def access() -> CliAccess:
    return CliAccess(Path(), Checkout(paths.CHECKOUT).settings())


def saying(monkeypatch: pytest.MonkeyPatch, code: int, error: str) -> None:
    def run(command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess(command, code, "ok", error)

    monkeypatch.setattr(cli_access.subprocess, "run", run)


def test_one_that_says_ok_answers(access: CliAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    saying(monkeypatch, 0, "")
    assert access.answers("us-east")


@pytest.mark.parametrize(
    "error",
    [
        "Unable to connect to the server: dial tcp: lookup x.eks.amazonaws.com: no such host",
        "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?",
        "Unable to connect to the server: net/http: TLS handshake timeout",
        'Error from server (InternalError): an error on the server ("[-]etcd failed: reason withheld")',
    ],
)
def test_one_that_cannot_be_reached_does_not(access: CliAccess, monkeypatch: pytest.MonkeyPatch, error: str) -> None:
    saying(monkeypatch, 1, error)
    assert not access.answers("us-east")


def test_one_that_takes_too_long_does_not(access: CliAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, 15)

    monkeypatch.setattr(cli_access.subprocess, "run", run)
    assert not access.answers("us-east")


@pytest.mark.parametrize(
    "error",
    [
        'error: context "us-east" does not exist',
        "error: You must be logged in to the server (Unauthorized)",
        "E1128 getting credentials: exec: executable aws not found\nerror: getting credentials: exec: aws failed",
        "",
    ],
)
def test_where_the_way_there_fails_nobody_is_taken_for_lost(
    access: CliAccess, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    saying(monkeypatch, 1, error)
    with pytest.raises(PromotionError, match="nobody knows whether it lives") as told:
        access.answers("us-east")
    assert (error.splitlines() or ["it does not say why"])[-1] in str(told.value)
