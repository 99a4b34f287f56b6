"""Records of Route 53: of several the one is answered whose target is up."""

from typing import Any

import pytest

from policies.checks.model import Limits
from policies.checks.plain import UNKNOWN
from tests.unit.policy_plan import GONE, Stack, find, put, swapped, verdicts
from tests.unit.test_policy_variants import made

ROUTINGS = ("latency", "failover")


def named(routing: str) -> Stack:
    return made(f"public names by {routing}")


def said(stack: Stack, policy: str = "healthy-names", limits: Limits | None = None) -> list[str]:
    return [it.message for it in verdicts(stack, None, limits, ("high-availability",), policies={policy})]


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


@pytest.mark.parametrize("routing", ROUTINGS)
def test_the_programs_public_names_lead_away_in_time(routing: str) -> None:
    assert said(named(routing), "quick-names") == []
    assert len(said(named(routing), "quick-names", Limits(failover_seconds=89))) == 1


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "words"),
    [
        ("aws.route53.HealthCheck", "", "requestInterval", 30, "after 150 s only, not 120"),
        ("aws.route53.HealthCheck", "", "requestInterval", GONE, "after 150 s only, not 120"),
        ("aws.route53.HealthCheck", "", "failureThreshold", 10, "after 160 s only, not 120"),
        ("aws.route53.Record", "-latency", "ttl", 300, "clients keep its answer for 300 s: ttl 60"),
    ],
)
def test_a_region_that_is_down_and_answered_for_long_is_refused(
    kind: str, name: str, path: str, value: Any, words: str
) -> None:
    resource = find(named("latency"), kind, name)
    (message,) = said(swapped(named("latency"), resource, put(resource, path, value)), "quick-names")
    assert words in message


def test_what_proves_a_certificate_may_be_kept_for_longer() -> None:
    record = find(named("latency"), "aws.route53.Record", where=lambda it: it.inputs.get("ttl", 0) > 60)
    assert "latencyRoutingPolicies" not in record.inputs
