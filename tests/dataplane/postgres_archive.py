"""Real PostgreSQL that archives by barman's own programs, and one that begins with what such an archive holds.

Settings are those of the evaluated program's Cluster and ObjectStores. What CloudNativePG and its plugin do in Go is
played here and in `barman_sidecar.py`; sources are named where it is.
"""

import copy
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from components.postgres_backups import PLUGIN
from rehearsal.engine.model import revealed
from rehearsal.ports import free_port
from rehearsal.standins.cnpg.instance import config
from rehearsal.standins.cnpg.instance.layout import Layout
from tests.dataplane import barman_ask
from tests.dataplane.barman_sidecar import Archive
from tests.dataplane.conftest import Start, tool
from tests.dataplane.postgres_instances import PYTHONS, eventually
from tests.unit.recorded import Recorded, Resource

USER = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
_AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"] if os.geteuid() == 0 else []


class Declared:
    """A region's Cluster with the stores that it refers to."""

    def __init__(self, run: Recorded, region: str) -> None:
        self._run = run
        self.spec: dict[str, Any] = run.one("Cluster", f"postgresql-{region}").spec

    def changed(self, generation: int, moment: str | None) -> "Declared":
        """The same restore to another moment, or to none, by a server of another generation."""
        other = copy.deepcopy(self)
        place = other.spec["plugins"][0]["parameters"]
        place["serverName"] = re.sub(r"\d+$", str(generation), place["serverName"])
        other.recovery["recoveryTarget"] = {} if moment is None else {"targetTime": moment}
        return other

    @property
    def own(self) -> Archive:
        """Where it archives."""
        (plugin,) = self.spec["plugins"]
        assert plugin["isWALArchiver"]
        return self._archive(plugin)

    @property
    def recovery(self) -> dict[str, Any]:
        return self.spec["bootstrap"]["recovery"]

    @property
    def source(self) -> Archive:
        """What a restore reads."""
        (external,) = (one for one in self.spec["externalClusters"] if one["name"] == self.recovery["source"])
        return self._archive(external["plugin"])

    def _archive(self, reference: dict[str, Any]) -> Archive:
        assert reference["name"] == PLUGIN
        given = reference["parameters"]
        return Archive(self._store(given["barmanObjectName"]).spec, given["serverName"])

    def _store(self, name: str) -> Resource:
        return self._run.one("ObjectStore", name)

    @property
    def environment(self) -> dict[str, str]:
        """Of the sidecar: what the ObjectStore says, and the keys to which it refers."""
        (plugin,) = self.spec["plugins"]
        spec = self._store(plugin["parameters"]["barmanObjectName"]).spec
        declared = {one["name"]: one["value"] for one in spec["instanceSidecarConfiguration"]["env"]}
        credentials = spec["configuration"]["s3Credentials"]
        keys = {"AWS_ACCESS_KEY_ID": "accessKeyId", "AWS_SECRET_ACCESS_KEY": "secretAccessKey"}
        return {**declared, **{name: self._key(credentials[key]) for name, key in keys.items()}}

    def _key(self, reference: dict[str, str]) -> str:
        secret = self._run.one("Secret", reference["name"])
        return str(revealed(secret.inputs["stringData"])[reference["key"]])


class Instance:
    """One server with its sidecar."""

    def __init__(self, name: str, declared: Declared, folder: Path, start: Start) -> None:
        self.declared, self._start, self._home = declared, start, folder / name
        self.layout = Layout(
            name=name,
            namespace="somafractalmemory",
            cluster=name,
            data=self._home / "pgdata",
            scratch=self._home / "scratch",
            listen="127.0.0.1",
            port=free_port(),
        )
        for each in (self.layout.data, self.layout.sockets, self._home / "spool"):
            each.mkdir(parents=True)
        self._own()
        self._address = str(self._home / "asked")
        self._sidecar()

    # The plugin

    def _sidecar(self) -> None:
        declared = self.declared
        source = declared.source if "recovery" in declared.spec["bootstrap"] else None
        plan = {
            "data": str(self.layout.data),
            "spool": str(self._home / "spool"),
            "to": [declared.own.spec, declared.own.server],
            "from": source and [source.spec, source.server],
        }
        # As the plugin's sidecar reaches the server beside it (internal/cnpgi/instance/backup.go).
        way = {"PGHOST": str(self.layout.sockets), "PGPORT": str(self.layout.port)}
        command = [sys.executable, "-m", "tests.dataplane.barman_sidecar", self._address, json.dumps(plan)]
        self._start(command, {**declared.environment, **way}, self._home / "sidecar.log")
        eventually(Path(self._address).exists, "the sidecar answers", 30)
        shutil.copy(Path(barman_ask.__file__), self._home / "ask.py")
        (self._home / "ask.py").chmod(0o644)

    def barman(self, program: str, *arguments: str) -> tuple[int, str]:
        """Exit code of a program of barman's, and what it said."""
        return barman_ask.ask(self._address, program, *arguments)

    def told(self, program: str, *arguments: str) -> str:
        """What a program said that has to end well."""
        code, said = self.barman(program, *arguments)
        assert code == 0, said
        return said

    def _asks(self, *words: str) -> str:
        python = next(path for path in PYTHONS if Path(path).exists()) if _AS_USER else sys.executable
        return " ".join([python, str(self._home / "ask.py"), self._address, *words])

    # The operator

    def initialise(self) -> None:
        self._do("initdb", "-D", self.layout.data, "-A", "trust", "-U", "postgres", "--no-sync")
        self._configure({})
        self.start()
        self.await_writes()

    def restore(self) -> str:
        """From its archive, before the first start; the id of the backup that was taken (plugin-barman-cloud,
        internal/cnpgi/restore/restore.go; cloudnative-pg, pkg/management/postgres/restore.go)."""
        own, source, target = self.declared.own, self.declared.source, self._target
        self.told("cloud_check_wal_archive", *own.place)
        backup = _chosen(json.loads(self.told("cloud_backup_list", "--format", "json", *source.place)), target)
        self.told("cloud_walrestore", *source.place, backup["begin_wal"], str(self._home / "test.wal"))
        self.told("cloud_restore", *source.place, backup["backup_id"], str(self.layout.data))
        self._configure(
            {
                "restore_command": self._asks("restore", "%f", "%p"),
                "recovery_target_action": "promote",
                **({} if target is None else {"recovery_target_time": target.isoformat()}),
            }
        )
        (self.layout.data / "recovery.signal").touch()
        self._own()
        return str(backup["backup_id"])

    @property
    def _target(self) -> datetime | None:
        text = self.declared.recovery.get("recoveryTarget", {}).get("targetTime")
        return None if text is None else datetime.fromisoformat(text)

    def _configure(self, more: dict[str, str]) -> None:
        """The operator's files, from the Cluster; archiving as it always has it (pkg/postgres/configuration.go).

        One instance, to which nobody comes from elsewhere: nobody confirms commits, and there is no TLS.
        """
        declared = self.declared.spec["postgresql"]
        alone = {"postgresql": {key: value for key, value in declared.items() if key != "synchronous"}}
        archive = {"archive_mode": "on", "archive_command": self._asks("archive", "%p"), "archive_timeout": "5min"}
        lines = "".join(f"{key} = {config.quoted(value)}\n" for key, value in {**archive, **more}.items())
        data = self.layout.data
        (data / "custom.conf").write_text(config.postgresql_conf(alone, self.layout, []) + lines + "ssl = off\n")
        base = (data / "postgresql.conf").read_text()
        if "custom.conf" not in base:
            (data / "postgresql.conf").write_text(f"{base}include 'custom.conf'\n")
        (data / "pg_hba.conf").write_text(config.pg_hba(alone))
        (data / "pg_ident.conf").write_text(f"local {pwd.getpwuid(os.geteuid()).pw_name} postgres\n")
        self._own()

    def start(self) -> None:
        command = [*_AS_USER, tool("postgres"), "-D", str(self.layout.data)]
        self.postgres = self._start(command, None, self._home / "log")

    def log(self) -> str:
        return (self._home / "log").read_text()

    def await_writes(self) -> None:
        """Until it is out of recovery."""

        def writes() -> bool:
            assert self.postgres.poll() is None, self.log()
            return self.query("SELECT pg_is_in_recovery()") == (0, "f")

        eventually(writes, f"{self.layout.name} takes writes", 60)

    def query(self, statement: str) -> tuple[int, str]:
        """As the superuser, by the server's own socket."""
        way = ["-h", str(self.layout.sockets), "-p", str(self.layout.port), "-U", "postgres", "-d", "postgres"]
        done = subprocess.run(
            [tool("psql"), "-XAtq", *way, "-c", statement], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout.strip() or done.stderr

    def sql(self, statement: str) -> str:
        code, said = self.query(statement)
        assert code == 0, said
        return said

    def switch(self) -> str:
        """The WAL file that was written to is closed and in the archive; its name."""
        name = self.sql("SELECT pg_walfile_name(pg_switch_wal())")
        archived = "SELECT last_archived_wal >= '{}' FROM pg_stat_archiver"
        eventually(lambda: self.sql(archived.format(name)) == "t", f"{name} is archived", 30)
        return name

    def _do(self, program: str, *arguments: object) -> None:
        command = [*_AS_USER, tool(program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr

    def _own(self) -> None:
        """What is its, is its user's."""
        self.layout.data.chmod(0o700)
        if _AS_USER:
            subprocess.run(["chown", "-R", USER, str(self._home)], check=True)


def _chosen(listed: dict[str, Any], target: datetime | None) -> dict[str, Any]:
    """The newest backup that ended before the moment (barman-cloud, pkg/catalog/catalog.go)."""
    done = [one for one in listed["backups_list"] if one["status"] == "DONE"]
    before = [one for one in done if target is None or _ended(one) <= target]
    assert before, f"no base backup from before {target}: {done}"
    return max(before, key=_ended)


def _ended(backup: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(backup["end_time_iso"])
