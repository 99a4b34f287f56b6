"""The examples of docs/policies/ are true: each breaks its policy by one field, and keeps it by the other value."""

import pytest

from policies import pages
from policies.rules import Example, Rule
from rehearsal import paths
from tests.unit.policy_plan import PACKS, PLATFORMS, REGIONS, Stack, put, region, swapped, token_is, verdicts

EXAMPLES = [
    pytest.param(pack, rule, rule.example, id=f"{pack}-{rule.name}")
    for pack, rules in PACKS.items()
    for rule in rules
    if rule.example is not None
]


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
            said = verdicts(swapped(stack, resource, new), [new], packs=[pack], policies={rule.name})
            names += [resource.name] if any(said) else []
    return names


@pytest.mark.parametrize(("pack", "rule", "example"), EXAMPLES)
def test_an_example_fails_by_one_value_and_passes_by_the_other(pack: str, rule: Rule, example: Example) -> None:
    stack = region("aws", "us-east")
    failing = broken(stack, pack, rule, example, example.fails)
    passing = broken(stack, pack, rule, example, example.passes)
    assert failing, "breaks nothing"
    assert set(failing) - set(passing), f"the value that should pass fails, too: {passing}"


@pytest.mark.parametrize("pack", pages.PACKS, ids=lambda pack: pack.name)
def test_every_policy_has_an_example_or_is_told_in_words_with_the_test_that_shows_it(pack: pages.Pack) -> None:
    for rule in pack.rules:
        assert (rule.example is None) is (rule.case is not None), rule.name
        if rule.case is not None:
            assert rule.name in (paths.CHECKOUT / rule.case.test).read_text(encoding="utf-8"), rule.name
