"""What a review proposes: one step that settings take, a part at a time, and never what takes data away."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from capacity import facts, observed, review, rounding, steps
from capacity.plan import plan
from capacity.stack import flattened, values
from settings import Quantity, Settings, load
from tests.unit.reviewed import BUCKET, WORKLOAD, proposed, stack, used
from tests.unit.test_settings import IMAGE, region

SMALL = {
    "requests": {"cpu": "500m", "memory": "1Gi"},
    "limits": {"cpu": "2", "memory": "2Gi"},
}


def test_few_pods_of_many_that_are_half_busy_are_no_reason_to_shrink_any() -> None:
    """Three run, of eight that may, at 60 % of the autoscaler's target."""
    settings = stack(
        memory={
            "image": IMAGE,
            "resources": SMALL,
            "autoscaling": {"max_replicas": 8, "target_cpu": "290m"},
        }
    )
    has = observed.given(settings, None)
    busy = {"memory-service.cpu": (0.6 * 0.29 + 0.01) / has["memory-service.cpu"], "memory-service.pods": 3 / 8}
    assert busy["memory-service.cpu"] < steps.LOW
    assert proposed(settings, busy) == {}


def test_an_autoscaler_at_its_most_is_given_more_before_its_pods_are_changed() -> None:
    late = {"memory-service.pods": 1, "memory-service.cpu": 2, "memory-service.latency": 5}
    assert proposed(stack(), late) == {"memory.autoscaling.max_replicas": "18"}
    assert [use.name for use in steps.high(used(stack(), late), stack())] == ["memory-service.pods"]


def test_the_fewest_pods_say_nothing_of_the_load() -> None:
    settings = stack(memory={"image": IMAGE, "autoscaling": {"max_replicas": 4}, "replicas": 4})
    assert "memory-service.pods" not in observed.given(settings, None)
    narrow = stack(memory={"image": IMAGE, "autoscaling": {"max_replicas": 4}, "replicas": 3})
    assert proposed(narrow, {"memory-service.pods": 3 / 4}) == {}
    floor = stack(memory={"image": IMAGE, "autoscaling": {"max_replicas": 6}, "replicas": 5})
    assert proposed(floor, {"memory-service.pods": 5 / 6}) == {}
    assert proposed(settings, {"memory-service.cpu": 0.9}) == {"memory.autoscaling.max_replicas": "6"}


NAMES = tuple(observed.given(stack(backups={"s3": BUCKET}), None))
WITH_KEYS = tuple(name for name in NAMES if name != "postgresql.connections")


APPLIED = values(plan(WORKLOAD))
"""What `apply` writes: every request and every limit."""
STATED: dict[str, dict[str, Any]] = {
    "defaults": {},
    "applied": {**APPLIED, "memory": {"image": IMAGE, **APPLIED["memory"]}},
}


def changed(settings: Settings, changes: Mapping[str, str], **blocks: Any) -> Settings:
    """The settings after a step."""
    raw = region(**copy.deepcopy(blocks))
    for key, value in changes.items():
        at = raw
        *parents, last = key.split(".")
        for part in parents:
            at = at.setdefault(part, {})
        at[last] = int(value) if value.isdigit() and last not in ("cpu", "target_cpu") else value
    return load(raw, settings.stack)


@pytest.mark.parametrize("name", WITH_KEYS)
@pytest.mark.parametrize("share", [0.81, 1.2, 30.0])
@pytest.mark.parametrize("stated", STATED)
def test_a_step_is_taken_by_settings_gives_more_and_not_much_more(stated: str, name: str, share: float) -> None:
    blocks = copy.deepcopy({"backups": {"s3": BUCKET}, **STATED[stated]})
    if "memory" in blocks:
        blocks["memory"]["autoscaling"]["target_cpu"] = "100m"
    settings = stack(**blocks)
    if name == "memory-service.latency":
        share += 1
    changes = proposed(settings, {name: share})
    assert changes, name
    after = changed(settings, changes, **blocks)
    before, then = (flattened(one.model_dump(by_alias=True)) for one in (settings, after))
    for key in changes:
        old, new = (float(Quantity(str(one[key])).value) for one in (before, then))
        assert old / 1.6 <= new < old if key.endswith("target_cpu") else old < new <= _bought(key, old), key
    if name != "memory-service.latency":
        assert observed.given(after, None)[name] > observed.given(settings, None)[name]


def _bought(key: str, old: float) -> float:
    """Half as much again, rounded up to what one buys."""
    for ends, rounded in ((".cpu", rounding.cores), (".memory", rounding.memory), ("storage", rounding.volume)):
        if key.endswith(ends):
            return rounded(old * 1.5)
    return rounding.whole(old * 1.5)


@pytest.mark.parametrize(
    "name", [f"{one}.{what}" for one in ("memory-service", "qdrant") for what in ("cpu", "memory")]
)
def test_little_use_takes_a_part_away_and_settings_take_it(name: str) -> None:
    settings = stack()
    changes = proposed(settings, {name: 0.1})
    (key,) = changes
    assert key.endswith(f".requests.{name.partition('.')[2]}")
    after = changed(settings, changes)
    ratio = observed.given(after, None)[name] / observed.given(settings, None)[name]
    assert 1 / 1.5 <= ratio < 1


def test_never_less_than_planned_nor_than_the_autoscaler_asks_of_a_pod() -> None:
    settings = stack()
    (use,) = [one for one in used(settings, {"qdrant.memory": 0.1}) if one.name == "qdrant.memory"]
    assert steps.step([use._replace(planned=7 * facts.GIB)], settings) == steps.step(
        [use._replace(planned=7 * facts.GIB - 1)], settings
    )
    step = steps.step([use._replace(planned=7 * facts.GIB)], settings)
    assert step is not None and step.changes == {"qdrant.resources.requests.memory": "7Gi"}
    assert steps.step([use._replace(planned=8 * facts.GIB)], settings) is None
    memory = {"image": IMAGE, "resources": {"requests": {"cpu": "1"}}}
    for target, changes in (("500m", {"memory.resources.requests.cpu": "750m"}), ("900m", {})):
        busy = stack(memory={**memory, "autoscaling": {"target_cpu": target}})
        assert proposed(busy, {"memory-service.cpu": 0.1}) == changes


def test_volumes_connections_and_the_memory_of_redis_never_become_less() -> None:
    lowest = ("storage", "connections", "maxmemory", "latency", "pods")
    little = {name: 0.01 for name in NAMES if name.endswith(lowest) or name == "redis.memory"}
    assert proposed(stack(), little) == {}


def test_nothing_becomes_less_while_something_has_to_be_more() -> None:
    assert list(proposed(stack(), {"qdrant.memory": 0.01, "redis.storage": 0.9})) == ["redis.storage"]


def test_the_largest_need_is_first_and_what_is_late_is_last() -> None:
    shares = {"redis.cpu": 0.85, "qdrant.storage": 0.95, "postgresql.memory": 0.9, "memory-service.latency": 4}
    assert [use.name for use in steps.high(used(stack(), shares), stack())] == [
        "qdrant.storage",
        "postgresql.memory",
        "redis.cpu",
        "memory-service.latency",
    ]


def test_a_service_that_is_late_though_its_pods_hardly_work_is_split() -> None:
    settings = stack(memory={"image": IMAGE, "autoscaling": {"target_cpu": "50m"}})
    assert proposed(settings, {"memory-service.latency": 2}) == {"memory.namespaces": "one more"}


def test_a_limit_follows_where_it_equals_the_request_or_would_be_less() -> None:
    for limit, share, changes in (("8Gi", 0.1, "6Gi"), ("8Gi", 0.9, "12Gi"), ("9Gi", 0.9, "12Gi")):
        settings = stack(qdrant={"resources": {"requests": {"memory": "8Gi"}, "limits": {"memory": limit}}})
        both = {f"qdrant.resources.{side}.memory": changes for side in ("requests", "limits")}
        assert proposed(settings, {"qdrant.memory": share}) == both
    assert proposed(stack(), {"qdrant.memory": 0.9}) == {"qdrant.resources.requests.memory": "12Gi"}


def test_what_is_answered_in_time_is_not_late() -> None:
    assert proposed(stack(), {"memory-service.latency": 0.99}) == {}


def test_requests_are_named_where_the_share_is_of_requests() -> None:
    assert proposed(stack(), {"redis.cpu": 0.9}) == {"redis.resources.requests.cpu": "1500m"}


def test_redis_is_full_when_its_maxmemory_is() -> None:
    both = {"redis.resources.requests.memory": "6Gi", "redis.resources.limits.memory": "6Gi"}
    assert proposed(stack(), {"redis.maxmemory": 0.85}) == both
    wider = stack(redis={"resources": {"requests": {"memory": "2Gi"}}})
    assert proposed(wider, {"redis.maxmemory": 0.85}) == {"redis.resources.limits.memory": "6Gi"}


@pytest.mark.parametrize(
    ("blocks", "name", "key", "value"),
    [
        ({"qdrant": {"resources": {"requests": {"memory": "96Gi"}}}}, "qdrant.memory", "qdrant.replicas", "6"),
        ({"redis": {"resources": {"requests": {"memory": "32Gi"}}}}, "redis.memory", "redis.cluster.nodes", "5"),
    ],
)
def test_where_a_node_may_not_be_larger_there_are_more(blocks: dict[str, Any], name: str, key: str, value: str) -> None:
    assert proposed(stack(**blocks), {name: 0.9}) == {key: value}


def test_few_connections_follow_the_memory_and_of_many_is_said_that_no_key_gives_more() -> None:
    small = stack(postgresql={"primary": {"resources": {"requests": {"memory": "2Gi"}}}})
    assert proposed(small, {"postgresql.connections": 0.9})["postgresql.primary.resources.requests.memory"] == "3Gi"
    found = used(stack(), {"postgresql.connections": 0.9, "postgresql.memory": 0.1})
    assert steps.step(found, stack()) is None
    assert "postgresql.connections (90%): no key gives more" in review.text(found, None, stack(), "")


def test_a_region_with_resources_of_its_own_is_told_where_they_stand() -> None:
    regions = [{"name": "us-west"}, {"name": "us-east", "primary": True, "resources": SMALL}]
    settings = stack(multiregion={"regions": regions})
    assert proposed(settings, {"memory-service.memory": 0.9}) == {
        "multiregion.regions[1].resources.requests.memory": "1536Mi"
    }


def test_a_service_without_autoscaler_has_more_pods_when_they_are_busy_or_late() -> None:
    memory = {"image": IMAGE, "autoscaling": {"enabled": False}, "replicas": 4}
    settings = stack(memory=memory)
    for shares in ({"memory-service.cpu": 0.95}, {"memory-service.latency": 3}):
        assert proposed(settings, shares) == {"memory.replicas": "6"}
