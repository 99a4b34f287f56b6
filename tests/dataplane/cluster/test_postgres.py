"""PostgreSQL survives its primary and the primary's zone, seen from where the service stands: behind the pooler."""

from collections.abc import Callable, Iterator

import pytest

from tests.dataplane.cluster.postgres import CONTAINER, Database, Load
from tests.dataplane.cluster.stand import Stand, eventually


@pytest.fixture
def database(stand: Stand) -> Database:
    found = Database(stand)
    found.await_healthy()
    return found


def test_a_killed_primary_whose_pod_is_deleted_costs_no_record(
    stand: Stand, database: Database, figure: Callable[[str], None]
) -> None:
    old = database.primary()
    with Load(database, "pg-killed", seconds=60) as load:
        stand.exec(old.name, CONTAINER, "sh", "-c", "kill -9 -1", check=False)  # all but the container's first process
        stand.client.delete("v1", "Pod", old.name, stand.namespace, grace_seconds=0)
        new = eventually("another one is the primary", lambda: other_primary(database, old.name), 120)
        report = load.report()
        missing = report["answered"] - load.stored()
    figure(
        f"PostgreSQL primary killed, its pod deleted: {report['answered']} records answered 200, {missing} missing, "
        f"longest stall {report['longest']} s"
    )
    assert missing == 0, report
    assert new != old.name
    database.await_healthy()


def test_a_primary_whose_zone_is_cut_off_costs_no_record(
    stand: Stand, database: Database, figure: Callable[[str], None]
) -> None:
    old = database.primary()
    zone = stand.zone_of(old)
    assert stand.own is not None
    number = stand.own.number(zone)
    with Load(database, "pg-cut", seconds=150, avoid=(zone,)) as load:
        stand.own.links.cut(number)
        try:
            eventually("another one is the primary", lambda: other_primary(database, old.name), 180)
            report = load.report()
            missing = report["answered"] - load.stored()
        finally:
            stand.own.links.heal(number)
    figure(
        f"PostgreSQL primary's zone cut off: {report['answered']} records answered 200, {missing} missing, "
        f"longest stall {report['longest']} s"
    )
    assert missing == 0, report
    database.await_healthy()
    assert old.name in {pod.name for pod in database.instances()}, "the former primary is back, as a replica"


def test_a_full_disk_fails_the_schema_job_with_the_cause_and_touches_no_data(
    stand: Stand, database: Database, filled: Callable[[], None]
) -> None:
    """Data and WAL have disks of their own: PostgreSQL goes on to run, and says what it cannot do."""
    before = database.ask("SELECT count(*) FROM kv_store")
    database.ask("DROP DATABASE IF EXISTS full_disk WITH (FORCE)")
    database.ask("CREATE DATABASE full_disk OWNER soma")
    filled()
    code, said = database.make_schema("full_disk")
    assert code != 0
    assert "No space left on device" in said
    assert database.ask("SELECT count(*) FROM kv_store") == before


def test_the_schema_job_goes_on_where_it_stopped_once_there_is_room(database: Database) -> None:
    code, said = database.make_schema("full_disk")
    assert code == 0, said
    assert "kv_store is ready with 8 partitions" in said
    database.ask("DROP DATABASE full_disk WITH (FORCE)")


def test_nobody_reaches_the_primary_or_the_pooler_without_tls(stand: Stand, database: Database) -> None:
    for host in (f"{database.name}-rw", "postgresql-pooler"):
        said = stand.tool("sh", "-c", f"psql 'host={host} user=soma dbname=somamemory sslmode=disable' -c '' 2>&1 || :")
        assert "rejects connection" in said or "SSL required" in said, said


@pytest.fixture
def filled(stand: Stand, database: Database) -> Iterator[Callable[[], None]]:
    """Fills the primary's data disk when called; frees it with the test."""
    name, file = database.primary().name, "/var/lib/postgresql/data/ballast"
    script = f"""
        for size in $(df --output=avail -k /var/lib/postgresql/data | tail -1) 65536 1024 64 4; do
            i=0
            while fallocate -o $(stat -c %s {file} 2>/dev/null || echo 0) -l "${{size}}k" {file} 2>/dev/null; do
                i=$((i + 1)); [ $i -lt 4096 ] || exit 1
            done
        done"""
    yield lambda: void(stand.exec(name, CONTAINER, "sh", "-c", script, seconds=120))
    stand.exec(name, CONTAINER, "rm", "-f", file)


def void(_: object) -> None:
    """Nothing is wanted of it."""


def other_primary(database: Database, old: str) -> str:
    name = database.primary().name
    return name if name != old else ""
