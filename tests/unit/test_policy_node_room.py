"""Node groups of AWS have room for the pods of their zone, with as many of the service as there may be."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest

from capacity import instances
from policies.checks import node_room
from policies.checks.model import Limits, Violation
from policies.checks.whole import Whole
from policies.rules import GONE
from rehearsal import plain
from tests.unit.aws_region import Regions
from tests.unit.policy_plan import Stack, put, swapped, token_is

GUIDE = {"resources": {"requests": {"cpu": "8", "memory": "16Gi"}}}
"""Of the scaling guide's first region."""


@cache
def region(guide: bool = False) -> Stack:
    """A home region with the default node groups: two m7i.4xlarge a zone and use."""
    made = Regions(listed={"us-east": GUIDE} if guide else {})
    made.up("us-east")
    return plain.resources(made.plans["us-east"].resources)


def groups(stack: Stack, use: str, path: str, value: Any) -> Stack:
    for group in stack:
        if token_is(group.type, "aws.eks.NodeGroup") and group.name.partition("-nodes-")[2].startswith(f"{use}-"):
            stack = swapped(stack, group, put(group, path, value))
    return stack


def said(stack: Stack) -> Sequence[Violation]:
    return list(node_room.takes_pods(Whole(stack), Limits()))


def test_the_default_node_groups_take_the_default_pods() -> None:
    assert said(region()) == []


def test_pods_of_the_guides_size_do_not_fit_on_them_and_do_on_larger_ones() -> None:
    found = said(region(guide=True))
    assert [one.urn.rpartition("nodes-")[2] for one in found] == [f"stateless-zone-{zone}" for zone in "abc"]
    assert "2 nodes for 4 × memory-service (8.3 cores, 16.2 GiB), 1 × prometheus" in found[0].message
    assert "of m7i.4xlarge, which leaves 15.59 cores and 58.7 GiB for pods" in found[0].message
    assert "raise aws.nodes.stateless.per_zone, or state larger aws.nodes.stateless.instance_types" in found[0].message
    assert said(groups(region(guide=True), "stateless", "instanceTypes", ["m7i.8xlarge"])) == []


def test_the_number_in_the_message_is_enough_and_one_less_is_not() -> None:
    needed = int(said(region(guide=True))[0].message.partition("which may need ")[2].partition(",")[0])
    key = "scalingConfig.desiredSize"
    assert said(groups(region(guide=True), "stateless", key, needed)) == []
    assert len(said(groups(region(guide=True), "stateless", key, needed - 1))) == 3


def test_a_machine_that_is_smaller_than_a_pod_is_said_so() -> None:
    (first, *_) = said(groups(region(), "stateful", "instanceTypes", ["m7i.xlarge"]))
    assert (
        "1 × qdrant (4 cores, 8 GiB), 1 × postgresql (4.5 cores, 8.5 GiB) find no room on any m7i.xlarge"
        in first.message
    )
    assert "state larger aws.nodes.stateful.instance_types" in first.message


def test_of_several_types_the_smallest_has_to_do() -> None:
    assert said(groups(region(), "stateless", "instanceTypes", ["m7i.4xlarge", "m7i.xlarge"])) != []


def test_a_machine_that_is_not_in_the_table_is_not_judged() -> None:
    assert said(groups(region(), "stateless", "instanceTypes", ["c7i.large"])) == []


def test_a_group_that_does_not_say_how_many_nodes_it_has_cannot_be_judged() -> None:
    found = said(groups(region(), "stateless", "scalingConfig", GONE))
    assert len(found) == 3
    assert "cannot be judged" in found[0].message


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("m7i.4xlarge", "m7i.4xlarge"),
        ("m6i.4xlarge", "m7i.4xlarge"),
        ("r8g.16xlarge", "r7i.16xlarge"),
        ("c7i.4xlarge", None),
        ("m7i-flex.large", None),
        ("u7i-12tb.2xl", None),
    ],
)
def test_machines_of_the_same_letter_and_size_are_alike(name: str, like: str | None) -> None:
    found = instances.known(name)
    assert (found.name if found else None) == like
