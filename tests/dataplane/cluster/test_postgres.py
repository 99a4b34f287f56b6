"""PostgreSQL on real nodes, seen from where the service stands: behind its gateway and the poolers."""

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


@pytest.mark.timeout(900)
def test_a_killed_primary_whose_pod_is_deleted_costs_no_record(
    database: Database, faults: Faults, figure: Callable[[str], None]
) -> None:
    """Of no client, whether it has a statement under way or comes when the poolers have no server and refuse."""
    old = database.primary().name
    with Load(database, "pg-killed", zones(database)[:2]) as load:
        faults.destroy(old, CONTAINER)
        eventually("another one is the primary", lambda: moved_from(database, old), 120)
        costs_no_record(load, "primary killed, its pod deleted", figure)
    database.await_healthy()
    assert old in {pod.name for pod in database.replicas()}, "the former primary is back, as a replica"


@pytest.mark.own_nodes
@pytest.mark.timeout(900)
def test_a_primary_whose_zone_is_cut_off_costs_no_record(
    database: Database, faults: Faults, figure: Callable[[str], None]
) -> None:
    """Nobody ends the connections that lead into the zone, neither the primary's nor those of the pooler there."""
    old = database.primary()
    zone = database.stand.zone_of(old)
    with Load(database, "pg-cut", [other for other in zones(database) if other != zone]) as load:
        faults.cut_zone(zone)
        eventually("another one is the primary", lambda: moved_from(database, old.name), 180)
        costs_no_record(load, "primary's zone cut off", figure)
    faults.heal_zone(zone)
    database.await_healthy()
    assert old.name in {pod.name for pod in database.replicas()}, "the former primary is back, as a replica"


@pytest.mark.timeout(600)
def test_poolers_that_are_deleted_all_at_once_cost_no_record(
    database: Database, faults: Faults, figure: Callable[[str], None]
) -> None:
    """Somebody's mistake: for a while nothing listens where the gateways knock."""
    gone = {pod.name for pod in database.poolers()}
    with Load(database, "pg-poolers", zones(database)[:2]) as load:
        faults.delete(*gone)
        eventually("others are there", lambda: restored(database, gone), 120)
        costs_no_record(load, "poolers deleted", figure)


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


@pytest.mark.parametrize(("service", "standby"), [("rw", "f"), ("ro", "t")])
def test_readers_and_writers_each_have_a_service(database: Database, service: str, standby: str) -> None:
    settings = database.stand.settings.postgresql
    target = (
        f"host={database.name}-{service} user={settings.owner} dbname={settings.database} "
        "sslmode=verify-full sslrootcert=/run/secrets/postgresql-ca/ca.crt connect_timeout=10"
    )
    said = database.stand.tool(
        "sh",
        "-c",
        "export PGPASSWORD=$(cat /run/secrets/postgresql/password); "
        f"psql -XAtq '{target}' -c 'SELECT pg_is_in_recovery(), count(*) >= 0 FROM kv_store'",
    )
    assert said.strip() == f"{standby}|t"


def zones(database: Database) -> list[str]:
    settings = database.stand.settings
    return [settings.kubernetes.zone_value(zone) for zone in settings.high_availability.zones]


def costs_no_record(load: Load, what: str, figure: Callable[[str], None]) -> None:
    """Every client goes on, none gave up a record, and all that was answered 200 is there."""
    load.await_going_on()
    report = load.end()
    missing = load.missing(report)
    tries = f"{load.sent_again()} statements sent again by a gateway, {sum(report.said.values())} by the clients"
    figure(f"PostgreSQL {what}: {report.told}, {missing} missing; {tries}")
    assert (missing, report.swallowed) == (0, 0), report


def moved_from(database: Database, old: str) -> bool:
    return database.primary().name != old


def restored(database: Database, gone: set[str]) -> bool:
    """As many poolers as there were are ready, and none of those that were deleted is left."""
    found = database.poolers()
    return len(found) == len(gone) and all(pod.ready and pod.name not in gone for pod in found)
