"""The gate on a store that an update makes smaller: what nothing has emptied passes only with an approval."""

import datetime
from collections.abc import Mapping
from typing import Any

import pytest

import components.qdrant
import components.redis_plan
import components.scale_in
import components.zone_places
from policies import fewer, gate
from policies.checks.tokens import POSTGRESQL, STATEFUL_SET
from policies.exceptions import Exemption
from rehearsal.engine.model import Plan
from tests.unit.policy_plan import KubernetesRegions

TODAY = datetime.date(2026, 11, 29)
STACK = "urn:pulumi:us-east::somafractalmemory"
ROOT = f"{STACK}::pulumi:pulumi:Stack::somafractalmemory-us-east"
KEPT = {"scale_in": {"qdrant.replicas": 3}, "zones": [{"redis_pods": 3}, {"redis_pods": 2}, {"redis_pods": 2}]}
APPROVAL = Exemption(
    pack="destructive-changes",
    policy="delete",
    urn=f"{STACK}::*::qdrant",
    reason="The nodes beyond hold copies of collections that nobody uses.",
    owner="storage operations",
    expires=TODAY,
)


def urn(name: str, token: str = STATEFUL_SET) -> str:
    return f"{STACK}::soma:region:Region${token}::{name}"


def inputs(name: str, number: Any, field: str = "replicas") -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {} if number is None else {field: number}}


def update(name: str, before: Any, after: Any, token: str = STATEFUL_SET) -> dict[str, Any]:
    states = {
        state: {"inputs": inputs(name, number, fewer.NUMBERS[token])}
        for state, number in (("oldState", before), ("newState", after))
    }
    return {"op": "update", "urn": urn(name, token), **states}


def stack(outputs: Any = KEPT) -> dict[str, Any]:
    return {"op": "same", "urn": ROOT, "oldState": {"outputs": outputs}}


def refusals(*steps: Mapping[str, Any], approvals: tuple[Exemption, ...] = ()) -> list[str]:
    return [str(it) for it in gate.refusals({"steps": list(steps)}, approvals, TODAY)]


def refused(name: str, part: str, token: str = STATEFUL_SET) -> list[str]:
    return [f"would delete {part} of {urn(name, token)}: nothing has emptied them, and nobody approved it"]


@pytest.mark.parametrize(
    ("name", "before", "after", "part"),
    [
        ("qdrant", 6, 2, "4 of 6 pods"),
        ("redis-zone-a", 4, 2, "2 of 4 pods"),
        ("redis-zone-c", 2, 1, "1 of 2 pods"),
        ("redis-zone-d", 6, 5, "1 of 6 pods"),
        ("redis-zone-", 6, 5, "1 of 6 pods"),
        ("redis-zone-ab", 6, 5, "1 of 6 pods"),
        ("other", 2, 0, "2 of 2 pods"),
        ("other", 2, None, "1 of 2 pods"),
        ("other", None, 0, "1 of 1 pods"),
        ("qdrant", 6, "[secret]", "an unknown number of the pods"),
        ("qdrant", "04da6b54-80e4-46f7-96ec-b56ff0331ba9", 3, "an unknown number of the pods"),
    ],
)
def test_fewer_pods_than_were_kept_are_a_deletion(name: str, before: Any, after: Any, part: str) -> None:
    assert refusals(stack(), update(name, before, after)) == refused(name, part)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("qdrant", 6, 3), ("qdrant", 6.0, 4.0), ("redis-zone-a", 4, 3), ("redis-zone-b", 4, 2), ("redis-zone-c", 3, 2)],
)
def test_what_a_complete_run_has_emptied_may_go(name: str, before: float, after: float) -> None:
    assert refusals(stack(), update(name, before, after)) == []


@pytest.mark.parametrize(("before", "after"), [(3, 3), (3, 5), (None, 1), (1, None), (None, None)])
@pytest.mark.parametrize("token", [STATEFUL_SET, POSTGRESQL])
def test_as_many_or_more_are_no_loss(token: str, before: int | None, after: int | None) -> None:
    assert refusals(update("qdrant", before, after, token)) == []


@pytest.mark.parametrize(
    "outputs",
    [{}, {"scale_in": "[secret]", "zones": "[secret]"}, {"scale_in": {}, "zones": []}, {"zones": ["[secret]"] * 3},
     {"scale_in": {"qdrant.replicas": "3"}}, None],
)  # fmt: skip
@pytest.mark.parametrize("name", ["qdrant", "redis-zone-a"])
def test_a_stack_that_does_not_say_what_is_empty_has_emptied_nothing(name: str, outputs: Any) -> None:
    assert refusals(stack(outputs), update(name, 6, 5)) == refused(name, "1 of 6 pods")


def test_a_plan_without_the_stack_has_emptied_nothing() -> None:
    assert refusals(update("qdrant", 6, 3)) == refused("qdrant", "3 of 6 pods")
    other = {**stack(), "urn": ROOT.replace("us-east", "us-west")}
    assert refusals(other, update("qdrant", 6, 3)) == refused("qdrant", "3 of 6 pods")


def test_each_plan_is_judged_by_its_own_stack() -> None:
    """The plans of two platforms follow each other, of stacks of the same name."""
    drained, not_drained = stack(), stack({"scale_in": {"qdrant.replicas": 6}})
    assert refusals(drained, update("qdrant", 6, 3), not_drained) == []
    assert refusals(drained, not_drained, update("qdrant", 6, 3)) == refused("qdrant", "3 of 6 pods")


def test_instances_of_postgresql_are_never_emptied() -> None:
    assert refusals(stack(), update("qdrant", 5, 3, POSTGRESQL)) == refused("qdrant", "2 of 5 pods", POSTGRESQL)


def test_an_approval_of_a_deletion_lets_them_go() -> None:
    step = update("qdrant", 6, 2)
    assert refusals(stack(), step, approvals=(APPROVAL,)) == []
    assert len(refusals(stack(), step, update("redis-zone-a", 3, 1), approvals=(APPROVAL,))) == 1


def test_other_kinds_may_have_fewer() -> None:
    deployment = update("memory-service", 6, 3)
    deployment["urn"] = urn("memory-service", "kubernetes:apps/v1:Deployment")
    assert refusals(deployment) == []


FIVE: Mapping[str, Any] = {"replica": {"replicas": 4}}


def planned(**more: Any) -> Plan:
    regions = KubernetesRegions(more=more)
    regions.up("us-east")
    return regions.plans["us-east"]


def between(before: Plan, after: Plan) -> list[str]:
    """What is refused of the update of the program's stores from one run to the next."""
    now = {it.urn: it for it in after.resources}
    steps = [
        {"op": "update", "urn": it.urn, "oldState": {"inputs": it.inputs}, "newState": {"inputs": now[it.urn].inputs}}
        for it in sorted(before.resources, key=lambda it: it.urn)  # they are declared in any order
        if it.type in fewer.NUMBERS
    ]
    assert len(steps) == 5
    return refusals(stack(before.outputs), *steps)


def test_the_programs_own_way_down_passes_and_no_shorter_one() -> None:
    many = planned(qdrant={"replicas": 6}, redis={"cluster": {"nodes": 5}}, postgresql=FIVE)
    drained = planned(
        qdrant={"replicas": 6, "drain_to": 3},
        redis={"cluster": {"nodes": 5, "drain_to": 3}},
        postgresql=FIVE,
    )
    few = planned(postgresql=FIVE)
    assert between(few, many) == between(many, drained) == between(drained, few) == between(drained, many) == []
    parts = [refusal.split(" of ")[:2] for refusal in between(many, few)]
    assert parts == [["would delete 3", "6 pods"], *([f"would delete {n}", f"{n + 2} pods"] for n in (1, 2, 1))]
    (refusal,) = between(few, planned())
    assert "would delete 2 of 5 pods of " in refusal and "postgresql" in refusal


def test_the_names_are_those_of_the_program() -> None:
    outputs = planned().outputs
    assert {components.scale_in.OUTPUT, components.zone_places.OUTPUT} == {fewer.SCALE_IN, fewer.ZONES}
    assert fewer.NODES in outputs[fewer.SCALE_IN] and fewer.PODS in outputs[fewer.ZONES][0]
    assert components.qdrant.NAME == fewer.QDRANT
    assert components.redis_plan.statefulset(2) == f"{fewer.REDIS}c"
