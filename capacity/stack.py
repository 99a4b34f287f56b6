"""A plan as the keys of a stack file."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from capacity import rounding
from capacity.facts import GIB, MIB, SERVICE_CPU_LIMIT
from capacity.nodes import Pool
from capacity.plan import POSTGRESQL, QDRANT, REDIS, SERVICE, Component, Plan

MOST_PODS: Final = 1000
"""What settings take for a number of pods."""
Values = dict[str, Any]


class TooLargeError(Exception):
    """A plan that no stack file can say."""


def values(of: Plan, *, aws: bool = False) -> Values:
    """Blocks of a stack file, with the node groups on AWS. Raises TooLargeError with everything that is too large."""
    faults = [*too_many(of), *too_large(of.pools)]
    if faults:
        raise TooLargeError("\n".join(["no stack file can say this plan:", *(f"  {fault}" for fault in faults)]))
    return blocks(of) | ({"aws": {"nodes": nodes(of.pools)}} if aws else {})


def blocks(of: Plan) -> Values:
    """Blocks of the parts that run on nodes."""
    serving, vectors, rows, keys = (of.component(name) for name in (SERVICE, QDRANT, POSTGRESQL, REDIS))
    return {
        "memory": _service(of, serving),
        "sharding": {name: int(vectors.notes[name]) for name in ("shards", "replication_factor")},
        QDRANT: {
            "replicas": vectors.pods,
            "resources": _resources(vectors.cpu, vectors.memory, 2 * vectors.cpu, vectors.memory),
            "storage": quantity(vectors.storage / 2),
            "snapshot_storage": quantity(vectors.storage / 2),
        },
        POSTGRESQL: {
            "primary": {"resources": _resources(rows.cpu, rows.memory, rows.cpu, rows.memory)},
            "replica": {"replicas": rows.pods - 1},
            "storage": quantity(rows.storage - rows.notes["wal_storage"]),
            "wal_storage": quantity(rows.notes["wal_storage"]),
            "partitions": int(rows.notes["partitions"]),
        },
        REDIS: {
            "cluster": {"nodes": int(keys.notes["masters"]), "replicas": int(keys.notes["replicas"])},
            "resources": _resources(keys.cpu, keys.memory, 2 * keys.cpu, keys.memory),
            "storage": quantity(keys.storage),
        },
    }


def too_many(of: Plan) -> list[str]:
    """Numbers that settings do not take, in words."""
    return [
        f"{one.name}: {one.pods:,} pods are more than settings take ({MOST_PODS:,})"
        for one in of.components
        if one.pods / max(1, one.notes.get("namespaces", 1)) > MOST_PODS
    ]


def too_large(pools: Sequence[Pool]) -> list[str]:
    """Nodes that nobody sells, in words."""
    return [f"{pool.use} nodes: no machine of the table is large enough" for pool in pools if not pool.instance_type]


def _service(of: Plan, serving: Component) -> Values:
    notes = serving.notes
    limit = max(2 * serving.cpu, SERVICE_CPU_LIMIT.value)
    return {
        "replicas": int(notes["min_replicas"]),
        "resources": _resources(serving.cpu, serving.memory, limit, 2 * serving.memory),
        "autoscaling": {
            "min_replicas": int(notes["min_replicas"]),
            "max_replicas": int(notes["max_replicas"]),
            "target_cpu": cpu(notes["target_cpu"]),
        },
        "max_memories": of.workload.max_memories,
    }


def nodes(pools: Sequence[Pool]) -> Values:
    """Node groups on AWS."""
    return {
        pool.use: {"instance_types": [pool.instance_type], "per_zone": pool.with_spare}
        for pool in pools
        if pool.instance_type
    }


def _resources(cores: float, memory: float, most_cores: float, most_memory: float) -> Values:
    return {
        "requests": {"cpu": cpu(cores), "memory": quantity(memory)},
        "limits": {"cpu": cpu(most_cores), "memory": quantity(most_memory)},
    }


def cpu(cores: float) -> str:
    """Cores as Kubernetes writes them."""
    milli = rounding.whole(cores * 1000)
    return f"{milli // 1000}" if milli % 1000 == 0 else f"{milli}m"


def quantity(size: float) -> str:
    """Bytes as Kubernetes writes them, never less."""
    mebibytes = rounding.whole(size / MIB)
    return f"{mebibytes // 1024}Gi" if mebibytes % (GIB // MIB) == 0 else f"{mebibytes}Mi"


def flattened(of: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Path to value."""
    found: dict[str, Any] = {}
    for key, value in of.items():
        path = f"{before}.{key}" if before else key
        found |= flattened(value, path) if isinstance(value, Mapping) else {path: value}
    return found
