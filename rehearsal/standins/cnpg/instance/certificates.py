"""Writes the Cluster's certificates where PostgreSQL and its clients look for them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .api import Api
from .layout import Layout


def write(path: Path, text: str) -> bool:
    """Puts a file there that only its owner may read; whether that changed anything."""
    if path.exists() and path.read_text() == text:
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)
    return True


def write_all(folder: Path, texts: Mapping[str, str]) -> bool:
    """Puts files into a folder; whether any of them changed."""
    changed = [write(folder / name, text) for name, text in texts.items()]
    return any(changed)


def names(cluster: dict[str, Any]) -> dict[str, str]:
    """Names of the four secrets by their key in `spec.certificates`; the operator states them in the status."""
    given: dict[str, str] = {
        **((cluster.get("status") or {}).get("certificates") or {}),
        **(cluster["spec"].get("certificates") or {}),
    }
    own = cluster["metadata"]["name"]
    suffixes = {
        "serverCASecret": "ca",
        "clientCASecret": "ca",
        "serverTLSSecret": "server",
        "replicationTLSSecret": "replication",
    }
    return {key: given.get(key) or f"{own}-{suffix}" for key, suffix in suffixes.items()}


def refresh(cluster: dict[str, Any], api: Api, layout: Layout) -> bool:
    """Fetches the certificates; whether any changed. ApiError while one of them is not there."""
    secrets = names(cluster)
    server, client_ca = api.secret(secrets["serverTLSSecret"]), api.secret(secrets["clientCASecret"])
    server_ca, replica = api.secret(secrets["serverCASecret"]), api.secret(secrets["replicationTLSSecret"])
    wanted = {
        "server.crt": server["tls.crt"],
        "server.key": server["tls.key"],
        "server-ca.crt": server_ca["ca.crt"],
        "client-ca.crt": client_ca["ca.crt"],
        "streaming_replica.crt": replica["tls.crt"],
        "streaming_replica.key": replica["tls.key"],
    }
    return write_all(layout.certificates, wanted)
