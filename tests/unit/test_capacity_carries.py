"""What sizes carry: exactly what the model's own needs pass, component by component."""

from typing import Any

import pytest

from capacity import carries, guide
from capacity.carries import Bound, Sizes
from capacity.ledger import QUIET
from capacity.load import Load, load
from capacity.plan import Layout, last_load, needs_of, plan
from capacity.workload import Workload

LAYOUT = Layout(guide.QDRANT_LAYOUT, guide.POSTGRES_LAYOUT, guide.REDIS_LAYOUT)


def loaded(**more: Any) -> Workload:
    return Workload(memories_per_day=100, concurrent_users=10, **more)


def sizes(workload: Workload, has: dict[str, float]) -> Sizes:
    return Sizes(workload, LAYOUT, has)


def test_a_plan_carries_its_last_day() -> None:
    workload = loaded(objectives={"latency_ms": 600_000}, round_trip_ms=0.01)
    made, last = plan(workload), last_load(workload)
    there = Sizes(workload, made.layout, made.provided)
    for found, asked in ((there.memories(last), last.memories), (there.requests(last), last.requests)):
        assert list(found) == ["memory-service", "qdrant", "postgresql", "redis"]
        assert all(bound.amount >= asked - 1 for bound in found.values()), found


@pytest.mark.parametrize("name", ["memory-service.pods", "qdrant.cpu", "postgresql.wal_storage", "redis.cpu"])
def test_more_requests_pass_what_is_named_and_no_fewer_do(name: str) -> None:
    workload = loaded()
    at = load(workload, 0, QUIET)._replace(memories=100, points=100)
    has = 6.0001 * needs_of(workload, at, LAYOUT).flat()[name]
    (bound,) = sizes(workload, {name: has}).requests(at).values()
    assert bound.by == name

    def needed(requests: float) -> float:
        times = requests / at.requests
        more = at._replace(stores=at.stores * times, reads=at.reads * times, searches=at.searches * times)
        return needs_of(workload, more, LAYOUT).flat()[name]

    assert needed(bound.amount) <= has < needed(bound.amount + 0.001)


@pytest.mark.parametrize("name", ["qdrant.memory", "qdrant.storage", "postgresql.storage", "redis.memory"])
def test_more_memories_pass_what_is_named_and_no_fewer_do(name: str) -> None:
    workload = loaded()
    at = load(workload, 30, QUIET)
    assert at.points > at.memories > 0, "some stores overwrite"
    has = 40 * needs_of(workload, at, LAYOUT).flat()[name]
    (bound,) = sizes(workload, {name: has}).memories(at).values()
    assert bound.by == name

    def needed(memories: float) -> float:
        points = memories * at.points / at.memories
        return needs_of(workload, at._replace(memories=memories, points=points), LAYOUT).flat()[name]

    assert needed(bound.amount) <= has < needed(bound.amount + 1)


def test_the_service_ends_where_it_is_late_or_deletes_whatever_it_has() -> None:
    has = {"memory-service.pods": 1e9, "memory-service.memory": 1e15}
    quiet = load(loaded(), 0, QUIET)

    def ends(workload: Workload, at: Load = quiet) -> Bound:
        return sizes(workload, has).memories(at)["memory-service"]

    assert ends(loaded()).by == carries.LATENCY
    late = ends(loaded(objectives={"latency_ms": 1000}))
    assert late.by == carries.LATENCY and late.amount > 1.5 * ends(loaded()).amount
    assert ends(loaded(max_memories=50)) == Bound(50, carries.MAX_MEMORIES)


def test_what_is_not_there_is_not_judged_and_what_holds_nothing_carries_nothing() -> None:
    quiet = load(loaded(), 0, QUIET)
    assert sizes(loaded(), {}).memories(quiet) == {}
    (empty,) = sizes(loaded(), {"qdrant.memory": 1.0}).memories(quiet).items()
    assert empty == ("qdrant", Bound(0, "qdrant.memory"))


def test_users_are_those_who_make_the_peak() -> None:
    workload = loaded(requests_per_user_per_minute=4, peak_factor=2)
    assert carries.users(workload, load(workload, 0, QUIET).requests) == pytest.approx(10, rel=0.01)
