"""Qdrant's copies outlive a zone: what is left of them serves, and takes writes; and each node has shards to serve."""

import json
from typing import Any

import pytest

import components.qdrant_collections
import components.qdrant_rebalancer
from policies.checks import config_maps, qdrant_zones, read
from policies.checks.model import Minimums
from policies.checks.placement import TooManyError
from policies.checks.plain import UNKNOWN
from rehearsal import plain
from tests.unit.policy_plan import PLATFORMS, REGIONS, KubernetesRegions, find, put, swapped
from tests.unit.policy_plan import region as of_program
from tests.unit.policy_region import Region, metadata, settings

PLAN, GOAL, MOVER = "qdrant-collections-files", "qdrant-rebalance-files", "qdrant-rebalance"
FACTOR = "QDRANT__STORAGE__COLLECTION__REPLICATION_FACTOR"
TWO, THREE = {"replication_factor": 2}, {"replication_factor": 3}
IN_ONE_ZONE = "copies of a shard may be in one zone"


@pytest.fixture
def region() -> Region:
    return Region()


def environment(region: Region, **more: Any) -> None:
    pod = region.manifests["qdrant"][1]["spec"]["template"]["spec"]
    pod["containers"][0]["env"] += [{"name": name, "value": value} for name, value in more.items()]


def plan(region: Region, **parameters: Any) -> None:
    region.set(PLAN, "data", {"collections.json": json.dumps({"parameters": parameters})})


def goal(region: Region, **stated: Any) -> None:
    region.set(GOAL, "data", {"plan.json": json.dumps(stated)})


def nodes(region: Region, number: int) -> None:
    region.set("qdrant", "spec.replicas", number)


def refused(region: Region, policy: str, *messages: str) -> None:
    """By this rule alone, in these words."""
    assert [(it.policy, it.message) for it in region.refusals()] == [(policy, message) for message in messages]


def test_writes_that_wait_for_both_copies_end_with_a_zone(region: Region) -> None:
    plan(region, **TWO, write_consistency_factor=2)
    said = "losing a zone may leave 1 of 2 copies, and a write waits for 2"
    refused(
        region,
        "qdrant-zone-loss",
        f"the collections of qdrant-collections: {said}",
        f"the rebalancer's qdrant-rebalance: {said}",
    )


def test_three_copies_let_writes_wait_for_two(region: Region) -> None:
    goal(region, **THREE)
    plan(region, **THREE, write_consistency_factor=2)
    region.accepted()
    plan(region, **THREE, write_consistency_factor=3)
    region.refused("qdrant-zone-loss", saying="leave 2 of 3 copies, and a write waits for 3")


def test_what_the_rebalancer_leaves_of_the_copies_counts(region: Region) -> None:
    """It takes away what is more than its own number."""
    plan(region, **THREE, write_consistency_factor=2)
    said = "the rebalancer's qdrant-rebalance: losing a zone may leave 1 of 2 copies, and a write waits for 2"
    refused(region, "qdrant-zone-loss", said)


@pytest.mark.parametrize(
    ("writes", "said"),
    [
        ("2", "losing a zone may leave 1 of 2 copies, and a write waits for 2"),
        ("0", "write_consistency_factor is 0, at least 1 is required"),
        ("two", f"{qdrant_zones.WRITES} is not a whole number"),
        (UNKNOWN, f"{qdrant_zones.WRITES} cannot be known yet"),
    ],
)
def test_the_servers_own_factor_is_judged(region: Region, writes: Any, said: str) -> None:
    environment(region, **{qdrant_zones.WRITES: writes})
    stack = read.stack(plain.resources(region.planned()))
    assert [it.message for it in qdrant_zones.survived(stack, Minimums())] == [f"StatefulSet qdrant: {said}"]


def test_the_servers_own_factor_may_be_left_out_or_one(region: Region) -> None:
    region.accepted()
    environment(region, **{qdrant_zones.WRITES: "1"})
    region.accepted()


def test_the_highest_write_consistency_of_a_plans_files_counts(region: Region) -> None:
    files = {
        f"{writes}.json": json.dumps({"parameters": {**TWO, "write_consistency_factor": writes}}) for writes in (1, 2)
    }
    region.set(PLAN, "data", files)
    region.refused("qdrant-zone-loss", saying="a write waits for 2")


def test_a_plan_that_states_only_how_writes_wait_is_one(region: Region) -> None:
    manifest = {"metadata": metadata("more"), "data": {"more.json": '{"parameters": {"write_consistency_factor": 2}}'}}
    region.add("more", "kubernetes:core/v1:ConfigMap", manifest)
    region.refused("qdrant-replication", "qdrant-zone-loss", saying="the collections of more: replication_factor is")


@pytest.mark.parametrize("number", [5, 6])
def test_with_two_nodes_in_a_zone_copies_may_share_it(region: Region, number: int) -> None:
    """Qdrant knows no zones: only the rebalancer does."""
    nodes(region, number)
    plan(region, **TWO, shard_number=6)
    region.accepted()
    region.drop(MOVER)
    titles = ("StatefulSet qdrant", "the collections of qdrant-collections", "the rebalancer's qdrant-rebalance")
    refused(region, "qdrant-zone-loss", *(f"{title}: all 2 {IN_ONE_ZONE}" for title in titles))


def test_three_copies_on_two_nodes_a_zone_are_safe_without_a_rebalancer(region: Region) -> None:
    nodes(region, 6)
    environment(region, **{FACTOR: "3"})
    region.drop(MOVER, GOAL)
    plan(region, **THREE, shard_number=6)
    region.accepted()
    plan(region, **THREE, shard_number=6, write_consistency_factor=2)
    region.refused("qdrant-zone-loss", saying="losing a zone may leave 1 of 3 copies, and a write waits for 2")


@pytest.mark.parametrize("value", ["false", None])
def test_a_rebalancer_that_only_tells_puts_nothing_anywhere(region: Region, value: str | None) -> None:
    nodes(region, 6)
    plan(region, **TWO, shard_number=6)
    variables = [] if value is None else [{"name": "MOVES", "value": value}]
    region.set(MOVER, "spec.template.spec.containers.0.env", variables)
    region.refused("qdrant-zone-loss", saying=IN_ONE_ZONE)


def test_another_namespaces_rebalancer_and_another_job_put_nothing_anywhere(region: Region) -> None:
    nodes(region, 6)
    plan(region, **TWO, shard_number=6)
    region.set(MOVER, "metadata.namespace", "elsewhere")
    region.refused("qdrant-zone-loss", saying=IN_ONE_ZONE)
    region.set(MOVER, "metadata.namespace", region.manifests["qdrant"][1]["metadata"]["namespace"])
    region.accepted()
    region.set(MOVER, "spec.template.metadata.labels", {"app.kubernetes.io/name": "mover"})
    region.refused("qdrant-zone-loss", saying=IN_ONE_ZONE)


def test_nodes_that_may_all_be_in_one_zone_have_all_copies_there(region: Region) -> None:
    region.set("qdrant", "spec.template.spec.topologySpreadConstraints", None)
    region.refused("zone-spread", "zone-loss", "qdrant-zone-loss", saying=f"all 2 {IN_ONE_ZONE}")


def test_copies_that_could_be_placed_in_too_many_ways_are_taken_to_be_together(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    def many(*_: Any) -> Any:
        raise TooManyError

    monkeypatch.setattr(qdrant_zones, "prove", many)
    region.refused("qdrant-zone-loss", saying=f"all 2 {IN_ONE_ZONE}")


@pytest.mark.parametrize(("factor", "said"), [(1, "is 1, at least 2 copies"), (4, "is 4, more than there are nodes")])
def test_a_goal_of_the_rebalancer_that_does_not_fit_is_refused(region: Region, factor: int, said: str) -> None:
    """On a standby it is the only one that says how many copies there are to be."""
    goal(region, replication_factor=factor)
    region.refused("qdrant-replication", saying=f"the rebalancer's qdrant-rebalance: replication_factor {said}")


@pytest.mark.parametrize("data", [{}, {"plan.json": "{"}, {"plan.json": "[]"}, {"plan.json": "{}"}])
def test_a_goal_that_cannot_be_read_is_refused_and_nothing_else(region: Region, data: Any) -> None:
    region.set(GOAL, "data", data)
    assert {(it.policy, it.name) for it in region.refusals()} == {("readable", GOAL), ("nothing-missing", GOAL)}


def test_fewer_shards_than_nodes_leave_some_without(region: Region) -> None:
    plan(region, **TWO, shard_number=2)
    said = "shard_number is 2, not what the settings say, and fewer than there are nodes (3)"
    refused(region, "qdrant-shards", f"the collections of qdrant-collections: {said}")
    plan(region, **TWO, shard_number=3)
    region.accepted()
    plan(region, **TWO)
    region.accepted()


@pytest.mark.parametrize(
    "stated",
    [
        {"sharding": {"shards": 2}},
        {"sharding": {"shards": 4}, "qdrant": {"shards": 2}},
        {"sharding": {"enabled": True, "shards": 2}},
    ],
)
def test_the_settings_may_want_fewer(region: Region, stated: dict[str, Any]) -> None:
    record(region, stated)
    plan(region, **TWO, shard_number=2)
    region.accepted()
    plan(region, **TWO, shard_number=1)
    region.refused("qdrant-shards", saying="shard_number is 1")


def test_without_sharding_a_collection_has_one_shard(region: Region) -> None:
    record(region, {"sharding": {"enabled": False, "shards": 2}})
    plan(region, **TWO, shard_number=1)
    region.accepted()
    plan(region, **TWO, shard_number=2)
    region.refused("qdrant-shards", saying="shard_number is 2")


def record(region: Region, stated: dict[str, Any]) -> None:
    manifest = settings()
    told = json.loads(manifest["data"]["settings.json"])
    manifest["data"]["settings.json"] = json.dumps({**told, **stated})
    region.add("settings", "kubernetes:core/v1:ConfigMap", manifest)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", REGIONS)
def test_the_programs_region_is_read_and_sound(platform: str, name: str) -> None:
    stack = read.stack(of_program(platform, name))
    planned = [(it.replication_factor, it.write_consistency_factor, it.shard_number) for it in stack.collections]
    assert planned == ([(2, 1, 4)] if name == "us-east" else [])
    assert [it.replication_factor for it in stack.copies] == [2, 2]
    assert [it.shards for it in stack.records] == [4]
    assert [*qdrant_zones.survived(stack, Minimums()), *qdrant_zones.sharded(stack, Minimums())] == []


def test_more_nodes_than_zones_are_sound_by_the_programs_rebalancer() -> None:
    regions = KubernetesRegions(more={"qdrant": {"replicas": 6}})
    regions.up("us-east")
    resources = plain.resources(regions.plans["us-east"].resources)
    stack = read.stack(resources)
    assert [*qdrant_zones.survived(stack, Minimums()), *qdrant_zones.sharded(stack, Minimums())] == []
    job = find(resources, "Job", "qdrant-rebalance")
    without = read.stack(tuple(it for it in resources if it is not job))
    assert {it.message.partition(": ")[2] for it in qdrant_zones.survived(without, Minimums())} == {
        f"all 2 {IN_ONE_ZONE}"
    }


@pytest.mark.parametrize(("parameter", "value"), [("write_consistency_factor", 2), ("shard_number", 1)])
def test_mutants_of_the_programs_plan_are_refused(parameter: str, value: int) -> None:
    resources = of_program("aws", "us-east")
    old = find(resources, "ConfigMap", "qdrant-collections-files")
    told = json.loads(old.inputs["data"]["collections.json"])
    told["parameters"][parameter] = value
    stack = read.stack(swapped(resources, old, put(old, "data", {"collections.json": json.dumps(told)})))
    assert [*qdrant_zones.survived(stack, Minimums()), *qdrant_zones.sharded(stack, Minimums())]


def test_the_names_are_those_of_the_program() -> None:
    assert config_maps.REBALANCER == components.qdrant_rebalancer.NAME
    assert config_maps.PLAN == components.qdrant_collections.NAME
