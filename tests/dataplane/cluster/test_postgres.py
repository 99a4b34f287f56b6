"""PostgreSQL survives its primary and the primary's zone, seen from where the service stands: behind the pooler."""

from collections.abc import Callable

import pytest

from tests.dataplane.cluster.faults import Faults
from tests.dataplane.cluster.postgres import CONTAINER, DATA, Database, Load
from tests.dataplane.cluster.stand import Stand, eventually


@pytest.fixture
def database(cluster: Stand) -> Database:
    found = Database(cluster)
    found.await_healthy()
    return found


@pytest.mark.timeout(600)
def test_a_killed_primary_whose_pod_is_deleted_costs_no_record(
    database: Database, faults: Faults, figure: Callable[[str], None]
) -> None:
    old = database.primary().name
    with Load(database, "pg-killed", seconds=60) as load:
        faults.destroy(old, CONTAINER)
        eventually("another one is the primary", lambda: moved_from(database, old), 120)
        report = load.report()
        missing = report["answered"] - load.stored()
    figure(told("primary killed, its pod deleted", report, missing))
    assert missing == 0, report
    database.await_healthy()
    assert old in {pod.name for pod in database.replicas()}, "the former primary is back, as a replica"


@pytest.mark.own_nodes
@pytest.mark.timeout(900)
def test_a_primary_whose_zone_is_cut_off_costs_no_record(
    cluster: Stand, database: Database, faults: Faults, figure: Callable[[str], None]
) -> None:
    old = database.primary()
    zone = cluster.zone_of(old)
    with Load(database, "pg-cut", seconds=150, avoid=zone) as load:
        faults.cut_zone(zone)
        eventually("another one is the primary", lambda: moved_from(database, old.name), 180)
        report = load.report()
        missing = report["answered"] - load.stored()
    figure(told("primary's zone cut off", report, missing))
    assert missing == 0, report
    faults.heal_zone(zone)
    database.await_healthy()
    assert old.name in {pod.name for pod in database.replicas()}, "the former primary is back, as a replica"


@pytest.mark.timeout(600)
def test_a_full_disk_fails_the_schema_job_with_the_cause_and_touches_no_data(
    database: Database, faults: Faults
) -> None:
    """Data and WAL have disks of their own: PostgreSQL runs on and says what it cannot do; with room it goes on."""
    before = database.ask("SELECT count(*) FROM kv_store")
    database.ask("DROP DATABASE IF EXISTS full_disk WITH (FORCE)")
    database.ask(f"CREATE DATABASE full_disk OWNER {database.stand.settings.postgresql.owner}")
    primary = database.primary().name
    faults.fill_disk(primary, CONTAINER, DATA)
    code, said = database.make_schema("full_disk")
    assert code != 0
    assert "No space left on device" in said
    assert database.ask("SELECT count(*) FROM kv_store") == before
    faults.free_disk(primary, CONTAINER, DATA)
    code, said = database.make_schema("full_disk")
    assert code == 0, said
    assert f"kv_store is ready with {database.stand.settings.postgresql.partitions} partitions" in said
    database.ask("DROP DATABASE full_disk WITH (FORCE)")


def test_nobody_reaches_the_primary_or_the_pooler_without_tls(database: Database) -> None:
    settings = database.stand.settings.postgresql
    for host in (f"{database.name}-rw", "postgresql-pooler"):
        plain = f"host={host} user={settings.owner} dbname={settings.database} sslmode=disable connect_timeout=10"
        said = database.stand.tool("sh", "-c", f"psql '{plain}' -c '' 2>&1 || :")
        assert "rejects connection" in said or "SSL required" in said, said


def told(what: str, report: dict[str, object], missing: int) -> str:
    return (
        f"PostgreSQL {what}: {report['answered']} records answered 200, {missing} missing, "
        f"longest stall {report['longest']} s"
    )


def moved_from(database: Database, old: str) -> bool:
    return database.primary().name != old
