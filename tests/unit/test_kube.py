"""The Kubernetes client against a server that misbehaves on request."""

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rehearsal import kube
from rehearsal.kubeconfig import Connection
from tests.unit.serving import serving

CORE: dict[str, Any] = {
    "items": [
        {
            "metadata": {"name": ""},
            "versions": [
                {
                    "version": "v1",
                    "resources": [
                        {
                            "resource": "configmaps",
                            "responseKind": {"kind": "ConfigMap"},
                            "scope": "Namespaced",
                        }
                    ],
                }
            ],
        }
    ]
}


def status(code: int, reason: str, message: str, causes: list[dict[str, str]] | None = None) -> dict[str, Any]:
    return {"kind": "Status", "code": code, "reason": reason, "message": message, "details": {"causes": causes or []}}


class Server(ThreadingHTTPServer):
    """Answers from a list, then with an empty object; None closes the connection without an answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, dict[str, Any], dict[str, str]] | None] = []
        self.asked: list[tuple[str, str]] = []
        self.discoveries = 0

    def say(self, code: int, body: dict[str, Any], **headers: str) -> None:
        self.answers.append((code, body, {name.replace("_", "-"): value for name, value in headers.items()}))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path in ("/api", "/apis"):
            self.server.discoveries += 1
            self._send(200, CORE if self.path == "/api" else {"items": []}, {})
            return
        self.server.asked.append((self.command, self.path))
        answer = self.server.answers.pop(0) if self.server.answers else (200, {}, {})
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._send(*answer)

    def _send(self, code: int, body: dict[str, Any], headers: dict[str, str]) -> None:
        content = json.dumps(body).encode()
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 the base class calls them so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as running:
        yield running


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[kube.Client]:
    monkeypatch.setattr(kube, "RETRY_SECONDS", 1.0)
    monkeypatch.setattr(kube, "PAUSE_SECONDS", 0.01)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    with kube.Client(Connection(address, verify=False, token="t", namespace="default")) as made:
        yield made


CONFIG_MAP: kube.Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


@pytest.mark.parametrize(
    ("code", "kind"), [(404, kube.NotFound), (409, kube.Conflict), (422, kube.Invalid), (403, kube.KubeError)]
)
def test_refusals_are_typed_and_carry_the_causes(
    server: Server, client: kube.Client, code: int, kind: type[kube.KubeError]
) -> None:
    server.say(code, status(code, "Because", "no", [{"field": "spec.replicas", "message": "must be positive"}]))
    with pytest.raises(kind) as caught:
        client.get("v1", "ConfigMap", "a")
    assert (caught.value.status, caught.value.reason, caught.value.message) == (code, "Because", "no")
    assert caught.value.causes == ("spec.replicas: must be positive",)


def test_idempotent_calls_are_repeated_when_the_connection_breaks(server: Server, client: kube.Client) -> None:
    server.answers += [None, None]
    server.say(200, {"data": {}})
    assert client.apply(CONFIG_MAP, "test") == {"data": {}}
    assert [method for method, _ in server.asked] == ["PATCH"] * 3


def test_a_creation_is_never_sent_twice(server: Server, client: kube.Client) -> None:
    server.answers += [None]
    with pytest.raises(kube.Unreachable):
        client.create(CONFIG_MAP)
    assert len(server.asked) == 1


def test_a_server_that_sheds_load_is_asked_again_when_it_says(server: Server, client: kube.Client) -> None:
    server.say(429, status(429, "TooManyRequests", "later"), Retry_After="0")
    server.say(200, {"data": {}})
    assert client.create(CONFIG_MAP) == {"data": {}}


def test_nobody_at_the_address_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube, "RETRY_SECONDS", 0.1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    nobody = Connection(f"http://127.0.0.1:{port}", verify=False, token=None, namespace="default")
    with kube.Client(nobody) as client, pytest.raises(kube.Unreachable, match=f"127.0.0.1:{port}: no answer"):
        client.get("v1", "ConfigMap", "a")


def test_an_unknown_kind_is_asked_for_once_more_and_then_refused(server: Server, client: kube.Client) -> None:
    client.resource("v1", "ConfigMap")
    before = server.discoveries
    with pytest.raises(kube.UnknownKind, match=r"no Gateway of example\.com/v1"):
        client.resource("example.com/v1", "Gateway")
    assert server.discoveries == before + 2
    client.resource("v1", "ConfigMap")
    assert server.discoveries == before + 2


def test_names_without_a_namespace_land_in_the_contexts_own(server: Server, client: kube.Client) -> None:
    client.get("v1", "ConfigMap", "a")
    client.list("v1", "ConfigMap")
    assert server.asked == [("GET", "/api/v1/namespaces/default/configmaps/a"), ("GET", "/api/v1/configmaps")]


def test_deleting_what_is_not_there_is_said_and_no_error(server: Server, client: kube.Client) -> None:
    server.say(404, status(404, "NotFound", "not there"))
    assert client.delete("v1", "ConfigMap", "a") is False
    assert client.delete("v1", "ConfigMap", "a") is True


def test_a_watch_from_a_version_that_is_no_longer_kept_says_so(server: Server, client: kube.Client) -> None:
    server.say(200, {"type": "ERROR", "object": status(410, "Expired", "too old resource version")})
    with pytest.raises(kube.KubeError, match="too old") as caught:
        list(client.watch("v1", "ConfigMap", resource_version="1", timeout=5))
    assert caught.value.status == 410


def test_waiting_begins_anew_when_its_version_is_no_longer_kept(server: Server, client: kube.Client) -> None:
    old = {**CONFIG_MAP, "metadata": {"name": "a", "resourceVersion": "1"}}
    server.say(200, old)
    server.say(200, {"type": "ERROR", "object": status(410, "Expired", "too old resource version")})
    server.say(200, {**old, "data": {"a": "1"}})
    seen = client.wait(CONFIG_MAP, lambda found: found is not None and "data" in found, 5)
    assert seen is not None
    assert seen["data"] == {"a": "1"}


@pytest.mark.parametrize(
    ("server", "asks"),
    [
        ("https://127.0.0.1:6443", False),
        ("https://[::1]:6443", False),
        ("https://localhost:6443", False),
        ("https://169.254.200.2:6443", False),
        ("https://10.0.0.1:6443", True),
        ("https://kubernetes.example.com", True),
    ],
)
def test_a_proxy_of_the_environment_never_stands_before_this_machine(server: str, asks: bool) -> None:
    with kube.Client(Connection(server, verify=False, token=None, namespace="default")) as client:
        assert client._http.trust_env is asks
