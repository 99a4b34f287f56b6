"""Connections of a plan: poolers that are left carry them, and what settings do not take is said with its day."""

from hypothesis import given
from hypothesis import strategies as st

from capacity import connections, facts, limits, spread
from capacity.plan import plan
from capacity.stack import blocks, too_many
from capacity.workload import Objectives, Workload
from tests.unit.test_capacity_model import SMALL


@given(st.integers(1, 5000), st.floats(0, 300), st.integers(3, 9), st.integers(0, 3))
def test_poolers_that_are_left_carry_the_peak_and_fewer_would_not(
    pods: int, busy: float, zones: int, lost: int
) -> None:
    workload = SMALL.model_copy(
        update={"zones": zones, "objectives": Objectives(zones_lost=min(lost, (zones - 1) // 2))}
    )
    of, lost = connections.needs(workload, pods, busy), workload.objectives.zones_lost

    def carries(number: int) -> bool:
        ready = spread.left(number, zones, lost)
        return ready * 1000 >= (pods + 1) * 2 and ready * 25 >= min(of.server, 150) and ready >= 1

    assert carries(of.poolers)
    assert of.poolers <= max(3, lost + 1) or (of.poolers % zones == 0 and not carries(of.poolers - zones))
    assert of.server <= pods + 1


@given(st.floats(0, 500), st.floats(0, 500), st.integers(3, 9), st.integers(0, 3))
def test_more_that_is_wanted_is_never_spread_over_fewer_pods(one: float, other: float, zones: int, lost: int) -> None:
    """What each of them has to take for those that are lost does not depend on how many there are."""
    lost = min(lost, (zones - 1) // 2)
    few, many = (spread.pods(wanted, 3, zones, lost) for wanted in sorted((one, other)))
    assert few.pods <= many.pods and few.spare == many.spare
    assert all(of.spare >= of.pods / spread.left(of.pods, zones, lost) * (1 - 1e-9) for of in (few, many))


@given(st.integers(3, 9), st.integers(0, 3), st.floats(0, 100))
def test_the_memory_gives_the_connections_that_are_at_work(zones: int, lost: int, busy: float) -> None:
    workload = SMALL.model_copy(
        update={"zones": zones, "objectives": Objectives(zones_lost=min(lost, (zones - 1) // 2))}
    )
    of = connections.needs(workload, 5000, busy)
    ready = spread.left(of.poolers, zones, workload.objectives.zones_lost)
    assert of.max_connections * 0.75 * ready / of.poolers >= busy * (1 - 1e-9)
    assert of.max_connections * 0.75 >= 5 * of.poolers


def test_a_plan_states_its_poolers_and_a_small_one_has_those_of_the_defaults() -> None:
    small = plan(SMALL)
    assert blocks(small)["postgresql"]["pooler"] == {"instances": 3}
    assert small.component("postgresql").notes["connections"] == (small.needs.service.pods + 1) * 2
    assert too_many(small) == []


def test_more_poolers_than_there_are_connections_for_are_refused_and_said_with_a_day() -> None:
    crowded = Workload(
        memories_per_day=20, memories=9000, concurrent_users=2000, objectives=Objectives(latency_ms=20_000)
    )
    made = plan(crowded)
    assert made.needs.connections.poolers > 30
    assert any(fault.startswith("postgresql: ") and "poolers are more than" in fault for fault in too_many(made))
    assert made.needs.postgresql.memory >= facts.CONNECTIONS.value * facts.CONNECTION_BYTES.value
    limit = next(one for one in limits.outer_limits(crowded) if one.name == "connections")
    assert limit.component == "postgresql" and limit.day is not None
    assert "it has 200 at most" in limit.words
    assert limits.outer_limits(SMALL.model_copy(update={"growth_per_month": 0.0})) == []


def test_more_connections_than_a_node_of_redis_takes_are_refused_and_said_with_a_day() -> None:
    crowded = Workload(
        memories_per_day=3600, memories=10**6, concurrent_users=20, objectives=Objectives(latency_ms=600_000)
    )
    made = plan(crowded)
    asked = made.needs.connections.redis
    assert asked > facts.REDIS_CLIENTS.value
    (fault,) = (one for one in too_many(made) if one.startswith("redis: "))
    assert fault == f"redis: {asked:,.0f} connections to each node are more than it takes (10,000)"
    limit = next(one for one in limits.outer_limits(crowded) if one.name == "clients")
    assert (limit.component, limit.day) == ("redis", 0.0)
    assert f"hold {asked:,.0f} connections to each node" in limit.words
