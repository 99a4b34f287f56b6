"""PostgreSQL's own programs: started, asked and ended."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from .config import REPLICATION_USER
from .layout import Layout
from .log import say

SQL_SECONDS = 10.0
STOP_SECONDS = 60
SESSION = "SET synchronous_commit = local; SET log_min_error_statement = panic; SET client_min_messages = warning;\n"
"""The manager's own statements wait for no standby, and none of them reaches the log."""


class PostgresError(Exception):
    """One of PostgreSQL's programs failed; carries what it said last."""


def program(name: str) -> str:
    """Where a program of PostgreSQL lies: on PATH, or where Debian keeps it."""
    versions = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    places = [*versions, os.environ.get("PATH", ""), "/usr/sbin"]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise PostgresError(f"{name} is not in this image")
    return found


def output(name: str, *arguments: str, seconds: float | None = None, text: str | None = None) -> str:
    """What one of PostgreSQL's programs says. PostgresError with its last words when it fails."""
    try:
        done = subprocess.run(
            [program(name), *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PostgresError(f"{name} took longer than {seconds:.0f} s") from None
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise PostgresError(f"{name}: {' '.join(words[-3:])}")
    return done.stdout.strip()


class Server:
    """The PostgreSQL of one instance."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def ended(self) -> int | None:
        """The exit code of a postmaster that was started and has ended."""
        return self._process.poll() if self._process else None

    def start(self, *options: str) -> None:
        """Starts the postmaster; its log goes to the manager's output."""
        self.layout.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        for lock in self.layout.locks:
            lock.unlink(missing_ok=True)  # of a container that is gone
        self._process = subprocess.Popen([program("postgres"), "-D", str(self.layout.data), *options])

    def stop(self) -> None:
        """Ends the postmaster: a fast shutdown hands the standbys the last WAL and writes a checkpoint; when that takes
        too long, for a standby that is cut off or a disk that is full, an immediate one leaves both to recovery."""
        if self._process is None or self.pid is None:
            return
        for how, number in (("fast", signal.SIGINT), ("immediate", signal.SIGQUIT)):
            say(f"stopping PostgreSQL ({how})")
            self._process.send_signal(number)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return
        self._process.kill()
        self._process.wait()

    def sql(self, statements: str, database: str = "postgres", seconds: float = SQL_SECONDS) -> str:
        """Runs statements as the superuser; the rows, columns separated by `|`. They go in by standard input, since a
        command line can be read by others."""
        socket = ["-h", str(self.layout.sockets), "-p", str(self.layout.port)]
        arguments = ["-XAtq", *socket, "-U", "postgres", "-d", database, "-v", "ON_ERROR_STOP=1", "-f", "-"]
        return output("psql", *arguments, seconds=seconds, text=SESSION + statements)

    def reload(self) -> None:
        """Reads the configuration files and certificates again."""
        self.sql("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Makes a standby the primary; returns when it is one."""
        output("pg_ctl", "promote", "-D", str(self.layout.data), "-w", "-t", "300")


def rewind_rights() -> str:
    """What pg_rewind needs at the primary (internal/cmd/manager/instance/run/lifecycle/run.go)."""
    functions = (
        "pg_ls_dir(text, boolean, boolean)",
        "pg_stat_file(text, boolean)",
        "pg_read_binary_file(text)",
        "pg_read_binary_file(text, bigint, bigint, boolean)",
    )
    return "".join(f"GRANT EXECUTE ON FUNCTION pg_catalog.{name} TO {REPLICATION_USER};\n" for name in functions)
