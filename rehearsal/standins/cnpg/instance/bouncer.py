"""PgBouncer of a Pooler: its files, and the process (pkg/management/pgbouncer/config/config.go)."""

import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import figures
from .api import Api, ApiError
from .certificates import names, write_all
from .config import POOLER_USER
from .layout import Layout
from .log import say
from .server import PostgresError, program

AUTH_QUERY = "SELECT usename, passwd FROM public.user_search($1)"
DEFAULTS = {
    "log_stats": "0",
    "auth_type": "hba",
    "client_tls_sslmode": "prefer",
    "server_tls_sslmode": "verify-ca",
    "ignore_startup_parameters": "extra_float_digits,options",
}
"""The operator's defaults, under what the Pooler declares."""
TICK_SECONDS = 1.0
METRICS_PORT = 9127
REFRESH_SECONDS = 5.0
"""How often the Pooler and the secrets are looked at while PgBouncer runs."""


@dataclass(frozen=True)
class Place:
    """Where PgBouncer listens and which server it goes to."""

    host: str
    """Name of the server, as its certificate has it."""
    port: int = 5432
    listen: str = "*"
    listen_port: int = 5432
    configs: Path = Path("/controller/configs")
    sockets: Path = Path("/controller/run")
    auth_database: bool = True
    """Whether this PgBouncer knows `auth_dbname` (1.19 and newer)."""


def pgbouncer_ini(spec: dict[str, Any], place: Place) -> str:
    """pgbouncer.ini; the operator's values stand above the user's where it insists on them."""
    given = spec["pgbouncer"]
    declared: dict[str, str] = given.get("parameters") or {}
    configs = place.configs
    fixed = {
        "unix_socket_dir": str(place.sockets),
        "listen_port": str(place.listen_port),
        "listen_addr": place.listen,
        "admin_users": "pgbouncer",
        "auth_hba_file": str(configs / "pg_hba.conf"),
        "server_tls_ca_file": str(configs / "server-tls/ca.crt"),
        "client_tls_cert_file": str(configs / "client-tls/tls.crt"),
        "client_tls_key_file": str(configs / "client-tls/tls.key"),
        "client_tls_ca_file": str(configs / "client-ca/ca.crt"),
        "server_tls_cert_file": str(configs / "authUser/tls.crt"),
        "server_tls_key_file": str(configs / "authUser/tls.key"),
    }
    lines = [
        "[databases]",
        f"* = host={place.host} port={place.port}",
        "[pgbouncer]",
        f"pool_mode = {given.get('poolMode') or 'session'}",
        f"auth_user = {POOLER_USER}",
        f"auth_query = {given.get('authQuery') or AUTH_QUERY}",
        *(["auth_dbname = postgres"] if place.auth_database else []),
        *(f"{key} = {value}" for key, value in sorted({**DEFAULTS, **declared, **fixed}.items())),
    ]
    return "\n".join(lines) + "\n"


def pg_hba(spec: dict[str, Any]) -> str:
    """Who may log in to PgBouncer, and how."""
    rules: list[str] = spec["pgbouncer"].get("pg_hba") or []
    return "\n".join(
        ["local pgbouncer pgbouncer peer", *rules, "host all all 0.0.0.0/0 md5", "host all all ::/0 md5", ""]
    )


def refresh(pooler: dict[str, Any], cluster: dict[str, Any], api: Api, place: Place) -> bool:
    """Writes all files; whether any changed. ApiError while a secret is not there."""
    secrets = names(cluster)
    sign_in = api.secret(f"{cluster['metadata']['name']}-pooler")
    server = api.secret(secrets["serverTLSSecret"])
    texts = {
        "server-tls/ca.crt": api.secret(secrets["serverCASecret"])["ca.crt"],
        "client-tls/tls.crt": server["tls.crt"],
        "client-tls/tls.key": server["tls.key"],
        "client-ca/ca.crt": api.secret(secrets["clientCASecret"])["ca.crt"],
        "authUser/tls.crt": sign_in["tls.crt"],
        "authUser/tls.key": sign_in["tls.key"],
        "pg_hba.conf": pg_hba(pooler["spec"]),
        "pgbouncer.ini": pgbouncer_ini(pooler["spec"], place),
    }
    return write_all(place.configs, texts)


def knows_auth_dbname() -> bool:
    """Whether the PgBouncer of this image does."""
    said = subprocess.run([program("pgbouncer"), "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= (1, 19)


class Bouncer:
    """PgBouncer, and its files as long as it runs."""

    def __init__(self, layout: Layout, api: Api) -> None:
        self._layout, self._api = layout, api
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Until PgBouncer ends; its exit code."""
        auth_database = knows_auth_dbname()
        said, due = "", 0.0
        while self._process is None or self._process.poll() is None:
            try:
                if self._process is None or time.monotonic() > due:
                    due = time.monotonic() + REFRESH_SECONDS
                    self._tick(auth_database)
            except (ApiError, PostgresError, KeyError) as error:
                if str(error) != said:
                    said = str(error)
                    say(said)
            time.sleep(TICK_SECONDS)
        say(f"PgBouncer has ended with code {self._process.returncode}")
        return self._process.returncode or 1

    def stop(self) -> None:
        """Ends PgBouncer; statements that it holds are lost to their clients, which connect anew."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def _tick(self, auth_database: bool) -> None:
        pooler = self._api.pooler(self._layout.name)
        cluster = self._api.cluster(pooler["spec"]["cluster"]["name"])
        scratch = self._layout.scratch
        place = Place(
            host=f"{pooler['spec']['cluster']['name']}-{pooler['spec'].get('type') or 'rw'}",
            configs=scratch / "configs",
            sockets=self._layout.sockets,
            auth_database=auth_database,
        )
        changed = refresh(pooler, cluster, self._api, place)
        if self._process is None:
            self._layout.sockets.mkdir(parents=True, exist_ok=True)
            say("starting PgBouncer")
            self._process = subprocess.Popen([program("pgbouncer"), str(place.configs / "pgbouncer.ini")])
            figures.Figures(("", METRICS_PORT), lambda: figures.of_pooler(self._layout))
        elif changed:
            say("PgBouncer reads changed files")
            self._process.send_signal(signal.SIGHUP)
