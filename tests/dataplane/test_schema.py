"""The schema Job's script on a real PostgreSQL, as the application's user."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rehearsal.standins.memory import statements
from tests.dataplane.postgres_server import Server
from tests.dataplane.service_statements import (
    OF_ONE_NAMESPACE,
    PATTERN_INDEX,
    SCAN,
    SEED,
    STARTERS,
    STARTS,
    assert_plans,
    bound,
)


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
    writes = [bound(statements.WRITE, "k", value) for value in ("{}", '{"n": 2}')]
    server.sql(database, *STARTS, *writes, user="soma")
    assert server.sql(database, bound(statements.READ, "k"), user="soma") == '{"n": 2}'
    assert server.sql(database, bound(statements.KEYS, "k%"), user="soma") == "k"
    server.sql(database, bound(statements.DELETE, "k"), user="soma")
    assert server.sql(database, "SELECT count(*) FROM kv_store", user="soma") == "0"


def test_everything_in_the_schema_belongs_to_the_applications_user(
    server: Server, database: str, tmp_path: Path
) -> None:
    server.make(database, tmp_path)
    owners = server.sql(
        database,
        """SELECT DISTINCT relowner::regrole FROM pg_class WHERE relname ~ 'kv_store'
           UNION SELECT extowner::regrole FROM pg_extension WHERE extname = 'pg_trgm'""",
    )
    assert owners == "soma"


def test_twenty_processes_of_the_service_that_start_at_once_all_get_through(
    server: Server, database: str, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """On an empty database 13 of 36 starters failed, and each of those went on without PostgreSQL for life."""
    server.make(database, tmp_path)
    starters = [
        subprocess.Popen(
            server.psql(database, "soma", *STARTS, bound(statements.WRITE, f"k{number}", "{}")),
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(STARTERS)
    ]
    failures = [said for starter in starters for _, said in [starter.communicate(timeout=60)] if "ERROR" in said]
    figure(f"PostgreSQL: {len(failures)} of {len(starters)} processes of the service failed to start at once")
    assert not failures
    assert server.sql(database, "SELECT count(*) FROM kv_store") == str(STARTERS)


def test_a_key_is_looked_for_in_one_partition_and_a_prefix_by_an_index_in_each(
    server: Server, database: str, tmp_path: Path
) -> None:
    server.make(database, tmp_path)
    server.sql(database, SEED, "ANALYZE kv_store", user="soma")

    def explain(statement: str) -> Any:
        return json.loads(server.sql(database, f"EXPLAIN (FORMAT JSON) {statement}", user="soma"))

    assert_plans(explain, 8, (PATTERN_INDEX,))
    assert len(server.sql(database, SCAN, user="soma").splitlines()) == OF_ONE_NAMESPACE


def test_a_second_run_changes_nothing(server: Server, database: str, tmp_path: Path) -> None:
    server.make(database, tmp_path)
    server.sql(database, "INSERT INTO kv_store VALUES ('kept', '{}')", user="soma")
    assert server.make(database, tmp_path).returncode == 0
    assert server.sql(database, "SELECT key FROM kv_store") == "kept"


def test_what_a_run_left_half_done_is_finished(server: Server, database: str, tmp_path: Path) -> None:
    server.sql(
        database,
        "CREATE TABLE kv_store (key text PRIMARY KEY, value jsonb NOT NULL) PARTITION BY HASH (key)",
        *(
            f"CREATE TABLE kv_store_p{part} PARTITION OF kv_store FOR VALUES WITH (MODULUS 8, REMAINDER {part})"
            for part in range(3)
        ),
        user="soma",
    )
    done = server.make(database, tmp_path)
    assert done.returncode == 0, done.stderr
    assert server.sql(database, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'kv_store'::regclass") == "8"
    assert len(server.sql(database, "SELECT indexname FROM pg_indexes WHERE tablename = 'kv_store'").split()) == 4


def test_two_runs_at_once_wait_for_each_other(server: Server, database: str, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor() as pool:
        ends = list(pool.map(lambda folder: server.make(database, folder), folders))
    assert [done.returncode for done in ends] == [0, 0], [done.stderr for done in ends]


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
