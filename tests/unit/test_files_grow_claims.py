"""The script that lets claims grow, against an API server that is played."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from components.files import grow_claims

TOKEN = "eyJ.token"
PATH = "/api/v1/namespaces/soma/persistentvolumeclaims"
Run = Callable[..., tuple[int, list[str]]]


def claim(asks: str = "100Gi", has: str = "100Gi", **status: Any) -> dict[str, Any]:
    return {
        "spec": {"resources": {"requests": {"storage": asks}}},
        "status": {"phase": "Bound", "capacity": {"storage": has}, **status},
    }


class Played:
    """Claims by name, as an API server and a driver treat them."""

    def __init__(self) -> None:
        self.claims: dict[str, dict[str, Any]] = {}
        self.refusals: dict[str, tuple[int, str]] = {}
        """What a PATCH of a claim answers in place of doing it."""
        self.grows_after = 0
        """Looks at a claim until the driver is done."""
        self.patches: list[tuple[str, Any]] = []
        self.looks = 0
        self.busy = 0
        """Calls that fail before the first one that does not."""
        played = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(*played.get(self.path, self.headers["authorization"]))

            def do_PATCH(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self._answer(*played.patch(self.path, self.headers["content-type"], body))

            def _answer(self, status: int, document: Any) -> None:
                text = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_request(self, code: Any = "-", size: Any = "-") -> None:
                del code, size

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    def get(self, path: str, authorization: str) -> tuple[int, Any]:
        assert authorization == f"Bearer {TOKEN}"
        self.looks += 1
        if self.busy:
            self.busy -= 1
            return 500, {"message": "etcd is busy"}
        found = self.claims.get(path.removeprefix(f"{PATH}/"))
        if found is None:
            return 404, {"message": "not found"}
        if self.patches and self.looks > self.grows_after:
            found["status"]["capacity"]["storage"] = found["spec"]["resources"]["requests"]["storage"]
        return 200, found

    def patch(self, path: str, kind: str, change: Any) -> tuple[int, Any]:
        assert kind == "application/merge-patch+json"
        name = path.removeprefix(f"{PATH}/")
        self.patches.append((name, change))
        if name in self.refusals:
            status, message = self.refusals[name]
            return status, {"kind": "Status", "message": message}
        self.claims[name]["spec"]["resources"] = change["spec"]["resources"]
        return 200, self.claims[name]


@pytest.fixture
def played() -> Iterator[Played]:
    played = Played()
    yield played
    played.server.shutdown()
    played.server.server_close()


@pytest.fixture
def run(played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the script for claims with these sizes: exit code and lines."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "namespace").write_text("soma\n")
    monkeypatch.setenv("SERVICE_ACCOUNT", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_URL", f"http://127.0.0.1:{played.server.server_address[1]}")
    monkeypatch.setenv("CLAIMS", str(tmp_path / "claims.json"))
    monkeypatch.setattr(grow_claims, "PAUSE", 0.01)

    def run(wait: str = "30", **sizes: str) -> tuple[int, list[str]]:
        (tmp_path / "claims.json").write_text(json.dumps(sizes))
        monkeypatch.setenv("WAIT_SECONDS", wait)
        return grow_claims.main(), capsys.readouterr().out.splitlines()

    return run


def request(size: str) -> dict[str, Any]:
    return {"spec": {"resources": {"requests": {"storage": size}}}}


def test_what_has_its_size_is_left_alone(played: Played, run: Run) -> None:
    played.claims = {"a": claim(), "b": claim(asks="0.1Ti", has="102400Mi")}
    assert run(a="100Gi", b="100Gi") == (
        0,
        [
            "a has 100Gi",
            "b asks for 0.1Ti, more than the 100Gi that is stated: left so, for volumes only grow",
            "every claim of 2 has what is stated",
        ],
    )
    assert played.patches == []


def test_a_claim_is_asked_to_grow_once_and_awaited(played: Played, run: Run) -> None:
    played.claims = {"a": claim(), "b": claim(asks="150Gi", has="150Gi")}
    played.grows_after = 6
    code, lines = run(a="150Gi", b="150Gi")
    assert code == 0
    assert lines == [
        "a is asked to grow from 100Gi to 150Gi",
        "a has 100Gi of 150Gi",
        "b has 150Gi",
        "a has 150Gi",
        "every claim of 2 has what is stated",
    ]
    assert played.patches == [("a", request("150Gi"))]


def test_what_is_larger_than_stated_is_never_made_smaller(played: Played, run: Run) -> None:
    played.claims = {"a": claim(asks="200Gi", has="200Gi")}
    code, lines = run(a="100Gi")
    assert (code, played.patches) == (0, [])
    assert lines[0] == "a asks for 200Gi, more than the 100Gi that is stated: left so, for volumes only grow"


@pytest.mark.parametrize("status", [403, 422])
def test_a_class_that_does_not_let_it_grow_is_told_at_once_and_the_others_grow(
    status: int, played: Played, run: Run
) -> None:
    played.claims = {"a": claim(), "b": claim()}
    played.refusals = {"a": (status, "only dynamically provisioned pvc can be resized")}
    code, lines = run("2", a="150Gi", b="150Gi")
    assert code == 1
    assert not [line for line in lines if "not in time" in line]
    assert lines[0] == (
        "a is refused it: stays at 100Gi: only dynamically provisioned pvc can be resized: its storage class has to "
        "say allowVolumeExpansion: true, and quotas to allow it"
    )
    assert played.claims["b"]["spec"] == request("150Gi")["spec"]


def test_what_is_not_there_yet_or_has_no_volume_is_awaited(played: Played, run: Run) -> None:
    played.claims = {"b": claim(phase="Pending")}
    assert run("0", a="150Gi", b="150Gi") == (
        1,
        ["a is not there yet", "b has no volume yet", "not in time: a, b: see docs/runbooks/grow-a-volume.md"],
    )
    assert played.patches == []


def test_what_holds_a_claim_up_is_told(played: Played, run: Run) -> None:
    waits = {"type": "FileSystemResizePending", "status": "True", "message": "waiting for the node"}
    over = {"type": "Resizing", "status": "False", "message": "over"}
    played.claims = {"a": claim(asks="150Gi", conditions=[waits, over])}
    code, lines = run("0", a="150Gi")
    assert code == 1
    assert lines[0] == "a has 100Gi of 150Gi; FileSystemResizePending waiting for the node"


def test_an_api_server_that_fails_is_asked_again(played: Played, run: Run) -> None:
    played.claims = {"a": claim()}
    played.busy = 2
    code, lines = run(a="150Gi")
    assert code == 0
    assert lines[0] == "a cannot be asked for: etcd is busy"


def test_an_api_server_that_is_away_is_told(played: Played, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_URL", "http://127.0.0.1:1")
    code, lines = run("0", a="150Gi")
    assert code == 1
    assert lines[0].startswith("a cannot be asked for: ")


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("1", 1),
        ("100Gi", 100 * 2**30),
        ("1.5Ti", 1.5 * 2**40),
        ("20G", 20 * 10**9),
        ("1e3", 1000),
        ("5E", 5 * 10**18),
        ("128974848", 128974848),
        ("2Ki", 2048),
        ("3k", 3000),
    ],
)
def test_amounts_are_those_of_kubernetes(text: str, bytes_: float) -> None:
    assert grow_claims.amount(text) == Decimal(bytes_)


@pytest.mark.parametrize("text", ["", "Gi", "10Zi", "10 Gi", "-1"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no amount of storage"):
        grow_claims.amount(text)
