"""The sizing model: more load never needs less, arithmetic that is told gives the number, limits are found in time."""

import array
import datetime
import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity import connections, facts, limits, link, nodes, prices, redis, service, spread
from capacity.estimate import estimate_resources
from capacity.guide import carried, guide_function
from capacity.ledger import QUIET
from capacity.load import load
from capacity.nodes import Pod, enough
from capacity.plan import Plan, layout_of, needs_of, plan
from capacity.qdrant import raw_bytes
from capacity.stack import cpu, quantity
from capacity.workload import Objectives, RegionShare, Workload
from settings import Quantity

REGIONS = (RegionShare(name="us-east", share=0.75), RegionShare(name="us-west", share=0.25))
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
    regions=st.sampled_from((REGIONS[:1], REGIONS)),
    objectives=st.builds(
        Objectives, latency_ms=st.floats(1, 600_000), zones_lost=st.integers(0, 1), rpo_seconds=st.integers(1, 86_400)
    ),
)


def totals(of: Plan) -> dict[str, float]:
    """Needs of a whole region, before anything is rounded up to what one buys."""
    needs, layout = of.needs, of.layout
    counts = {"qdrant": layout.qdrant.nodes, "postgresql": layout.postgresql.instances, "redis": layout.redis.pods}
    found: dict[str, float] = {"service.pods": needs.service.pods, "service.memory": needs.service.memory}
    found["service.cpu"] = needs.service.cpu * needs.service.pods
    found |= {f"connections.{what}": value for what, value in needs.connections._asdict().items()}
    for index, edge in enumerate(needs.edges):
        found |= {f"edge {index}.pods": edge.pods, f"edge {index}.cpu": edge.cpu * edge.pods}
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


@given(st.integers(1, 100_000_000), st.integers(1, 4096))
def test_doubling_vectors_doubles_their_raw_memory(memories: int, dimensions: int) -> None:
    """In the plan that is made of them, whose layout may be another one."""

    def raw(number: int) -> float:
        workload = SMALL.model_copy(update={"memories": number, "vector_dimensions": dimensions})
        of = plan(
            workload.model_copy(update={"memories_per_day": 0.0, "growth_per_month": 0.0, "write_read_ratio": 0.0})
        )
        return next(figure.value for figure in of.explain() if figure.name == "qdrant.vectors")

    assert raw(2 * memories) == pytest.approx(2 * raw(memories))


def test_raw_vectors_take_what_an_array_of_them_takes() -> None:
    vectors = array.array("f", [0.0] * (1000 * 768))
    assert raw_bytes(1000, 768) == len(vectors) * vectors.itemsize


@given(st.floats(0.001, 1000))
def test_cores_survive_the_way_into_a_stack_file(cores: float) -> None:
    written = float(Quantity(cpu(cores)).value)
    assert cores - 1e-9 <= written <= cores + 0.001 + 1e-9


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


@given(workloads)
def test_pods_that_are_left_request_what_all_requests_take(workload: Workload) -> None:
    at, zones, lost = load(workload, 0, QUIET), workload.zones, workload.objectives.zones_lost
    of, cost = service.needs(workload, at), service.costs(workload, at)
    taken = at.stores * cost.store_cpu + at.reads * cost.read_cpu + at.searches * cost.search_cpu
    left = spread.left(of.pods, zones, lost)
    assert of.cpu * left >= taken / workload.namespaces * (1 - 1e-9)
    assert of.cpu * left <= max(left * facts.LEAST_SERVICE_CPU.value, taken / workload.namespaces * 1.5)


def test_shards_are_a_multiple_of_the_nodes_and_twelve_where_there_is_growth() -> None:
    growing = SMALL.model_copy(update={"memories": 100_000_000})
    still = growing.model_copy(update={"growth_per_month": 0.0})
    for workload, least in ((SMALL, 12), (growing, 12), (still, 6)):
        of = layout_of(workload, load(workload, 365, QUIET)).qdrant
        assert of.shards % of.nodes == 0 and of.shards >= max(least, 2 * of.nodes)
    assert layout_of(growing, load(growing, 365, QUIET)).qdrant.nodes > 3


def test_a_plan_is_outgrown_after_its_horizon_and_not_before() -> None:
    made = plan(SMALL)
    for one in limits.outgrown(SMALL, made.layout, limits.given(made)):
        assert one.day is None or one.day >= made.load.day - 1, one
    few = {**limits.given(made), "postgresql.storage": made.needs.postgresql.storage / 2}
    found = limits.outgrown(SMALL, made.layout, few)[0]
    assert found.name == "postgresql.storage" and found.day is not None and found.day < made.load.day


@pytest.mark.parametrize("name", ["postgresql.poolers", "edge.us-east.pods", "edge.us-west.pods"])
def test_poolers_and_the_edge_of_each_region_are_outgrown_too(name: str) -> None:
    made = plan(Workload(memories_per_day=20, concurrent_users=500_000, write_read_ratio=0, regions=REGIONS))
    has = limits.given(made)

    def day(number: float) -> float:
        found = limits.outgrown(made.workload, made.layout, {name: number})
        return found[0].day or 0

    assert has[name] > 3 and day(has[name] - 1) < made.load.day < day(has[name])


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


@pytest.mark.parametrize("payload_bytes", [256, 4096])
@pytest.mark.parametrize("held", [100, 100_000_000])
def test_redis_holds_the_memories_whichever_server_runs(held: int, payload_bytes: int) -> None:
    """One takes more for a memory, the other for a node, and both keep a backlog for their replicas."""
    of, day = redis.Layout(masters=3, replicas=1), load(SMALL, 0, QUIET)._replace(memories=held)
    day = day._replace(value_bytes=payload_bytes)
    given = redis.needs(SMALL, day, of).memory * facts.MAXMEMORY_SHARE.value
    taken = [server.used(held / 3 * facts.SKEW.value, payload_bytes) for server in redis.SERVERS.values()]
    assert len(taken) > 1
    assert given == pytest.approx(max(taken) + facts.BACKLOG.value)


def test_connections_are_those_of_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has what was measured, and its gateway's one."""

    def clients() -> float:
        return connections.needs(SMALL, pods=6, server=2).clients

    assert clients() == 7 * 2
    monkeypatch.setattr(connections, "HELD", replace(connections.HELD, value=3))
    assert clients() == 7 * 4


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
    made = plan(SMALL.model_copy(update={"regions": REGIONS}))
    assert made.needs.network.replication == made.needs.postgresql.wal > 0
    assert made.needs.network.forwarded > 0
    assert plan(SMALL).needs.network[1:] == (0, 0, 0, 0)


@given(workloads, st.integers(1, 86_400))
def test_fewer_seconds_that_may_be_lost_never_need_a_slower_link(workload: Workload, rpo: int) -> None:
    two = workload.model_copy(update={"regions": REGIONS})
    both = (two, two.model_copy(update={"objectives": two.objectives.model_copy(update={"rpo_seconds": rpo})}))
    strict, lax = sorted(both, key=lambda one: one.objectives.rpo_seconds)
    assert plan(strict).needs.network.link >= plan(lax).needs.network.link * (1 - 1e-9)


@given(workloads, st.floats(0.01, 2))
def test_a_link_of_the_rate_that_is_told_keeps_the_lag_and_a_slower_one_only_adds_to_it(
    workload: Workload, part: float
) -> None:
    made = plan(workload.model_copy(update={"regions": REGIONS}))
    network, rpo = made.needs.network, workload.objectives.rpo_seconds

    def lag(rate: float) -> float:
        return link.lag(made.workload, network.replication, network.users, rate)

    assert lag(network.link * (1 + 1e-9)) <= rpo * (1 + 1e-6)
    assert (lag(network.link * part) >= lag(network.link)) is (part <= 1 or lag(network.link) == 0)


def test_a_link_that_carries_the_peak_leaves_nothing_behind_and_one_under_the_mean_never_catches_up() -> None:
    busy = SMALL.model_copy(update={"regions": REGIONS, "peak_factor": 4.0})
    assert link.lag(busy, wal=1000, users=10, rate=1010) == 0
    assert link.lag(busy, wal=1000, users=10, rate=510) == 3600  # an hour's half, carried at the same rate
    assert link.lag(busy, wal=1000, users=10, rate=259) == math.inf == link.lag(busy, wal=1000, users=10, rate=10)


def test_a_link_that_is_stated_and_too_slow_is_what_binds_and_says_the_lag() -> None:
    busy = SMALL.model_copy(update={"regions": REGIONS, "concurrent_users": 200.0})
    rate = plan(busy).needs.network.link * link.BITS
    slow, fast = (plan(busy.model_copy(update={"region_link_mbit": rate * part})) for part in (0.75, 1.01))
    first = limits.first(slow)
    assert (first.name, first.day is not None and first.day < slow.load.day) == ("network.link", True)
    limit = limits.region_link(slow.workload)
    assert limit is not None and "s behind, and objectives.rpo_seconds allows 300" in limit.words
    assert limits.first(fast).name != "network.link"
    assert limits.region_link(busy) is None
    assert limits.region_link(slow.workload.model_copy(update={"regions": REGIONS[:1]})) is None


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
    searches = found["Qdrant: 3 nodes of 4 CPU"]
    assert searches * facts.SEARCH_CPU.value / (2 * facts.BUSY.value) == pytest.approx(4, rel=0.01)
    # Beside so many reads the service of the guide is what is full.
    assert found["PostgreSQL: 4 CPU"] > found["service: 3 replicas of 4 CPU, 8Gi"]


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
    found = nodes.pool("stateful", (Pod("qdrant", 1, 1000, 1),), prices.own().machines)
    assert found.instance_type is None
