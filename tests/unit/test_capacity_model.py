"""The sizing model: more load never needs less, arithmetic that is told gives the number, limits are found in time."""

import array
import datetime
import math
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity import facts, limits, nodes, rounding, service
from capacity.estimate import estimate_resources
from capacity.guide import carried, guide_function
from capacity.ledger import QUIET, number
from capacity.load import load
from capacity.nodes import Pod, enough
from capacity.plan import Plan, layout_of, needs_of, plan
from capacity.qdrant import raw_bytes
from capacity.stack import quantity
from capacity.workload import Objectives, RegionShare, Workload
from settings import Quantity

SMALL = Workload(memories_per_day=20, concurrent_users=5, objectives=Objectives(latency_ms=20_000))
MORE = {
    "memories_per_day": st.floats(0.1, 1e6),
    "memories": st.integers(0, 1_000_000),
    "vector_dimensions": st.integers(1, 4096),
    "payload_bytes": st.integers(64, 100_000),
    "relations_per_memory": st.floats(0, 100),
    "concurrent_users": st.floats(0.1, 1e5),
    "requests_per_user_per_minute": st.floats(0.01, 100),
    "peak_factor": st.floats(1, 20),
    "growth_per_month": st.floats(0, 0.5),
    "round_trip_ms": st.floats(0.01, 10),
    "horizon_months": st.integers(1, 36),
    "retention_days": st.floats(1, 2000),
}
"""Inputs of which more is more load."""
workloads = st.builds(
    Workload,
    **MORE,
    write_read_ratio=st.floats(0, 10),
    search_share=st.floats(0, 1),
    namespaces=st.integers(1, 20),
    zones=st.integers(3, 6),
    objectives=st.builds(Objectives, latency_ms=st.floats(1, 600_000), zones_lost=st.integers(0, 1)),
)


def totals(of: Plan) -> dict[str, float]:
    """Needs of a whole region, before anything is rounded up to what one buys."""
    needs, layout = of.needs, of.layout
    counts = {"qdrant": layout.qdrant.nodes, "postgresql": layout.postgresql.instances, "redis": layout.redis.pods}
    found: dict[str, float] = {"service.pods": needs.service.pods, "service.memory": needs.service.memory}
    for name, count in counts.items():
        found |= {f"{name}.{what}": value * count for what, value in getattr(needs, name)._asdict().items()}
    return found | {f"network.{what}": value for what, value in needs.network._asdict().items()}


@given(workloads, st.data())
def test_more_load_never_needs_less_of_anything(workload: Workload, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(MORE)))
    value = data.draw(MORE[key])
    less, more = sorted((getattr(workload, key), value))
    few, many = (totals(plan(workload.model_copy(update={key: one}))) for one in (less, more))
    for name, need in few.items():
        assert many[name] >= need * (1 - 1e-9), (name, key, less, more)


@given(workloads, st.floats(0, 4000), st.floats(0, 4000))
def test_no_need_falls_from_one_day_to_a_later_one(workload: Workload, one: float, other: float) -> None:
    made = plan(workload)
    early, late = (needs_of(workload, load(workload, day, QUIET), made.layout).flat() for day in sorted((one, other)))
    assert all(late[name] >= need * (1 - 1e-9) for name, need in early.items())


@given(workloads)
def test_a_plan_gives_what_its_last_day_needs_and_more_only_by_rounding(workload: Workload) -> None:
    made = plan(workload)
    needs = made.needs.flat()
    assert set(made.provided) == set(needs)
    assert all(made.provided[name] >= need * (1 - 1e-9) for name, need in needs.items())
    least = {
        "cpu": 1.5,
        "memory": 2.5 * facts.GIB,
        "storage": 10.1 * facts.GIB,
        "wal_storage": 10.1 * facts.GIB,
        "pods": 1,
    }
    for name, need in needs.items():
        assert made.provided[name] <= need * 1.3 + least[name.rpartition(".")[2]], name


@given(workloads)
def test_the_arithmetic_that_is_told_gives_the_number(workload: Workload) -> None:
    made = plan(workload)
    functions: dict[str, Any] = {
        "max": max,
        "min": min,
        "log": math.log,
        "ceil": rounding.whole,
        "multiple": rounding.multiple,
        "odd": rounding.odd,
        "power_of_two": rounding.power_of_two,
    }
    told = made.explain()
    for figure in told:
        if figure.formula.startswith("first("):
            continue
        terms = {name: number(term) for name, term in figure.terms.items()}
        value = eval(figure.formula, {"__builtins__": {}, **functions}, terms)
        assert value == pytest.approx(figure.value, rel=1e-6, abs=1e-12), figure
    values = {figure.name: figure.value for figure in told}
    for name in (
        "qdrant.memory",
        "postgresql.storage",
        "redis.memory",
        "postgresql.cpu",
        "redis.cpu",
        "qdrant.storage",
    ):
        assert values[name] == pytest.approx(made.needs.flat()[name]), name
    assert values["service.pods"] == made.needs.service.pods


def test_every_number_has_a_unit_and_every_constant_a_source() -> None:
    for figure in plan(SMALL).explain():
        assert figure.unit, figure.name
        assert all(term.source for term in figure.terms.values() if isinstance(term, facts.Fact)), figure.name
        assert str(figure).startswith(f"{figure.name} = ")


@given(st.integers(1, 1_000_000), st.integers(1, 4096))
def test_doubling_vectors_doubles_their_raw_memory(points: int, dimensions: int) -> None:
    assert raw_bytes(2 * points, dimensions) == 2 * raw_bytes(points, dimensions)


def test_raw_vectors_take_what_an_array_of_them_takes() -> None:
    vectors = array.array("f", [0.0] * (1000 * 768))
    assert raw_bytes(1000, 768) == len(vectors) * vectors.itemsize


@given(st.floats(1, 2**53))
def test_bytes_survive_the_way_into_a_stack_file(size: float) -> None:
    written = float(Quantity(quantity(size)).value)
    assert size - 1 <= written <= size + facts.MIB + 1


@given(st.integers(1, 400), st.integers(5, 9), st.integers(0, 2))
def test_pods_that_are_left_when_zones_are_lost_carry_the_peak(busy: int, zones: int, lost: int) -> None:
    workload = SMALL.model_copy(update={"zones": zones, "objectives": Objectives(zones_lost=lost)})
    pods = service.pods(workload, busy)
    fullest = -(-pods // zones)
    assert pods - lost * fullest >= busy
    fewer = pods - 1
    assert fewer < 3 or fewer - lost * -(-fewer // zones) < busy


def test_nothing_is_evicted_from_redis_at_the_horizon() -> None:
    made = plan(SMALL.model_copy(update={"memories": 3_000_000}))
    keys = made.component("redis")
    held = made.needs.redis.memory * facts.MAXMEMORY_SHARE.value
    assert held <= keys.memory * facts.MAXMEMORY_SHARE.value


def test_shards_are_a_multiple_of_the_nodes_and_twelve_where_there_is_growth() -> None:
    growing = SMALL.model_copy(update={"memories": 100_000_000})
    still = growing.model_copy(update={"growth_per_month": 0.0})
    for workload, least in ((SMALL, 12), (growing, 12), (still, 6)):
        of = layout_of(workload, load(workload, 365, QUIET)).qdrant
        assert of.shards % of.nodes == 0 and of.shards >= max(least, 2 * of.nodes)
    assert layout_of(growing, load(growing, 365, QUIET)).qdrant.nodes > 3


def test_a_plan_is_outgrown_after_its_horizon_and_not_before() -> None:
    made = plan(SMALL)
    for one in limits.outgrown(SMALL, made.layout, made.provided):
        assert one.day is None or one.day >= made.load.day - 1, one
    few = {**made.provided, "postgresql.storage": made.needs.postgresql.storage / 2}
    found = limits.outgrown(SMALL, made.layout, few)[0]
    assert found.name == "postgresql.storage" and found.day is not None and found.day < made.load.day


def test_the_service_is_the_limit_where_no_number_of_pods_answers_in_time() -> None:
    late = Workload(memories_per_day=200, concurrent_users=5, start="2026-01-01", growth_per_month=0.0)
    found = {limit.name: limit for limit in limits.service_limits(late)}
    day = found["latency"].day
    assert day is not None and 0 < day < 365
    before, after = (service.needs(late, load(late, at, QUIET)).in_time for at in (day - 1, day + 1))
    assert before and not after
    assert found["max_memories"].day == pytest.approx(100_000 / 200, abs=1)
    assert limits.date_of(late, found["max_memories"].day or 0, datetime.date(2020, 1, 1)) == datetime.date(2027, 5, 16)
    assert limits.first(plan(late)).name == "memory-service.latency"


def test_a_split_into_namespaces_that_is_named_lifts_the_limit() -> None:
    late = SMALL.model_copy(update={"memories": 20_000, "max_memories": 100_000})
    limit = next(one for one in limits.service_limits(late) if one.name == "latency")
    words = limit.remedy.partition("into ")[2]
    split = late.model_copy(update={"namespaces": int(words.partition(",")[0])})
    assert not [one for one in limits.service_limits(split) if one.day is not None and one.day < 365]


def test_namespaces_do_not_help_where_the_keys_of_all_take_too_long() -> None:
    late = SMALL.model_copy(update={"memories": 5_000_000})
    assert "no number of memory.namespaces" in limits.service_limits(late)[0].remedy


def test_points_stay_when_memories_go() -> None:
    kept = SMALL.model_copy(update={"retention_days": 30.0, "growth_per_month": 0.0, "write_read_ratio": 0.0})
    at = load(kept, 300, QUIET)
    assert at.memories == pytest.approx(30 * 20)
    assert at.points == pytest.approx(300 * 20)


def test_stores_beyond_new_memories_overwrite_and_still_add_points() -> None:
    busy = SMALL.model_copy(
        update={"write_read_ratio": 10.0, "growth_per_month": 0.0, "requests_per_user_per_minute": 10.0}
    )
    at = load(busy, 10, QUIET)
    assert at.memories == pytest.approx(200)
    assert at.points == pytest.approx(10 * 86_400 * 5 * 10 / 60 * 10 / 11)


def test_a_standby_costs_the_link_what_home_writes() -> None:
    shares = (RegionShare(name="us-east", share=0.75), RegionShare(name="us-west", share=0.25))
    made = plan(SMALL.model_copy(update={"regions": shares}))
    assert made.needs.network.replication == made.needs.postgresql.wal > 0
    assert made.needs.network.forwarded > 0
    assert plan(SMALL).needs.network[1:] == (0, 0)


def test_the_guides_function_is_mended() -> None:
    cpu, memory, storage = guide_function(1000, 768)
    assert (cpu, storage) == (2, 3000)
    assert memory == pytest.approx(2.93, abs=0.01)  # MiB, which the guide calls GB
    few, more = estimate_resources(20, 768, 5), estimate_resources(20, 768, 5000)
    assert more.cpu > few.cpu
    assert estimate_resources(20_000, 1536, 5).memory > estimate_resources(20_000, 768, 5).memory
    assert estimate_resources(20_000, 768, 5).storage > 20 * few.storage
    assert few.storage < 2 < 60  # GiB of 600 memories, most of it empty partitions; the guide: 60 GB


def test_the_guides_sizes_are_filled_by_what_is_said() -> None:
    found = {one.size: one.carries for one in carried()}
    uneven, even = (found[name] for name in list(found)[:2])
    assert even == pytest.approx(uneven * 0.75 / (2 / 3), rel=0.01)


@given(
    st.lists(st.builds(Pod, st.sampled_from("abc"), st.integers(1, 9), st.sampled_from((0.25, 0.5, 1.0, 2.0, 3.5)),
                       st.sampled_from((1.0, 2.0, 4.0, 7.5)), st.booleans()), min_size=1, max_size=3),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_pods_find_room_in_any_order_on_nodes_that_are_enough(pods: list[Pod], random: Random) -> None:
    count = enough(pods, 4, 8)
    order = [index for index, pod in enumerate(pods) for _ in range(pod.number)]
    random.shuffle(order)
    free = [(4.0, 8.0, frozenset[int]()) for _ in range(count)]
    for index in order:
        pod = pods[index]
        open_ = [
            number
            for number, (cpu, memory, there) in enumerate(free)
            if pod.cpu <= cpu and pod.memory <= memory and not (pod.apart and index in there)
        ]
        assert open_, f"{pod} finds no room on {count} nodes"
        chosen = random.choice(open_)
        cpu, memory, there = free[chosen]
        free[chosen] = (cpu - pod.cpu, memory - pod.memory, there | {index})


def test_enough_nodes_are_not_too_many() -> None:
    assert enough([Pod("a", 8, 1.1, 2)], 4, 8) == 3  # three fit on each
    assert enough([Pod("a", 3, 0.1, 0.1, apart=True)], 4, 8) == 3
    assert enough([Pod("large", 1, 3.9, 1), Pod("small", 3, 0.2, 0.1)], 4, 8) == 4
    assert enough([Pod("large", 1, 3.4, 1), Pod("small", 3, 0.2, 0.1)], 4, 8) == 2


def test_no_machine_of_the_table_is_said_and_not_guessed() -> None:
    found = nodes.pool("stateful", [Pod("qdrant", 1, 1000, 1)], dict.fromkeys(("m7i.xlarge",), 1.0))
    assert found.instance_type is None
