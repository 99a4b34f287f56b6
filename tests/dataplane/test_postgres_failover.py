"""No record that the service answered 200 is lost with the primary, whoever that is, and a former one comes back."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.dataplane.conftest import Start
from tests.dataplane.postgres_instances import Instances, eventually

pytestmark = pytest.mark.timeout(900)  # three servers start and end several times

WRITER = Path(__file__).with_name("service_writer.py")


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
def pooler(instances: Instances) -> int:
    return instances.pool()


class Writer:
    """The service under load."""

    def __init__(self, dsn: str, namespace: str) -> None:
        environment = {**os.environ, "DSN": dsn, "NAMESPACE": namespace}
        self.process = subprocess.Popen([sys.executable, WRITER], env=environment, stdout=subprocess.PIPE, text=True)
        self._namespace = namespace

    def end(self) -> dict[str, Any]:
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=180)
        return json.loads(said)

    def missing(self, report: dict[str, Any], ask: Callable[[str], str]) -> int:
        """How many of the records that were answered 200 are not there."""
        found = ask(f"SELECT count(*) FROM kv_store WHERE key LIKE '{self._namespace}:%'")
        return report["answered"] - int(found)


@pytest.fixture
def write(instances: Instances, pooler: int) -> Iterator[Callable[[str], Writer]]:
    """Starts writing under a prefix; ends with the test, however that ends."""
    started: list[Writer] = []

    def begin(namespace: str) -> Writer:
        started.append(Writer(instances.dsn(pooler), namespace))
        return started[-1]

    yield begin
    for writer in started:
        writer.process.kill()
        writer.process.wait()


def primary_of(instances: Instances) -> str:
    return str(instances.cluster["status"]["targetPrimary"])


def test_a_killed_primary_costs_no_record_and_comes_back_as_a_replica(
    instances: Instances, write: Callable[[str], Writer], figure: Callable[[str], None]
) -> None:
    old = primary_of(instances)
    writer = write("killed")
    eventually(lambda: int(instances.superuser(old, "SELECT count(*) FROM kv_store")) > 200, "it writes")
    os.kill(instances.postmaster(old), signal.SIGKILL)
    new = instances.fail_over()
    before = int(instances.superuser(new, "SELECT count(*) FROM kv_store"))
    eventually(lambda: int(instances.superuser(new, "SELECT count(*) FROM kv_store")) > before + 200, "it goes on")
    report = writer.end()
    missing = writer.missing(report, lambda statement: instances.superuser(new, statement))
    figure(
        f"PostgreSQL primary killed: {report['answered']} records answered 200, {missing} missing, "
        f"longest stall {report['longest']} s"
    )
    assert missing == 0, report
    assert report["swallowed"] == 0, report

    assert instances.running[old].wait(120) != 0, "a container whose PostgreSQL is killed ends, to be started anew"
    instances.start(old)
    eventually(lambda: bool(instances.told(old).get("isWalReceiverActive")), f"{old} is a replica again")
    assert instances.told(old)["isPrimary"] is False
    assert "rewinding to the primary" in instances.log(old)


def test_a_former_primary_that_starts_while_another_one_is_named_never_takes_writes(instances: Instances) -> None:
    """Also without the new one: it waits, since it may hold what nobody else has, and must not serve it."""
    old = primary_of(instances)
    os.kill(instances.postmaster(old), signal.SIGKILL)
    instances.running[old].wait(120)
    new = instances.fail_over()
    instances.point_to(None)
    instances.start(old)
    eventually(lambda: "waiting for the new primary" in instances.log(old), "it waits")
    assert instances.told(old) == {}, "no server runs"
    instances.point_to(new)
    eventually(lambda: bool(instances.told(old).get("isWalReceiverActive")), f"{old} is a replica")


def test_a_replica_that_lost_its_disk_is_cloned(instances: Instances) -> None:
    lost = next(name for name in instances.names if name != primary_of(instances))
    instances.running[lost].send_signal(signal.SIGTERM)
    assert instances.running[lost].wait(120) == 0, "told to end, it ends in order"
    for folder in ("pgdata", "pg_wal"):
        shutil.rmtree(instances.folder / lost / folder)
    instances.start(lost)
    eventually(lambda: bool(instances.told(lost).get("isWalReceiverActive")), f"{lost} is a replica again")
    assert instances.superuser(lost, "SELECT count(*) > 0 FROM kv_store") == "t"


def test_a_primary_that_lost_its_disk_makes_no_second_database(instances: Instances) -> None:
    lost = primary_of(instances)
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
    assert instances.superuser(primary_of(instances), "SHOW synchronous_standby_names").startswith("ANY 1 (")
    question = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'quorum'"
    eventually(lambda: instances.superuser(primary_of(instances), question) == "2", "both confirm")


def test_nobody_comes_in_without_tls(instances: Instances, pooler: int) -> None:
    for port in (instances.front.port, pooler):
        plain = instances.dsn(port).replace("sslmode=verify-full", "sslmode=disable")
        with pytest.raises(psycopg2.OperationalError, match=r"rejects connection|SSL required"):
            psycopg2.connect(plain)


def test_a_new_password_is_taken_over_and_the_old_one_refused(
    instances: Instances, pooler: int, write: Callable[[str], Writer]
) -> None:
    """The rotation of docs/postgresql.md, without a restart: connections that are there stay."""
    writer, name = write("rotated"), primary_of(instances)
    wrote = "SELECT count(*) > 10 FROM kv_store WHERE key LIKE 'rotated:%'"
    eventually(lambda: instances.superuser(name, wrote) == "t", "it has logged in")
    instances.password("other456")
    eventually(lambda: "the password of soma has changed" in instances.log(name), "it is taken over")
    psycopg2.connect(instances.dsn(pooler)).close()
    instances.passfile.write_text("*:*:*:soma:letters123\n")
    with pytest.raises(psycopg2.OperationalError, match=r"authentication failed|password"):
        psycopg2.connect(instances.dsn(pooler))
    instances.password("letters123")
    eventually(lambda: instances.log(name).count("the password of soma has changed") > 1, "and back")
    report = writer.end()
    assert writer.missing(report, lambda statement: instances.superuser(name, statement)) == 0, report


def test_no_password_stands_in_a_log_or_on_a_command_line(instances: Instances) -> None:
    logs = "".join(instances.log(name) for name in instances.names) + (instances.folder / "pooler" / "log").read_text()
    assert "letters123" not in logs
    assert "SCRAM-SHA-256" not in logs
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "letters123" not in lines
