"""The schema Job's script on a real PostgreSQL, as the application's user."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dataplane.conftest import FILES, free_port, run_script, tool

NOBODY = 65534
"""PostgreSQL refuses to run as root."""


class Server:
    def __init__(self, folder: Path) -> None:
        tool("psql")
        initdb, self._control = tool("initdb"), tool("pg_ctl")
        self._user = NOBODY if os.geteuid() == 0 else None
        self._data, self.port = folder / "data", free_port()
        if self._user is not None:
            os.chown(folder, NOBODY, -1)
        self._as_server([initdb, "-D", str(self._data), "-A", "trust", "-U", "postgres", "--no-sync"])
        options = f"-p {self.port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._as_server([self._control, "-D", str(self._data), "-o", options, "-l", str(folder / "log"), "-w", "start"])
        self.sql("postgres", "CREATE ROLE soma LOGIN")

    def _as_server(self, command: list[str]) -> None:
        done = subprocess.run(command, user=self._user, stdout=subprocess.DEVNULL, stderr=sys.stderr, check=False)
        assert done.returncode == 0, command

    def stop(self) -> None:
        self._as_server([self._control, "-D", str(self._data), "-m", "immediate", "stop"])

    def sql(self, database: str, *statements: str, user: str = "postgres") -> str:
        commands = [part for statement in statements for part in ("-c", statement)]
        done = subprocess.run(
            ["psql", "-XAtq", "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", database, *commands],
            capture_output=True,
            text=True,
            check=False,
        )
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


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    # Not pytest's folder: another user could not enter it.
    folder = Path(tempfile.mkdtemp(prefix="soma-postgresql-"))
    server = Server(folder)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(server: Server, request: pytest.FixtureRequest) -> str:
    name = f"d{abs(hash(request.node.name))}"
    server.sql("postgres", f"CREATE DATABASE {name} OWNER soma")
    return name


def test_the_service_finds_its_table_with_partitions_and_indexes(server: Server, database: str, tmp_path: Path) -> None:
    done = server.make(database, tmp_path)
    assert done.returncode == 0, done.stderr
    assert server.sql(database, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'kv_store'::regclass") == "8"
    indexes = server.sql(database, "SELECT indexname FROM pg_indexes WHERE tablename = 'kv_store' ORDER BY 1")
    assert indexes.split() == [
        "idx_kv_store_key_prefix",
        "idx_kv_store_memtype",
        "idx_kv_store_val_trgm",
        "kv_store_pkey",
    ]
    assert server.sql(database, "SELECT count(*) FROM kv_store") == "0", "the probe's row is gone"


def test_the_services_own_statements_work_on_it(server: Server, database: str, tmp_path: Path) -> None:
    server.make(database, tmp_path)
    insert = """INSERT INTO "kv_store" (key, value) VALUES ('k', '{}')
                ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value"""
    server.sql(
        database,
        'CREATE TABLE IF NOT EXISTS "kv_store" (key TEXT PRIMARY KEY, value JSONB NOT NULL)',
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        insert,
        insert,
        user="soma",
    )
    assert server.sql(database, "SELECT key FROM kv_store WHERE key LIKE 'k%'", user="soma") == "k"


def test_a_second_run_changes_nothing(server: Server, database: str, tmp_path: Path) -> None:
    server.make(database, tmp_path)
    server.sql(database, "INSERT INTO kv_store VALUES ('kept', '{}')", user="soma")
    assert server.make(database, tmp_path).returncode == 0
    assert server.sql(database, "SELECT key FROM kv_store") == "kept"


def test_a_table_without_partitions_is_refused_and_left_alone(server: Server, database: str, tmp_path: Path) -> None:
    server.sql(database, "CREATE TABLE kv_store (key text PRIMARY KEY, value jsonb NOT NULL)", user="soma")
    done = server.make(database, tmp_path)
    assert done.returncode != 0
    assert "without partitions and is left as it is" in done.stderr
    assert server.sql(database, "SELECT relkind FROM pg_class WHERE relname = 'kv_store'") == "r"


def test_another_number_of_partitions_is_refused(server: Server, database: str, tmp_path: Path) -> None:
    server.make(database, tmp_path)
    done = server.make(database, tmp_path, partitions=16)
    assert done.returncode != 0
    assert "another modulus than 16" in done.stderr


def test_a_table_of_the_superuser_is_refused(server: Server, database: str, tmp_path: Path) -> None:
    """The service swallows the refusal of every write and answers 200."""
    server.sql(
        database,
        "CREATE TABLE kv_store (key text PRIMARY KEY, value jsonb NOT NULL) PARTITION BY HASH (key)",
        *(
            f"CREATE TABLE kv_store_p{part} PARTITION OF kv_store FOR VALUES WITH (MODULUS 8, REMAINDER {part})"
            for part in range(8)
        ),
    )
    assert server.make(database, tmp_path).returncode != 0


def test_it_says_what_it_waits_for_and_gives_up(server: Server, tmp_path: Path) -> None:
    done = server.make("missing", tmp_path)
    assert done.returncode == 1
    assert 'database "missing" does not exist' in done.stderr
