"""Stores on the nodes that are kept for them."""

from typing import Any

import pytest

from tests.unit.policy_plan import GONE, Stack, find, put, region, swapped, verdicts

USE = "soma.io/nodes"
TAINT = {"key": USE, "value": "stateful", "effect": "NoSchedule"}


def said(stack: Stack) -> set[str]:
    found = verdicts(stack, packs=("high-availability",))
    return {it.message for it in found if it.policy == "nodes-of-stores"}


def broken(kind: str, name: str, path: str, value: Any) -> Stack:
    stack = region("aws", "us-east")
    resource = find(stack, kind, name)
    return swapped(stack, resource, put(resource, path, value))


@pytest.mark.parametrize("name", ["us-east", "us-west"])
def test_the_programs_own_stores_are_on_their_nodes(name: str) -> None:
    assert said(region("aws", name)) == set()


@pytest.mark.parametrize(
    ("kind", "name", "place"),
    [("StatefulSet", "qdrant-statefulset", "spec.template.spec"), ("Cluster", "", "spec.affinity")],
)
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("nodeSelector", GONE, "may run on any node"),
        ("nodeSelector", {USE: "other"}, "fits no node group"),
        ("tolerations", GONE, f"it tolerates not their taint {USE}"),
        ("tolerations", [{**TAINT, "value": "other"}], "it tolerates not"),
        ("tolerations", [{**TAINT, "effect": "NoExecute"}], "it tolerates not"),
        ("tolerations", [{**TAINT, "key": "other"}], "it tolerates not"),
    ],
)
def test_a_store_that_is_not_led_to_its_nodes_is_refused(
    kind: str, name: str, place: str, field: str, value: Any, words: str
) -> None:
    found = said(broken(kind, name, f"{place}.{field}", value))
    assert found and all(words in message for message in found), found


@pytest.mark.parametrize("tolerations", [[{"operator": "Exists"}], [{"key": USE, "operator": "Exists"}], [TAINT]])
def test_a_taint_is_tolerated_in_several_ways(tolerations: list[dict[str, str]]) -> None:
    path = "spec.template.spec.tolerations"
    assert said(broken("StatefulSet", "qdrant-statefulset", path, tolerations)) == set()


def test_a_node_group_that_takes_others_too_is_refused_for_each_store() -> None:
    found = said(broken("aws.eks.NodeGroup", "stateful-zone-a", "taints", []))
    assert len(found) == 5, "Qdrant, three of Redis, PostgreSQL"
    assert all("shares the nodes of" in message and "stateful-zone-a with all others" in message for message in found)


def test_nodes_that_are_there_already_are_not_judged() -> None:
    stack = broken("StatefulSet", "qdrant-statefulset", "spec.template.spec.nodeSelector", GONE)
    assert said(tuple(it for it in stack if not it.type.endswith(":NodeGroup"))) == set()
