"""The benchmarks' numbers, their document and exit code, and what is ended when a benchmark fails."""

import io
import json
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn

import pytest

from components import objects
from rehearsal import bench, binaries, paths
from rehearsal.__main__ import main
from rehearsal.bench import applying, aws_growth, postgres, projects, qdrant_gateway, redis_gateway, redis_relay, suite
from rehearsal.bench.measure import Measure, Turns, in_turns, side_by_side
from rehearsal.engine.model import Plan
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from tests.unit.aws_region import Regions

QUIET = Progress(io.StringIO())


@pytest.mark.parametrize(
    ("value", "goal", "holds"), [(1.0, 1.25, True), (1.25, 1.25, True), (1.2504, 1.25, False), (99.0, None, True)]
)
def test_a_number_holds_up_to_its_goal(value: float, goal: float | None, holds: bool) -> None:
    assert Measure("overhead", value, "ratio", goal).holds is holds


@pytest.mark.parametrize(("value", "holds"), [(0.7, False), (0.7999, False), (0.8, True), (2.0, True)])
def test_a_throughput_holds_down_to_its_goal(value: float, holds: bool) -> None:
    assert Measure("throughput", value, "ratio", 0.8, at_least=True).holds is holds


def test_a_number_is_told_with_its_goal_and_whether_it_holds() -> None:
    assert Measure("overhead", 1.23456, "ratio", 1.25).as_json() == {
        "name": "overhead",
        "value": 1.235,
        "unit": "ratio",
        "goal": 1.25,
        "at_least": False,
        "holds": True,
    }
    assert Measure("evaluate", 2.0, "s").as_json() == {
        "name": "evaluate",
        "value": 2.0,
        "unit": "s",
        "goal": None,
        "at_least": False,
        "holds": True,
    }
    assert Measure.missing("the gateway", "haproxy").as_json() == {
        "name": "NOT MEASURED: the gateway",
        "value": None,
        "unit": "needs haproxy on PATH",
        "goal": None,
        "at_least": False,
        "holds": None,
    }


def test_two_pieces_of_work_take_turns_in_going_first() -> None:
    done: list[tuple[str, int]] = []
    side_by_side(3, lambda number: done.append(("one", number)), lambda number: done.append(("other", number)))
    assert done == [("one", 0), ("other", 0), ("other", 1), ("one", 1), ("one", 2), ("other", 2)]


def test_one_slow_round_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("time.perf_counter", clock)
    turns = side_by_side(3, lambda number: clock.pass_(2 + 50 * (number == 1)), lambda _: clock.pass_(1))
    assert (turns.one, turns.other, turns.ratio) == (2, 1, 2)


def test_a_machine_that_slows_down_leaves_the_ratio_as_it_is() -> None:
    assert Turns((2.0, 4.0, 9.0, 8.0), (1.0, 2.0, 4.5, 4.0)).ratio == 2
    assert Turns((2.0, 2.0, 12.0), (1.0, 6.0, 6.0)).ratio == 2


def test_several_pieces_of_work_are_in_every_place_of_the_order() -> None:
    done: list[str] = []
    answers = {name: iter(range(100)) for name in "abc"}

    def work(name: str) -> Callable[[], float]:
        def run() -> float:
            done.append(name)
            return float(next(answers[name]))

        return run

    found = in_turns(6, {name: work(name) for name in "abc"})
    assert found == {name: [0.0, 1.0, 2.0, 3.0, 4.0, 5.0] for name in "abc"}
    rounds = ["".join(done[start : start + 3]) for start in range(0, 18, 3)]
    assert sorted(rounds) == ["abc", "acb", "bac", "bca", "cab", "cba"]


# Before the stores


def test_the_gateways_cost_is_measured_by_that_of_the_pass_through() -> None:
    seconds = {
        redis_gateway.DIRECT: [10e-6, 10e-6, 10e-6, 50e-6],
        redis_gateway.PASSED: [20e-6, 30e-6, 20e-6, 40e-6],  # in the last round the machine was busy elsewhere
        redis_gateway.GATEWAY: [22e-6, 30e-6, 25e-6, 90e-6],
        redis_gateway.RELAY: [40e-6, 90e-6, 40e-6, 95e-6],
        redis_gateway.PYTHON: [60e-6, 60e-6, 60e-6, 60e-6],
    }
    added, over_direct, relay, python, *each = redis_gateway.latency_measures(seconds)
    assert added.value == pytest.approx(1.2)
    assert (added.goal, added.at_least) == (1.5, False)
    assert (over_direct.value, over_direct.goal) == (pytest.approx(2.35), None)
    assert [(one.value, one.goal) for one in (relay, python)] == [(pytest.approx(3), None), (pytest.approx(5), None)]
    assert [one.value for one in each] == pytest.approx([10, 25, 27.5, 65, 60])


def test_a_machine_on_which_the_pass_through_costs_nothing_is_no_place_to_measure() -> None:
    with pytest.raises(RehearsalError, match="too busy to measure on"):
        redis_gateway.latency_measures(
            {
                redis_gateway.DIRECT: [2.0],
                redis_gateway.PASSED: [1.0],
                redis_gateway.GATEWAY: [3.0],
                redis_gateway.RELAY: [4.0],
                redis_gateway.PYTHON: [5.0],
            }
        )


@pytest.mark.parametrize(("pipeline", "goal"), [(1, 0.8), (16, 0.6)])
def test_the_gateways_throughput_has_the_goal_of_its_kind(pipeline: int, goal: float) -> None:
    rates = {
        redis_gateway.DIRECT: [200.0, 100.0, 50.0],
        redis_gateway.PASSED: [100.0, 50.0, 10.0],
        redis_gateway.GATEWAY: [70.0, 35.0, 35.0],
        redis_gateway.RELAY: [20.0, 10.0, 1.0],
        redis_gateway.PYTHON: [10.0, 5.0, 1.0],
    }
    passed, direct, relay, python = redis_gateway.rate_measures(rates, pipeline)
    assert (passed.value, passed.goal, passed.at_least) == (0.7, goal, True)
    assert (direct.value, direct.goal) == (0.35, None)
    assert [(one.value, one.goal) for one in (relay, python)] == [(0.2, None), (0.1, None)]
    assert passed.holds is (pipeline == 16)


@pytest.mark.parametrize("at", range(72))
def test_the_relay_finds_where_commands_end_wherever_what_comes_is_cut(at: int) -> None:
    sent = [b"*2\r\n$3\r\nGET\r\n$4\r\n\r\n*1\r\n", b"PING\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n"]
    whole = b"".join(sent)
    first, rest = redis_relay.commands(whole[:at])
    second, nothing = redis_relay.commands(rest + whole[at:])
    assert (first + second, nothing) == (sent, b"")


def test_what_the_benchmark_programs_print_is_read() -> None:
    said = 'WARNING: no CONFIG\n"test","rps","avg_latency_ms"\n"GET default:(1.0, 2.0):data","71428.57","0.350"\n'
    assert redis_gateway.read_rate(said) == 71428.57
    said = "latency average = 0.1 ms\ntps = 9342.571428 (without initial connection time)\n"
    assert postgres.read_rate(said) == 9342.571428
    for read in (redis_gateway.read_rate, postgres.read_rate):
        with pytest.raises(RehearsalError, match=r"prints no .*: could not connect"):
            read("could not connect")


def test_the_qdrant_gateway_is_the_programs_but_for_its_port_and_its_servers() -> None:
    theirs = objects.script("qdrant-gateway.cfg").splitlines()
    ours = qdrant_gateway.on_loopback(objects.script("qdrant-gateway.cfg"), 1234, 5678).splitlines()
    changed = [(one, other) for one, other in zip(theirs, ours, strict=True) if one != other]
    assert [other.strip() for _, other in changed] == ["bind 127.0.0.1:1234", "server qdrant1 127.0.0.1:5678"]
    with pytest.raises(RehearsalError, match=r"adapt rehearsal\.bench"):
        qdrant_gateway.on_loopback("", 1, 2)


def test_what_cannot_be_measured_is_said_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rehearsal.bench.stand.find", lambda *_: None)
    plan = Plan("us-east", ())
    for (one,), named in (
        (redis_gateway.measure(QUIET), ("the Redis gateway", "redis-server", "redis-benchmark", "haproxy")),
        (qdrant_gateway.measure(QUIET), ("the Qdrant gateway", "haproxy")),
        (postgres.measure(QUIET, plan), ("the pooler", "partitions", "initdb", "pgbench")),
    ):
        assert one.holds is None
        assert all(word in f"{one.name} {one.unit}" for word in named)


class Clock:
    """A clock that the work moves."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        return self._now

    def pass_(self, seconds: float) -> None:
        self._now += seconds


# The command

HELD = [Measure("overhead", 1.1, "ratio", 1.25), Measure("evaluate", 2.0, "s")]
LACKING = [*HELD, Measure.missing("the gateway", "haproxy")]
MISSED = [*HELD, Measure("growth", 1.3, "ratio", 1.1)]


def _answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], list[Measure]]) -> None:
    def run(progress: Progress) -> list[Measure]:
        progress.note("  measuring …")
        return answer()

    monkeypatch.setattr(bench, "run", run)
    monkeypatch.setattr("signal.signal", lambda *_: None)


@pytest.mark.parametrize(("measured", "code"), [(HELD, 0), (LACKING, 0), (MISSED, 1)])
def test_the_command_prints_one_list_and_fails_when_a_number_does_not_hold(
    measured: list[Measure], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answering(monkeypatch, lambda: measured)
    assert main(["bench", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert document == [entry.as_json() for entry in measured]


def test_the_table_says_which_number_does_not_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answering(monkeypatch, lambda: MISSED)
    assert main(["bench"]) == 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "growth" in line)
    assert "≤ 1.1" in line
    assert "NO" in line


def test_the_table_says_what_was_not_measured_and_which_way_a_goal_points(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answering(monkeypatch, lambda: [*LACKING, Measure("throughput", 0.9, "ratio", 0.8, at_least=True)])
    assert main(["bench"]) == 0
    said = capsys.readouterr().out
    assert "NOT MEASURED: the gateway" in said
    assert "needs haproxy on PATH" in said
    assert "≥ 0.8" in said


def test_an_interrupted_bench_says_that_everything_was_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> NoReturn:
        raise KeyboardInterrupt(suite.ENDED)

    _answering(monkeypatch, interrupted)
    assert main(["bench", "--json"]) == 130
    out, said = capsys.readouterr()
    assert out == ""
    assert f"interrupted: {suite.ENDED}" in said


# Growth on AWS


class OneAfterAnother:
    """Stands for regions that are evaluated."""

    resources = 250

    def __init__(self, directory: Path) -> None:
        del directory

    def up(self) -> None: ...


def test_growth_on_aws_is_told_whole_and_as_the_part_that_each_further_region_adds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(projects, "on_aws", lambda *_: tmp_path)
    monkeypatch.setattr(aws_growth, "_Regions", OneAfterAnother)
    monkeypatch.setattr(aws_growth, "_each", lambda *_: Turns((0.014,), (0.01,)))
    whole, added, alone = aws_growth.measure(tmp_path, Progress(io.StringIO()), regions=(5,))
    assert (whole.value, added.value, alone.value) == (pytest.approx(1.4), pytest.approx(1.1), pytest.approx(10))
    assert (whole.goal, added.goal, alone.goal) == (None, 1.1, None)
    assert all("evaluation" in one.name and "not apply" in one.name for one in (whole, alone))


def test_links_are_excepted_from_the_resources_that_time_is_divided_by() -> None:
    regions = Regions()
    regions.up("us-east")
    regions.up("us-west")
    east, west = (regions.plans[region].resources for region in regions.names)
    assert [one.name for one in east if aws_growth.is_of_a_link(one)] == []
    links = {one.name for one in west if aws_growth.is_of_a_link(one)}
    assert links == {one.name for one in west if one.name.startswith("us-west-reach-to-us-east")}
    assert len(links) == 13


# What is ended when it fails


PARTS = (
    "evaluation",
    "policies",
    "plans",
    "applying",
    "growth",
    "aws_growth",
    "redis_gateway",
    "qdrant_gateway",
    "postgres",
    "rules",
    "make_up",
)
STEPS = ["rehearsal.bench.still.plane", *(f"rehearsal.bench.{part}.measure" for part in PARTS)]


class Machine:
    """Benchmarks without a control plane: one of them fails, and who ends what was started is written down."""

    def __init__(self, patch: pytest.MonkeyPatch, directory: Path) -> None:
        self._patch = patch
        self.downs: list[Path] = []
        self.homes: list[Path] = []
        patch.setattr("tempfile.tempdir", str(directory))
        patch.delenv("SOMA_REHEARSAL_HOME", raising=False)
        patch.setattr(binaries, "ensure", lambda *_: _tools(Path("kubectl")))
        patch.setattr(suite, "evaluate", lambda *_: None)
        patch.setattr(suite, "down", self._down)
        patch.setattr("rehearsal.bench.still.plane", lambda *_: nullcontext())
        for part in PARTS:
            patch.setattr(f"rehearsal.bench.{part}.measure", self._measure)

    def fails(self, what: str, error: BaseException) -> None:
        def fail(*_: Any) -> NoReturn:
            raise error

        self._patch.setattr(what, fail)

    def _measure(self, *_: Any) -> list[Measure]:
        self.homes.append(paths.home())
        return [Measure("something", 1.0, "s")]

    def _down(self, _: Progress) -> tuple[str, ...]:
        self.downs.append(paths.home())
        return ("bench",)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


def _tools(kubectl: Path | None) -> binaries.Binaries:
    none = Path("none")
    return binaries.Binaries(none, none, none, none, none, kubectl)


def test_all_that_was_started_is_ended_and_nothing_stays(machine: Machine, tmp_path: Path) -> None:
    assert len(suite.run(QUIET)) == len(PARTS)
    (home,) = set(machine.homes)
    assert machine.downs == [home]
    assert home.is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert "SOMA_REHEARSAL_HOME" not in os.environ


@pytest.mark.parametrize("step", STEPS)
def test_whatever_step_fails_all_that_was_started_is_ended(machine: Machine, step: str, tmp_path: Path) -> None:
    machine.fails(step, RehearsalError("the port is taken"))
    with pytest.raises(RehearsalError, match="the port is taken"):
        suite.run(QUIET)
    assert len(machine.downs) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", STEPS)
def test_an_interrupt_ends_all_that_was_started(machine: Machine, step: str, tmp_path: Path) -> None:
    machine.fails(step, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt, match=suite.ENDED):
        suite.run(QUIET)
    assert len(machine.downs) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_ended_stays_where_down_finds_it(machine: Machine) -> None:
    machine.fails("rehearsal.bench.suite.down", RehearsalError("etcd (pid 7) does not end"))
    said = io.StringIO()
    with pytest.raises(RehearsalError, match=r"etcd \(pid 7\) does not end"):
        suite.run(Progress(said))
    (home,) = set(machine.homes)
    assert home.is_dir()
    assert f"SOMA_REHEARSAL_HOME={home} make down" in said.getvalue()


def test_the_comparison_says_that_it_needs_kubectl() -> None:
    with pytest.raises(RehearsalError, match=r"kubectl.*make bench"):
        applying.kubectl(_tools(None))
