"""The script that holds a pod until PostgreSQL takes its writes, against a scripted psql and a real PostgreSQL."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.dataplane.conftest import tool

SCRIPT = Path(__file__).parents[2] / "components" / "files" / "await-primary.sh"
IMPATIENT = "exec /bin/sleep 0.5"
"""In place of sleep, whose five seconds a test does not have."""


def wait(programs: Path, seconds: int = 1, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script; what the folder `programs` holds stands for psql or sleep."""
    return subprocess.run(
        ["sh", str(SCRIPT)],
        env={"PATH": f"{programs}:{os.environ['PATH']}", "WAIT_SECONDS": str(seconds), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_it_waits_for_as_long_as_it_takes_where_there_is_no_limit(tmp_path: Path) -> None:
    """What a standby does: refused, then in recovery, then promoted."""
    program(tmp_path, "sleep", "exit 0")
    program(
        tmp_path,
        "psql",
        f"""
        echo . >> {tmp_path}/calls
        case $(wc -l < {tmp_path}/calls) in
            [1-3]) echo 'connection refused' >&2; exit 2;;
            [4-6]) echo 'PostgreSQL is read-only (a standby)';;
            *) echo writable;;
        esac""",
    )
    done = wait(tmp_path, seconds=0)
    assert done.returncode == 0
    assert len((tmp_path / "calls").read_text().splitlines()) == 7
    assert done.stdout.count("connection refused") == 3
    assert done.stdout.count("read-only") == 3


def test_it_gives_up_where_there_is_a_limit(tmp_path: Path) -> None:
    program(tmp_path, "sleep", IMPATIENT)
    program(tmp_path, "psql", "echo 'table kv_store is missing'")
    done = wait(tmp_path, seconds=2)
    assert done.returncode == 1
    assert "giving up" in done.stdout.splitlines()[-1]


def test_an_answer_that_only_mentions_writable_is_not_enough(tmp_path: Path) -> None:
    program(tmp_path, "sleep", IMPATIENT)
    program(tmp_path, "psql", "echo 'not writable'")
    assert wait(tmp_path, seconds=1).returncode == 1


@dataclass(frozen=True)
class Server:
    """A PostgreSQL of its own, on a socket in a folder."""

    socket: Path

    def run(self, *statements: str, database: str = "postgres") -> None:
        for statement in statements:
            target = ["-h", str(self.socket), "-U", "postgres", "-d", database]
            subprocess.run(["psql", *target, "-qXc", statement], check=True, capture_output=True, timeout=30)

    def ask(self) -> subprocess.CompletedProcess[str]:
        return wait(self.socket, PGHOST=str(self.socket), PGUSER="soma", PGDATABASE="memory")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    binaries = Path(tool("initdb")).resolve().parent
    # A short path of its own: a socket's is limited to 107 bytes, and the server's user must reach it.
    folder = Path(tempfile.mkdtemp(prefix="await-"))
    program(folder, "sleep", IMPATIENT)
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    start = [str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o"]
    options = f"-c listen_addresses='' -c fsync=off -k {folder}"
    try:
        subprocess.run(
            [str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync"],
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
        )
        subprocess.run([*start, options, "start"], check=True, capture_output=True, user=user, cwd=folder)
        running = Server(folder)
        running.run("create role soma login", "create database memory owner soma")
        yield running
    finally:
        subprocess.run([*start[:3], "-m", "immediate", "stop"], capture_output=True, user=user, cwd=folder, check=False)
        shutil.rmtree(folder)


def test_a_real_server_lets_the_pod_start_only_when_the_services_user_may_write(server: Server) -> None:
    assert "table kv_store is missing" in server.ask().stdout
    assert "the schema Job has not run" in server.ask().stdout
    server.run("create table kv_store (key text primary key, value jsonb)", database="memory")
    assert "table kv_store has no partitions" in server.ask().stdout
    server.run("drop table kv_store", database="memory")
    server.run("create table kv_store (key text primary key, value jsonb) partition by hash (key)", database="memory")
    assert "table kv_store does not belong to soma" in server.ask().stdout
    server.run("grant all on kv_store to soma", database="memory")
    said = server.ask()
    assert said.returncode == 1, "what belongs to another can be taken away again"
    assert "ALTER TABLE kv_store OWNER TO soma" in said.stdout.splitlines()[-1]
    server.run("alter table kv_store owner to soma", database="memory")
    assert server.ask().returncode == 0
    server.run("revoke insert on kv_store from soma", database="memory")
    assert "table kv_store is not soma's to write" in server.ask().stdout
    server.run("grant insert on kv_store to soma", database="memory")
    server.run("alter role soma set default_transaction_read_only = on")
    assert "read-only" in server.ask().stdout
