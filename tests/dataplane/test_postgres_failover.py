"""No record that the service answered 200 is lost with the primary, whoever that is, and a former one comes back."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dataplane.conftest import Start
from tests.dataplane.postgres_instances import Instances, eventually

WRITER = Path(__file__).with_name("service_writer.py")


@pytest.fixture(scope="module")
def instances(start_module: Start) -> Iterator[Instances]:
    made = Instances(start_module)
    made.begin()
    done = made.schema()
    assert done.returncode == 0, done.stderr
    yield made
    made.close()


@pytest.fixture(scope="module")
def pooler(instances: Instances) -> int:
    return instances.pool()


class Writer:
    """The service under load."""

    def __init__(self, dsn: str, namespace: str) -> None:
        environment = {**os.environ, "DSN": dsn, "NAMESPACE": namespace}
        self._process = subprocess.Popen([sys.executable, WRITER], env=environment, stdout=subprocess.PIPE, text=True)
        self._namespace = namespace

    def end(self) -> dict[str, Any]:
        self._process.send_signal(signal.SIGTERM)
        said, _ = self._process.communicate(timeout=180)
        return json.loads(said)

    def missing(self, report: dict[str, Any], ask: Callable[[str], str]) -> int:
        """How many of the records that were answered 200 are not there."""
        found = ask(f"SELECT count(*) FROM kv_store WHERE key LIKE '{self._namespace}:%'")
        return report["answered"] - int(found)


def primary_of(instances: Instances) -> str:
    return str(instances.cluster["status"]["targetPrimary"])


def test_a_killed_primary_costs_no_record_and_comes_back_as_a_replica(
    instances: Instances, pooler: int, figure: Callable[[str], None]
) -> None:
    old = primary_of(instances)
    writer = Writer(instances.dsn(pooler), "killed")
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

    assert instances.running[old].wait(30) != 0, "a container whose PostgreSQL is killed ends, to be started anew"
    instances.start(old)
    eventually(lambda: bool(instances.told(old).get("isWalReceiverActive")), f"{old} is a replica again", 120)
    assert instances.told(old)["isPrimary"] is False
    assert "rewinding to the primary" in instances.log(old)
