"""Whatever workload a region states, what follows from it passes the policies of every pack."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from hypothesis import given, reject
from hypothesis import settings as profile
from hypothesis import strategies as some

from components.derivation import derived
from components.record import recorded
from policies.checks.model import Minimums
from rehearsal import plain
from settings import Quantity, Settings, SettingsError, load
from settings.resources import Resources
from tests.unit.aws_region import Regions
from tests.unit.policy_plan import KubernetesRegions, Stack, minimums, put, swapped, token_is, verdicts
from tests.unit.test_policy_capacity import said

IMAGE = "ghcr.io/somatechlat/somafractalmemory:9d8f7f1"
ADVICE = {"not-far-over", "service-limits"}
"""Policies of the pack `capacity` that say something and refuse nothing."""
ZONES = tuple(f"zone-{letter}" for letter in "abcde")
MOST = 2_000_000_000
WORKLOAD = {
    "memories_per_day": 20,
    "concurrent_users": 5,
    "write_read_ratio": 0.001,
    "round_trip_ms": 0.001,
    "start": "2026-12-01",
    "objectives": {"latency_ms": 600_000},
}
SIZED = (":Deployment", ":StatefulSet", ":Cluster", ":Pooler", ":HorizontalPodAutoscaler", ":ConfigMap", ":NodeGroup")
TARGET = "containerResource.target.averageValue"
NAMESPACES = {"default": "memory-service", "agents": "memory-service-agents", "tools": "memory-service-tools"}


@some.composite
def stacks(draw: some.DrawFn, kind: type[Regions], namespaces: int = 3) -> tuple[int, dict[str, Any]]:
    """Number of regions, and what each of their stacks states."""
    zones = draw(some.sampled_from((3, 5))) if kind is KubernetesRegions else 3
    names = list(NAMESPACES)[: draw(some.integers(1, namespaces))]
    workload = {
        "memories_per_day": draw(some.floats(0.1, 50_000)),
        "memories": draw(some.sampled_from((0, 1_000, 1_000_000, 30_000_000))),
        "concurrent_users": draw(some.sampled_from((0.5, 20.0, 500.0, 5_000.0))),
        "requests_per_user_per_minute": draw(some.floats(0.1, 5)),
        "vector_dimensions": draw(some.sampled_from((64, 768, 1536, 4096))),
        "payload_bytes": draw(some.integers(64, 16_384)),
        "relations_per_memory": draw(some.sampled_from((0.0, 3.0, 50.0))),
        "write_read_ratio": draw(some.sampled_from((0.0, 0.0005, 0.05))),
        "search_share": draw(some.floats(0, 1)),
        "peak_factor": draw(some.floats(1, 10)),
        "growth_per_month": draw(some.sampled_from((0.0, 0.05, 0.2))),
        "horizon_months": draw(some.integers(1, 24)),
        "retention_days": draw(some.none() | some.floats(1, 1_000)),
        "round_trip_ms": draw(some.floats(0.001, 0.5)),
        "start": "2026-12-01",
        "objectives": {
            "latency_ms": draw(some.sampled_from((500, 20_000, 600_000))),
            "zones_lost": draw(some.integers(0, (zones - 1) // 2)),
        },
    }
    rules = [{"host": f"{name}.example.com", "paths": [{"backend": {"service": NAMESPACES[name]}}]} for name in names]
    stated = {
        "workload": workload,
        "memory": {"image": IMAGE, "namespaces": names, "max_memories": MOST},
        "high_availability": {"zones": ZONES[:zones]},
        "ingress": {"rules": rules},
    }
    return draw(some.integers(1, 2)), stated


def refused(kind: type[Regions], regions: int, stated: Mapping[str, Any]) -> list[Any]:
    """What the packs refuse of the regions."""
    made = kind(more=stated)
    zones = stated["high_availability"]["zones"]
    found: list[Any] = []
    for name in made.names[:regions]:
        made.up(name)
        stack = plain.resources(made.plans[name].resources)
        least = minimums(stack) if kind is Regions else Minimums(3, tuple(zones))
        found += [one for one in verdicts(stack, least=least) if one.level == "mandatory"]
        found += [
            (policy, it) for policy, violations in said(stack).items() if policy not in ADVICE for it in violations
        ]
    return found


def derived_from(kind: type[Regions], stated: Mapping[str, Any]) -> Settings:
    """Settings of home; examples whose workload no stack file can say are given up."""
    try:
        return load(kind(more=stated).configuration("us-east"), "us-east", derived)
    except SettingsError as error:
        assert any(words in str(error) for words in ("settings take", "no machine", "than it takes")), error
        reject()


@profile(max_examples=6, derandomize=True)
@given(stacks(KubernetesRegions))
def test_whatever_the_workload_every_pack_passes_what_follows_from_it(stack: tuple[int, dict[str, Any]]) -> None:
    regions, stated = stack
    derived_from(KubernetesRegions, stated)
    assert refused(KubernetesRegions, regions, stated) == []


@profile(max_examples=2, derandomize=True)
@given(stacks(Regions))
def test_on_aws_every_pack_passes_what_follows_from_it_too(stack: tuple[int, dict[str, Any]]) -> None:
    _, stated = stack
    derived_from(Regions, stated)
    assert refused(Regions, 1, stated) == []


@cache
def made() -> Stack:
    """Home on AWS, all that has a size or tells of it."""
    regions = Regions(more={"workload": WORKLOAD, "memory": {"image": IMAGE, "max_memories": MOST}})
    regions.up("us-east")
    return tuple(it for it in plain.resources(regions.plans["us-east"].resources) if any(map(it.type.endswith, SIZED)))


def resized(settings: Settings) -> Stack:
    """The same with the sizes of other settings."""
    memory, vectors, rows, keys = settings.memory, settings.qdrant, settings.postgresql, settings.redis
    found = made()

    def put_into(kind: str, name: str, values: Mapping[str, Any]) -> None:
        nonlocal found
        for old in [it for it in found if token_is(it.type, kind) and name in it.name]:
            new = old
            for path, value in values.items():
                new = put(new, path, value)
            found = swapped(found, old, new)

    def container(resources: Resources, claims: Sequence[Quantity] = ()) -> dict[str, Any]:
        storage = "spec.volumeClaimTemplates.{}.spec.resources.requests.storage"
        sizes = {storage.format(index): claim.text for index, claim in enumerate(claims)}
        return {"spec.template.spec.containers.0.resources": resources.as_kubernetes(), **sizes}

    put_into("ConfigMap", "-record-settings", {"data": {"settings.json": json.dumps(recorded(settings))}})
    put_into("Deployment", "-memory-service", container(settings.memory_resources) | {"spec.replicas": memory.replicas})
    scaled = {"minReplicas": memory.min_replicas, "maxReplicas": memory.autoscaling.max_replicas}
    put_into("HorizontalPodAutoscaler", "-memory-service", {f"spec.{key}": value for key, value in scaled.items()})
    target = memory.autoscaling.target_cpu.text
    put_into("HorizontalPodAutoscaler", "-memory-service", {f"spec.metrics.0.{TARGET}": target})
    claims = (vectors.storage, vectors.snapshot_storage)
    put_into("StatefulSet", "-qdrant", container(vectors.resources, claims) | {"spec.replicas": vectors.replicas})
    each, more = divmod(keys.cluster.pods, 3)
    for index, zone in enumerate(ZONES[:3]):
        pods = each + (index < more)
        put_into("StatefulSet", f"-redis-{zone}", container(keys.resources, (keys.storage,)) | {"spec.replicas": pods})
    volumes = {"storage": {"size": rows.storage.text}, "walStorage": {"size": rows.wal_storage.text}}
    asked = {"instances": rows.instances, "resources": rows.primary.resources.as_kubernetes(), **volumes}
    taken = {"postgresql.parameters.max_connections": str(rows.max_connections)}
    put_into("Cluster", "-postgresql", {f"spec.{key}": value for key, value in (asked | taken).items()})
    pool = {"instances": rows.pooler.instances, "pgbouncer.parameters.default_pool_size": str(rows.pool_size)}
    put_into("Pooler", "-postgresql-pooler", {f"spec.{key}": value for key, value in pool.items()})
    for use in ("stateful", "stateless"):
        group = getattr(settings.aws.nodes, use)
        desired = {"instanceTypes": list(group.instance_types), "scalingConfig.desiredSize": group.per_zone}
        put_into("aws.eks.NodeGroup", f"-nodes-{use}-", desired)
    return found


@profile(max_examples=40)
@given(stacks(Regions, namespaces=1))
def test_whatever_the_workload_its_sizes_carry_it_and_nodes_take_them(stack: tuple[int, dict[str, Any]]) -> None:
    _, stated = stack
    assert said(resized(derived_from(Regions, stated))).keys() <= ADVICE


def test_sizes_that_another_workload_asked_for_do_not_carry_this_one() -> None:
    """So that the test above can fail."""
    more = {**WORKLOAD, "memories": 1_000_000, "concurrent_users": 300}
    few, many = (
        derived_from(Regions, {"workload": one, "memory": {"image": IMAGE, "max_memories": MOST}})
        for one in (WORKLOAD, more)
    )
    stale = few.model_copy(update={"workload": many.workload})
    assert {"enough-pods", "enough-memory"} <= said(resized(stale)).keys()
    assert said(resized(few)).keys() <= ADVICE
