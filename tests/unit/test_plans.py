"""What a report says of a region's capacity: the same that the pack `capacity` judges."""

import dataclasses
import json

import pytest

from capacity import guide
from policies.checks.model import Resource
from policies.checks.plain import UNKNOWN
from rehearsal import plans
from report.document import Bound
from tests.unit import policy_plan
from tests.unit.test_policy_capacity import MEMORY, changed, home, said


def test_without_a_workload_it_is_what_the_sizes_carry() -> None:
    found = plans.of(policy_plan.region("kubernetes", "us-east"))
    assert found is not None and found.plan is None
    assert [one.component for one in found.carries] == ["memory-service", "qdrant", "postgresql", "redis"]
    service, qdrant, *_ = found.carries
    assert (service.memories.by, service.memories.key) == ("memory-service.latency", "memory.namespaces")
    assert (qdrant.memories.by, qdrant.memories.key) == ("qdrant.memory", "qdrant.resources.requests.memory")
    (guides,) = [one.carries for one in guide.carried() if one.size.startswith("Qdrant: 3 nodes of 8Gi")]
    assert qdrant.memories.amount == pytest.approx(guides, abs=1), "its sizes are the guide's"
    assert found.held == min(one.memories.amount for one in found.carries) / 2
    assert found.users == 10, "two requests a minute each, three times as many at peak"
    assert all(one.outgrown is None for one in found.carries)


def test_a_reference_has_what_the_settings_say_of_the_region() -> None:
    """Twice the namespaces share the memories, and fewer memories that a namespace keeps end them sooner."""

    def service(memory: dict[str, object]) -> Bound:
        found = plans.of(recorded(memory))
        assert found is not None
        return found.carries[0].memories

    one, two = (service({"namespaces": [{"name": str(n)} for n in range(number)]}) for number in (1, 2))
    assert 1 < two.amount / one.amount < 2 and one.by == two.by == "memory-service.latency"
    few = service({"max_memories": 100})
    assert (int(few.amount), few.by, few.key) == (100, "memory-service.max_memories", "memory.max_memories")


def recorded(memory: dict[str, object]) -> tuple[Resource, ...]:
    """The default region, whose record says something else of the service."""
    stack = policy_plan.region("kubernetes", "us-east")
    (record,) = [one for one in stack if "settings.json" in str(one.inputs.get("data"))]
    said = json.loads(record.inputs["data"]["settings.json"])
    text = json.dumps({**said, "memory": {**said["memory"], **memory}})
    other = dataclasses.replace(record, inputs={**record.inputs, "data": {"settings.json": text}})
    return tuple(other if one is record else one for one in stack)


def test_what_follows_from_a_workload_suffices_to_the_end() -> None:
    found = plans.of(home())
    assert found is not None and not found.unknown
    plan = found.plan
    assert plan is not None and plan.end == "2027-12-01"
    assert {need.name.partition(".")[0] for need in plan.needs} == {
        "memory-service", "qdrant", "postgresql", "redis",
    }  # fmt: skip
    assert {need.unit for need in plan.needs} == {"cores", "bytes", "number"}
    assert all(not need.short and need.has >= need.needs * (1 - 1e-9) for need in plan.needs)
    for one in found.carries:
        assert one.memories.amount >= plan.memories and one.requests.amount >= plan.requests, one
        assert one.outgrown is not None and one.outgrown.on > plan.end
        own = [need.until for need in plan.needs if need.name.startswith(f"{one.component}.") and need.until]
        assert one.outgrown.on == min(own)


def test_what_the_pack_finds_short_has_its_last_day() -> None:
    less = changed(MEMORY, "1Gi", "StatefulSet", "-qdrant-statefulset")
    assert "qdrant.memory" in str(said(less))
    found = plans.of(less)
    assert found is not None and found.plan is not None
    (short,) = (need for need in found.plan.needs if need.short)
    assert (short.name, short.unit, short.has) == ("qdrant.memory", "bytes", 2**30)
    assert "2026-12-01" <= short.until <= found.plan.end
    qdrant = found.carries[1]
    assert qdrant.outgrown is not None and (qdrant.outgrown.on, qdrant.outgrown.by) == (short.until, "qdrant.memory")
    assert qdrant.memories.amount < found.plan.memories and qdrant.memories.by == "qdrant.memory"


def test_what_cannot_be_read_is_said() -> None:
    blind = changed(MEMORY, UNKNOWN, "StatefulSet", "-qdrant-statefulset")
    found = plans.of(blind)
    assert found is not None and found.unknown and not found.carries


@pytest.mark.parametrize("resources", [(), (Resource("kubernetes:core/v1:Service", "urn", "a", {}),)])
def test_nothing_to_judge_is_no_plan(resources: tuple[Resource, ...]) -> None:
    assert plans.of(resources) is None
