"""What an update does when the API server goes away under it."""

import time
from pathlib import Path

import pytest

from rehearsal import kube
from rehearsal.engine import awaiting, schedule
from rehearsal.errors import RehearsalError
from tests.unit.engine_bench import Bench, config_map, stateful_set


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


MANY = 40


def many() -> None:
    for number in range(MANY):
        config_map(f"settings-{number}")


def outage(bench: Bench) -> str:
    with pytest.raises(RehearsalError) as lost:
        bench.up()
    return str(lost.value)


def test_nothing_new_is_begun_once_nobody_answers(bench: Bench) -> None:
    bench.program, bench.cluster.lasts, bench.cluster.delay = many, 3, 0.02
    outage(bench)
    assert len(bench.cluster.names("apply")) <= bench.cluster.lasts + 2 * schedule.AT_ONCE


def test_an_outage_is_one_line_however_many_resources_it_took(bench: Bench) -> None:
    bench.program, bench.cluster.lasts, bench.cluster.delay = many, 3, 0.02
    first, last = outage(bench).splitlines()
    assert first.startswith("us-east: the API server went away during the update, nothing new was begun: ")
    assert "no answer: refused" in first
    assert last == "What was applied is recorded: the next update takes up here."


def test_what_the_server_refused_before_it_went_away_is_told_beside_it(bench: Bench) -> None:
    bench.program, bench.cluster.lasts, bench.cluster.delay = many, 30, 0.02
    bench.cluster.refusals = {
        "settings-0": kube.KubeError(400, "BadRequest", "no such field"),
        "settings-1": kube.KubeError(500, "InternalError", "etcd is away"),
    }
    told = outage(bench)
    assert "1 of 40 resources failed" in told
    assert "  settings-0: no such field" in told
    assert "etcd is away" not in told


def test_the_next_update_goes_on_after_an_outage(bench: Bench) -> None:
    bench.program, bench.cluster.lasts = many, 10
    outage(bench)
    bench.cluster.lasts = None
    bench.engine = bench.another()
    changes = bench.up().changes
    assert (changes["same"], changes["create"]) == (10, MANY - 10)


def test_who_waits_for_a_workload_stops_waiting_when_nobody_answers(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaiting, "SLICE_SECONDS", 0.1)
    bench.cluster.busy, bench.cluster.lasts = {"store"}, 1
    began = time.monotonic()
    bench.program = lambda: (stateful_set("store"), config_map("apart"))
    assert "went away" in outage(bench)
    assert time.monotonic() - began < 10


def test_who_waits_in_vain_stops_the_others_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(*_: object) -> None:
        raise kube.Unreachable(0, "Unreachable", "no answer")

    monkeypatch.setattr(bench.cluster, "wait", wait)
    bench.program, bench.cluster.delay = lambda: (stateful_set("store"), many()), 0.02
    assert "went away" in outage(bench)
    assert len(bench.cluster.names("apply")) <= 3 * schedule.AT_ONCE


def test_an_interrupt_begins_nothing_that_waited_for_its_turn(bench: Bench) -> None:
    bench.program, bench.cluster.delay = many, 0.02
    bench.cluster.applied = lambda _: bench.engine.interrupt()
    assert "was interrupted" in outage(bench)
    assert len(bench.cluster.names("apply")) <= 2 * schedule.AT_ONCE
