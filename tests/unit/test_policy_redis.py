"""Redis' shards outlive a zone: where the plan and the StatefulSets together put masters and replicas."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import components.redis_jobs
import components.redis_plan
from policies.checks import config_maps, read, redis
from policies.checks.model import Minimums, Resource
from policies.checks.plain import UNKNOWN
from rehearsal import plain
from tests.unit.policy_plan import PLATFORMS, REGIONS, KubernetesRegions, Stack, find, put, swapped
from tests.unit.policy_plan import region as of_program
from tests.unit.policy_region import Manifest, Region, metadata

PLAN = "redis-plan"
TOKEN = "kubernetes:core/v1:ConfigMap"
A, B, C = "redis-zone-a", "redis-zone-b", "redis-zone-c"

Shards = Sequence[Sequence[str]]


@pytest.fixture
def region() -> Region:
    return Region()


def plan(region: Region, shards: Shards, leaving: Sequence[str] = ()) -> None:
    region.set(PLAN, "data", {"plan.json": json.dumps({"shards": shards, "leaving": leaving})})


def pods(region: Region, **numbers: int) -> None:
    for zone, number in numbers.items():
        region.set(f"redis-zone-{zone}", "spec.replicas", number)


def refused(region: Region, *messages: str) -> None:
    """By this rule alone, in these words."""
    assert [(it.policy, it.message) for it in region.refusals()] == [
        ("redis-shards", f"the plan {PLAN}: {message}") for message in messages
    ]


def test_a_zone_with_two_of_three_masters_is_refused(region: Region) -> None:
    plan(region, [[f"{A}-0", f"{B}-0"], [f"{A}-1", f"{C}-0"], [f"{C}-1", f"{B}-1"]])
    refused(region, "zone-a has 2 of 3 masters: without it the others are no majority and promote nobody")


def test_the_masters_that_are_left_are_a_majority_of_all_not_of_themselves(region: Region) -> None:
    """Two of four are none: the zone has half of the masters and no majority, and nobody is promoted."""
    pods(region, a=3, b=3)
    plan(region, [[f"{A}-0", f"{B}-0"], [f"{A}-1", f"{C}-0"], [f"{B}-1", f"{A}-2"], [f"{C}-1", f"{B}-2"]])
    refused(region, "zone-a has 2 of 4 masters: without it the others are no majority and promote nobody")


def test_five_masters_may_have_two_in_a_zone(region: Region) -> None:
    pods(region, a=4, b=4)
    plan(
        region,
        [
            [f"{A}-0", f"{B}-0"],
            [f"{B}-1", f"{C}-0"],
            [f"{C}-1", f"{A}-1"],
            [f"{A}-2", f"{B}-2"],
            [f"{B}-3", f"{A}-3"],
        ],
    )
    region.accepted()


def test_a_replica_in_the_zone_of_its_master_is_refused(region: Region) -> None:
    plan(region, [[f"{A}-0", f"{A}-1"], [f"{B}-0", f"{C}-0"], [f"{C}-1", f"{B}-1"]])
    refused(region, f"shard 1 has its replica {A}-1 in zone-a, with its master {A}-0")


def test_one_of_two_replicas_with_its_master_is_refused_too(region: Region) -> None:
    pods(region, a=3)
    plan(region, [[f"{A}-0", f"{B}-0", f"{A}-2"], [f"{B}-1", f"{C}-0"], [f"{C}-1", f"{A}-1"]])
    refused(region, f"shard 1 has its replica {A}-2 in zone-a, with its master {A}-0")


def test_a_shard_without_a_replica_is_refused(region: Region) -> None:
    plan(region, [[f"{A}-0"], [f"{B}-0", f"{C}-0"], [f"{C}-1", f"{B}-1"]])
    refused(region, "shard 1 has no replica: its slots go with the zone of its master")


def test_a_shard_without_a_node_is_refused(region: Region) -> None:
    plan(region, [[], [f"{A}-0", f"{B}-1"], [f"{B}-0", f"{C}-0"], [f"{C}-1", f"{A}-1"]])
    refused(region, "shard 1 has no node")


def test_a_single_shard_has_no_majority_without_its_zone(region: Region) -> None:
    plan(region, [[f"{A}-0", f"{B}-0"]])
    refused(region, "zone-a has 1 of 1 masters: without it the others are no majority and promote nobody")


def test_a_plan_without_shards_is_refused(region: Region) -> None:
    plan(region, [])
    refused(region, "has no shard")


def test_a_pod_that_no_statefulset_has_is_refused(region: Region) -> None:
    plan(region, [[f"{A}-0", f"{B}-1"], [f"{B}-0", f"{C}-2"], [f"{C}-0", f"{A}-1"]])
    refused(region, f"{C}-2 is a pod of no StatefulSet of this stack")


def test_a_pod_that_leaves_runs_until_it_is_empty(region: Region) -> None:
    shards = [[f"{A}-0", f"{B}-1"], [f"{B}-0", f"{C}-1"], [f"{C}-0", f"{A}-1"]]
    plan(region, shards, [f"{A}-2"])
    refused(region, f"{A}-2 is a pod of no StatefulSet of this stack")
    pods(region, a=3)
    region.accepted()
    plan(region, shards, [f"{A}-1"])
    refused(region, f"{A}-1 is named 2 times")


def test_a_statefulset_in_another_namespace_has_none_of_the_pods(region: Region) -> None:
    region.set(PLAN, "metadata.namespace", "elsewhere")
    messages = {it.message for it in region.refusals()}
    assert f"the plan {PLAN}: {A}-0 is a pod of no StatefulSet of this stack" in messages
    assert f"StatefulSet {A}: no ConfigMap plans which pods hold a shard together" in messages


def test_a_pod_in_two_shards_is_refused(region: Region) -> None:
    plan(region, [[f"{A}-0", f"{B}-0"], [f"{B}-0", f"{C}-0"], [f"{C}-1", f"{A}-1"]])
    refused(region, f"{B}-0 is named 2 times")


def test_a_statefulset_that_is_held_to_no_zone_may_have_its_masters_anywhere(region: Region) -> None:
    region.set(A, "spec.template.spec.affinity", None)
    said = f"the plan {PLAN}: StatefulSet {A} is not held to one zone: where its nodes are, nobody knows"
    assert said in {it.message for it in region.refusals() if it.policy == "redis-shards"}


def test_zones_are_what_the_statefulsets_say_not_their_names(region: Region) -> None:
    """Where two sets are in one zone, a plan that pairs them is none."""
    region.set(B, "spec.template.spec.affinity", region.manifests[A][1]["spec"]["template"]["spec"]["affinity"])
    messages = {it.message for it in region.refusals() if it.policy == "redis-shards"}
    assert messages == {
        f"the plan {PLAN}: shard 1 has its replica {B}-1 in zone-a, with its master {A}-0",
        f"the plan {PLAN}: zone-a has 2 of 3 masters: without it the others are no majority and promote nobody",
    }


def test_redis_without_a_plan_is_refused(region: Region) -> None:
    region.drop(PLAN)
    assert [(it.policy, it.name, it.message) for it in region.refusals()] == [
        ("redis-shards", name, f"StatefulSet {name}: no ConfigMap plans which pods hold a shard together")
        for name in (A, B, C)
    ]


def test_plans_that_differ_are_refused(region: Region) -> None:
    """What heals would take back what was formed by the other."""
    other = Region()
    plan(other, [[f"{A}-0", f"{C}-0"], [f"{B}-0", f"{A}-1"], [f"{C}-1", f"{B}-1"]])
    manifest: Manifest = {**other.manifests[PLAN][1], "metadata": metadata("healer")}
    region.add("healer", TOKEN, manifest)
    region.refused("redis-shards", saying=f"the plan healer is another one than that of {PLAN}")
    region.add("healer", TOKEN, {**region.manifests[PLAN][1], "metadata": metadata("healer")})
    region.accepted()


UNREADABLE: dict[str, Any] = {
    "not known yet": {"plan.json": UNKNOWN},
    "no file": {"other.json": "{}"},
    "no text": {"plan.json": 3},
    "no JSON": {"plan.json": "{"},
    "no object": {"plan.json": "[]"},
    "no list": {"plan.json": '{"shards": {"a": "b"}}'},
    "no list of hosts": {"plan.json": '{"shards": ["redis-zone-a-0"]}'},
    "a host that is no text": {"plan.json": '{"shards": [["redis-zone-a-0", 7]]}'},
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_a_plan_that_cannot_be_read_is_refused_and_nothing_else(region: Region, data: Any) -> None:
    region.manifests[PLAN][1]["data"] = data
    stack = read.stack(Resource(one.type, one.urn, one.name, one.inputs) for one in region.planned())
    (problem,) = stack.unreadable
    assert problem.urn.endswith(f"::{PLAN}")
    assert list(redis.placed(stack, Minimums())) == []


def test_a_statefulset_that_cannot_be_read_hides_no_fault_and_adds_none(region: Region) -> None:
    region.set(A, "spec.replicas", "two")
    assert {it.name for it in region.refusals()} >= {A}
    assert [it for it in region.refusals() if it.policy == "redis-shards"] == []
    plan(region, [[f"{A}-0", f"{B}-1"], [f"{B}-0", f"{B}-0"], [f"{C}-0", f"{C}-1"]])
    messages = {it.message for it in region.refusals() if it.policy == "redis-shards"}
    assert f"the plan {PLAN}: shard 3 has its replica {C}-1 in zone-c, with its master {C}-0" in messages
    assert not any(A in message for message in messages)


def said(stack: Stack) -> list[str]:
    return [it.message for it in redis.placed(read.stack(stack), Minimums())]


def goal(stack: Stack) -> Resource:
    return find(stack, "ConfigMap", "redis-bootstrap-files")


def changed(stack: Stack, change: Callable[[list[list[str]]], Any]) -> Stack:
    """The program's own plan with its shards changed, for what forms and what heals alike."""
    for suffix in ("bootstrap-files", "healer-files"):
        old = find(stack, "ConfigMap", f"redis-{suffix}")
        told = json.loads(old.inputs["data"]["plan.json"])
        change(told["shards"])
        stack = swapped(stack, old, put(old, "data", {"plan.json": json.dumps(told)}))
    return stack


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", REGIONS)
def test_the_programs_plan_is_read_and_sound(platform: str, name: str) -> None:
    stack = of_program(platform, name)
    bootstrap, healer = read.stack(stack).shards
    assert len(bootstrap.shards) == 3
    assert bootstrap.shards == healer.shards
    assert said(stack) == []


def test_pods_that_a_drain_empties_are_still_there() -> None:
    drained = {"nodes": 5, "replicas": 2, "drain_to": 3, "drain_replicas_to": 1}
    regions = KubernetesRegions(more={"redis": {"cluster": drained}})
    regions.up("us-east")
    stack = plain.resources(regions.plans["us-east"].resources)
    assert {(len(it.shards), len(it.leaving)) for it in read.stack(stack).shards} == {(3, 9)}
    assert said(stack) == []


@pytest.mark.parametrize("shard", range(3))
def test_every_mutant_of_the_programs_plan_is_refused(shard: int) -> None:
    stack = of_program("kubernetes", "us-east")
    every = [host for it in json.loads(goal(stack).inputs["data"]["plan.json"])["shards"] for host in it]
    promoted = changed(stack, lambda shards: shards[shard].reverse())
    alone = changed(stack, lambda shards: shards[shard].pop())
    lost = changed(stack, lambda shards: shards.pop(shard))
    assert all(map(said, (promoted, alone, lost)))
    for member in (0, 1):
        for host in every:
            mutant = changed(stack, lambda shards, host=host, member=member: shards[shard].__setitem__(member, host))
            same = json.loads(goal(mutant).inputs["data"]["plan.json"]) == json.loads(
                goal(stack).inputs["data"]["plan.json"]
            )
            assert bool(said(mutant)) is not same, (member, host)


@pytest.mark.parametrize("zone", "abc")
def test_every_pod_of_the_programs_plan_is_needed(zone: str) -> None:
    stack = of_program("aws", "us-west")
    servers = find(stack, "StatefulSet", f"redis-zone-{zone}")
    fewer = said(swapped(stack, servers, put(servers, "spec.replicas", 1)))
    assert fewer
    assert all(f"redis-zone-{zone}-1 is a pod of no StatefulSet" in message for message in fewer)
    without = said(tuple(it for it in stack if it is not servers))
    assert any(f"redis-zone-{zone}-0 is a pod of no StatefulSet" in message for message in without)


@pytest.mark.parametrize("zones", [3, 4, 5])
@pytest.mark.parametrize("masters", [3, 5, 7, 9])
def test_whatever_the_program_plans_is_sound(zones: int, masters: int) -> None:
    region = Region()
    shards = components.redis_plan.plan(zones, masters, replicas=2)
    for zone, number in enumerate(components.redis_plan.pods_by_zone(shards, zones)):
        name = components.redis_plan.statefulset(zone)
        region.add(name, "kubernetes:apps/v1:StatefulSet", _server(name, number))
    region.set(PLAN, "data", {"plan.json": components.redis_plan.as_json(shards, (), "redis-headless")})
    assert list(redis.placed(region.stack(), Minimums())) == []


def _server(name: str, number: int) -> Manifest:
    region = Region()
    region.set(A, "metadata.name", name)
    region.set(A, "spec.replicas", number)
    terms = "spec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
    region.set(A, f"{terms}.0.matchExpressions.0.values", [name.removeprefix("redis-")])
    return region.manifests[A][1]


def test_the_names_are_those_of_the_program() -> None:
    assert config_maps.KEEPER == components.redis_jobs.NAME
