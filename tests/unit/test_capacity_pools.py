"""Machines of a plan are the cheapest ones that take its pods, and are found with little work."""

import cProfile
import pstats
import sys
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from capacity import ledger, nodes, prices
from capacity.calibration import Curve, measured
from capacity.facts import GIB
from capacity.instances import LEFT, TYPES
from capacity.load import load
from capacity.nodes import ALONE, Pod, enough, pool
from capacity.plan import BESIDE_SERVICE, plan
from capacity.workload import Objectives, Workload

MOST_CALLS = 290
"""Of functions, for a plan with its machines."""
MOST_TRIED = 3.0
"""Machines of which it is counted how many take the pods, for both pools of a plan; there are twenty."""
pods = st.lists(
    st.builds(
        Pod,
        st.sampled_from("abc"),
        st.one_of(st.integers(1, 9), st.integers(1, 100_000)),
        st.one_of(st.sampled_from((0.25, 0.5, 1.0, 3.5, 15.6)), st.floats(0.05, 70)),
        st.one_of(st.sampled_from((0.25, 1.0, 4.0, 13.0)), st.floats(0.05, 600)).map(lambda gibibytes: gibibytes * GIB),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)
hours = st.one_of(
    st.just(prices.own().instance_hour),
    st.fixed_dictionaries({one.name: st.sampled_from((0.0, 0.1, 0.2, 0.4, 0.8, 2.0)) for one in TYPES}),
)


@profile(max_examples=150)
@given(pods, st.booleans(), hours)
def test_no_other_machines_that_take_the_pods_are_cheaper(
    of: list[Pod], platform: bool, hour: dict[str, float]
) -> None:
    table = prices.Prices.model_validate({**prices.own().model_dump(), "instance_hour": hour})
    beside = BESIDE_SERVICE if platform else ALONE
    found = pool("any", tuple(of), table.machines, beside)
    every = found.pods
    assert every == (*of, *beside.pods)
    large = max(pod.cpu for pod in every), max(pod.memory for pod in every)
    takes = {
        name: enough(every, cpu, memory)
        for name, (cpu, memory) in LEFT.items()
        if cpu >= large[0] and memory >= large[1]
    }
    if not takes:
        assert found.instance_type is None
        assert found.per_zone == max((pod.number for pod in of if pod.apart), default=1)
        return
    cost = {name: (number + 1) * hour[name] for name, number in takes.items()}
    cheapest = [name for name in takes if cost[name] == min(cost.values())]
    assert found.instance_type == cheapest[0]
    assert found.per_zone == takes[cheapest[0]]


@given(pods, st.floats(1, 70), st.floats(5, 600))
def test_pods_that_many_pools_have_alike_count_as_if_they_were_stated(
    of: list[Pod], cores: float, gibibytes: float
) -> None:
    every = (*of, *BESIDE_SERVICE.pods)
    assert enough(of, cores, gibibytes * GIB, BESIDE_SERVICE) == enough(every, cores, gibibytes * GIB)


def test_another_table_chooses_other_machines() -> None:
    workload = Workload(memories_per_day=20, concurrent_users=5)
    own = plan(workload)
    for name in LEFT:
        hour = dict.fromkeys(LEFT, 100.0) | {name: 1.0}
        table = prices.Prices.model_validate({**prices.own().model_dump(), "instance_hour": hour})
        assert {one.instance_type for one in plan(workload, table).pools} == {name}
    assert plan(workload).pools == own.pools


@pytest.mark.parametrize("beyond", [0.5, 1.0, 3.0])
def test_a_curve_is_straight_between_what_was_measured_and_goes_on_as_it_ends(beyond: float) -> None:
    found = measured()["model"]["postgresql"]["rewritten_bytes"]
    sizes = sorted(map(float, found))
    values = [float(found[f"{size:g}"]) for size in sizes]
    assert values == sorted(values), "a curve that never falls has the values that were measured"
    curve = Curve("postgresql", "rewritten_bytes", "B a memory")
    assert [curve.at(size) for size in sizes] == pytest.approx(values)
    for index in range(len(sizes) - 1):
        middle = curve.at((sizes[index] + sizes[index + 1]) / 2)
        assert middle == pytest.approx((values[index] + values[index + 1]) / 2)
    rise = (values[-1] - values[-2]) / (sizes[-1] - sizes[-2])
    assert curve.at(sizes[-1] * (1 + beyond)) == pytest.approx(values[-1] + rise * sizes[-1] * beyond)
    assert curve.at(sizes[0] / (1 + beyond)) == values[0]


# How much work it is


class Counted:
    """A function, and how often it was called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self.calls = function, 0

    def __call__(self, *given: Any, **named: Any) -> Any:
        self.calls += 1
        return self._function(*given, **named)


def drawn(number: int) -> list[Workload]:
    """Different ones of all sizes, always the same."""
    random = Random(20261130)

    def times(low: float, high: float) -> float:
        return low * (high / low) ** random.random()

    return [
        Workload(
            memories_per_day=times(1, 1e5),
            memories=int(times(1, 1e8)),
            concurrent_users=times(1, 1e5),
            payload_bytes=int(times(64, 1e5)),
            vector_dimensions=random.choice((256, 768, 1536, 3072)),
            write_read_ratio=random.choice((0.0, 0.1)),
            namespaces=random.randint(1, 9),
            objectives=Objectives(latency_ms=times(100, 600_000)),
        )
        for _ in range(number)
    ]


def test_few_machines_are_tried_for_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = Counted(nodes.enough)
    monkeypatch.setattr(nodes, "enough", tried)
    pool.cache_clear()
    workloads = drawn(300)
    chosen = {one.instance_type for each in workloads for one in plan(each).pools}
    assert len(chosen) > 5, "these workloads do not ask for machines of many sizes"
    assert tried.calls <= MOST_TRIED * len(workloads)


def test_pods_that_are_alike_are_asked_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = Counted(nodes.enough)
    monkeypatch.setattr(nodes, "enough", tried)
    pool.cache_clear()
    first = plan(drawn(1)[0])
    _ = first.pools
    before = tried.calls
    again = plan(drawn(1)[0])
    assert (again.pools, tried.calls) == (first.pools, before)


def test_a_plan_with_its_machines_takes_few_calls() -> None:
    workloads = drawn(300)
    _ = plan(workloads[0]).pools
    pool.cache_clear()
    with cProfile.Profile() as profiled:
        for each in workloads:
            _ = plan(each).pools
    assert pstats.Stats(profiled).total_calls <= MOST_CALLS * len(workloads)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def test_a_plan_that_nobody_asks_why_tells_nothing_and_looks_at_its_load_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, told = Counted(load), Counted(ledger.Quiet.note)
    monkeypatch.setattr(sys.modules[plan.__module__], "load", looked)
    monkeypatch.setattr(ledger.Quiet, "note", told)
    of = plan(drawn(1)[0])
    assert (looked.calls, told.calls) == (1, 0)
    assert of.explain()
