"""What a report says of a region's capacity: the same that the pack `capacity` judges."""

import pytest

from policies.checks.model import Resource
from policies.checks.plain import UNKNOWN
from rehearsal import plans
from tests.unit import policy_plan
from tests.unit.test_policy_capacity import MEMORY, changed, home, said


def test_without_a_workload_there_is_no_plan() -> None:
    assert plans.of(policy_plan.region("kubernetes", "us-east")) is None


def test_what_follows_from_a_workload_suffices_to_the_end() -> None:
    found = plans.of(home())
    assert found is not None and not found.unknown
    assert found.days > 300
    assert {need.name.partition(".")[0] for need in found.needs} == {
        "memory-service", "qdrant", "postgresql", "redis",
    }  # fmt: skip
    assert {need.unit for need in found.needs} == {"cores", "bytes", "number"}
    assert all(need.day is None and need.has >= need.needs * (1 - 1e-9) for need in found.needs)


def test_what_the_pack_finds_short_has_its_last_day() -> None:
    less = changed(MEMORY, "1Gi", "StatefulSet", "-qdrant-statefulset")
    assert "qdrant.memory" in str(said(less))
    found = plans.of(less)
    assert found is not None
    (short,) = (need for need in found.needs if need.day is not None)
    assert (short.name, short.unit, short.has) == ("qdrant.memory", "bytes", 2**30)
    assert short.day is not None and 0 <= short.day <= found.days


def test_what_cannot_be_read_is_said() -> None:
    blind = changed(MEMORY, UNKNOWN, "StatefulSet", "-qdrant-statefulset")
    found = plans.of(blind)
    assert found is not None and found.unknown and not found.needs


@pytest.mark.parametrize("resources", [(), (Resource("kubernetes:core/v1:Service", "urn", "a", {}),)])
def test_nothing_to_judge_is_no_plan(resources: tuple[Resource, ...]) -> None:
    assert plans.of(resources) is None
