"""Credentials that a command prints: how kubeconfigs of EKS and other clouds sign in.

Source: kubernetes.io/docs/reference/config-api/client-authentication.v1 and client-go,
plugin/pkg/client/auth/exec/exec.go. Left out: commands that ask their user something (interactiveMode Always).
"""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import httpx

from rehearsal.errors import RehearsalError

VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
SECONDS: Final = 60.0
"""Longest wait for the command."""
UNAUTHORIZED: Final = 401
Section = Mapping[str, Any]


@dataclass(frozen=True)
class Credential:
    """What a command printed. A secret: it shows itself in no text."""

    token: str | None
    certificate: str | None
    """PEM, as the key."""
    key: str | None
    expires: datetime | None

    def __repr__(self) -> str:
        return "Credential([secret])"

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


class Command:
    """The `exec` of a kubeconfig's user: run when a credential is first asked for, and again when that has expired.

    Safe to use from several threads.
    """

    def __init__(self, place: str, section: Section, folder: Path, cluster: Section) -> None:
        """`place` says in errors which kubeconfig and user; a command with a slash is relative to `folder`.

        RehearsalError where the section is not one that this understands.
        """
        self._place = place
        self._version = str(section.get("apiVersion"))
        if self._version not in VERSIONS:
            raise RehearsalError(f"{place}: exec has apiVersion {self._version}: write {VERSIONS[0]}")
        if section.get("interactiveMode") == "Always":
            raise RehearsalError(f"{place}: its command asks its user something, which is not possible here")
        named = str(section.get("command") or "")
        self._command = [_found(named, folder, place), *map(str, cast(list[Any], section.get("args") or []))]
        self._name = named
        self._environment = {
            str(entry["name"]): str(entry["value"]) for entry in cast(list[Section], section.get("env") or [])
        }
        self._cluster = cluster if section.get("provideClusterInfo") else None
        self._lock = threading.Lock()
        self._credential: Credential | None = None

    def credential(self) -> Credential:
        """The credential, from the command where there is none that is still valid. RehearsalError when it fails."""
        with self._lock:
            if self._credential is None or self._credential.expired:
                self._credential = self._run()
            return self._credential

    def token(self) -> str | None:
        """The bearer token of now, None where the command gives a certificate."""
        return self.credential().token

    def forget(self, token: str | None) -> None:
        """Notes that a server took a token no longer; one that came since is kept."""
        with self._lock:
            if self._credential is not None and self._credential.token == token:
                self._credential = None

    def _run(self) -> Credential:
        environment = {**os.environ, **self._environment, "KUBERNETES_EXEC_INFO": json.dumps(self._information())}
        try:
            done = subprocess.run(
                self._command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise self._failure(f"did not answer within {SECONDS:.0f} s") from None
        except OSError as error:
            raise self._failure(f"does not start: {error.strerror}") from None
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise self._failure(f"ended with {done.returncode}{': ' + said[0] if said else ''}")
        return self._read(done.stdout)

    def _information(self) -> dict[str, Any]:
        spec: dict[str, Any] = {"interactive": False}
        if self._cluster is not None:
            spec["cluster"] = dict(self._cluster)
        return {"apiVersion": self._version, "kind": "ExecCredential", "spec": spec}

    def _read(self, printed: bytes) -> Credential:
        """What it printed is not shown in errors: it may be a token."""
        try:
            document = cast(dict[str, Any], json.loads(printed))
            status = cast(dict[str, Any], document["status"])
            stamp = status.get("expirationTimestamp")
            expires = None if stamp is None else datetime.fromisoformat(str(stamp))
        except (ValueError, KeyError, TypeError):
            raise self._failure("did not print an ExecCredential with a status") from None
        if document.get("apiVersion") != self._version:
            raise self._failure(f"printed apiVersion {document.get('apiVersion')}, the kubeconfig has {self._version}")
        token, certificate, key = (status.get(name) for name in ("token", "clientCertificateData", "clientKeyData"))
        if not token and not (certificate and key):
            raise self._failure("printed neither a token nor a certificate with its key")
        if expires is not None and expires.tzinfo is None:
            expires = expires.replace(tzinfo=UTC)
        return Credential(token, certificate, key, expires)

    def _failure(self, what: str) -> RehearsalError:
        return RehearsalError(f"{self._place}: the command {self._name!r}, which signs in, {what}")


def _found(command: str, folder: Path, place: str) -> str:
    if os.sep in command:
        return str(folder / command)
    found = shutil.which(command)
    if found is None:
        raise RehearsalError(f"{place}: signs in by the command {command!r}, which is not on PATH: install it")
    return found


def printed(token: str | None, certificate: str | None = None, key: str | None = None) -> str:
    """The document that a command prints, for a credential without an end."""
    stated = {"token": token, "clientCertificateData": certificate, "clientKeyData": key}
    status = {name: value for name, value in stated.items() if value}
    return json.dumps({"apiVersion": VERSIONS[0], "kind": "ExecCredential", "status": status})


class ByCommand(httpx.Auth):
    """Bearer tokens of a kubeconfig's command: the one of now, and a new one where the server takes it no longer."""

    def __init__(self, command: Command) -> None:
        self._command = command

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._command.token()
        if token is None:
            yield request
            return
        request.headers["Authorization"] = f"Bearer {token}"
        answer = yield request
        if answer.status_code == UNAUTHORIZED:
            self._command.forget(token)
            request.headers["Authorization"] = f"Bearer {self._command.token()}"
            yield request
