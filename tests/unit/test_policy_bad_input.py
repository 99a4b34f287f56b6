"""Every pack over its protocol, with what no program should hold: nothing raises, and nothing passes in silence."""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from pulumi.runtime.proto import analyzer_pb2 as proto

from policies import capacity, data_safety, high_availability, security
from rehearsal import packs_wire
from rehearsal.engine.model import UNKNOWN, PlannedResource
from tests.unit.policy_plan import planned
from tests.unit.policy_served import served
from tests.unit.test_policy_serving import Said
from tests.unit.test_policy_serving import said as told

PACKS = {pack.NAME: pack for pack in (high_availability, data_safety, security, capacity)}


@cache
def region() -> tuple[PlannedResource, ...]:
    return tuple(planned("aws")["us-east"])


def said(pack: str, resources: list[PlannedResource]) -> Said:
    return told(served(PACKS[pack]), packs_wire.messages(resources))


def refused(found: Said) -> set[str]:
    return {policy for policy, _, level, _ in found if level == proto.MANDATORY}


def filled(value: Any, leaf: Any) -> Any:
    """With something else in the place of each value."""
    if isinstance(value, dict):
        return {key: filled(inner, leaf) for key, inner in value.items()}
    return [filled(inner, leaf) for inner in value] if isinstance(value, list) else leaf


EVERYWHERE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "unknown values everywhere": lambda inputs: filled(inputs, UNKNOWN),
    "nulls everywhere": lambda inputs: filled(inputs, None),
    "nulls in place of all objects": lambda inputs: dict.fromkeys(inputs),
    "no fields at all": lambda _: {},
    "lists in place of all objects": lambda inputs: {key: [None, UNKNOWN, []] for key in inputs},
}


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("what", EVERYWHERE)
def test_a_region_of_which_nothing_can_be_read_is_refused(pack: str, what: str) -> None:
    broken = [dataclasses.replace(it, inputs=EVERYWHERE[what](it.inputs)) for it in region()]
    assert refused(said(pack, broken))


@pytest.mark.parametrize("pack", PACKS)
def test_a_stack_without_a_resource_that_matches_is_refused(pack: str) -> None:
    others = [PlannedResource("random:index/randomId:RandomId", "id", "urn:pulumi:dev::other::id", None, {})]
    for resources in ([], others):
        assert refused(said(pack, resources))


@pytest.mark.parametrize("pack", PACKS)
def test_two_thousand_resources_of_other_programs_change_nothing(pack: str) -> None:
    types = ("docker:index/container:Container", "random:index/randomId:RandomId", "gcp:storage/bucket:Bucket")
    shapes: tuple[dict[str, Any], ...] = ({}, {"spec": None}, {"spec": UNKNOWN}, {"spec": {"a": [None]}})
    others = [
        PlannedResource(
            types[n % 3], f"other-{n}", f"urn:pulumi:us-east::other::{types[n % 3]}::{n}", None, shapes[n % 4]
        )
        for n in range(2000)
    ]
    assert said(pack, [*region(), *others]) == said(pack, list(region()))


@pytest.mark.parametrize("pack", PACKS)
def test_a_helm_release_of_another_program_is_said_to_be_opaque(pack: str) -> None:
    release = PlannedResource(
        "kubernetes:helm.sh/v3:Release", "theirs", "urn:pulumi:us-east::other::release", None,
        {"name": "theirs", "chart": "theirs", "version": "1.0.0", "values": UNKNOWN},
    )  # fmt: skip
    found = said(pack, [*region(), release])
    assert pack == "capacity" or any("theirs" in message for _, _, _, message in found)
