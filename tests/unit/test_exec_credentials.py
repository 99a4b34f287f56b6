"""Kubeconfigs whose user signs in by a command: asked once, again when it expired, and never shown."""

import json
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal import exec_credentials, kube, kubeconfig, paths, sign_in
from rehearsal.__main__ import main
from rehearsal.certificates import Authority
from rehearsal.errors import RehearsalError
from tests.unit.serving import serving

TOKEN = "k8s-aws-v1.hidden"


class Command:
    """A kubeconfig beside a command that prints what it is told and notes each run."""

    def __init__(self, directory: Path, server: str = "https://127.0.0.1:6443") -> None:
        self.directory, self.server = directory, server
        self.script = directory / "token"
        self.says(credential())

    def says(self, text: str, code: int = 0, error: str = "") -> None:
        (self.directory / "answer").write_text(text)
        self.script.write_text(
            f'#!/bin/sh\ncd "$(dirname "$0")"\necho "$STAGE $* $KUBERNETES_EXEC_INFO" >> runs\ncat answer\n'
            f"echo '{error}' >&2\nexit {code}\n"
        )
        self.script.chmod(self.script.stat().st_mode | stat.S_IXUSR)

    @property
    def runs(self) -> list[str]:
        path = self.directory / "runs"
        return path.read_text().splitlines() if path.exists() else []

    def kubeconfig(self, **changes: Any) -> Path:
        user = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./token",
            "args": ["--region", "us-east-1"],
            "env": [{"name": "STAGE", "value": "test"}],
            "interactiveMode": "Never",
            **changes,
        }
        path = self.directory / "kubeconfig"
        path.write_text(
            yaml.safe_dump(
                {
                    "current-context": "eks",
                    "contexts": [{"name": "eks", "context": {"cluster": "c", "user": "u"}}],
                    "clusters": [{"name": "c", "cluster": {"server": self.server}}],
                    "users": [{"name": "u", "user": {"exec": user}}],
                }
            )
        )
        return path

    def asked(self, **changes: Any) -> exec_credentials.Command:
        command = kubeconfig.read(self.kubeconfig(**changes)).command
        assert command is not None
        return command


def credential(version: str = "v1", expires: datetime | None = None, **status: str) -> str:
    stamp = {} if expires is None else {"expirationTimestamp": expires.isoformat().replace("+00:00", "Z")}
    return json.dumps(
        {
            "apiVersion": f"client.authentication.k8s.io/{version}",
            "kind": "ExecCredential",
            "status": {**(status or {"token": TOKEN}), **stamp},
        }
    )


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_the_command_gives_the_token_once(command: Command) -> None:
    asked = command.asked()
    assert (asked.token(), asked.token()) == (TOKEN, TOKEN)
    (run,) = command.runs
    assert run.startswith("test --region us-east-1 ")
    assert json.loads(run.split(" ", 3)[3]) == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {"interactive": False},
    }
    assert TOKEN not in repr(asked.credential())


def test_the_command_may_be_told_of_the_cluster(command: Command) -> None:
    command.asked(provideClusterInfo=True).token()
    assert json.loads(command.runs[0].split(" ", 3)[3])["spec"]["cluster"] == {"server": "https://127.0.0.1:6443"}


def test_it_is_asked_again_when_the_token_has_expired(command: Command) -> None:
    command.says(credential(expires=datetime.now(UTC) - timedelta(seconds=1)))
    asked = command.asked()
    command.says(credential(expires=datetime.now(UTC) + timedelta(minutes=14)))
    asked.token()
    asked.token()
    assert len(command.runs) == 2


def test_a_token_that_came_meanwhile_is_kept(command: Command) -> None:
    asked = command.asked()
    asked.token()
    asked.forget("another one")
    asked.token()
    assert len(command.runs) == 1


def test_an_older_version_is_understood(command: Command) -> None:
    command.says(credential("v1beta1"))
    assert command.asked(apiVersion="client.authentication.k8s.io/v1beta1").token() == TOKEN


def test_it_may_give_a_certificate(command: Command) -> None:
    signed = Authority("test").client("admin")
    command.says(credential(clientCertificateData=signed.certificate, clientKeyData=signed.key))
    connection = kubeconfig.read(command.kubeconfig())
    assert connection.verify is not False
    assert connection.command is not None
    assert connection.command.token() is None
    assert len(command.runs) == 1


BROKEN: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "ends badly": ({"text": "", "code": 3, "error": "no credentials"}, {}, "ended with 3: no credentials"),
    "prints a bare token": ({"text": TOKEN}, {}, "did not print an ExecCredential"),
    "prints nothing of use": ({"text": credential(clientKeyData="k")}, {}, "neither a token nor a certificate"),
    "prints another version": ({"text": credential("v1beta1")}, {}, "the kubeconfig has client.authentication"),
    "is not there": ({"text": ""}, {"command": "./other"}, "does not start: No such file"),
    "is not on PATH": ({"text": ""}, {"command": "soma-no-such-command"}, "is not on PATH: install it"),
    "has a version that nobody knows": (
        {"text": ""},
        {"apiVersion": "client.authentication.k8s.io/v1alpha1"},
        "write client.authentication.k8s.io/v1",
    ),
    "asks its user": ({"text": ""}, {"interactiveMode": "Always"}, "asks its user something"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_command_that(what: str, command: Command) -> None:
    says, changes, words = BROKEN[what]
    command.says(**says)
    with pytest.raises(RehearsalError, match=words) as refusal:
        command.asked(**changes).token()
    assert "kubeconfig: context 'eks'" in str(refusal.value)
    assert "hidden" not in str(refusal.value)


def test_a_command_that_never_answers_is_ended(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exec_credentials, "SECONDS", 0.1)
    command.script.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(RehearsalError, match="did not answer within 0 s"):
        command.asked().token()


# Against a server


class Server(ThreadingHTTPServer):
    """Takes one token alone."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.takes = TOKEN
        self.seen: list[str | None] = []


class _Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self.server.seen.append(self.headers.get("Authorization"))
        allowed = self.server.seen[-1] == f"Bearer {self.server.takes}"
        content = b'{"ok": true}' if allowed else b'{"kind": "Status", "code": 401, "message": "Unauthorized"}'
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as running:
        yield running


def test_a_client_signs_in_by_the_command_and_anew_when_it_is_refused(server: Server, tmp_path: Path) -> None:
    command = Command(tmp_path, f"http://127.0.0.1:{server.server_address[1]}")
    with kube.Client.from_kubeconfig(command.kubeconfig()) as client:
        assert client.call("GET", "/x") == {"ok": True}
        server.takes = "newer"
        command.says(credential(token="newer"))
        assert client.call("GET", "/x") == {"ok": True}
        assert len(command.runs) == 2
        server.takes = "another one's"
        with pytest.raises(kube.KubeError, match="Unauthorized"):
            client.call("GET", "/x")
    assert len(command.runs) == 3


# In place of `aws eks get-token`


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path / "run"))
    directory = paths.home() / "us-east"
    directory.mkdir()
    authority = Authority("test").certificate
    kubeconfig.write(directory / "kubeconfig", "us-east", "https://127.0.0.1:6443", authority, "admin", TOKEN)
    return directory


def test_a_region_that_is_up_has_a_token(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "--region", "us-east"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(credential())


def test_it_is_what_a_kubeconfig_of_eks_asks_for(home: Path, command: Command) -> None:
    command.says(sign_in.credential("us-east"))
    assert command.asked().token() == TOKEN


def test_a_region_may_be_named_as_aws_does(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for stack in ("us-east", "us-west"):
        shutil.copy(paths.CHECKOUT / f"Pulumi.{stack}.yaml", checkout)
    project = yaml.safe_load((paths.CHECKOUT / "Pulumi.yaml").read_text())
    project["config"]["multiregion"]["default"]["regions"][0]["aws_region"] = "us-east-1"
    (checkout / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    monkeypatch.setattr(paths, "CHECKOUT", checkout)
    assert json.loads(sign_in.credential("us-east-1"))["status"] == {"token": TOKEN}


def test_a_region_that_is_not_up_says_how_to_bring_it_up(home: Path) -> None:
    with pytest.raises(RehearsalError, match="eu-west-9 is not up: `make up` brings it up"):
        sign_in.credential("eu-west-9")


def test_certificates_are_printed_as_well(home: Path) -> None:
    signed = Authority("test").client("admin")
    document = yaml.safe_load((home / "kubeconfig").read_text())
    for name, text in (("client-certificate", signed.certificate), ("client-key", signed.key)):
        (home / name).write_text(text)
        document["users"][0]["user"] = {**document["users"][0]["user"], name: name, "token": None}
    (home / "kubeconfig").write_text(yaml.safe_dump(document))
    status = json.loads(sign_in.credential("us-east"))["status"]
    assert status == {"clientCertificateData": signed.certificate, "clientKeyData": signed.key}


def test_address_and_authority_of_an_api_server_are_read(home: Path) -> None:
    found = kubeconfig.endpoint(home / "kubeconfig")
    assert found is not None
    assert found[0] == "https://127.0.0.1:6443"
    assert kubeconfig.endpoint(Command(home).kubeconfig()) is None
