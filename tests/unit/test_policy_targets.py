"""`targets-served`: load balancers lead to pods. The program's own do, and each test takes one thing away."""

import dataclasses

import pytest

from policies.checks import targets
from policies.checks.model import Limits, Resource
from policies.checks.tokens import LISTENER_RULE, SCALING_ATTACHMENT, SCALING_GROUP, TARGET_ATTACHMENT, TARGET_GROUP
from policies.checks.whole import Whole
from tests.unit.policy_plan import REGIONS, Stack, find, region, swapped, token_is, without


def said(stack: Stack) -> list[str]:
    return [one.message for one in targets.served(Whole(stack), Limits())]


@pytest.mark.parametrize("name", REGIONS)
def test_every_group_of_the_programs_own_regions_is_served(name: str) -> None:
    stack = region("aws", name)
    assert len([it for it in stack if it.type == TARGET_GROUP]) > 1
    assert said(stack) == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("aws.lb.Listener", "no listener leads to it: nobody reaches its pods"),
        ("TargetGroupBinding", "no TargetGroupBinding fills it: users find nobody there"),
    ],
)
def test_each_that_nobody_leads_to_or_fills_is_named(kind: str, words: str) -> None:
    stack = region("aws", "us-east")
    for gone in (it for it in stack if token_is(it.type, kind)):
        assert said(without(stack, gone)) == [f"{gone.name}: {words}"]


def test_one_of_another_group_does_not_count() -> None:
    stack = region("aws", "us-east")
    binding = find(stack, "TargetGroupBinding", "-users-443")
    other = find(stack, "TargetGroupBinding", "-users-80")
    assert said(swapped(stack, binding, dataclasses.replace(binding, inputs=other.inputs, sources=other.sources))) == [
        f"{binding.name}: no TargetGroupBinding fills it: users find nobody there"
    ]


@pytest.mark.parametrize(
    ("token", "field"),
    [
        (TARGET_ATTACHMENT, "targetGroupArn"),
        (SCALING_GROUP, "targetGroupArns"),
        (SCALING_ATTACHMENT, "lbTargetGroupArn"),
    ],
)
def test_a_group_may_be_filled_by_others(token: str, field: str) -> None:
    stack = region("aws", "us-east")
    binding = find(stack, "TargetGroupBinding", "-users-443")
    group = find(stack, "aws.lb.TargetGroup", "-users-443")
    other = Resource(token, f"{binding.urn}-other", "other", {field: "arn"}, sources={field: (group.urn,)})
    assert said((*without(stack, binding), other)) == []


def test_a_rule_of_a_listener_leads_to_a_group_too() -> None:
    stack = region("aws", "us-east")
    listener = find(stack, "aws.lb.Listener", "-users-443")
    group = find(stack, "aws.lb.TargetGroup", "-users-443")
    actions = [{"type": "forward", "targetGroupArn": "arn"}]
    rule = Resource(
        LISTENER_RULE, f"{listener.urn}-rule", "rule", {"actions": actions}, sources={"actions": (group.urn,)}
    )
    assert said((*without(stack, listener), rule)) == []
