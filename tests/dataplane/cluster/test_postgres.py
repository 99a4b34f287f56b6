"""PostgreSQL on real nodes: a full disk, and TLS for everybody."""

import pytest

from tests.dataplane.cluster.faults import Faults
from tests.dataplane.cluster.postgres import CONTAINER, DATA, Database
from tests.dataplane.cluster.stand import Stand


@pytest.fixture
def database(cluster: Stand) -> Database:
    found = Database(cluster)
    found.await_healthy()
    return found


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
