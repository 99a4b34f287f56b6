"""The examples of docs/policies.md are true: each breaks its policy by one field, and keeps it by the other value."""

import pytest

from policies.rules import Example, Rule
from tests.unit.policy_plan import PACKS, PLATFORMS, REGIONS, Stack, put, region, swapped, token_is, verdicts

EXAMPLES = [
    pytest.param(pack, rule, rule.example, id=f"{pack}-{rule.name}")
    for pack, rules in PACKS.items()
    for rule in rules
    if rule.example is not None
]
WITHOUT = {
    "enough-replicas-together": "takes two fields: no replicas and no autoscaler",
    "same-minimums": "is about the pack's configuration",
    "nothing-missing": "is about what is not there",
    "subnets-in-zones": "takes a zone's subnets: tests/unit/test_policy_zonal.py",
    "links-both-ways": "is about the stack that links two regions: tests/unit/test_policy_zonal.py",
    "certificates": "is about a region with public names: tests/unit/test_policy_security.py",
    "secrets-stay-secret": "would show a secret",
    "any-backups": "is about what is not there",
    "not-judged": "only names",
    "judged-when-known": "only names",
    "exceptions": "is about policies/exceptions.yaml",
}


@pytest.mark.parametrize(("platform", "name"), [(platform, name) for platform in PLATFORMS for name in REGIONS])
def test_the_programs_own_regions_pass(platform: str, name: str) -> None:
    said = [it for it in verdicts(region(platform, name)) if it.level == "mandatory"]
    assert said == []


@pytest.mark.parametrize(("platform", "name"), [(platform, name) for platform in PLATFORMS for name in REGIONS])
def test_advice_is_what_the_region_lacks_and_what_nobody_can_judge(platform: str, name: str) -> None:
    advising = {it.policy for it in verdicts(region(platform, name))}
    assert advising == ({"not-judged"} if platform == "aws" else {"not-judged", "any-backups"})


def broken(stack: Stack, pack: str, rule: Rule, example: Example, value: object) -> list[str]:
    """Names of the resources of the example's kind for which the value breaks the rule."""
    names: list[str] = []
    for resource in stack:
        if token_is(resource.type, example.kind):
            try:
                new = put(resource, example.path, value)
            except (KeyError, IndexError, TypeError, AttributeError):
                continue  # it has no such field
            said = verdicts(swapped(stack, resource, new), [new], packs=[pack])
            names += [resource.name] if any(it.policy == rule.name for it in said) else []
    return names


@pytest.mark.parametrize(("pack", "rule", "example"), EXAMPLES)
def test_an_example_fails_by_one_value_and_passes_by_the_other(pack: str, rule: Rule, example: Example) -> None:
    stack = region("aws", "us-east")
    failing = broken(stack, pack, rule, example, example.fails)
    passing = broken(stack, pack, rule, example, example.passes)
    assert failing, "breaks nothing"
    assert set(failing) - set(passing), f"the value that should pass fails, too: {passing}"


def test_every_policy_has_an_example_or_a_reason_why_not() -> None:
    without = {rule.name for rules in PACKS.values() for rule in rules if rule.example is None}
    assert without == set(WITHOUT)
