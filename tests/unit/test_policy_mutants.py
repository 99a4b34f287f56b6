"""Whatever weakens a region is noticed by a policy that is named, or is on the list with the reason why it does not."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

import pytest

from policies.checks.model import Limits
from tests.unit.policy_availability import outages
from tests.unit.policy_changes import Before
from tests.unit.policy_harmless import HARMLESS, NEEDED, UNGUARDED
from tests.unit.policy_mutants import DATA, SECURITY, Mutant, added, dropped, misled, unprotected, weakened
from tests.unit.policy_plan import Stack, Verdict, minimums, region, verdicts

LEAST = 200
"""Mutants of a region, at least, of each family."""
SAMPLE, SEED = 60, 20261130
STACKS = (("aws", "us-east"), ("aws", "us-west"), ("kubernetes", "us-east"), ("kubernetes", "us-west"))


def endangered(stack: Stack) -> Iterator[Mutant]:
    """Of data safety and security, and whatever is gone."""
    yield from dropped(stack)
    yield from unprotected(stack)
    yield from added(stack)
    yield from misled(stack)
    yield from weakened(stack, {**DATA, **SECURITY})


FAMILIES: dict[str, tuple[Callable[[Stack], Iterator[Mutant]], tuple[str, ...]]] = {
    "data and security": (endangered, ("data-safety", "security", "high-availability")),
    "availability": (outages, ("high-availability", "data-safety", "security")),
}
"""Each with the packs in the order in which they are asked: the first that says something is enough."""


def needed(mutant: Mutant) -> bool:
    """Whether a resource that was dropped is one that others are made of."""
    gone = mutant.old.urn
    return any(gone in urns for resource in mutant.stack for urns in resource.sources.values())


def reason(mutant: Mutant) -> str | None:
    """Why nobody says anything, as the lists have it."""
    if mutant.new is None and needed(mutant):
        return NEEDED
    done = f"{mutant.kind} {mutant.title}" if mutant.new is None else mutant.kind
    return next((pattern for pattern, _ in (*HARMLESS, *UNGUARDED) if re.search(pattern, done)), None)


@dataclass
class Outcome:
    """What became of the mutants of a family in a region."""

    by_policy: Counter[str] = field(default_factory=Counter[str])
    by_reason: Counter[str] = field(default_factory=Counter[str])
    """Pattern of the lists, or NEEDED."""
    unnoticed: list[Mutant] = field(default_factory=list[Mutant])
    """Those with a reason."""
    survivors: list[str] = field(default_factory=list[str])


@cache
def before(platform: str, name: str) -> Before:
    return Before(region(platform, name))


@cache
def outcome(platform: str, name: str, family: str) -> Outcome:
    found, (mutants, packs) = Outcome(), FAMILIES[family]
    for mutant in mutants(region(platform, name)):
        verdict = next(before(platform, name).more(mutant, packs), None)
        why = None if verdict else reason(mutant)
        if verdict is not None:
            found.by_policy[verdict.policy] += 1
        elif why is not None:
            found.by_reason[why] += 1
            found.unnoticed.append(mutant)
        else:
            found.survivors.append(f"{mutant.kind}: {mutant.title}")
    return found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("platform", "name"), STACKS)
def test_every_mutant_is_caught_or_has_a_reason_why_not(
    platform: str, name: str, family: str, figure: Callable[[str], None]
) -> None:
    found = outcome(platform, name, family)
    assert found.survivors == []
    caught, open_ = found.by_policy.total(), {pattern for pattern, _ in UNGUARDED}
    assert caught >= LEAST
    unguarded = sum(number for pattern, number in found.by_reason.items() if pattern in open_)
    harmless = found.by_reason.total() - unguarded
    figure(
        f"mutants of {name} on {platform}, {family}: {caught} caught by {len(found.by_policy)} policies, "
        f"{harmless} harmless, {unguarded} that nothing guards"
    )


def test_nothing_is_on_the_lists_without_need() -> None:
    needed_for = {why for stack in STACKS for family in FAMILIES for why in outcome(*stack, family).by_reason}
    assert [pattern for pattern, _ in (*HARMLESS, *UNGUARDED) if pattern not in needed_for] == []


def test_whoever_is_not_asked_would_say_nothing() -> None:
    """Rules that never looked at what is changed are left out: asked all the same, they say what they said before."""
    stack = STACKS[0]
    said = {(it.policy, it.urn) for it in verdicts(region(*stack))}
    unnoticed = [mutant for family in FAMILIES for mutant in outcome(*stack, family).unnoticed]
    least = minimums(region(*stack))
    for mutant in random.Random(SEED).sample(unnoticed, SAMPLE):
        more = [it for it in verdicts(mutant.stack, mutant.changed, Limits(), least=least) if key(it) not in said]
        assert more == [], mutant.title


def key(verdict: Verdict) -> tuple[str, str]:
    return verdict.policy, verdict.urn
