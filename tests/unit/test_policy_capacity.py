"""The pack `capacity`: what follows from a workload passes, and whatever is under the plan is said with a date."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import pytest

from policies import capacity, edge
from policies.checks.model import Limits, Minimums, Resource, Violation
from policies.checks.plain import UNKNOWN, Unreadable
from policies.checks.whole import Whole, one
from policies.rules import GONE, Example, PlainRule, Rule, WholeRule
from rehearsal import plain
from rehearsal.engine.model import UNKNOWN as UNKNOWN_YET
from rehearsal.engine.model import PlannedResource
from tests.unit.aws_region import Regions
from tests.unit.policy_plan import KubernetesRegions, Stack, find, put, swapped, token_is, verdicts
from tests.unit.policy_region import verdict

LOAD: dict[str, Any] = {
    "memories_per_day": 20,
    "memories": 1_000_000,
    "concurrent_users": 300,
    "write_read_ratio": 0.001,
    "peak_factor": 3,
    "round_trip_ms": 0.001,
    "start": "2026-12-01",
    "objectives": {"latency_ms": 600_000},
}
CPU = "spec.template.spec.containers.0.resources.requests.cpu"
MEMORY = "spec.template.spec.containers.0.resources.requests.memory"


def _up(kind: type[Regions], regions: int, **blocks: Any) -> Regions:
    memory = {"image": "ghcr.io/somatechlat/somafractalmemory:9d8f7f1", "max_memories": 10_000_000}
    made = kind(more={"workload": LOAD, "memory": memory, **blocks})
    for region in made.names[:regions]:
        made.up(region)
    return made


def planned(**blocks: Any) -> Stack:
    """A home region."""
    return plain.resources(_up(KubernetesRegions, 1, **blocks).plans["us-east"].resources)


@cache
def sized(platform: str = "kubernetes") -> dict[str, Stack]:
    """Both regions."""
    plans = _up(Regions if platform == "aws" else KubernetesRegions, 2).plans
    return {region: plain.resources(plan.resources) for region, plan in plans.items()}


def home() -> Stack:
    return sized()["us-east"]


def said(stack: Stack, limits: Limits | None = None) -> dict[str, list[Violation]]:
    """By policy. What cannot be read is a violation, as at the edge."""
    found: dict[str, list[Violation]] = {}
    for rule in capacity.RULES:
        if isinstance(rule, WholeRule):
            found[rule.name] = list(_asked(rule, stack, limits or Limits()))
        elif isinstance(rule, PlainRule):
            found[rule.name] = [it for resource in stack for it in _read(rule, resource)]
    return {name: violations for name, violations in found.items() if violations}


def _read(rule: PlainRule, resource: Resource) -> Iterator[Violation]:
    if resource.type in rule.types:
        yield from one(resource, lambda it: rule.check(it, Limits()))


def _asked(rule: WholeRule, stack: Stack, limits: Limits) -> Iterator[Violation]:
    try:
        yield from rule.check(Whole(stack), limits)
    except Unreadable as problem:
        yield Violation("", f"cannot be judged as long as {problem}")


def changed(path: str, value: Any, kind: str, name: str = "", stack: Stack | None = None) -> Stack:
    before = home() if stack is None else stack
    old = find(before, kind, name)
    return swapped(before, old, put(old, path, value))


@pytest.mark.parametrize("platform", ["kubernetes", "aws"])
@pytest.mark.parametrize("region", ["us-east", "us-west"])
def test_what_follows_from_a_workload_passes_every_pack(platform: str, region: str) -> None:
    stack = sized(platform)[region]
    assert said(stack) == {}
    assert [it for it in verdicts(stack) if it.level == "mandatory"] == []


FIVE = [f"zone-{letter}" for letter in "abcde"]


@pytest.mark.parametrize(
    ("load", "blocks"),
    [
        ({"memories": 0, "concurrent_users": 1, "growth_per_month": 0.0}, {}),
        ({"memories": 30_000_000, "concurrent_users": 1}, {}),
        ({"concurrent_users": 3_000, "write_read_ratio": 0.0, "peak_factor": 10.0}, {}),
        ({"vector_dimensions": 4096, "payload_bytes": 8192, "retention_days": 30.0}, {}),
        ({"objectives": {"latency_ms": 600_000, "zones_lost": 2}}, {"high_availability": {"zones": FIVE}}),
        (
            {},
            {
                "high_availability": {"min_replicas": 5},
                "postgresql": {"pooler": {"instances": 5}},
                "edge": {"replicas": 5},
            },
        ),
    ],
)
def test_whatever_the_workload_what_follows_passes_every_pack(load: dict[str, Any], blocks: dict[str, Any]) -> None:
    ha = blocks.get("high_availability", {})
    least = Minimums(ha.get("min_replicas", 3), tuple(ha.get("zones", FIVE[:3])))
    stack = planned(workload=LOAD | load, **blocks)
    assert [one for one in verdicts(stack, least=least) if one.level == "mandatory"] == []
    assert set(said(stack)) <= {"not-far-over", "service-limits"}, said(stack)


def test_without_a_workload_nothing_is_judged() -> None:
    record = find(home(), "ConfigMap", "-record-settings")
    settings = json.loads(record.inputs["data"]["settings.json"])
    del settings["workload"]
    bare = swapped(home(), record, _with_settings(record, settings))
    assert said(changed(CPU, "1m", "StatefulSet", stack=bare)) == {}


def _with_settings(record: Resource, settings: dict[str, Any]) -> Resource:
    return put(record, "data", {**record.inputs["data"], "settings.json": json.dumps(settings)})


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "policy", "words"),
    [
        ("StatefulSet", "-qdrant-statefulset", MEMORY, "1Gi", "enough-memory", "qdrant.memory: 1Gi of each pod, and "),
        ("StatefulSet", "-qdrant-statefulset", "spec.replicas", 2, "enough-pods", "qdrant.pods: 2, and 3 are needed"),
        ("StatefulSet", "-redis-zone-a", "spec.replicas", 0, "enough-pods", "redis.masters: 2, and 3 are needed"),
        ("Cluster", "", "spec.instances", 1, "enough-pods", "postgresql.pods: 1, and 3 are needed"),
        ("Cluster", "", "spec.storage.size", "1Gi", "enough-storage", "postgresql.storage: 1Gi of each pod"),
        ("Cluster", "", "spec.walStorage", GONE, "nothing-missing", "the wal_storage of postgresql is not stated"),
        ("Cluster", "", "spec.resources.requests.cpu", "1m", "enough-cpu", "postgresql.cpu: 1m cores of each pod"),
        ("Deployment", "-memory-service-deployment", MEMORY, "1Gi", "enough-memory", "memory-service.memory: 1Gi"),
        ("HorizontalPodAutoscaler", "", "spec.maxReplicas", 2, "enough-pods", "memory-service.pods: 2, and "),
    ],
)
def test_less_than_the_plan_is_refused_with_what_is_short_and_by_when(
    kind: str, name: str, path: str, value: Any, policy: str, words: str
) -> None:
    found = said(changed(path, value, kind, name))
    (violation,) = found[policy]
    assert violation.message.startswith(words), violation.message
    if policy != "nothing-missing":
        assert "when the plan ends: " in violation.message and " short, and too little from 202" in violation.message
        assert "; raise " in violation.message
        assert violation.urn in {resource.urn for resource in home() if token_is(resource.type, kind)}


def test_an_edge_under_the_plan_is_refused() -> None:
    west = sized()["us-west"]
    edges = find(west, "Deployment", "-edge-deployment")
    found = said(changed("spec.replicas", 1, "Deployment", "-edge-deployment", west))
    (violation,) = found["enough-pods"]
    words = "edge.us-west.pods: 1, and 3 are needed on 2027-12-01, when the plan ends: 2 short"
    assert violation.message.startswith(words) and violation.message.endswith("; raise edge.replicas")
    assert violation.urn == edges.urn and set(found) == {"enough-pods"}
    record = find(west, "ConfigMap", "-record-settings")
    settings = json.loads(record.inputs["data"]["settings.json"])
    shares = [{"name": "us-east", "share": 0.1}, {"name": "us-west", "share": 0.9}]
    settings["workload"] |= {"concurrent_users": 1_000_000, "regions": shares, "objectives": {"latency_ms": 1000}}
    found = said(swapped(west, record, _with_settings(record, settings)))
    (violation,) = (one for one in found["enough-cpu"] if one.urn == edges.urn)
    assert violation.message.startswith("edge.us-west.cpu: 100m cores of each pod, and ")
    assert violation.message.endswith("; raise edge.resources.requests.cpu")


def test_the_day_on_which_a_size_is_outgrown_lies_within_the_plan() -> None:
    """A little under what is needed on the last day is enough for most of the plan."""
    (violation,) = said(changed(MEMORY, "1Gi", "StatefulSet", "-qdrant-statefulset"))["enough-memory"]
    assert "are needed on 2027-12-01" in violation.message and "too little from 2026-12-01 on" in violation.message
    growing = json.dumps({**LOAD, "memories": 0, "memories_per_day": 20_000})
    record = find(home(), "ConfigMap", "-record-settings")
    settings = json.loads(record.inputs["data"]["settings.json"])
    settings["workload"] |= json.loads(growing)
    (later,) = said(swapped(home(), record, _with_settings(record, settings)))["enough-memory"][-1:]
    assert "too little from 2027-" in later.message, later.message


def test_redis_is_judged_by_the_limit_that_its_maxmemory_follows() -> None:
    limit = "spec.template.spec.containers.0.resources.limits.memory"
    (violation,) = said(changed(limit, "512Mi", "StatefulSet", "-redis-zone-b"))["enough-memory"]
    assert violation.message.startswith("redis.memory: 512Mi") and "raise redis.resources.limits.memory" in (
        violation.message
    )


def test_a_drain_counts_as_done() -> None:
    hand = planned(qdrant={"replicas": 6, "drain_to": 3, "resources": {"requests": {"memory": "4Gi"}}})
    (violation,) = said(hand)["enough-memory"]
    assert violation.message.startswith("qdrant.memory: 4Gi")
    assert "enough-memory" not in said(planned(qdrant={"replicas": 6, "drain_to": 3}))


def test_what_was_set_by_hand_wins_and_is_judged() -> None:
    stack = planned(qdrant={"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}}})
    spec = find(stack, "StatefulSet", "-qdrant-statefulset").inputs["spec"]["template"]["spec"]
    assert spec["containers"][0]["resources"]["requests"]["memory"] == "1Gi"
    assert set(said(stack)) == {"enough-memory"}


def test_far_more_than_the_plan_is_said_and_how_far_may_be_configured() -> None:
    stack = changed(CPU, "4", "StatefulSet", "-qdrant-statefulset")
    (violation,) = said(stack)["not-far-over"]
    assert violation.message.startswith(
        "qdrant.cpu: all pods together have 12 cores, 4.0 times the 3 cores of the plan"
    )
    assert said(stack, Limits(times_plan=4)) == {}


def test_the_guides_own_sizes_are_far_over_a_small_workload() -> None:
    resources = {"requests": {"cpu": "4", "memory": "8Gi"}, "limits": {"cpu": "8", "memory": "16Gi"}}
    found = said(planned(redis={"resources": resources}))
    assert set(found) == {"not-far-over"}


def test_an_autoscaler_that_never_scales_is_refused() -> None:
    path = "spec.metrics.0.containerResource.target.averageValue"
    stack = changed(path, "900m", "HorizontalPodAutoscaler")
    (violation,) = said(stack)["scales-in-time"]
    assert (
        "is scaled at 900m of CPU" in violation.message and "lower memory.autoscaling.target_cpu" in violation.message
    )
    fixed = changed("spec.minReplicas", 900, "HorizontalPodAutoscaler", stack=stack)
    assert "scales-in-time" not in said(fixed)


def test_a_limit_of_the_service_within_the_plan_is_said() -> None:
    small = {"image": "ghcr.io/somatechlat/somafractalmemory:9d8f7f1", "max_memories": 1_000}
    (violation,) = said(planned(memory=small))["service-limits"]
    assert violation.message.startswith("from 2026-12-01 on a namespace holds 1,000 memories")


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("Deployment", "-memory-service-deployment", "the stack holds no memory-service"),
        ("StatefulSet", "-qdrant-statefulset", "the stack holds no qdrant"),
        ("Cluster", "", "the stack holds no postgresql"),
        ("ConfigMap", "-record-settings", "the stack holds no record of its settings"),
    ],
)
def test_a_kind_that_was_never_seen_is_missed(kind: str, name: str, words: str) -> None:
    gone = find(home(), kind, name)
    found = said(tuple(resource for resource in home() if resource is not gone))
    assert any(words in violation.message for violation in found["nothing-missing"]), found


def test_without_redis_the_pack_says_so() -> None:
    rest = tuple(it for it in home() if "-redis-zone-" not in it.name)
    assert any("holds no redis" in one.message for one in said(rest)["nothing-missing"])


def test_what_only_the_update_knows_is_not_taken_for_enough() -> None:
    found = said(changed(MEMORY, UNKNOWN, "StatefulSet", "-qdrant-statefulset"))
    assert [one.urn for one in found["readable"]] == [find(home(), "StatefulSet", "-qdrant-statefulset").urn]
    assert all("cannot be judged" in one.message for violations in found.values() for one in violations)
    assert {"enough-pods", "enough-cpu", "enough-memory", "enough-storage", "nothing-missing"} <= set(found)


@dataclass
class AtTheEdge:
    """A region in its first preview: a cluster that is not there yet has objects without outputs."""

    resources: Sequence[PlannedResource]
    outputs: dict[str, Any]

    def planned(self) -> Sequence[PlannedResource]:
        return self.resources


def test_the_engine_is_told_the_same_of_inputs_where_outputs_are_empty() -> None:
    small = {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}}}
    regions = _up(KubernetesRegions, 1, qdrant=small)
    resources = regions.plans["us-east"].resources
    region = AtTheEdge(resources, {one.name: {"later": UNKNOWN_YET} for one in resources})
    recorder = edge.Recorder()
    refusals = verdict(edge.policies(capacity.RULES, recorder=recorder), cast(Any, region), recorder=recorder)
    assert {(one.policy, one.name) for one in refusals} == {("enough-memory", "us-east-qdrant-statefulset")}


def test_a_record_that_holds_no_workload_that_can_be_read_is_refused() -> None:
    record = find(home(), "ConfigMap", "-record-settings")
    settings = json.loads(record.inputs["data"]["settings.json"])
    settings["workload"]["memories_per_day"] = "many"
    found = said(swapped(home(), record, _with_settings(record, settings)))
    assert "the workload of the record is none" in found["enough-memory"][0].message


@pytest.mark.parametrize(
    ("path", "value", "kind", "name", "words"),
    [
        ("spec.pgbouncer.parameters.max_client_conn", "3", "Pooler", "-pooler", "2 that are left when a zone is lost"),
        ("spec.instances", 9, "Pooler", "-pooler", "28 short; raise postgresql.primary.resources.requests.memory"),
        ("spec.postgresql.parameters.max_connections", "50", "Cluster", "", "poolers take up to 75 connections"),
    ],
)
def test_connections_over_a_limit_are_refused_with_what_is_short(
    path: str, value: object, kind: str, name: str, words: str
) -> None:
    found = said(changed(path, value, kind, name))
    assert words in found["connections-within-limits"][0].message


def test_more_connections_than_a_node_of_redis_takes_are_refused() -> None:
    files = next(one for one in home() if "valkey.conf" in str(one.inputs.get("data", "")))
    few = files.inputs["data"]["valkey.conf"] + "\nmaxclients 100\n"
    data = {**files.inputs["data"], "valkey.conf": few}
    (violation,) = said(swapped(home(), files, put(files, "data", data)))["connections-within-limits"]
    assert "to each node of redis, which takes 100 (maxclients): " in violation.message


def test_a_link_that_is_stated_and_too_slow_is_refused_with_a_date() -> None:
    record = find(home(), "ConfigMap", "-record-settings")

    def of(mbit: float) -> dict[str, list[Violation]]:
        settings = json.loads(record.inputs["data"]["settings.json"])
        settings["workload"]["region_link_mbit"] = mbit
        return said(swapped(home(), record, _with_settings(record, settings)))

    (violation,) = of(0.000_01)["link-keeps-the-rpo"]
    assert re.match(r"from 20\d\d-\d\d-\d\d on 1e-05 Mbit/s from home to each standby are too few", violation.message)
    assert not of(1000)


EXAMPLES = [pytest.param(rule, rule.example, id=rule.name) for rule in capacity.RULES if rule.example is not None]


def _broken(rule: Rule, example: Example, value: object) -> set[str]:
    """Names of the resources of the example's kind for which the value breaks the rule."""
    stack = sized("aws")["us-east"] if example.kind.startswith("aws.") else home()
    names: set[str] = set()
    for resource in (it for it in stack if token_is(it.type, example.kind)):
        try:
            new = put(resource, example.path, value)
        except (KeyError, IndexError, TypeError):
            continue
        names |= {resource.name} if rule.name in said(swapped(stack, resource, new)) else set()
    return names


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_an_example_fails_by_one_value_and_passes_by_the_other(rule: Rule, example: Example) -> None:
    failing, passing = _broken(rule, example, example.fails), _broken(rule, example, example.passes)
    assert failing and failing - passing, (failing, passing)


def _mutants(stack: Stack) -> Iterator[tuple[str, Stack]]:
    """Every size of a component a hundred times less, or left out; every number of pods at one."""
    for resource in stack:
        for path in _sizes(resource):
            for value in ("10m" if path.endswith("cpu") else "1Mi", GONE):
                yield f"{resource.name}: {path} = {value}", swapped(stack, resource, put(resource, path, value))


def _sizes(resource: Resource) -> Sequence[str]:
    kind = resource.type.rpartition(":")[2]
    redis = "-redis-zone-" in resource.name
    if resource.type.endswith("postgresql.cnpg.io/v1:Cluster"):
        return [f"spec.{volume}.size" for volume in ("storage", "walStorage")] + [
            f"spec.resources.requests.{what}" for what in ("cpu", "memory")
        ]
    if kind == "Deployment" and "-memory-service-" in resource.name:
        return [CPU, MEMORY]
    if kind != "StatefulSet":
        return []
    # Not its claim templates: claims grow by the settings (below).
    return [CPU, MEMORY.replace("requests", "limits") if redis else MEMORY]


def test_every_size_that_is_taken_away_is_noticed() -> None:
    mutants = list(_mutants(home()))
    assert len(mutants) >= 28
    assert [title for title, stack in mutants if not said(stack)] == []


def test_a_template_says_what_volumes_were_made_with_and_claims_ask_for_what_is_stated() -> None:
    template = "spec.volumeClaimTemplates.0.spec.resources.requests.storage"
    for name in ("-qdrant-statefulset", "-redis-zone-a"):
        assert said(changed(template, "1Gi", "StatefulSet", name)) == said(home()), name
    small = planned(qdrant={"storage": "1Gi"}, redis={"storage": "1Gi"})
    messages = [violation.message for violation in said(small)["enough-storage"]]
    assert [path for path in ("qdrant.storage", "redis.storage") if any(path in one for one in messages)] == [
        "qdrant.storage",
        "redis.storage",
    ]
    large = put(find(small, "StatefulSet", "-qdrant-statefulset"), template, "10Ti")
    left = swapped(small, find(small, "StatefulSet", "-qdrant-statefulset"), large)
    assert not [one for one in said(left)["enough-storage"] if "qdrant.storage" in one.message]
