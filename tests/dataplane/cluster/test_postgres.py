"""PostgreSQL survives its primary and the primary's zone, seen from where the service stands: behind the pooler."""

from collections.abc import Callable

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


def other_primary(database: Database, old: str) -> str:
    name = database.primary().name
    return name if name != old else ""
