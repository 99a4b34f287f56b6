"""A changed workload takes nothing away that holds data: it is refused before anything is changed."""

from typing import Any, cast

import pulumi
import pytest

from components.made import OUTPUT
from tests.unit.recorded import Recorded
from tests.unit.recorder import record_stack

LOAD: dict[str, Any] = {
    "memories_per_day": 20,
    "concurrent_users": 5,
    "write_read_ratio": 0.001,
    "peak_factor": 1,
    "round_trip_ms": 0.001,
    "start": "2026-12-01",
    "objectives": {"latency_ms": 600_000},
}
LARGE = LOAD | {"memories": 20_000_000}


def run(load: dict[str, Any] | None, before: Recorded | None = None, **overrides: Any) -> Recorded:
    stacks = {} if before is None else {"us-east": before.outputs}
    given = {**overrides, **({} if load is None else {"workload": load})}
    return record_stack("us-east", overrides=given, stacks=stacks, preview=before is not None)


@pytest.fixture(scope="module")
def large() -> Recorded:
    return run(LARGE)


def refusal(load: dict[str, Any] | None, before: Recorded, **overrides: Any) -> str:
    with pytest.raises(pulumi.RunError) as caught:
        run(load, before, **overrides)
    return str(caught.value)


def values(of: Recorded) -> dict[str, Any]:
    return cast(dict[str, Any], of.outputs[OUTPUT]["values"])


def test_less_to_hold_is_refused_with_what_is_there_and_what_to_state(large: Recorded) -> None:
    said = refusal(LOAD, large)
    assert "Pulumi.us-east.yaml or Pulumi.yaml: a workload takes nothing away that is there\n" in said
    for path in ("qdrant.storage", "qdrant.snapshot_storage", "postgresql.storage", "redis.resources.limits.memory"):
        there = values(large)[path]
        assert f"(from the workload)   {there} is there and is not made less, since it holds data: state" in said
        assert f"state {path}: {there} in the stack file" in said, path


def test_what_is_stated_as_it_is_there_passes(large: Recorded) -> None:
    there = values(large)
    kept: dict[str, Any] = {
        "qdrant": {key: there[f"qdrant.{key}"] for key in ("storage", "snapshot_storage")},
        "postgresql": {
            **{key: there[f"postgresql.{key}"] for key in ("storage", "wal_storage")},
            "partitions": int(there["postgresql.partitions"]),
        },
        "redis": {
            "storage": there["redis.storage"],
            "resources": {"limits": {"memory": there["redis.resources.limits.memory"]}},
        },
    }
    assert values(run(LOAD, large, **kept))["qdrant.storage"] == there["qdrant.storage"]


def test_more_to_hold_passes(large: Recorded) -> None:
    assert values(run(LARGE, run(LOAD)))["qdrant.storage"] == values(large)["qdrant.storage"]


def test_a_region_of_the_defaults_keeps_its_shards_and_volumes_when_it_gets_a_workload(us_east: Recorded) -> None:
    said = refusal(LOAD, us_east)
    assert (
        "sharding.shards = 12 (from the workload)   4 is there and stays as it was made: state sharding.shards: 4"
        in said
    )
    assert "qdrant.storage = 10Gi (from the workload)   100Gi is there" in said


def test_a_region_of_an_earlier_release_keeps_what_regions_share(us_east: Recorded) -> None:
    earlier = Recorded("us-east", (), {key: value for key, value in us_east.outputs.items() if key != OUTPUT})
    assert "sharding.shards = 12 (from the workload)   4 is there" in refusal(LOAD, earlier)


def test_without_its_workload_a_region_does_not_fall_back_to_less(large: Recorded) -> None:
    said = refusal(None, large)
    assert "sharding.shards = 4 (a default, without the workload)   12 is there and stays as it was made" in said


def test_fewer_nodes_by_a_workload_are_refused_with_the_number_to_state() -> None:
    before = run(LOAD, redis={"cluster": {"nodes": 5}})
    assert "redis.cluster.nodes = 3 (from the workload)   5 are in use and hold data: state redis.cluster.nodes: 5" in (
        refusal(LOAD, before)
    )


def test_by_hand_a_number_is_anybodys_to_change(large: Recorded) -> None:
    hand = {"postgresql": {"storage": "1Ti", "wal_storage": "1Ti", "partitions": 8}}
    assert "postgresql" not in refusal(LOAD, large, **hand)


def test_by_hand_a_volume_is_not_made_smaller_either(large: Recorded) -> None:
    there = values(large)["postgresql.storage"]
    said = refusal(LOAD, large, postgresql={"storage": "10Gi"})
    assert f"volumes only grow\n  postgresql.storage = 10Gi   {there} is there and holds data: set" in said
    assert said.count("postgresql.storage") == 2  # told once, and named in the remedy
