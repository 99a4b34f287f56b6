"""A PostgreSQL of its own on loopback, configured as the program declares it, and the schema Job's script on it."""

import os
import subprocess
import sys
from pathlib import Path

from components.postgres_cluster import parameters
from rehearsal.ports import free_port
from settings import PostgreSQL
from tests.dataplane.conftest import FILES, run_script, tool

NOBODY = 65534
"""PostgreSQL refuses to run as root."""


class Server:
    """One server; `soma` is the application's user."""

    def __init__(self, folder: Path) -> None:
        tool("psql")
        initdb, self._control = tool("initdb"), tool("pg_ctl")
        self._user = NOBODY if os.geteuid() == 0 else None
        self._data, self.port = folder / "data", free_port()
        if self._user is not None:
            os.chown(folder, NOBODY, -1)
        self._as_server([initdb, "-D", str(self._data), "-A", "trust", "-U", "postgres", "--no-sync"])
        declared = parameters(PostgreSQL.model_validate({"primary": {"resources": {"requests": {"memory": "1Gi"}}}}))
        settings = {**declared, "listen_addresses": "127.0.0.1", "fsync": "off"}
        options = " ".join([f"-p {self.port} -k {folder}", *(f"-c {key}={value}" for key, value in settings.items())])
        self._as_server([self._control, "-D", str(self._data), "-o", options, "-l", str(folder / "log"), "-w", "start"])
        self.sql("postgres", "CREATE ROLE soma LOGIN")

    def _as_server(self, command: list[str]) -> None:
        done = subprocess.run(command, user=self._user, stdout=subprocess.DEVNULL, stderr=sys.stderr, check=False)
        assert done.returncode == 0, command

    def stop(self) -> None:
        self._as_server([self._control, "-D", str(self._data), "-m", "immediate", "stop"])

    def psql(self, database: str, user: str, *statements: str) -> list[str]:
        """A command that runs the statements one by one, each committed, and goes on after an error."""
        commands = [part for statement in statements for part in ("-c", statement)]
        return ["psql", "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", database, *commands]

    def sql(self, database: str, *statements: str, user: str = "postgres") -> str:
        done = subprocess.run(self.psql(database, user, *statements), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def make(self, database: str, folder: Path, partitions: int = 8) -> "subprocess.CompletedProcess[str]":
        """Runs the Job's script."""
        passfile = folder / "pgpass"
        passfile.write_text("*:*:*:soma:letters\n")
        passfile.chmod(0o644)
        (folder / "work").mkdir(exist_ok=True)
        environment = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGDATABASE": database,
            "PGUSER": "soma",
            "PGSSLMODE": "prefer",
            "PASSFILE": str(passfile),
            "WORK": str(folder / "work"),
            "SCHEMA": str(FILES / "schema.sql"),
            "PARTITIONS": str(partitions),
            "WAIT_SECONDS": "3",
        }
        return run_script("schema.sh", environment)
