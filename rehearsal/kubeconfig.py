"""Kubeconfig files: read into a connection, written for a control plane."""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from rehearsal.errors import RehearsalError
from rehearsal.exec_credentials import Command

Section = Mapping[str, Any]

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds the token of its service account, and whom to trust."""


@dataclass(frozen=True)
class Connection:
    """How one context of a kubeconfig reaches its API server."""

    server: str
    """Address, such as `https://127.0.0.1:6443`."""
    verify: ssl.SSLContext | bool
    """Trust and client certificate; `False` where the file asks to skip verification."""
    token: str | None
    """Bearer token, if the user has one."""
    namespace: str
    """Namespace of the context, `default` if it names none."""
    command: Command | None = None
    """Gives the token, where the user signs in by one."""


def read(path: Path, context: str | None = None) -> Connection:
    """The connection of `context` (default: the file's current one).

    Understands tokens, client certificates, and commands that give one of them.
    """
    name, chosen, cluster, user = _chosen(path, context)
    unsupported = next((key for key in ("auth-provider", "username") if key in user), None)
    if unsupported is not None:
        raise RehearsalError(
            f"{path}: context {name!r} signs in by {unsupported!r}; a token, a client certificate or a command is "
            "needed here: make a kubeconfig with one of them (`kubectl create token` prints a token)"
        )
    folder = path.resolve().parent
    command = Command(f"{path}: context {name!r}", user["exec"], folder, cluster) if "exec" in user else None
    return Connection(
        server=str(cluster["server"]).rstrip("/"),
        verify=_verify(folder, cluster, user if command is None else _signed(command)),
        token=_token(folder, user),
        namespace=str(chosen.get("namespace") or "default"),
        command=command,
    )


def in_cluster(account: Path = ACCOUNT, environment: Mapping[str, str] = os.environ) -> Connection:
    """The connection of a pod, by its service account; the token is read once, so for programs of an hour at most."""
    return Connection(
        server=f"https://{environment['KUBERNETES_SERVICE_HOST']}:{environment['KUBERNETES_SERVICE_PORT']}",
        verify=ssl.create_default_context(cafile=account / "ca.crt"),
        token=(account / "token").read_text().strip(),
        namespace=(account / "namespace").read_text().strip(),
    )


def endpoint(path: Path) -> tuple[str, str] | None:
    """Address and CA certificate (base64 of its PEM) of the current context's API server; None without a CA."""
    _, _, cluster, _ = _chosen(path, None)
    authority = _material(path.resolve().parent, cluster, "certificate-authority")
    return None if authority is None else (str(cluster["server"]), base64.b64encode(authority).decode())


def credential(path: Path) -> tuple[str | None, str | None, str | None]:
    """Token, client certificate and key (PEM) of the current context's user, None for what it has not."""
    _, _, _, user = _chosen(path, None)
    folder = path.resolve().parent
    pair = (_material(folder, user, name) for name in ("client-certificate", "client-key"))
    certificate, key = (None if found is None else found.decode() for found in pair)
    return _token(folder, user), certificate, key


def write(path: Path, name: str, server: str, ca_certificate: str, user: str, token: str) -> None:
    """A kubeconfig with one context, mode 0600, put in place at once so that a reader never sees half of it."""
    cluster = {"server": server, "certificate-authority-data": _encode(ca_certificate)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
    }
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes mode 0600
    with os.fdopen(descriptor, "w") as file:
        yaml.safe_dump(document, file, sort_keys=False)
    Path(temporary).replace(path)


def _chosen(path: Path, context: str | None) -> tuple[str, Section, Section, Section]:
    """Name of a context, and its context, cluster and user."""
    document = _document(path)
    name = context or str(document.get("current-context") or "")
    chosen = _entry(path, document, "contexts", "context", name)
    cluster = _entry(path, document, "clusters", "cluster", str(chosen.get("cluster", "")))
    return name, chosen, cluster, _entry(path, document, "users", "user", str(chosen.get("user", "")))


def _signed(command: Command) -> Section:
    """The user that a command's certificate makes; one of a token has none."""
    found = command.credential()
    if not found.certificate or not found.key:
        return {}
    return {"client-certificate-data": _encode(found.certificate), "client-key-data": _encode(found.key)}


def _document(path: Path) -> Section:
    try:
        loaded = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise RehearsalError(f"{path}: no such kubeconfig") from None
    except yaml.YAMLError as error:
        raise RehearsalError(f"{path}: not a kubeconfig: {error}") from None
    if not isinstance(loaded, dict):
        raise RehearsalError(f"{path}: not a kubeconfig: no mapping at the top")
    return cast(Section, loaded)


def _entry(path: Path, document: Section, section: str, key: str, name: str) -> Section:
    entries = cast(list[Section], document.get(section) or [])
    for entry in entries:
        if entry.get("name") == name:
            return cast(Section, entry.get(key) or {})
    known = ", ".join(str(entry.get("name")) for entry in entries) or "none"
    raise RehearsalError(f"{path}: no {key} named {name!r} (there: {known})")


def _verify(folder: Path, cluster: Section, user: Section) -> ssl.SSLContext | bool:
    if not str(cluster["server"]).startswith("https"):
        return False
    authority = _material(folder, cluster, "certificate-authority")
    trust = ssl.create_default_context(cadata=authority.decode()) if authority else ssl.create_default_context()
    if cluster.get("insecure-skip-tls-verify"):
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
    certificate, key = _material(folder, user, "client-certificate"), _material(folder, user, "client-key")
    if certificate and key:
        _load_client_certificate(trust, certificate, key)
    return trust


def _load_client_certificate(trust: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """The ssl module reads certificates from files only: a private one that is gone when this returns."""
    descriptor, name = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate + b"\n" + key)
        trust.load_cert_chain(name)
    finally:
        Path(name).unlink()


def _material(folder: Path, section: Section, key: str) -> bytes | None:
    """The bytes of `<key>-data` (base64) or of the file that `<key>` names, relative to the kubeconfig."""
    if section.get(f"{key}-data"):
        return base64.b64decode(str(section[f"{key}-data"]))
    if section.get(key):
        return (folder / str(section[key])).read_bytes()
    return None


def _token(folder: Path, user: Section) -> str | None:
    if user.get("token"):
        return str(user["token"])
    if user.get("tokenFile"):
        return (folder / str(user["tokenFile"])).read_text().strip()
    return None


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
