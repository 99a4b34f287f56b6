"""What volumes have to do: as often written as their stores write, and said where gp3 gives less."""

import pytest

from capacity import cost, disks, facts, limits, prices
from capacity.ledger import QUIET
from capacity.load import load
from capacity.plan import plan
from capacity.workload import Objectives, Workload
from tests.unit.test_capacity_model import SMALL

BUSY = Workload(
    memories_per_day=20, concurrent_users=3000, growth_per_month=0.1, objectives=Objectives(latency_ms=600_000)
)


def test_a_node_of_qdrant_writes_its_share_of_each_point_five_times() -> None:
    few = SMALL.model_copy(update={"vector_dimensions": 768})
    at = load(few, 0, QUIET)._replace(stores=100.0, searches=0.0, value_bytes=1024.0)
    whole, part = (disks.of_points(few, at, share) for share in (1.0, 0.5))
    assert whole.throughput == pytest.approx(100 * (768 * 4 + facts.HNSW_LINKS.value * 4 + 1024) * 5)
    assert whole.iops == pytest.approx(100 * 4 + whole.throughput / 2**18)
    assert part == pytest.approx((whole.iops / 2, whole.throughput / 2))
    found = disks.of_points(few, at._replace(stores=0.0, searches=10.0), 1.0)
    assert found == (50, 0)


def test_a_node_of_redis_appends_what_is_stored_and_read_and_writes_it_anew() -> None:
    at = load(SMALL, 0, QUIET)._replace(stores=10.0, reads=90.0)
    of = disks.of_log(at, 1000.0, 5)
    assert of.throughput == pytest.approx(100 * 1000 * 1.05 / 5 * 2)
    assert of.iops == pytest.approx(2 + of.throughput / 2**18)
    assert disks.of_log(at._replace(stores=0.0, reads=0.0), 1000.0, 5) == (2, 0)


def test_every_store_states_what_its_volumes_do_and_a_small_one_is_within_gp3() -> None:
    made = plan(SMALL)
    for name in ("qdrant", "postgresql", "redis"):
        of = getattr(made.needs, name)
        assert 0 < of.iops <= made.component(name).notes["iops"] <= facts.FREE_IOPS.value
        assert 0 < of.throughput <= made.component(name).notes["throughput"] <= facts.FREE_THROUGHPUT.value


def test_more_than_gp3_gives_is_said_with_its_day_and_costs_more() -> None:
    limit = limits.volumes(BUSY, "postgresql")
    assert limit is not None and limit.day is not None and (limit.component, limit.name) == ("postgresql", "iops")
    assert f"on the plan's last day it is {plan(BUSY).needs.postgresql.iops:,.0f} and" in limit.words
    before, after = (plan_at(day).iops for day in (limit.day - 2, limit.day + 1))
    assert before <= facts.FREE_IOPS.value < after
    assert limits.volumes(SMALL.model_copy(update={"growth_per_month": 0.0}), "postgresql") is None
    table = prices.own()
    made = plan(BUSY)
    (volumes,) = (one.amount for one in cost.costs(made, table) if one.component == "postgresql volumes")
    of = made.component("postgresql")
    extra = (of.notes["iops"] - 3000) * table.volume_iops_month
    assert extra > 0
    assert volumes == pytest.approx(of.pods * (of.storage / facts.GIB * table.volume_gib_month + extra))


def plan_at(day: float) -> disks.Needs:
    at = limits.needs_on(BUSY, day).postgresql
    return disks.Needs(at.iops, at.throughput)


def test_a_limit_of_a_volume_is_that_of_the_nodes_which_the_plan_has() -> None:
    """Of the first day there were fewer, with more on each."""
    most_reads = Workload(
        memories_per_day=100, concurrent_users=19_000, write_read_ratio=0.01, objectives=Objectives(latency_ms=600_000)
    )
    made, limit = plan(most_reads), limits.volumes(most_reads, "qdrant")
    assert limits.needs_on(most_reads, 0).qdrant.iops > facts.FREE_IOPS.value > made.needs.qdrant.iops
    assert limit is not None and limit.day is not None and limit.day > made.load.day
    assert "on the plan's last day" not in limit.words


def test_bytes_may_bind_before_operations_do() -> None:
    large = BUSY.model_copy(update={"payload_bytes": 2**20})
    limit = limits.volumes(large, "postgresql")
    assert limit is not None and limit.name == "throughput" and limit.day == 0
