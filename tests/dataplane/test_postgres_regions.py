"""Home moves with real PostgreSQL over a link of 60 ms: by force with what that costs, and controlled at no cost."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator

import psycopg2
import pytest

from promotion import losses
from promotion.losses import Lag, Received
from tests.dataplane.postgres_instances import eventually
from tests.dataplane.postgres_regions import Instance, Link, Server, folder
from tests.unit.recorder import record_stack

pytestmark = [pytest.mark.timeout(600), pytest.mark.own_nodes]
Figure = Callable[[str], None]
SMALL = {"postgresql": {"primary": {"resources": {"requests": {"memory": "1Gi"}}}}}
LOAD_SECONDS = 5.0


class Regions:
    """Both, with us-east as home and us-west following it."""

    def __init__(self) -> None:
        self.folder = folder()
        self.link = Link(self.folder)
        home = record_stack("us-east", overrides=SMALL)
        standby = record_stack("us-west", overrides=SMALL, stacks={"us-east": home.outputs})
        moved = {**SMALL, "promotion": {"home": "us-west", "former": "us-east", "step": "demote"}}
        demoted = record_stack("us-east", overrides=moved, stacks={"us-east": home.outputs, "us-west": standby.outputs})
        self.east = Server("us-east", home, self.link, self.folder)
        self.west = Server("us-west", standby, self.link, self.folder)
        self.east.copied(self.west)
        self.west.copied(self.east)
        self.to_east = self.west.conninfo(self.west.spec, "us-east")
        self.to_west = self.east.conninfo(demoted.one("Cluster", "postgresql-us-east").spec, "us-west")
        self.bootstrap = demoted.one("Cluster", "postgresql-us-east").spec["bootstrap"]

    def query(self, region: str, statement: str) -> str | None:
        """As `promotion.access.Access` does."""
        server = self.east if region == "us-east" else self.west
        return server.row(statement) if server.answers() else None

    def lag(self, standby: str, home: str | None) -> Lag:
        return losses.lag(self, standby, home)  # pyright: ignore[reportArgumentType]  # it asks for no more

    def received(self, standby: str) -> Received:
        return losses.received(self, standby)  # pyright: ignore[reportArgumentType]  # the same

    def close(self) -> None:
        for server in (self.east, self.west):
            server.lose()
        self.link.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Writer(threading.Thread):
    """One record after the other at home, each noted once home has acknowledged it."""

    def __init__(self, server: Server, first: int) -> None:
        super().__init__(daemon=True)
        self._connection, self._next = server.connect(), first
        self.acknowledged: dict[int, float] = {}
        self.start()

    def run(self) -> None:
        with self._connection.cursor() as cursor:
            while True:
                try:
                    cursor.execute("INSERT INTO records VALUES (%s, now())", (self._next,))
                except psycopg2.Error:
                    return
                self.acknowledged[self._next] = time.monotonic()
                self._next += 1


@pytest.fixture(scope="module")
def regions() -> Iterator[Regions]:
    made = Regions()
    try:
        made.east.initialise()
        made.east.replicate()
        made.west.clone(made.to_east)
        made.west.start()
        made.west.replicate()
        eventually(lambda: _streams(made.west), "us-west streams", 60)
        yield made
    finally:
        made.close()


def _streams(server: Instance) -> bool:
    return server.sql("SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'")[0][0] == 1


def _ids(server: Instance) -> set[int]:
    return {row[0] for row in server.sql("SELECT id FROM records")}


def test_a_standby_streams_over_the_link_by_tls_and_says_how_far_it_is(regions: Regions, figure: Figure) -> None:
    followers = (
        "SELECT application_name, ssl, version, sync_state FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)"
    )
    assert sorted(regions.east.sql(followers)) == [
        ("postgresql-us-east-2", True, "TLSv1.3", "quorum"),
        ("postgresql-us-west", True, "TLSv1.3", "async"),
    ]
    assert regions.west.sql("SELECT conninfo LIKE '%%sslmode=verify-full%%' FROM pg_stat_wal_receiver") == [(True,)]
    writer = Writer(regions.east, 1)
    time.sleep(LOAD_SECONDS)
    lag = regions.lag("us-west", "us-east")
    regions.east.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO records%'")
    writer.join(30)
    assert lag.bytes is not None
    assert lag.seconds is not None
    of_west = "FROM pg_stat_replication WHERE application_name = 'postgresql-us-west'"
    (delay,) = regions.east.sql(f"SELECT extract(epoch FROM write_lag) * 1000 {of_west}")
    assert delay[0] is None or delay[0] >= 60
    figure(
        f"promotion: under {len(writer.acknowledged) / LOAD_SECONDS:.0f} records/s over 60 ms, standby {lag.words()}"
    )
    eventually(lambda: _ids(regions.west) == _ids(regions.east), "us-west has it all", 30)
    assert regions.lag("us-west", "us-east") == Lag(0, 0.0)


def test_a_standby_says_whether_home_is_heard_and_how_much_it_has(regions: Regions) -> None:
    before = regions.received("us-west")
    assert before.streams
    assert before.bytes is not None
    regions.east.sql("INSERT INTO records VALUES (-1, now())")
    eventually(lambda: regions.received("us-west").bytes != before.bytes, "it has come over the link", 30)
    written = float(regions.query("us-east", losses.WRITTEN) or "nan")
    eventually(lambda: (regions.received("us-west").bytes or 0) >= written, "us-west has it all", 30)
    regions.link.cut()
    try:
        eventually(lambda: not regions.received("us-west").streams, "us-west has noticed", 60)
        assert (regions.received("us-west").bytes or 0) >= written
        regions.east.sql("INSERT INTO records VALUES (-2, now())")  # home waits for no other region
    finally:
        regions.link.join()
    eventually(lambda: regions.received("us-west").streams, "us-west streams again", 60)
    assert regions.received("us-east") == Received()  # of a primary nobody asks


def test_a_commit_waits_for_another_zone(regions: Regions) -> None:
    """As declared: so what home acknowledges outlives the loss of the primary's zone, and of nothing more."""
    regions.east.replica.stop()
    writing = threading.Thread(target=regions.east.sql, args=("INSERT INTO records VALUES (-3, now())",), daemon=True)
    writing.start()
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    eventually(lambda: regions.east.sql(waits) == [(1,)], "the commit waits", 30)
    regions.east.replica.start()
    writing.join(30)
    assert not writing.is_alive()
    assert -3 in _ids(regions.east.replica)


def test_a_lost_home_costs_what_was_under_way_and_is_cloned_again(regions: Regions, figure: Figure) -> None:
    writer = Writer(regions.east, 1_000_000)
    time.sleep(LOAD_SECONDS)
    regions.link.cut()  # with what is on its way
    regions.east.lose()
    lost = time.monotonic()
    writer.join(30)
    assert regions.lag("us-west", None).seconds is not None
    regions.west.promote()
    regions.west.sql("INSERT INTO records VALUES (2000000, now())")
    back = time.monotonic()
    kept = _ids(regions.west)
    missing = sorted(set(writer.acknowledged) - kept)
    newest = max(writer.acknowledged.values())
    behind = newest - min((writer.acknowledged[each] for each in missing), default=newest)
    figure(
        f"promotion, forced: RPO {len(missing)} of {len(writer.acknowledged)} acknowledged records "
        f"({behind * 1000:.0f} ms of them), RTO {back - lost:.1f} s from the loss to the first write, promoted at once"
    )
    # The newest alone: what arrived, arrived in its order.
    assert missing == sorted(writer.acknowledged)[len(writer.acknowledged) - len(missing) :]

    regions.link.join()
    assert set(regions.bootstrap) == {"pg_basebackup"}
    began = time.monotonic()
    regions.east.clone(regions.to_west)
    regions.east.start()
    regions.east.replicate()
    eventually(lambda: _streams(regions.east), "us-east streams", 60)
    figure(f"promotion, forced: old home cloned again and streaming after {time.monotonic() - began:.1f} s")
    assert regions.east.sql("SELECT pg_is_in_recovery()") == [(True,)]
    regions.west.sql("INSERT INTO records VALUES (2000001, now())")
    eventually(lambda: _ids(regions.east) == _ids(regions.west), "us-east has it all", 30)


def test_a_controlled_switchover_loses_nothing_and_needs_no_clone(regions: Regions, figure: Figure) -> None:
    """Fail-back. The token that the operator hands over is where the old home's last checkpoint lies."""
    writer = Writer(regions.west, 3_000_000)
    time.sleep(LOAD_SECONDS)
    began = time.monotonic()
    regions.west.stop()
    writer.join(30)
    token = regions.west.control("Latest checkpoint's REDO location")
    assert regions.west.control("Database cluster state") == "shut down"
    reached = f"SELECT pg_last_wal_replay_lsn() >= '{token}'::pg_lsn"
    eventually(lambda: regions.east.sql(reached) == [(True,)], "us-east has replayed up to the token", 30)
    regions.east.promote()
    regions.east.sql("INSERT INTO records VALUES (4000000, now())")
    took = time.monotonic() - began
    assert set(writer.acknowledged) <= _ids(regions.east)
    regions.west.follow(regions.to_east)
    regions.west.start()
    eventually(lambda: _ids(regions.west) == _ids(regions.east), "us-west follows without a clone", 60)
    figure(f"promotion, controlled: RPO 0 of {len(writer.acknowledged)} records, {took:.1f} s without a primary")
