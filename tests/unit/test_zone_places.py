"""Zones keep their places, and none of them loses a Redis pod that holds data."""

from typing import Any

import pulumi
import pytest

from components.zone_places import OUTPUT
from tests.unit.recorded import Recorded
from tests.unit.recorder import record_stack

THREE = ["zone-a", "zone-b", "zone-c"]


def run(zones: list[str], before: Recorded | None = None, **redis: Any) -> Recorded:
    stacks = {} if before is None else {"us-east": before.outputs}
    overrides = {"high_availability": {"zones": zones}, **({"redis": {"cluster": redis}} if redis else {})}
    return record_stack("us-east", overrides=overrides, stacks=stacks, preview=before is not None)


@pytest.fixture(scope="module")
def three() -> Recorded:
    return run(THREE)


def refusal(zones: list[str], before: Recorded, **redis: Any) -> str:
    with pytest.raises(pulumi.RunError) as caught:
        run(zones, before, **redis)
    return str(caught.value)


def sets(of: Recorded) -> dict[str, int]:
    names = [f"us-east-redis-zone-{letter}" for letter in "abcd"]
    return {one.name[-1]: one.inputs["spec"]["replicas"] for one in of.resources if one.name in names}


def test_a_run_says_what_each_zone_holds(three: Recorded) -> None:
    assert three.outputs[OUTPUT] == [{"name": zone, "redis_pods": 2} for zone in THREE]


def test_a_fourth_zone_that_takes_pods_from_others_is_refused_with_a_number_that_does_not(three: Recorded) -> None:
    said = refusal([*THREE, "zone-d"], three)
    assert "Pulumi.us-east.yaml or Pulumi.yaml: zones keep their places and what they hold\n" in said
    assert "would go from zone-a to other zones" in said
    assert "without a drain: set redis.cluster.nodes to 5 in the same update" in said
    assert min(sets(run([*THREE, "zone-d"], three, nodes=5)).values()) >= 2


@pytest.mark.parametrize("zones", [["zone-b", "zone-a", "zone-c"], ["zone-d", *THREE], ["zone-a", "zone-c", "zone-d"]])
def test_a_place_is_not_given_to_another_zone(zones: list[str], three: Recorded) -> None:
    said = refusal(zones, three)
    assert "this stack was brought up with zone-a, zone-b, zone-c, and a zone's place decides which stores" in said


def test_what_a_drain_has_emptied_may_go_when_a_zone_comes() -> None:
    drained = run(THREE, nodes=5, drain_to=3)
    assert drained.outputs[OUTPUT] == [{"name": zone, "redis_pods": 2} for zone in THREE]
    assert run([*THREE, "zone-d"], drained, nodes=5)


def test_a_stack_of_an_earlier_release_has_said_nothing(three: Recorded) -> None:
    outputs = {name: value for name, value in three.outputs.items() if name != OUTPUT}
    overrides = {"high_availability": {"zones": [*THREE, "zone-d"]}}
    assert record_stack("us-east", overrides=overrides, stacks={"us-east": outputs}, preview=True)
