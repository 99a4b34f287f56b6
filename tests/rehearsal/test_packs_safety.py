"""The packs data-safety and security asked over their real protocol: what plain functions find, the engine is told."""

import dataclasses
from collections.abc import Iterator

import pytest

from policies.rules import Example, Rule
from rehearsal import packs, paths, plain
from rehearsal.engine.model import UNKNOWN, PlannedResource
from tests.unit.policy_plan import PACKS, PLATFORMS, REGIONS, planned, put, token_is, verdicts

SAFETY = ("data-safety", "security")
PROJECT = "somafractalmemory"
FIRST = {"data-safety": "protected", "security": "unprivileged-pods"}
"""The rule of each pack that keeps the inputs for the others."""


@pytest.fixture(scope="module", params=SAFETY)
def pack(request: pytest.FixtureRequest) -> Iterator[packs.Pack]:
    with packs.Pack(paths.CHECKOUT / "policies" / request.param, PROJECT, "us-east") as running:
        yield running


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", REGIONS)
def test_the_pack_says_what_its_functions_find(pack: packs.Pack, platform: str, name: str) -> None:
    report = pack.ask(planned(platform)[name], name)
    found = {
        (it.policy, it.level, it.message)
        for it in verdicts(plain.resources(planned(platform)[name]), packs=(pack.name,))
    }
    assert {(it.policy, it.level, it.message) for it in report.violations} == found
    assert report.mandatory == ()
    assert [policy.name for policy in report.policies] == [rule.name for rule in PACKS[pack.name]]


def test_every_example_that_fails_is_refused_over_the_protocol(pack: packs.Pack) -> None:
    tried = [(rule, rule.example) for rule in PACKS[pack.name] if rule.example is not None]
    assert [rule.name for rule, example in tried if not _refused(pack, rule, example)] == []


def _refused(pack: packs.Pack, rule: Rule, example: Example) -> bool:
    resources = planned("aws")["us-east"]
    asked = {"all": "disabled", FIRST[pack.name]: "mandatory", rule.name: "mandatory"}
    for resource in resources:
        if not token_is(resource.type, example.kind):
            continue
        try:
            worse = _put(resource, example)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue
        region = [worse if other is resource else other for other in resources]
        if rule.name in pack.ask(region, "us-east", asked).failed:
            return True
    return False


def _put(resource: PlannedResource, example: Example) -> PlannedResource:
    """The same change as in the plain form."""
    (original,) = plain.resources([resource])
    new = put(original, example.path, example.fails)
    return dataclasses.replace(resource, inputs=new.inputs, outputs={}, protect=new.protect)


def test_an_answer_is_the_same_where_outputs_are_empty(pack: packs.Pack) -> None:
    """In a first preview a cluster's objects have no outputs at all: the inputs count."""
    empty = [dataclasses.replace(it, outputs={"later": UNKNOWN}) for it in planned("aws")["us-east"]]
    assert pack.ask(empty, "us-east").mandatory == ()
