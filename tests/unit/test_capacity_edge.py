"""The edge of a region follows its share of the requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity import edge, facts, spread
from capacity.ledger import QUIET
from capacity.load import load
from capacity.plan import EDGE_POD, plan
from capacity.stack import edge as block
from capacity.stack import values
from capacity.workload import Objectives, RegionShare, Workload
from tests.unit.test_capacity_model import REGIONS, SMALL

BUSY = SMALL.model_copy(
    update={"regions": REGIONS, "concurrent_users": 2e6, "growth_per_month": 0.0, "objectives": Objectives()}
)


@given(st.floats(1, 1e8), st.floats(0, 1), st.integers(3, 9), st.integers(0, 3))
def test_pods_that_are_left_take_the_calls_of_the_region_and_fewer_would_not(
    users: float, share: float, zones: int, lost: int
) -> None:
    lost = min(lost, (zones - 1) // 2)
    regions = (RegionShare(name="us-east", share=1 - share), RegionShare(name="us-west", share=share))
    asked = Workload(
        memories_per_day=20, concurrent_users=min(users, 1e7), regions=regions, zones=zones,
        objectives=Objectives(zones_lost=lost),
    )  # fmt: skip
    at = load(asked, 0, QUIET)
    of = edge.needs(asked, at)[1]

    def takes(pods: int) -> bool:
        ready = spread.left(pods, zones, lost)
        work = at.requests * share * facts.FORWARD_CPU.value / facts.BUSY.value
        return ready >= 1 and ready * 2000 >= of.calls and ready * 2 >= work * (1 - 1e-9)

    assert of.calls == pytest.approx(share * min(at.requests * 0.5 / 0.7, asked.concurrent_users * 3))
    assert takes(of.pods) and (of.pods <= max(3, lost + 1) or not takes(of.pods - zones))
    assert of.cpu * spread.left(of.pods, zones, lost) >= at.requests * share * facts.FORWARD_CPU.value


def test_no_more_calls_are_under_way_than_there_are_users() -> None:
    patient = BUSY.model_copy(update={"objectives": Objectives(latency_ms=600_000)})
    east, west = edge.needs(patient, load(patient, 0, QUIET))
    assert (east.calls, west.calls) == pytest.approx((0.75 * 2e6 * 3, 0.25 * 2e6 * 3))


def test_the_share_of_a_region_sizes_its_edge_and_nodes_have_room_for_the_largest() -> None:
    made = plan(BUSY)
    east, west = (made.edges[name] for name in ("us-east", "us-west"))
    assert east.number > west.number > 3
    assert made.edge.number == east.number / BUSY.zones and made.edge.cpu == east.cpu > EDGE_POD.cpu
    assert block(east)["edge"]["replicas"] == east.number
    assert block(east)["edge"]["resources"]["requests"] == {"cpu": "2", "memory": "256Mi"}
    (stateless,) = (pool for pool in made.pools if pool.use == "stateless")
    assert made.edge in stateless.pods


def test_one_region_has_no_edge_and_a_small_one_that_of_the_defaults() -> None:
    assert plan(SMALL).edges == {} and plan(SMALL).edge == EDGE_POD
    made = plan(SMALL.model_copy(update={"regions": REGIONS}))
    assert {(pod.number, pod.cpu, pod.memory) for pod in made.edges.values()} == {(3, EDGE_POD.cpu, EDGE_POD.memory)}
    assert "edge" not in values(made)
