"""Regions as a review sees them: shares of what they have, and what Prometheus answers then."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from capacity import observed, steps
from capacity.observed import Use
from capacity.workload import Objectives, Workload
from settings import Settings, load
from tests.unit.test_settings import region

ROOT = Path(__file__).parents[2]
LOAD = ["memories_per_day=20", "concurrent_users=5", "objectives.latency_ms=20000", "start=2026-01-01"]
WORKLOAD = Workload(
    memories_per_day=20, concurrent_users=5, objectives=Objectives(latency_ms=20_000), start="2026-01-01"
)
BUCKET = {
    "endpoint": "https://objects.example.com",
    "bucket": "backups",
    "access_key_id": "example",
    "secret_access_key": "example",
}
Told = dict[str, dict[str, float]]
"""Recorded series to what Prometheus answers: value by label."""
CPU, MEMORY, VOLUMES = "pod:cpu_used:cores_rate5m", "pod:memory_used:bytes", "volume:free:ratio"
ONE = {
    "postgresql.connections": "postgresql:connections:ratio",
    "redis.maxmemory": "redis_node:memory_used:ratio",
    "memory-service.pods": "service_pod:requests:rate5m",
    "memory-service.latency": "service:latency_seconds:quantile_rate5m",
}
"""Uses that a query of their own answers."""
RATIOS = ("postgresql.connections", "redis.maxmemory")
CLAIM = {
    "qdrant.storage": "storage-qdrant-1",
    "qdrant.snapshot_storage": "snapshots-qdrant-0",
    "postgresql.storage": "postgresql-us-east-2",
    "postgresql.wal_storage": "postgresql-us-east-2-wal",
    "redis.storage": "data-redis-us-east-1a-0",
}


def told(settings: Settings, shares: Mapping[str, float] = {}, share: float = 0.5) -> Told:
    """The same share of all that the region has, but for some."""
    found: Told = {CPU: {}, MEMORY: {}, VOLUMES: {}}
    for name, has in observed.given(settings, None).items():
        component, _, what = name.partition(".")
        of = shares.get(name, share)
        if name in ONE:
            found[ONE[name]] = {"": of if name in RATIOS else of * has}
        elif name in CLAIM:
            found[VOLUMES] |= {CLAIM[name]: of, f"of-others-{component}": 0.99}
        else:
            found[CPU if what == "cpu" else MEMORY][component] = of * has
    return found


def used(settings: Settings, shares: Mapping[str, float] = {}, share: float = 0.5) -> list[Use]:
    """What is observed then."""
    answers = told(settings, shares, share)
    return observed.uses(lambda query, _: answers[recorded_in(query)[0]], settings, None, 7, {})


def proposed(settings: Settings, shares: Mapping[str, float] = {}, share: float = 0.5) -> dict[str, str]:
    """What a review would change."""
    step = steps.step(used(settings, shares, share), settings)
    return {} if step is None else step.changes


def recorded_in(query: str) -> list[str]:
    return re.findall(r"[a-z_0-9]+:[a-z_0-9]+:[a-z_0-9]+", query)


def stack(**blocks: Any) -> Settings:
    return load(region(**blocks), "us-east")
