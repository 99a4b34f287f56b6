"""No record that the service answered 200 is lost with the primary, whoever that is, and a former one comes back."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from components.memory_environment import QUERY_WAIT
from rehearsal.standins.cnpg import reports
from tests.dataplane.conftest import Start
from tests.dataplane.postgres_gateway import Gateway
from tests.dataplane.postgres_instances import PASSWORD, Instances, eventually
from tests.dataplane.postgres_load import Load

pytestmark = pytest.mark.timeout(900)  # three servers start and end several times


KEPT = "SELECT rolpassword FROM pg_authid WHERE rolname = 'soma'"

REFUSING = 3.0
"""Seconds without a primary: PgBouncer's first login has failed by then (server_login_retry is 1 s), and it refuses."""


@pytest.fixture(scope="module")
def instances(start_module: Start) -> Iterator[Instances]:
    made = Instances(start_module)
    try:
        made.begin()
        done = made.schema()
        assert done.returncode == 0, done.stderr
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def gateways(instances: Instances) -> list[Gateway]:
    """Two, each with a pooler of its own, as two pods of the service may have."""
    return [instances.gateway(instances.pool()) for _ in range(2)]


@pytest.fixture
def load(instances: Instances, gateways: list[Gateway]) -> Iterator[Callable[[str], Load]]:
    """Starts writing under a prefix; ends with the test, however that ends."""
    started: list[Load] = []

    def begin(namespace: str) -> Load:
        started.append(Load([gateway.dsn() for gateway in gateways], namespace))
        return started[-1]

    yield begin
    for each in started:
        each.kill()


def asking(instances: Instances, name: str) -> Callable[[str], str]:
    return lambda statement: instances.superuser(name, statement)


def test_a_killed_primary_costs_no_record_and_comes_back_as_a_replica(
    instances: Instances, load: Callable[[str], Load], figure: Callable[[str], None]
) -> None:
    """Of any client: of one that has a statement under way, and of one that comes when the poolers refuse already."""
    old = instances.primary
    writers = load("killed")
    eventually(lambda: all(writers.stored(asking(instances, old))), "all write")
    os.kill(instances.postmaster(old), signal.SIGKILL)
    time.sleep(REFUSING)
    new = instances.fail_over()
    ask = asking(instances, new)
    before = writers.stored(ask)
    eventually(lambda: all(now > then for now, then in zip(writers.stored(ask), before, strict=True)), "all go on")
    report = writers.end()
    missing = writers.missing(report, ask)
    figure(f"PostgreSQL primary killed: {report.told}, {missing} missing")
    assert (missing, report.swallowed) == (0, 0), report

    assert instances.running[old].wait(120) != 0, "a container whose PostgreSQL is killed ends, to be started anew"
    instances.start(old)
    instances.await_replica(old)
    assert instances.told(old)["isPrimary"] is False
    assert "rewinding to the primary" in instances.log(old)


def test_a_planned_move_costs_no_record_either(
    instances: Instances, load: Callable[[str], Load], figure: Callable[[str], None]
) -> None:
    """The operator names another primary: the old one stops, hands over its last WAL and comes back as a replica."""
    old = instances.primary
    kept = instances.superuser(old, KEPT)
    writers = load("moved")
    eventually(lambda: all(writers.stored(asking(instances, old))), "all write")
    new = next(name for name in instances.names if name != old)
    instances.move_to(new)
    assert instances.running[old].wait(120) == 0
    instances.start(old)
    instances.await_replica(old)
    report = writers.end()
    missing = writers.missing(report, asking(instances, new))
    figure(f"PostgreSQL primary moved: {report.told}, {missing} missing")
    assert (missing, report.swallowed) == (0, 0), report
    assert report.longest < QUERY_WAIT / 2, "something waited in a pooler that could not log in"
    assert instances.superuser(new, KEPT) == kept, "the new primary has set the password again, to the same"
    assert "password authentication failed" not in instances.log(new), (
        "what PgBouncer kept of its clients is still good"
    )


def test_the_replica_that_has_received_most_takes_over(instances: Instances) -> None:
    """Not the one with the lower number, nor the one that has replayed most: the only one that has the last commits."""
    old = instances.primary
    behind, ahead = (name for name in instances.names if name != old)
    for name in (behind, ahead):
        instances.await_replica(name)
    instances.superuser(ahead, "SELECT pg_wal_replay_pause()")
    instances.superuser(old, "SELECT pg_switch_wal()")
    eventually(lambda: replayed(instances, behind) > replayed(instances, ahead), f"{behind} has replayed more")
    instances.running[behind].send_signal(signal.SIGTERM)
    instances.running[behind].wait(120)
    instances.superuser(old, "INSERT INTO kv_store VALUES ('ahead', '{}')")
    os.kill(instances.postmaster(old), signal.SIGKILL)
    instances.running[old].wait(120)
    instances.point_to(None)
    instances.start(behind)
    eventually(lambda: bool(instances.told(behind)), f"{behind} answers")
    assert replayed(instances, behind) > replayed(instances, ahead)
    assert instances.fail_over() == ahead
    assert instances.superuser(ahead, "SELECT key FROM kv_store WHERE key = 'ahead'") == "ahead"
    for name in (behind, old):
        if name == old:
            instances.start(old)
        instances.await_replica(name)


def replayed(instances: Instances, name: str) -> int:
    return reports.read(instances.told(name)).replayed


def test_a_former_primary_that_starts_while_another_one_is_named_never_takes_writes(instances: Instances) -> None:
    """Also without the new one: it waits, since it may hold what nobody else has, and must not serve it."""
    old = instances.primary
    os.kill(instances.postmaster(old), signal.SIGKILL)
    instances.running[old].wait(120)
    new = instances.fail_over()
    instances.point_to(None)
    instances.start(old)
    eventually(lambda: "waiting for the new primary" in instances.log(old), "it waits")
    assert instances.told(old) == {}, "no server runs"
    instances.point_to(new)
    instances.await_replica(old)


def test_a_replica_that_lost_its_disk_is_cloned(instances: Instances) -> None:
    lost = next(name for name in instances.names if name != instances.primary)
    instances.running[lost].send_signal(signal.SIGTERM)
    assert instances.running[lost].wait(120) == 0, "told to end, it ends in order"
    for folder in ("pgdata", "pg_wal"):
        shutil.rmtree(instances.folder / lost / folder)
    instances.start(lost)
    instances.await_replica(lost)
    assert instances.superuser(lost, "SELECT count(*) > 0 FROM kv_store") == "t"


def test_a_primary_that_lost_its_disk_makes_no_second_database(instances: Instances) -> None:
    lost = instances.primary
    instances.running[lost].send_signal(signal.SIGTERM)
    instances.running[lost].wait(120)
    kept = instances.folder / lost / "kept"
    (instances.folder / lost / "pgdata").rename(kept)
    instances.status(phase="Cluster in healthy state")
    instances.start(lost)
    eventually(lambda: "will not make a new database" in instances.log(lost), "it says so")
    assert not (instances.folder / lost / "pgdata").exists()
    instances.running[lost].send_signal(signal.SIGTERM)
    instances.running[lost].wait(120)
    kept.rename(instances.folder / lost / "pgdata")
    instances.start(lost)
    eventually(lambda: bool(instances.told(lost).get("isPrimary")), f"{lost} is back")


def test_a_commit_waits_for_a_standby(instances: Instances) -> None:
    assert instances.superuser(instances.primary, "SHOW synchronous_standby_names").startswith("ANY 1 (")
    question = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'"
    eventually(lambda: instances.superuser(instances.primary, question) == "2", "both confirm")


def test_nobody_comes_in_without_tls(instances: Instances, gateways: list[Gateway]) -> None:
    for port in (instances.front.port, gateways[0].pooler.port):
        plain = instances.dsn(port).replace("sslmode=verify-full", "sslmode=disable")
        with pytest.raises(psycopg2.OperationalError, match=r"rejects connection|SSL required"):
            psycopg2.connect(plain)


def test_a_new_password_costs_no_record_and_no_restart(
    instances: Instances, gateways: list[Gateway], load: Callable[[str], Load]
) -> None:
    """The rotation of docs/postgresql.md: clients that are there go on, and those that come need not wait, for the
    gateway knows the next password; those of a rotation that follows too soon wait until it does."""
    writers, name = load("rotated"), instances.primary
    eventually(lambda: all(writers.stored(asking(instances, name))), "all write")
    stale = instances.dsn(gateways[0].pooler.port).replace(str(instances.passfile), str(instances.folder / "stale"))
    (instances.folder / "stale").write_text(instances.passfile.read_text())
    (instances.folder / "stale").chmod(0o600)
    instances.following_file.write_text("other456")
    assert [gateway.probe("ready") for gateway in gateways] == [0, 0]
    instances.password("other456", told=False)
    eventually(lambda: "the password of soma has changed" in instances.log(name), "the server takes it over")
    assert [gateway.probe("ready") for gateway in gateways] == [0, 0], "with the former password in their files"
    psycopg2.connect(gateways[0].dsn()).close()
    with pytest.raises(psycopg2.OperationalError, match=r"authentication failed|password"):
        psycopg2.connect(stale)
    instances.password("third789", told=False)
    eventually(lambda: instances.log(name).count("the password of soma has changed") > 1, "and the next")
    with ThreadPoolExecutor() as pool:
        coming = pool.submit(psycopg2.connect, gateways[0].dsn())
        time.sleep(2)
        assert not coming.done(), "the gateway knows neither the present password nor its next one, and waits"
        instances.secret_file.write_text("third789")
        coming.result(30).close()
    instances.password(PASSWORD)
    eventually(lambda: instances.log(name).count("the password of soma has changed") > 2, "and back")
    report = writers.end()
    assert (writers.missing(report, asking(instances, name)), report.swallowed) == (0, 0), report


def test_no_password_stands_in_a_log_or_on_a_command_line(instances: Instances) -> None:
    files = [*instances.folder.glob("pooler-*/log-*"), *instances.folder.glob("gateway-*.log")]
    assert len(files) >= 4
    logs = "".join([*map(instances.log, instances.names), *(file.read_text() for file in files)])
    assert not any(password in logs for password in ("letters123", "other456", "third789"))
    assert "SCRAM-SHA-256" not in logs
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "letters123" not in lines
