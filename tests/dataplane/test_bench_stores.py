"""The benchmarks before real stores run: what they answer has the promised shape, and nothing of them stays."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from observability.metrics import SOURCES
from rehearsal import paths
from rehearsal.bench import postgres, projects, qdrant_gateway, redis_gateway, rules, stand
from rehearsal.bench.measure import Measure
from rehearsal.errors import RehearsalError
from rehearsal.processes import Process, recorded
from rehearsal.progress import Progress

QUIET = Progress(io.StringIO())


@pytest.fixture(autouse=True)
def run_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All that was started in it has ended when the test is over, and no scratch file is left."""
    scratch = Path(tempfile.mkdtemp(prefix="soma-bench-test-"))  # not pytest's, which another user cannot enter
    scratch.chmod(0o711)
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path / "run"))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    yield
    scratch.rmdir()  # refused unless it is empty
    assert [one.name for path in paths.home().iterdir() if path.is_dir() for one in recorded(path)] == []


def _measured(entries: list[Measure]) -> list[tuple[str, float | None, bool]]:
    """Names, goals and directions of what was really measured."""
    assert [entry.name for entry in entries if entry.value is None] == []
    assert all(entry.value is not None and entry.value > 0 for entry in entries)
    return [(entry.name, entry.goal, entry.at_least) for entry in entries if entry.unit == "ratio"]


def test_the_redis_gateway_is_measured_beside_a_pass_through() -> None:
    measured = redis_gateway.measure(QUIET, latency_rounds=40, throughput_rounds=1)
    many, piped = "throughput at 50 connections", "throughput at 50 connections with pipelines of 16"
    assert _measured([one for one in measured if "added p50" not in one.name]) == [
        ("Redis gateway: p50 at one connection over direct", None, False),
        (f"Redis gateway: {many} over the pass-through's", 0.8, True),
        (f"Redis gateway: {many} over direct", None, False),
        (f"Redis relay in Python: {many} over the pass-through's", None, False),
        (f"Redis gateway on redis-py: {many} over the pass-through's", None, False),
        (f"Redis gateway: {piped} over the pass-through's", 0.6, True),
        (f"Redis gateway: {piped} over direct", None, False),
        (f"Redis relay in Python: {piped} over the pass-through's", None, False),
        (f"Redis gateway on redis-py: {piped} over the pass-through's", None, False),
    ]
    assert measured[0].goal == 1.5


def test_the_qdrant_gateway_is_measured_over_direct() -> None:
    assert _measured(qdrant_gateway.measure(QUIET, rounds=1)) == [
        ("Qdrant gateway: time of a query over direct", None, False)
    ]


def test_the_services_statements_are_measured_through_the_pooler_and_by_partitions() -> None:
    assert _measured(postgres.measure(QUIET, projects.evaluate(paths.CHECKOUT, projects.HOME), rounds=1, rows=200)) == [
        *(
            (f"{what}: throughput at {how} over {base}, {statement}", None, False)
            for statement in (postgres.INSERT, postgres.SELECT)
            for how in ("one connection", "50 connections")
            for what, base in (("PgBouncer", "direct"), ("PostgreSQL gateway", "pooler"))
        ),
        *(
            (f"{statement}: time with {number} partitions over 1, 200 rows", None, False)
            for statement in postgres.SCRIPTS
            for number in (8, 64)
        ),
    ]


def test_a_server_that_does_not_come_up_is_told_with_its_last_words() -> None:
    words = r"the thing did not come up: \nlast lines of .*\n  no such host"
    with pytest.raises(RehearsalError, match=words), stand.stand("bench-test") as here:
        here.start("thing", ["sh", "-c", "echo no such host"])
        here.await_(lambda: False, "the thing", "thing")


def test_a_failure_ends_what_was_started() -> None:
    started: list[int | None] = []
    with pytest.raises(KeyboardInterrupt), stand.stand("bench-test") as here:
        here.start("thing", ["sleep", "600"])
        started.append(Process(here.record, "thing").pid())
        raise KeyboardInterrupt
    assert started != [None]
    assert not Path(f"/proc/{started[0]}/stat").exists() or "Z" in Path(f"/proc/{started[0]}/stat").read_text()


def test_the_rules_are_measured_over_series_that_they_ask_for() -> None:
    time, read = rules.measure(QUIET, series=4000, every=2)
    assert (time.name, time.unit, time.goal, time.at_least) == ("rules of two regions: one evaluation", "s", 1.0, False)
    assert time.value is not None
    assert time.value > 0
    assert (read.value, read.unit) == (4000, "series")
    told = rules.figures(rules.scopes(), 4000)
    assert {metric for source in SOURCES for metric in source.metrics} <= {
        line.partition("{")[0] for line in told.split("\n")
    }
