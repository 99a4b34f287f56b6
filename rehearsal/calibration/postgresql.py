"""Bytes, WAL and CPU that the service's statements cost a real PostgreSQL, with the table of the schema Job."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extras import execute_batch

from rehearsal.bench.stand import FILES, Stand, find, run, stand, start_postgres
from rehearsal.calibration.memories import NAMESPACE, Memory, memories
from rehearsal.calibration.timing import BATCHES, each
from rehearsal.ports import free_port
from rehearsal.standins.memory import statements

_USER = "soma"
_BATCH = 200
PARTS = ("heap", "toast", "primary_key", "key_pattern", "memory_type", "trigrams")
_INDEXES = """
SELECT CASE WHEN x.indisprimary THEN 'primary_key'
            WHEN pg_get_indexdef(i.oid) LIKE '%USING gin%' THEN 'trigrams'
            WHEN pg_get_indexdef(i.oid) LIKE '%text_pattern_ops%' THEN 'key_pattern'
            ELSE 'memory_type' END AS part,
       sum(pg_relation_size(i.oid))
FROM pg_class c JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
WHERE c.relname ~ '^kv_store_p[0-9]+$' AND c.relkind = 'r'
GROUP BY part
"""
_TABLES = """
SELECT sum(pg_relation_size(oid)), sum(pg_table_size(oid) - pg_relation_size(oid))
FROM pg_class WHERE relname ~ '^kv_store_p[0-9]+$' AND relkind = 'r'
"""


@dataclass(frozen=True)
class Bytes:
    """What memories take on disk, a memory, by part of the table."""

    payload_bytes: int
    partitions: int
    memories: int
    rewrites: int
    """How often every memory was written again, each time followed by a vacuum."""
    parts: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.parts.values())


class Server:
    """A PostgreSQL on loopback, with a database of its own for each measurement."""

    def __init__(self, here: Stand) -> None:
        self._here, self.port = here, free_port()
        parameters = {
            "shared_buffers": "256MB",
            "max_wal_size": "4GB",
            "checkpoint_timeout": "1d",
            "autovacuum": "off",
        }
        start_postgres(here, self.port, parameters)
        here.await_(self._answers, "PostgreSQL", "postgresql")
        with self.connected("postgres", "postgres") as cursor:
            cursor.execute(f"CREATE ROLE {_USER} LOGIN")
            cursor.execute("SHOW server_version")
            self.version = str(cursor.fetchone()[0]).split()[0]

    def _answers(self) -> bool:
        try:
            with self.connected("postgres", "postgres"):
                return True
        except psycopg2.OperationalError:
            return False

    @contextmanager
    def connected(self, database: str, user: str = _USER) -> Generator[Any]:
        """A cursor whose statements commit one by one, as the service's do."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, dbname=database, user=user)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    @contextmanager
    def database(self, partitions: int) -> Generator[str]:
        """A database with the schema Job's table, dropped afterwards."""
        name = f"memories_{partitions}"
        with self.connected("postgres", "postgres") as cursor:
            cursor.execute(f"CREATE DATABASE {name} OWNER {_USER}")
            target = ["-XqU", _USER, "-h", "127.0.0.1", "-p", str(self.port), "-d", name]
            schema = Path(self._here.folder) / "schema.sql"
            schema.write_text((FILES / "schema.sql").read_text())
            schema.chmod(0o644)
            run([find("psql") or "", *target, "-v", f"partitions={partitions}", "-f", schema])
            yield name
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def server() -> Generator[Server]:
    with stand("calibration") as here:
        yield Server(here)


def fill(cursor: Any, made: Iterable[Memory]) -> None:
    """Writes memories by the service's statement, many to a message."""
    rows = (row for one in made for row in ((one.data_key, one.data), (one.meta_key, one.meta)))
    execute_batch(cursor, statements.WRITE, rows, page_size=_BATCH)


def rewrite(cursor: Any) -> None:
    """Every memory again under its key: the service does so when it reads one, each of its processes at its start."""
    conflict = statements.WRITE[statements.WRITE.index("ON CONFLICT") :]
    chosen = "SELECT key, value FROM kv_store WHERE key LIKE '%:data'"
    cursor.execute(f'INSERT INTO "kv_store" (key, value) {chosen} {conflict}')


def sizes(cursor: Any, memories: int, payload_bytes: int, partitions: int, rewrites: int) -> Bytes:
    """The table after a vacuum."""
    cursor.execute("VACUUM (ANALYZE) kv_store")
    cursor.execute(_TABLES)
    heap, toast = cursor.fetchone()
    parts = dict.fromkeys(PARTS, 0.0) | {"heap": float(heap) / memories, "toast": float(toast) / memories}
    cursor.execute(_INDEXES)
    parts |= {part: float(size) / memories for part, size in cursor.fetchall()}
    return Bytes(payload_bytes, partitions, memories, rewrites, parts)


def stored_bytes(at: Server, count: int, payload_bytes: int, partitions: int, rewrites: int = 0) -> list[Bytes]:
    """Bytes of so many memories: as they were stored, and after each time that all were written again."""
    with at.database(partitions) as name, at.connected(name) as cursor:
        fill(cursor, memories(count, payload_bytes))
        found = [sizes(cursor, count, payload_bytes, partitions, 0)]
        for number in range(rewrites):
            rewrite(cursor)
            found.append(sizes(cursor, count, payload_bytes, partitions, number + 1))
        return found


@dataclass(frozen=True)
class Statements:
    """What a statement costs: of the server's CPU in seconds, of its WAL in bytes and pages."""

    write_cpu: float
    read_cpu: float
    scan_cpu: float
    """A key that it finds."""
    wal_bytes: float
    """A write, without images of pages."""
    wal_images: float
    """Images of pages of a write after a checkpoint."""


def statement_costs(at: Server, count: int, payload_bytes: int, partitions: int, tries: int = 2000) -> Statements:
    """Statements one by one on a table that holds memories already."""
    with at.database(partitions) as name, at.connected(name) as cursor, at.connected(name, "postgres") as root:
        fill(cursor, memories(count, payload_bytes))
        cursor.execute("VACUUM (ANALYZE) kv_store")
        new = list(memories(tries, payload_bytes, first=count))
        root.execute("CHECKPOINT")
        before = _wal(cursor)
        write_cpu = _cpu(cursor, _writes(new))
        records, images, volume = (now - then for now, then in zip(_wal(cursor), before, strict=True))
        del records
        read_cpu = _cpu(cursor, [(statements.READ, (one.data_key,)) for one in new])
        scan_cpu = _cpu(cursor, [(statements.KEYS, (f"{NAMESPACE}:%:meta",))] * BATCHES)
        written = 2 * tries
        return Statements(
            write_cpu=write_cpu,
            read_cpu=read_cpu,
            scan_cpu=scan_cpu / (count + tries),
            wal_bytes=(volume - images * 8192) / written,
            wal_images=images / written,
        )


def _writes(made: Sequence[Memory]) -> list[tuple[str, tuple[str, ...]]]:
    rows = [row for one in made for row in ((one.data_key, one.data), (one.meta_key, one.meta))]
    return [(statements.WRITE, row) for row in rows]


def _wal(cursor: Any) -> tuple[int, int, int]:
    """Records, images of pages and bytes of WAL so far."""
    cursor.execute("SELECT pg_stat_force_next_flush()")
    cursor.execute("SELECT wal_records, wal_fpi, wal_bytes FROM pg_stat_wal")
    records, images, volume = cursor.fetchone()
    return int(records), int(images), int(volume)


def _cpu(cursor: Any, work: Sequence[tuple[str, tuple[str, ...]]]) -> float:
    """Seconds of CPU that the connection's server process takes for a statement: the median of batches."""
    cursor.execute("SELECT pg_backend_pid()")
    pid = int(cursor.fetchone()[0])

    def run(number: int) -> None:
        statement, values = work[number]
        cursor.execute(statement, values)
        if cursor.description is not None:
            cursor.fetchall()

    return each(len(work) // BATCHES, run, lambda: _seconds(pid))


def _seconds(pid: int) -> float:
    """Time on a processor (Documentation/scheduler/sched-stats.rst): its ticks in `stat` are too coarse for a scan."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
