"""Makes the data directory of an instance: as the first primary, as a copy of the primary, or its own brought back.

pkg/management/postgres: initdb.go, join.go, instance.go (Rewind, Demote).
"""

import os
import pwd
import shutil
import time
from pathlib import Path
from typing import Any

from . import config
from .api import Api
from .certificates import write, write_all
from .config import identifier, quoted
from .layout import Layout
from .log import say
from .server import PostgresError, Server, output, rewind_rights

REWIND, CLONE = "rewind", "clone"
"""What an instance notes for its next start when it cannot follow the primary as it is."""
START_SECONDS = 60.0
SEGMENT = 16 << 20
"""Bytes of a WAL segment, initdb's default."""
CUSTOM, OVERRIDE = "custom.conf", "override.conf"


class Data:
    """The data directory, and the WAL directory where the Cluster declares one."""

    def __init__(self, layout: Layout, server: Server) -> None:
        self.layout, self._server = layout, server
        self._note = layout.data.with_name(layout.data.name + ".repair")

    def exists(self) -> bool:
        """Whether it is complete: it gets its name when it is."""
        return (self.layout.data / "PG_VERSION").exists()

    def has_room(self) -> bool:
        """Whether two more WAL segments fit onto their volume (instance.go, CheckHasDiskSpaceForWAL)."""
        volume = os.statvfs(self.layout.data / "pg_wal")
        return volume.f_bavail * volume.f_frsize >= 2 * SEGMENT

    def was_replica(self) -> bool:
        return (self.layout.data / "standby.signal").exists()

    def note_repair(self, how: str) -> None:
        """Remembers for the next start that it has to be rewound, or cloned where that was tried."""
        write(self._note, how)

    def noted_repair(self) -> str:
        return self._note.read_text() if self._note.exists() else ""

    def forget_repair(self) -> None:
        self._note.unlink(missing_ok=True)

    def initialise(self, cluster: dict[str, Any], api: Api) -> None:
        """The first primary: initdb, the application's role and database, post-init SQL as the superuser."""
        spec = cluster["spec"]
        declared = (spec.get("bootstrap") or {}).get("initdb") or {}
        say("making the database cluster")
        fresh = self._fresh()
        encoding = [
            "-E",
            str(declared.get("encoding") or "UTF8"),
            "--locale",
            str(declared.get("localeCollate") or "C"),
        ]
        checksums = ["--data-checksums"] if declared.get("dataChecksums") else []
        wal = self._wal(spec)
        output("initdb", "-D", str(fresh), "-U", "postgres", "-A", "peer", *encoding, *checksums, *_waldir(wal))
        include = f"include '{CUSTOM}'\ninclude '{OVERRIDE}'\n"
        with (fresh / "postgresql.conf").open("a") as file:
            file.write(include)
        fresh.rename(self.layout.data)
        try:
            self.configure(cluster, ())
            self._fill(declared, cluster, api)
        except Exception:
            shutil.rmtree(self.layout.data)  # half a database must not be taken for a whole one
            raise

    def _fill(self, declared: dict[str, Any], cluster: dict[str, Any], api: Api) -> None:
        """Roles and databases, while nobody else can connect."""
        self._server.start("-c", "listen_addresses=", "-c", "synchronous_standby_names=")
        try:
            self._await_socket()
            database, owner = str(declared.get("database") or "app"), str(declared.get("owner") or "app")
            name = str((declared.get("secret") or {}).get("name") or f"{cluster['metadata']['name']}-app")
            secret = api.secret(name)
            if secret["username"] != owner:
                raise PostgresError(f"secret {name} is of user {secret['username']}, the database's owner is {owner}")
            self._server.sql(
                f"CREATE ROLE {config.REPLICATION_USER} REPLICATION LOGIN;\n"
                + rewind_rights()
                + f"CREATE ROLE {identifier(owner)} LOGIN PASSWORD {quoted(secret['password'])};\n"
            )
            self._server.sql(f"CREATE DATABASE {identifier(database)} OWNER {identifier(owner)}")
            for key, place in (
                ("postInitSQL", "postgres"),
                ("postInitTemplateSQL", "template1"),
                ("postInitApplicationSQL", database),
            ):
                for statement in declared.get(key) or []:
                    self._server.sql(statement, place)
        finally:
            self._server.stop()

    def _await_socket(self) -> None:
        host = ["-h", str(self.layout.sockets), "-p", str(self.layout.port)]
        deadline = time.monotonic() + START_SECONDS
        while self._server.ended() is None and time.monotonic() < deadline:
            try:
                output("pg_isready", *host, "-t", "1")
            except PostgresError:
                time.sleep(0.2)
            else:
                return
        raise PostgresError("the new database did not start: what PostgreSQL says to it stands above")

    def clone(self, cluster: dict[str, Any]) -> None:
        """A copy of the primary, which then is followed. What was there before goes when the copy is whole."""
        say("cloning the primary")
        fresh = self._fresh()
        wal = self._wal(cluster["spec"], fresh=True)
        source = config.connection(self.layout, dbname="replication")
        output("pg_basebackup", "-D", str(fresh), "-X", "stream", "-c", "fast", "-d", source, *_waldir(wal))
        if self.layout.data.exists():
            old = (self.layout.data / "pg_wal").resolve()
            shutil.rmtree(self.layout.data)
            if old.exists():
                shutil.rmtree(old)
        fresh.rename(self.layout.data)
        self.forget_repair()
        self.follow()

    def rewind(self) -> None:
        """Takes back what the primary does not have; PostgresError when only a new clone helps."""
        say("rewinding to the primary")
        source = config.connection(self.layout, dbname="postgres")
        # Rewinds after a crash too: pg_rewind recovers the directory first.
        output("pg_rewind", "-D", str(self.layout.data), "--source-server", source)
        self.follow()

    def follow(self) -> None:
        """Makes it start as a standby."""
        write(self.layout.data / "standby.signal", "")

    def configure(self, cluster: dict[str, Any], instances: tuple[str, ...]) -> bool:
        """Writes the configuration files; whether any of them changed. `instances` are all of the Cluster."""
        spec = {**cluster["spec"], "name": cluster["metadata"]["name"]}
        standbys = [name for name in instances if name != self.layout.name]
        texts = {
            CUSTOM: config.postgresql_conf(spec, self.layout, standbys),
            OVERRIDE: config.override_conf(self.layout),
            "pg_hba.conf": config.pg_hba(spec),
            "pg_ident.conf": config.pg_ident(_user_name()),
        }
        (self.layout.data / "postgresql.auto.conf").write_text("")  # as the operator keeps it: nothing set by hand
        return write_all(self.layout.data, texts)

    def _fresh(self) -> Path:
        """An empty place for a directory in the making."""
        fresh = self.layout.data.with_name(self.layout.data.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        return fresh

    def _wal(self, spec: dict[str, Any], fresh: bool = False) -> Path | None:
        """An empty place for the WAL on its own volume."""
        if not spec.get("walStorage"):
            return None
        place = self.layout.wal
        if fresh and self.layout.data.exists() and (self.layout.data / "pg_wal").resolve() == place.resolve():
            place = place.with_name(place.name + ".2")
        shutil.rmtree(place, ignore_errors=True)
        return place


def _waldir(place: Path | None) -> list[str]:
    return [f"--waldir={place}"] if place else []


def _user_name() -> str:
    """The user that the manager and PostgreSQL run as; the image has to name its uid, or initdb refuses."""
    return pwd.getpwuid(os.getuid()).pw_name
