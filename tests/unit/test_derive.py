"""What follows from a stack's workload: only what the stack leaves open, and always settings that hold."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as some

from capacity import judge
from capacity.as_set import layout
from capacity.page import page
from components.derivation import derived
from promotion.files import Checkout
from rehearsal.engine.project import Project
from settings import Quantity, Settings, SettingsError, load
from settings.agreement import disagreements
from settings.draft import Draft
from tests.unit.test_settings import CHECKOUT, region

LOAD: Mapping[str, Any] = {
    "memories_per_day": 20,
    "concurrent_users": 5,
    "write_read_ratio": 0.001,
    "start": "2026-12-01",
    "objectives": {"latency_ms": 600_000},
}
REGIONS: Mapping[str, Any] = {"regions": [{"name": "us-east", "primary": True}, {"name": "us-west"}]}


def stack(name: str = "us-east", load_: Mapping[str, Any] = LOAD, **blocks: Any) -> Settings:
    return load(region(workload=dict(load_), **blocks), name, derived)


def faults(load_: Mapping[str, Any], **blocks: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        stack(load_=load_, **blocks)
    return str(caught.value)


def has(made: Settings) -> dict[str, float]:
    """What a pod of each component has, by the names of capacity/judge.py."""
    cluster = made.redis.cluster
    found: dict[str, float] = {
        "memory-service.pods": made.memory.autoscaling.max_replicas,
        "qdrant.pods": made.qdrant.replicas,
        "qdrant.copies": made.sharding.replication_factor,
        "postgresql.pods": made.postgresql.instances,
        "postgresql.poolers": made.postgresql.pooler.instances,
        "redis.masters": cluster.nodes,
        "redis.replicas": cluster.replicas,
    }
    for name, resources in (
        ("memory-service", made.memory.resources),
        ("qdrant", made.qdrant.resources),
        ("postgresql", made.postgresql.primary.resources),
        ("redis", made.redis.resources),
    ):
        found |= {f"{name}.cpu": float(resources.requests.cpu.value)}
        found |= {f"{name}.memory": float(resources.requests.memory.value)}
    for block in (made.qdrant, made.postgresql, made.redis):
        for volume in ("storage", "snapshot_storage", "wal_storage"):
            if hasattr(block, volume):
                found[f"{type(block).__name__.lower()}.{volume}"] = float(getattr(block, volume).value)
    return found


LOADS = some.fixed_dictionaries(
    {
        "memories_per_day": some.floats(0.1, 5_000),
        "memories": some.integers(0, 5_000_000),
        "concurrent_users": some.floats(0.1, 50),
        "vector_dimensions": some.integers(1, 4096),
        "payload_bytes": some.integers(64, 16_384),
        "write_read_ratio": some.floats(0, 0.1),
        "growth_per_month": some.floats(0, 0.2),
        "round_trip_ms": some.floats(0.001, 0.01),
        "start": some.just("2026-12-01"),
        "objectives": some.fixed_dictionaries({"latency_ms": some.just(600_000), "zones_lost": some.integers(0, 1)}),
    }
)
HAND: tuple[tuple[str, Any], ...] = (
    ("memory.replicas", 7),
    ("memory.autoscaling.max_replicas", 900),
    ("memory.autoscaling.target_cpu", "90m"),
    ("memory.resources.requests.memory", "3Gi"),
    ("memory.resources.limits.cpu", "400m"),
    ("sharding.shards", 24),
    ("sharding.replication_factor", 3),
    ("qdrant.replicas", 9),
    ("qdrant.storage", "70Gi"),
    ("qdrant.resources.limits.memory", "3Gi"),
    ("qdrant.resources.requests.cpu", "1500m"),
    ("postgresql.storage", "30Gi"),
    ("postgresql.wal_storage", "5Gi"),
    ("postgresql.partitions", 64),
    ("postgresql.replica.replicas", 4),
    ("postgresql.primary.resources.requests.memory", "4Gi"),
    ("redis.cluster.nodes", 7),
    ("redis.cluster.replicas", 2),
    ("redis.storage", "15Gi"),
    ("redis.resources.limits.memory", "2Gi"),
)
"""Values that a person may state, each of which is sound beside whatever follows from a workload."""


def blocks(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"memory": dict(region()["memory"])}
    for path, value in values.items():
        *parents, last = path.split(".")
        place = found
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = value
    return found


def held(settings: Settings, path: str) -> Any:
    value: Any = settings
    for key in path.split("."):
        value = getattr(value, key)
    return value.text if hasattr(value, "text") else value


@profile(max_examples=60)
@given(LOADS)
def test_whatever_the_workload_settings_hold_and_carry_it(load_: dict[str, Any]) -> None:
    try:
        made = stack(load_=load_)
    except SettingsError as error:
        assert "are more than settings take" in str(error)
        return
    assert made.workload is not None
    assert judge.short(made.workload, layout(made), has(made)) == []


@profile(max_examples=60)
@given(LOADS, some.lists(some.sampled_from(HAND), unique=True, max_size=8))
def test_what_is_stated_by_hand_always_holds(load_: dict[str, Any], hand: list[tuple[str, Any]]) -> None:
    stated = dict(hand)
    try:
        made = stack(load_=load_, **blocks(stated))
    except SettingsError as error:
        assert "are more than settings take" in str(error)
        return
    assert {path: held(made, path) for path in stated} == stated
    assert set(made.derived or ()).isdisjoint(stated)


@pytest.mark.parametrize(("path", "value"), HAND)
def test_one_stated_value_leaves_the_rest_to_the_workload(path: str, value: Any) -> None:
    alone, beside = stack(), stack(**blocks({path: value}))
    assert set(alone.derived or ()) - set(beside.derived or ()) == {path}


def test_a_stated_part_of_resources_decides_the_rest_as_it_decides_defaults() -> None:
    guaranteed = stack(postgresql={"primary": {"resources": {"limits": {"memory": "6Gi"}}}}).postgresql.primary
    assert guaranteed.resources.requests.memory == guaranteed.resources.limits.memory == Quantity("6Gi")
    lowered = stack(load_={**LOAD, "memories": 4_000_000}, qdrant={"resources": {"limits": {"memory": "2Gi"}}}).qdrant
    assert lowered.resources.requests.memory == lowered.resources.limits.memory == Quantity("2Gi")


def test_sizes_suit_the_nodes_that_are_stated() -> None:
    load_ = {**LOAD, "memories": 4_000_000}
    three, nine = stack(load_=load_), stack(load_=load_, qdrant={"replicas": 9})
    assert nine.qdrant.resources.requests.memory < three.qdrant.resources.requests.memory
    assert nine.qdrant.storage < three.qdrant.storage
    assert (three.sharding.shards, nine.sharding.shards) == (12, 18)


@pytest.mark.parametrize(
    ("blocks_", "pods"),
    [
        ({"high_availability": {"min_replicas": 5}}, (6, 5, 5)),
        ({"high_availability": {"zones": [f"zone-{letter}" for letter in "abcd"]}}, (4, 3, 3)),
        ({}, (3, 3, 3)),
    ],
)
def test_minimums_and_zones_of_the_stack_are_kept(blocks_: dict[str, Any], pods: tuple[int, int, int]) -> None:
    pooler = {"postgresql": {"pooler": {"instances": 5}}, "edge": {"replicas": 5}}
    made = stack(**pooler, **blocks_)
    assert (made.qdrant.replicas, made.postgresql.instances, made.redis.cluster.nodes) == pods


def test_without_shards_every_node_has_a_copy() -> None:
    made = stack(sharding={"enabled": False})
    assert (made.shards, made.sharding.replication_factor, made.qdrant.replicas) == (1, 3, 3)


def test_regions_of_one_workload_agree_whatever_one_of_them_states_of_its_own() -> None:
    regions = {"us-east": stack(), "us-west": stack("us-west", qdrant={"resources": {"requests": {"cpu": "3"}}})}
    assert disagreements(regions) == {}
    (fault,) = disagreements({**regions, "us-west": load(region(), "us-west", derived)})["us-west"]
    assert str(fault).startswith("sharding.shards = 4 (default)   the home region us-east has 12 shards")
    (fault,) = disagreements({**regions, "us-east": load(region(), "us-east", derived)})["us-west"]
    assert str(fault).startswith("sharding.shards = 12 (from the workload)   the home region us-east has 4 shards")


def test_a_promotion_changes_no_size() -> None:
    moved = [{"name": "us-east"}, {"name": "us-west", "primary": True}]
    before, after = stack(), stack(multiregion={"regions": moved})
    parts = ("memory", "sharding", "qdrant", "postgresql", "redis")
    assert all(getattr(before, part) == getattr(after, part) for part in parts)
    assert [one.name for one in (after.workload or pytest.fail()).regions] == ["us-west", "us-east"]


def test_the_edge_of_a_region_follows_its_share_and_never_has_fewer_pods_than_by_the_defaults() -> None:
    def pods(share: float, **blocks_: Any) -> tuple[int, ...]:
        shares = [{"name": "us-east", "share": 1 - share}, {"name": "us-west", "share": share}]
        asked = {**LOAD, "concurrent_users": 1000, "write_read_ratio": 0.0, "memories_per_day": 0.1, "regions": shares}
        return tuple(
            stack(name, asked, multiregion=REGIONS, **blocks_).edge_replicas for name in ("us-east", "us-west")
        )

    assert pods(0.01) == (6, 3)
    assert pods(0.99) == (3, 6)
    assert pods(0.99, edge={"replicas": 4}) == (4, 4)
    assert pods(0.99, high_availability={"min_replicas": 7}) == (7, 7)


def test_the_rpo_of_the_workload_is_that_of_promotions_and_the_other_way_round() -> None:
    def rpo(objectives: Mapping[str, int], stated: Mapping[str, int]) -> tuple[int, int]:
        made = stack(load_={**LOAD, "objectives": objectives}, multiregion={**REGIONS, **stated})
        planned = made.planned_workload or pytest.fail()
        assert (made.workload or pytest.fail()).objectives.rpo_seconds == planned.objectives.rpo_seconds
        return made.multiregion.rpo_seconds, planned.objectives.rpo_seconds

    assert rpo({}, {}) == (300, 300)
    assert rpo({"rpo_seconds": 60}, {}) == (60, 60)
    assert rpo({}, {"rpo_seconds": 600}) == (600, 600)
    assert rpo({"rpo_seconds": 600}, {"rpo_seconds": 60}) == (60, 600)


@pytest.mark.parametrize(
    ("change", "blocks_", "line"),
    [
        ({"start": "soon"}, {}, 'workload.start = "soon"   not a date: write it like "2026-01-31"'),
        ({"memories_per_day": 0}, {}, "workload.memories_per_day = 0   too low: must be more than 0"),
        ({"memories_per_dya": 3}, {}, 'workload.memories_per_dya = 3   unknown key: did you mean "memories_per_day"?'),
        ({"zones": 4}, {}, "workload.zones = 4   high_availability.zones says 3: leave this out here, or change that"),
        ({"max_memories": 7}, {}, "workload.max_memories = 7   memory.max_memories says 100000"),
        ({"regions": [{"name": "mars", "share": 1.0}]}, {}, 'workload.regions[0].name = "mars"   no region of'),
        ({"regions": [{"name": "us-east", "share": 0.5}]}, {}, "workload.regions = 0.5   shares of all regions"),
        ({"objectives": {"rpo_seconds": 0}}, {}, "workload.objectives.rpo_seconds = 0   cannot be kept between"),
        (
            {"objectives": {"rpo_seconds": 60}},
            {"multiregion": {**REGIONS, "rpo_seconds": 61}},
            "multiregion.rpo_seconds = 61   more than workload.objectives.rpo_seconds allows (60)",
        ),
        ({}, {"multiregion": {**REGIONS, "rpo_seconds": 0}}, "multiregion.rpo_seconds = 0   cannot be kept between"),
        ({"objectives": {"zones_lost": 2}}, {}, "workload.objectives.zones_lost = 2   leaves no majority of 3 zones"),
        ({"memories": 10**9}, {}, "workload = {…}   memory-service: "),
        ({"memories_per_day": 1e9}, {}, "workload.memories_per_day = 1000000000.0   4.96e+11 memories on the last day"),
        ({"objectives": {"latency_ms": 5}}, {}, "workload.objectives.latency_ms = 5   too low: a store takes longer"),
        ({"objectives": {}, "round_trip_ms": 100}, {}, "workload.objectives.latency_ms = 500.0 (default)   too low"),
        (
            {},
            {"high_availability": {"enabled": False, "zones": ["zone-a"]}},
            "high_availability.zones = [zone-a]   a workload is planned for three zones or more",
        ),
        ({}, {"qdrant": {"drain_to": 3}}, "qdrant.drain_to = 3   not under qdrant.replicas (3)"),
    ],
)
def test_a_workload_that_cannot_be_planned_for_is_refused(
    change: dict[str, Any], blocks_: dict[str, Any], line: str
) -> None:
    assert f"  {line}" in faults({**LOAD, **change}, **blocks_)


def test_a_workload_without_a_start_is_refused() -> None:
    said = faults({key: value for key, value in LOAD.items() if key != "start"})
    assert "  workload.start   not stated, so that sizes would follow the calendar: state the day" in said


def test_a_fault_of_a_derived_value_says_where_the_value_is_from() -> None:
    draft = Draft(region(qdrant={"storage": "70Gi"}), "us-east").over({"qdrant": {"replicas": 4, "storage": "10Gi"}})
    assert str(draft.finding(("qdrant", "replicas"), "too many").fault()) == (
        "qdrant.replicas = 4 (from the workload)   too many"
    )
    assert str(draft.finding(("qdrant", "storage"), "too large").fault()) == 'qdrant.storage = "70Gi"   too large'
    assert draft.settings.derived == ("qdrant.replicas",)


def test_one_node_of_a_trial_needs_no_second_copy() -> None:
    made = stack(high_availability={"enabled": False}, qdrant={"replicas": 1})
    assert (made.sharding.replication_factor, made.qdrant.replicas) == (1, 1)


def test_the_workload_of_the_page_is_one() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", page(), re.DOTALL)
    block = yaml.safe_load(example)["somafractalmemory:workload"]
    assert stack(load_=block).derived


WITHOUT = """
import sys
from settings import load
from components.derivation import derived
from rehearsal.engine.project import Project
from pathlib import Path
Project.load(Path(sys.argv[1])).settings()
print(*sorted(name for name in sys.modules if name.split(".")[0] == "capacity"))
"""


def test_without_a_workload_nothing_of_the_model_is_imported() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT, str(CHECKOUT)], capture_output=True, text=True, cwd=CHECKOUT)
    assert (ran.stdout, ran.stderr) == ("\n", "")


def test_without_a_workload_settings_are_those_without_a_derivation() -> None:
    for raw in (region(), region(workload={}), region(qdrant={"replicas": 6})):
        plain = {key: value for key, value in raw.items() if key != "workload"}
        assert load(raw, "us-east", derived) == load(plain, "us-east")


def test_every_reader_of_stack_files_derives_the_same(tmp_path: Path) -> None:
    project = (CHECKOUT / "Pulumi.yaml").read_text()
    load_ = '{memories_per_day: 20, concurrent_users: 5, start: "2026-12-01", objectives: {latency_ms: 60000}}'
    at = project.index("  workload:\n")
    (tmp_path / "Pulumi.yaml").write_text(project[:at] + project[at:].replace("default: {}", f"default: {load_}", 1))
    for name in ("us-east", "us-west"):
        (tmp_path / f"Pulumi.{name}.yaml").write_text((CHECKOUT / f"Pulumi.{name}.yaml").read_text())
    rehearsed, promoted = Project.load(tmp_path).settings(), Checkout(tmp_path).settings()
    assert rehearsed == promoted
    assert cast(Any, rehearsed["us-west"].derived) and rehearsed["us-west"].sharding.shards == 12
    assert Project.load(tmp_path).config("us-east")["somafractalmemory:workload"]
