"""Texts of PostgreSQL's configuration files for one instance (pkg/postgres/configuration.go). Pure."""

from collections.abc import Sequence
from typing import Any

from .layout import Layout

REPLICATION_USER = "streaming_replica"
POOLER_USER = "cnpg_pooler_pgbouncer"

DEFAULTS = {
    "dynamic_shared_memory_type": "posix",
    "full_page_writes": "on",
    "max_parallel_workers": "32",
    "max_worker_processes": "32",
    "max_replication_slots": "32",
    "shared_memory_type": "mmap",
    "ssl_max_protocol_version": "TLSv1.3",
    "ssl_min_protocol_version": "TLSv1.3",
    "wal_keep_size": "512MB",
    "wal_level": "logical",
    "wal_log_hints": "on",
    "wal_sender_timeout": "5s",
    "wal_receiver_timeout": "5s",
}
"""The operator's defaults, under what the Cluster declares."""


def postgresql_conf(spec: dict[str, Any], layout: Layout, standbys: Sequence[str]) -> str:
    """What the operator writes into custom.conf. `standbys`: instances that may confirm a commit."""
    certificates = layout.certificates
    fixed = {
        "cluster_name": layout.cluster,
        "hot_standby": "on",
        "listen_addresses": layout.listen,
        "port": str(layout.port),
        "restart_after_crash": "off",
        "ssl": "on",
        "ssl_cert_file": str(certificates / "server.crt"),
        "ssl_key_file": str(certificates / "server.key"),
        "ssl_ca_file": str(certificates / "client-ca.crt"),
        "unix_socket_directories": str(layout.sockets),
        "synchronous_standby_names": synchronous(spec, standbys),
        "log_line_prefix": "%m %b ",
        "log_min_error_statement": "panic",  # a statement may carry a password
        "recovery_target_timeline": "latest",
    }
    declared: dict[str, str] = (spec.get("postgresql") or {}).get("parameters") or {}
    settings = {**DEFAULTS, **declared, **fixed}
    return "".join(f"{key} = {quoted(value)}\n" for key, value in sorted(settings.items()))


def quoted(value: str) -> str:
    """A value of postgresql.conf, or a literal of SQL."""
    return "'" + str(value).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def synchronous(spec: dict[str, Any], standbys: Sequence[str]) -> str:
    """`synchronous_standby_names` (pkg/postgres/replication/explicit.go); empty: nobody has to confirm.

    With `dataDurability: required` every instance is listed, also one that is away; a name of nobody stands for an
    empty list, so that writes wait for the first standby.
    """
    wanted = (spec.get("postgresql") or {}).get("synchronous")
    if not wanted:
        return ""
    names = [str(name) for name in standbys] or [f"{spec.get('name', 'cluster')}-placeholder"]
    listed = ",".join(identifier(name) for name in names)
    method = "FIRST" if wanted.get("method") == "first" else "ANY"
    return f"{method} {int(wanted.get('number') or 1)} ({listed})"


def pg_hba(spec: dict[str, Any]) -> str:
    """The operator's rules, then the user's, then its last one."""
    user_rules: list[str] = (spec.get("postgresql") or {}).get("pg_hba") or []
    lines = [
        "local all all peer map=local",
        f"hostssl postgres {REPLICATION_USER} all cert map=cnpg",
        f"hostssl replication {REPLICATION_USER} all cert map=cnpg",
        f"hostssl all {POOLER_USER} all cert map=cnpg",
        *user_rules,
        "host all all all scram-sha-256",
    ]
    return "\n".join(lines) + "\n"


def pg_ident(system_user: str) -> str:
    """Who may be whom: the manager's own user is the superuser, certificates are those whom they name."""
    return (
        f"local {system_user} postgres\ncnpg {REPLICATION_USER} {REPLICATION_USER}\ncnpg {POOLER_USER} {POOLER_USER}\n"
    )


def slot_name(instance: str) -> str:
    """Replication slot of a standby (api/v1: `_cnpg_` and the instance's name)."""
    return "_cnpg_" + instance.replace("-", "_")


def connection(layout: Layout, **more: str) -> str:
    """How a replica reaches the primary (pkg/management/postgres/conninfo.go)."""
    host, port = layout.primary
    certificates = layout.certificates
    parts = {
        "host": host,
        "port": str(port),
        "user": REPLICATION_USER,
        "sslmode": "verify-ca",
        "sslrootcert": str(certificates / "server-ca.crt"),
        "sslcert": str(certificates / "streaming_replica.crt"),
        "sslkey": str(certificates / "streaming_replica.key"),
        "application_name": layout.name,
        "connect_timeout": "5",
        # As upstream since 1.28: the receiver's connect knows no timeout of its own, and a commit waits for it.
        "tcp_user_timeout": "5000",
        **more,
    }
    return " ".join(f"{key}={value}" for key, value in parts.items())


def override_conf(layout: Layout) -> str:
    """What makes an instance follow the primary; it matters while `standby.signal` is there."""
    settings = {"primary_conninfo": connection(layout), "primary_slot_name": slot_name(layout.name)}
    return "".join(f"{key} = {quoted(value)}\n" for key, value in settings.items())
