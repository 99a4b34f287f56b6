"""How a node is started: Qdrant's arguments, environment and `config/local.yaml`, as far as they matter here."""

import argparse
import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Names and defaults of src/settings.rs and config/config.yaml."""

    uri: str
    bootstrap: str | None
    storage: Path
    snapshots: Path
    host: str
    http_port: int
    p2p_port: int
    metrics_port: int | None
    api_key: str | None
    alt_api_key: str | None
    read_only_api_key: str | None
    jwt_rbac: bool
    grpc_timeout: float
    """Seconds that another peer has for an answer; with `connection_timeout` on top (TransportChannelPool)."""
    connection_timeout: float
    tick: float
    replication_factor: int
    write_consistency_factor: int
    on_disk_payload: bool
    wal_capacity: int
    """Bytes that must be free for a write."""
    transfer_seconds: float
    """Of this stand-in: a transfer takes at least so long (STANDIN_TRANSFER_SECONDS), to be caught half-way."""
    init_file: Path


def read(arguments: list[str]) -> Options:
    """Options of this process. Raises SystemExit on unknown arguments."""
    parser = argparse.ArgumentParser(prog="qdrant")
    parser.add_argument("--uri", required=True, help="this peer's address for the others, http://host:port")
    parser.add_argument("--bootstrap", help="address of a peer of the cluster to join")
    given = parser.parse_args(arguments)
    uri, bootstrap = str(given.uri).rstrip("/"), str(given.bootstrap or "").rstrip("/")
    p2p_port = int(_value("CLUSTER__P2P__PORT", "6335"))
    metrics_port = _value("SERVICE__METRICS_PORT", "")
    return Options(
        uri=uri if re.search(r":\d+$", uri) else f"{uri}:{p2p_port}",
        bootstrap=None if bootstrap in ("", uri) else bootstrap,
        storage=Path(_value("STORAGE__STORAGE_PATH", "./storage")),
        snapshots=Path(_value("STORAGE__SNAPSHOTS_PATH", "./snapshots")),
        host=_value("SERVICE__HOST", "0.0.0.0"),  # noqa: S104  (Qdrant's default; a pod's address is its own)
        http_port=int(_value("SERVICE__HTTP_PORT", "6333")),
        p2p_port=p2p_port,
        metrics_port=int(metrics_port) if metrics_port else None,
        api_key=_key("api_key"),
        alt_api_key=_key("alt_api_key"),
        read_only_api_key=_key("read_only_api_key"),
        jwt_rbac=_key("jwt_rbac") == "true",
        grpc_timeout=int(_value("CLUSTER__GRPC_TIMEOUT_MS", "60000")) / 1000,
        connection_timeout=int(_value("CLUSTER__CONNECTION_TIMEOUT_MS", "2000")) / 1000,
        tick=int(_value("CLUSTER__CONSENSUS__TICK_PERIOD_MS", "100")) / 1000,
        replication_factor=int(_value("STORAGE__COLLECTION__REPLICATION_FACTOR", "1")),
        write_consistency_factor=int(_value("STORAGE__COLLECTION__WRITE_CONSISTENCY_FACTOR", "1")),
        on_disk_payload=_value("STORAGE__ON_DISK_PAYLOAD", "true") == "true",
        wal_capacity=int(_value("STORAGE__WAL__WAL_CAPACITY_MB", "32")) << 20,
        transfer_seconds=float(os.environ.get("STANDIN_TRANSFER_SECONDS", "0")),
        init_file=Path(os.environ.get("QDRANT_INIT_FILE_PATH", ".qdrant-initialized")),
    )


def _value(name: str, default: str) -> str:
    return os.environ.get(f"QDRANT__{name}", default)


def _key(name: str) -> str | None:
    """A value from the environment or from `config/local.yaml`, where it stands as `  api_key: letters`."""
    stated = _value(f"SERVICE__{name.upper()}", "")
    local = Path("config/local.yaml")
    if not stated and local.exists():
        found = re.search(rf"^ +{name}: *(\S+) *$", local.read_text(encoding="utf-8"), re.MULTILINE)
        stated = found[1] if found else ""
    return stated or None
