"""The PostgreSQL gateway before a real PgBouncer and real servers: what it waits for, what it never does twice."""

import io
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from rehearsal.certificates import Authority
from tests.dataplane.conftest import Start, tool
from tests.dataplane.postgres_gateway import Gateway
from tests.dataplane.postgres_instances import PASSWORD, Instances, eventually
from tests.dataplane.sidecar import go_test

pytestmark = pytest.mark.timeout(600)

AGAIN = "postgresql_gateway_statements_sent_again_total"
HOLD = 3.0
"""Seconds for which the tests look on while the gateway waits: PgBouncer refuses after one."""

REASON = r"server login has been failing|context deadline exceeded|server conn"


@pytest.fixture(scope="module")
def instances(start_module: Start) -> Iterator[Instances]:
    made = Instances(start_module, instances=2)
    try:
        made.begin()
        assert made.schema().returncode == 0
        made.pool()
        yield made
    finally:
        made.close()


@pytest.fixture
def gateway(instances: Instances) -> Iterator[Gateway]:
    made = instances.gateway(next(iter(instances.poolers)))
    yield made
    made.process.kill()
    made.process.wait()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Any]:
    """One that tries nothing twice."""
    with closing(psycopg2.connect(gateway.dsn())) as connection:
        connection.autocommit = True
        yield connection


def ask(connection: Any, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


class Away:
    """PostgreSQL is away while this is entered: the primary is killed, and its container started again at the end."""

    def __init__(self, instances: Instances) -> None:
        self._instances = instances
        self._name = instances.primary

    def __enter__(self) -> None:
        os.kill(self._instances.postmaster(self._name), signal.SIGKILL)
        self._instances.running[self._name].wait(120)

    def __exit__(self, *_: object) -> None:
        self._instances.start(self._name)


@pytest.fixture
def away(instances: Instances) -> Iterator[Callable[[], Away]]:
    yield lambda: Away(instances)
    name = instances.primary
    eventually(lambda: bool(instances.told(name).get("isPrimary")), f"{name} is back")


@pytest.fixture
def standby(instances: Instances) -> Iterator[None]:
    """The pooler's servers are standbys, and it has met no others."""
    name = standby_of(instances)
    instances.await_replica(name)
    instances.point_to(name)
    restart_pooler(instances)
    yield
    instances.point_to(instances.primary)
    restart_pooler(instances)


def standby_of(instances: Instances) -> str:
    return next(one for one in instances.names if one != instances.primary)


def refusal(gateway: Gateway) -> str:
    """What one is told who wants to know now; empty where nothing is the matter."""
    try:
        psycopg2.connect(gateway.dsn(gateway.question_port)).close()
    except psycopg2.OperationalError as error:
        return str(error)
    return ""


def restart_pooler(instances: Instances) -> None:
    """Killed and started again at its port: its clients lose their connections."""
    instances.restart_pooler(next(iter(instances.poolers)))


class TestStandby:
    """First of all: here its primary has not been killed yet, and it follows at once."""

    def test_a_standby_is_not_let_through(self, gateway: Gateway, standby: None) -> None:
        """Though PgBouncer may have met a primary first, and says of each server that it takes writes."""
        eventually(lambda: "PostgreSQL is read-only (a standby)" in refusal(gateway), "it is seen for what it is", 30)

    def test_a_pooler_that_has_met_a_standby_first_is_no_hindrance_after_a_promotion(
        self, instances: Instances, gateway: Gateway, standby: None
    ) -> None:
        """It goes on repeating what the first server said, and libpq, told to want writes, would refuse it."""
        psycopg2.connect(instances.dsn(gateway.pooler.port)).close()
        with ThreadPoolExecutor() as pool:
            coming = pool.submit(psycopg2.connect, gateway.dsn())
            time.sleep(1)
            instances.point_to(instances.primary)
            leave = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'soma'"
            instances.superuser(standby_of(instances), leave)
            coming.result(60).close()


class TestWaiting:
    def test_a_statement_that_the_pooler_refuses_is_sent_again_when_a_primary_is_there(
        self, gateway: Gateway, client: Any, away: Callable[[], Away]
    ) -> None:
        """PgBouncer knows by then that no login goes well, and refuses what comes."""
        with closing(psycopg2.connect(gateway.dsn())) as other, ThreadPoolExecutor() as pool:
            other.autocommit = True
            with away():
                waiting = pool.submit(ask, other, "SELECT 'early'")  # what PgBouncer itself holds
                time.sleep(HOLD)
                refused = pool.submit(ask, client, "SELECT 'late'")
                time.sleep(HOLD)
                assert not refused.done()
                assert gateway.metric("postgresql_gateway_waiting") == 1
            assert refused.result(120) == "late"
            assert waiting.result(120) == "early"
        assert gateway.metric(AGAIN) >= 1
        assert gateway.metric("postgresql_gateway_up") == 1

    def test_a_login_waits_too(self, gateway: Gateway, away: Callable[[], Away]) -> None:
        with ThreadPoolExecutor() as pool:
            with away():
                coming = pool.submit(psycopg2.connect, gateway.dsn())
                failed = 'postgresql_gateway_logins_total{outcome="failed"}'
                eventually(lambda: gateway.metric(failed) >= 2, "more than one try", 60)
                assert not coming.done()
            coming.result(120).close()

    def test_a_client_that_has_nothing_under_way_does_not_notice_a_lost_pooler(
        self, instances: Instances, client: Any
    ) -> None:
        ask(client, "SELECT 1")
        restart_pooler(instances)
        assert ask(client, "SELECT 2") == 2

    def test_what_a_session_has_set_is_there_with_another_server(self, instances: Instances, gateway: Gateway) -> None:
        with closing(psycopg2.connect(gateway.dsn(application_name="a-name"))) as client:
            client.autocommit = True
            client.cursor().execute("SET TimeZone = 'Asia/Tokyo'")
            client.set_client_encoding("LATIN1")
            restart_pooler(instances)
            assert ask(client, "SHOW TimeZone") == "Asia/Tokyo"
            assert ask(client, "SHOW client_encoding") == "LATIN1"
            assert ask(client, "SHOW application_name") == "a-name"

    def test_who_wants_to_know_now_is_told_what_is_the_matter(self, gateway: Gateway, away: Callable[[], Away]) -> None:
        with away():
            began = time.monotonic()
            with pytest.raises(psycopg2.OperationalError, match=REASON):
                psycopg2.connect(gateway.dsn(gateway.question_port))
            assert time.monotonic() - began < 20
            assert (gateway.probe("alive"), gateway.probe("ready")) == (0, 1)
        eventually(lambda: gateway.probe("ready") == 0, "ready again")

    def test_patience_ends_with_the_reason(self, instances: Instances, away: Callable[[], Away]) -> None:
        impatient = instances.gateway(next(iter(instances.poolers)), patience="2s")
        with away(), pytest.raises(psycopg2.OperationalError, match=REASON):
            psycopg2.connect(impatient.dsn())

    def test_a_client_that_goes_is_not_waited_for(self, gateway: Gateway, away: Callable[[], Away]) -> None:
        with away():
            time.sleep(HOLD)
            with pytest.raises(psycopg2.OperationalError, match="timeout"):
                psycopg2.connect(gateway.dsn(connect_timeout=2))
            eventually(lambda: gateway.metric("postgresql_gateway_waiting") == 0, "nobody waits", 15)
            assert gateway.metric("postgresql_gateway_connections") == 0


class TestNothingIsDoneTwice:
    def test_a_statement_that_was_under_way_is_the_clients_to_repeat(
        self, instances: Instances, gateway: Gateway, client: Any
    ) -> None:
        name = instances.primary
        end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
        with ThreadPoolExecutor() as pool:
            sleeping = pool.submit(ask, client, "SELECT pg_sleep(60)")
            eventually(lambda: instances.superuser(name, end) == "1", "it sleeps, and is ended", 15)
            with pytest.raises(psycopg2.Error):
                sleeping.result(30)
        assert gateway.metric(AGAIN) == 0

    def test_so_is_one_whose_server_is_killed(self, gateway: Gateway, client: Any, away: Callable[[], Away]) -> None:
        with ThreadPoolExecutor() as pool:
            sleeping = pool.submit(ask, client, "SELECT pg_sleep(60)")
            time.sleep(1)
            with away(), pytest.raises(psycopg2.OperationalError):
                sleeping.result(30)
        assert gateway.metric(AGAIN) == 0

    def test_a_transaction_ends_with_its_server(self, instances: Instances, gateway: Gateway) -> None:
        with closing(psycopg2.connect(gateway.dsn())) as client:
            assert ask(client, "SELECT 1") == 1  # opens one
            restart_pooler(instances)
            with pytest.raises(psycopg2.OperationalError):
                ask(client, "SELECT 2")


class TestTransparent:
    def test_pgbench_finds_no_difference(self, instances: Instances, gateway: Gateway, tmp_path: Path) -> None:
        """All protocols: simple, extended, and extended in pipelines."""
        plain, piped = tmp_path / "plain.sql", tmp_path / "piped.sql"
        plain.write_text("\\set n random(1, 1000)\nSELECT :n;\nSELECT repeat('x', :n * 100);\n")
        piped.write_text("\\startpipeline\n" + "SELECT 1;\nSELECT repeat('y', 70000);\n" * 20 + "\\endpipeline\n")
        for protocol, script in (("simple", plain), ("extended", plain), ("extended", piped)):
            done = subprocess.run(
                [tool("pgbench"), "-n", "-M", protocol, "-f", str(script), "-c", "4", "-t", "50", gateway.dsn()],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert "200/200" in done.stdout, done.stdout

    @pytest.mark.parametrize("size", [1_500_000, 100_000], ids=["longer than is kept", "kept"])
    def test_large_values_and_many_rows_pass_unchanged(self, client: Any, size: int) -> None:
        value = "é\\'\"" * size
        with client.cursor() as cursor:
            cursor.execute("SELECT md5(%s), %s", (value, value))
            digest, back = cursor.fetchone()
            assert back == value
            cursor.execute("SELECT md5(%s)", (back,))
            assert cursor.fetchone()[0] == digest
            cursor.execute("SELECT n, repeat('z', 1000) FROM generate_series(1, 50000) n")
            assert sum(number for number, _ in cursor.fetchall()) == 50000 * 50001 // 2

    def test_rows_are_copied_both_ways(self, client: Any) -> None:
        client.autocommit = False
        with client.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE copied (n int, text text) ON COMMIT DROP")
            rows = "".join(f"{number}\t{'w' * 200}\n" for number in range(20000))
            cursor.copy_expert("COPY copied FROM STDIN", io.StringIO(rows))
            back = io.StringIO()
            cursor.copy_expert("COPY copied TO STDOUT", back)
        client.rollback()
        assert back.getvalue() == rows

    def test_an_error_is_the_servers_own_and_ends_nothing(self, client: Any) -> None:
        with pytest.raises(psycopg2.errors.UndefinedTable):
            ask(client, "SELECT * FROM nowhere")
        assert ask(client, "SELECT 1") == 1

    def test_many_clients_come_at_once(self, gateway: Gateway) -> None:
        def one(number: int) -> int:
            with closing(psycopg2.connect(gateway.dsn())) as client:
                return int(ask(client, f"SELECT {number}"))

        with ThreadPoolExecutor(20) as pool:
            assert list(pool.map(one, range(100))) == list(range(100))
        eventually(lambda: gateway.metric("postgresql_gateway_connections") == 0, "all have gone")


class TestGuarded:
    @pytest.mark.parametrize(("part", "by"), [("soma@", "postgres@"), ("/somamemory", "/postgres")])
    def test_it_leads_one_user_to_one_database(self, gateway: Gateway, part: str, by: str) -> None:
        with pytest.raises(psycopg2.OperationalError, match=r"leads user .soma. to database .somamemory."):
            psycopg2.connect(gateway.dsn().replace(part, by))

    def test_a_pooler_with_a_certificate_of_somebody_else_never_sees_the_password(
        self, instances: Instances, gateway: Gateway, start: Start, tmp_path: Path
    ) -> None:
        other = tmp_path / "other.crt"
        other.write_text(Authority("others").certificate)
        wrong = Gateway(tmp_path, start, replace(gateway.pooler, authority=other))
        with pytest.raises(psycopg2.OperationalError, match="certificate"):
            psycopg2.connect(wrong.dsn(wrong.question_port))
        other.write_text(instances.authority.read_text())  # is read for each login
        psycopg2.connect(wrong.dsn(wrong.question_port)).close()

    def test_the_password_is_nowhere_but_in_its_file(self, gateway: Gateway, client: Any) -> None:
        ask(client, "SELECT 1")
        for place in ("cmdline", "environ"):
            assert PASSWORD not in Path(f"/proc/{gateway.process.pid}/{place}").read_text()
        assert PASSWORD not in gateway.log.read_text()

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"POOLER_HOST": ""}, "POOLER_HOST is empty"),
            ({"GATEWAY_PORT": "many"}, 'GATEWAY_PORT is no port: \\"many\\"'),
            ({"PATIENCE": "long"}, 'PATIENCE is no duration such as 120s: \\"long\\"'),
            ({"POOLER_CA_FILE": "/nowhere"}, "POOLER_CA_FILE: open /nowhere: no such file or directory"),
            ({"POSTGRES_PASSWORD_FILE": "/dev/null"}, "POSTGRES_PASSWORD_FILE: /dev/null is empty"),
        ],
    )
    def test_a_wrong_setting_is_named(self, gateway: Gateway, changed: dict[str, str], said: str) -> None:
        done = subprocess.run(
            [gateway.program], env={**gateway.environment, **changed}, capture_output=True, text=True, timeout=10
        )
        assert done.returncode == 1
        assert said in done.stdout

    def test_told_to_end_it_lets_clients_finish(self, instances: Instances, gateway: Gateway) -> None:
        with closing(psycopg2.connect(gateway.dsn())) as client, ThreadPoolExecutor() as pool:
            client.autocommit = True
            sleeping = pool.submit(ask, client, "SELECT 'slept' FROM pg_sleep(2)")
            time.sleep(0.5)
            gateway.process.send_signal(signal.SIGTERM)
            assert sleeping.result(30) == "slept"
            with pytest.raises(psycopg2.OperationalError):
                psycopg2.connect(gateway.dsn())
        assert gateway.process.wait(20) == 0


def test_its_own_parts_are_tested() -> None:
    """Which refusals may be sent again, when another server may take over, what a client hears."""
    tested = go_test("postgresql-gateway")
    assert tested.returncode == 0, tested.stdout + tested.stderr
