"""Whatever stands anywhere: the packs high-availability and capacity never raise, and pass nothing over in silence."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.checks import read, sizes, tokens
from policies.checks.model import Resource
from policies.checks.plain import UNKNOWN, Unreadable
from policies.rules import StackRule
from rehearsal import plain
from tests.unit import test_policy_capacity as capacity
from tests.unit.policy_plan import PACKS, Stack, put, region, swapped, verdicts
from tests.unit.policy_region import Region
from tests.unit.test_policy_unreadable import NAMES, WORD, one_of_each, paths

Said = list[tuple[str, str, str]]
"""Policy, URN and message of each mandatory violation."""

VALUES = st.recursive(
    st.sampled_from([None, UNKNOWN, True, 0, 1, 3, -1, 1.5, 10**12, "", "3", "50%", WORD, "Always", "zone-a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "spec", "cpu", "matchLabels", "values", "key", "app.kubernetes.io/name"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)
FEW = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def available() -> Stack:
    """Whatever the pack high-availability judges: a small region, and one of each kind of a network and its nodes."""
    aws = [it for it in one_of_each(region("aws", "us-east")) if it.type.startswith("aws:")]
    ways = [it for it in region("kubernetes", "us-east") if it.type in (tokens.SERVICE, tokens.VIRTUAL_SERVER)]
    return (*plain.resources(Region().planned()), *aws, *ways)


@cache
def sized() -> Stack:
    """What the pack capacity reads of a region with a workload."""
    return tuple(it for it in capacity.home() if it.type in sizes.READ or it.name.endswith("-record-settings"))


def of_availability(stack: Stack) -> Said:
    found = verdicts(stack, packs=("high-availability",))
    return [(it.policy, it.urn, it.message) for it in found if it.level == "mandatory"]


def of_capacity(stack: Stack) -> Said:
    return [(policy, it.urn, it.message) for policy, found in capacity.said(stack).items() for it in found]


ASKED: dict[str, tuple[Callable[[Stack], Said], Callable[[], Stack]]] = {
    "high-availability": (of_availability, available),
    "capacity": (of_capacity, sized),
}


def _broken(stack: Stack, draw: Callable[..., Any]) -> tuple[Stack, list[str]]:
    """Up to three places of a stack with anything in them; and which these are."""
    places: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        resource = stack[draw(st.integers(0, len(stack) - 1))]
        every = ["metadata", "spec", *paths(resource.inputs)]
        path = every[draw(st.integers(0, len(every) - 1))]
        try:
            new = put(resource, path, draw(VALUES))
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # another change took the place away
        stack = swapped(stack, resource, new)
        places.append(path)
    return stack, places


@pytest.mark.parametrize("pack", ASKED)
def test_nothing_raises_and_no_message_repeats_a_value(pack: str) -> None:
    ask, stack = ASKED[pack]

    @FEW
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        broken, places = _broken(stack(), data.draw)
        for _, _, message in ask(broken):
            assert WORD not in message or any(NAMES.search(place) for place in places), (places, message)

    holds()


def judged(pack: str) -> Iterator[Resource]:
    """One of each kind whose `spec` the pack looks at."""
    kinds = sizes.READ if pack == "capacity" else (*read.TOKENS, tokens.SERVICE, tokens.VIRTUAL_SERVER)
    for resource in one_of_each(ASKED[pack][1]()):
        if resource.type in kinds and "spec" in resource.inputs:
            yield resource


MISSING: dict[str, Any] = {
    "no spec": lambda inputs: {key: value for key, value in inputs.items() if key != "spec"},
    "a null for spec": lambda inputs: {**inputs, "spec": None},
    "an empty spec": lambda inputs: {**inputs, "spec": {}},
    "an unknown spec": lambda inputs: {**inputs, "spec": UNKNOWN},
    "a list for spec": lambda inputs: {**inputs, "spec": [None]},
    "nothing": lambda _: {},
    "unknown values everywhere": lambda inputs: {**inputs, "spec": unknown(inputs["spec"])},
    "nulls everywhere": lambda inputs: {**inputs, "spec": unknown(inputs["spec"], None)},
}


def unknown(value: Any, leaf: Any = UNKNOWN) -> Any:
    """With an unknown (or something else) in the place of each value."""
    if isinstance(value, dict):
        return {key: unknown(inner, leaf) for key, inner in value.items()}
    return [unknown(inner, leaf) for inner in value] if isinstance(value, list) else leaf


@pytest.mark.parametrize("pack", ASKED)
@pytest.mark.parametrize("missing", MISSING)
def test_no_resource_that_cannot_be_read_passes_in_silence(pack: str, missing: str) -> None:
    ask, stack = ASKED[pack]
    before = set(ask(stack()))
    kinds = list(judged(pack))
    assert len(kinds) >= 4
    for resource in kinds:
        new = dataclasses.replace(resource, inputs=MISSING[missing](resource.inputs))
        assert set(ask(swapped(stack(), resource, new))) - before, (resource.name, missing)


@pytest.mark.parametrize("pack", ASKED)
def test_two_thousand_resources_of_other_programs_change_nothing(pack: str) -> None:
    ask, stack = ASKED[pack]
    types = (
        "docker:index:Container",
        "kubernetes:core/v1:Secret",
        "random:index/randomId:RandomId",
        "aws:sqs/queue:Queue",
    )
    others = tuple(
        Resource(types[number % 4], f"urn:pulumi:us-east::other::{number}", f"other-{number}", shape)
        for number, shape in zip(range(2000), [None, {}, {"spec": None}, {"spec": UNKNOWN}] * 500, strict=True)
    )
    assert set(ask((*stack(), *others))) == set(ask(stack()))


@pytest.mark.parametrize(
    "inputs", [None, {}, {"chart": None}, {"chart": UNKNOWN}, {"chart": "nginx", "values": UNKNOWN}]
)
def test_a_helm_release_of_another_program_is_said_to_be_opaque(inputs: Any) -> None:
    release = Resource(tokens.RELEASE, "urn:pulumi:us-east::other::release", "release", inputs)
    more = set(of_availability((*available(), release))) - set(of_availability(available()))
    assert {(policy, urn) for policy, urn, _ in more} == {("readable", release.urn), ("nothing-missing", release.urn)}
    assert of_capacity((*sized(), release)) == of_capacity(sized()), "its pods are none of the components'"


def test_rules_over_what_was_read_never_raise_that_it_cannot_be_read() -> None:
    """The whole stack would be refused for one resource, and what is wrong with the others hidden."""
    stack = read.stack(Resource(it.type, it.urn, it.name, unknown(it.inputs)) for it in available())
    for rule in PACKS["high-availability"]:
        if isinstance(rule, StackRule):
            try:
                list(rule.check(stack, capacity.Minimums()))
            except Unreadable as problem:  # pragma: no cover (what a failure looks like)
                pytest.fail(f"{rule.name}: {problem}")
