"""Records of Route 53: of several the one is answered whose target is up."""

from functools import cache
from typing import Any

import pytest

from policies.checks.plain import UNKNOWN
from rehearsal import plain
from tests.unit.policy_plan import GONE, Stack, find, put, swapped, verdicts
from tests.unit.test_policy_variants import VARIANTS

ROUTINGS = ("latency", "failover")


@cache
def named(routing: str) -> Stack:
    regions = VARIANTS[f"public names by {routing}"]()
    regions.up("us-east")
    return plain.resources(regions.plans["us-east"].resources)


def said(stack: Stack) -> list[str]:
    return [it.message for it in verdicts(stack, packs=("high-availability",)) if it.policy == "healthy-names"]


@pytest.mark.parametrize("routing", ROUTINGS)
def test_the_programs_public_names_are_answered_by_what_is_up(routing: str) -> None:
    assert said(named(routing)) == []


@pytest.mark.parametrize("routing", ROUTINGS)
def test_a_check_that_the_update_makes_is_one(routing: str) -> None:
    record = find(named(routing), "aws.route53.Record", f"-{routing}")
    assert said(swapped(named(routing), record, put(record, "healthCheckId", UNKNOWN))) == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("healthCheckId", GONE, "healthCheckId names no check"),
        ("aliases.0.evaluateTargetHealth", GONE, "aliases[0].evaluateTargetHealth is not true"),
        ("aliases.0.evaluateTargetHealth", UNKNOWN, "cannot be known yet"),
    ],
)
@pytest.mark.parametrize("routing", ROUTINGS)
def test_a_record_that_answers_with_what_is_down_is_refused(routing: str, path: str, value: Any, words: str) -> None:
    record = find(named(routing), "aws.route53.Record", f"-{routing}")
    (message,) = said(swapped(named(routing), record, put(record, path, value)))
    assert words in message
