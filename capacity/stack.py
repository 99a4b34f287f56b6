"""A plan as the keys of a stack file."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from capacity import rounding
from capacity.facts import EDGE_THREADS, GIB, LEAST_PODS, LEAST_POOL, MIB, POOLED, REDIS_CLIENTS, SERVICE_CPU_LIMIT
from capacity.ledger import shown
from capacity.nodes import Pod, Pool
from capacity.plan import EDGE, EDGE_POD, POSTGRESQL, QDRANT, REDIS, SERVICE, Component, Plan

MOST_PODS: Final = 1000
"""What settings take for a number of pods."""
MOST_POOLERS: Final = int(POOLED.value / LEAST_POOL.value)
"""The same of poolers, however large PostgreSQL is."""
Values = dict[str, Any]


class TooLargeError(Exception):
    """A plan that no stack file can say."""


def values(of: Plan, region: str | None = None) -> Values:
    """Blocks of the stack file of a region, or of one that suits all. Raises TooLargeError with everything that is too
    large.
    """
    _said([*too_many(of), *too_large(of.pools)])
    return blocks(of) | edge(of.edges.get(region or "") or max(of.edges.values(), default=EDGE_POD))


def groups(of: Plan) -> Values:
    """Block of the node groups on AWS that take a plan's pods. Raises TooLargeError."""
    _said(too_large(of.pools))
    return {"aws": {"nodes": nodes(of.pools)}}


def _said(faults: Sequence[str]) -> None:
    """Raises TooLargeError where there is a fault."""
    if faults:
        raise TooLargeError("\n".join(["no stack file can say this plan:", *(f"  {fault}" for fault in faults)]))


def presumed(of: Plan) -> str:
    """What a stack has to have beside that, in words: nobody but its owner can name it."""
    workload = of.workload
    return f"for a stack of {shown(workload.namespaces, 'memory.namespaces')} and {workload.zones} zones"


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
            "pooler": {"instances": int(rows.notes["poolers"])},
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


def edge(of: Pod) -> Values:
    """Block of the edge proxy, where it has to have more than the defaults."""
    found: Values = {}
    if of.number > LEAST_PODS.value:
        found["replicas"] = of.number
    if of.cpu > EDGE_POD.cpu:
        found["resources"] = _resources(of.cpu, of.memory, max(of.cpu, EDGE_THREADS.value), of.memory)
    return {EDGE: found} if found else {}


def too_many(of: Plan) -> list[str]:
    """Numbers that settings do not take, in words."""
    found = [
        f"{one.name}: {one.pods:,} pods are more than settings take ({MOST_PODS:,})"
        for one in of.components
        if one.pods / max(1, one.notes.get("namespaces", 1)) > MOST_PODS
    ]
    found += [
        f"edge of {region}: {pods.number:,} pods are more than settings take ({MOST_PODS:,})"
        for region, pods in of.edges.items()
        if pods.number > MOST_PODS
    ]
    if (poolers := of.needs.connections.poolers) > MOST_POOLERS:
        found.append(f"{POSTGRESQL}: {poolers:,} poolers are more than it has connections for ({MOST_POOLERS:,})")
    if (asked := of.needs.connections.redis) > (most := REDIS_CLIENTS.value):
        found.append(f"{REDIS}: {asked:,.0f} connections to each node are more than it takes ({most:,.0f})")
    return found


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
