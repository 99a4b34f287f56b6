"""The plan of a stack with the sizes that it has, whoever decided them."""

from dataclasses import replace

from capacity import postgresql, qdrant, redis
from capacity.plan import COMPONENTS, POSTGRESQL, QDRANT, SERVICE, Component, Layout, Plan, plan_on
from capacity.prices import Prices
from settings import ResourceList, Settings


def layout(settings: Settings) -> Layout:
    """Nodes that hold data, their shards and copies."""
    cluster = settings.redis.cluster
    return Layout(
        qdrant.Layout(settings.qdrant.kept_nodes, settings.shards, settings.sharding.replication_factor),
        postgresql.Layout(settings.postgresql.instances, settings.postgresql.partitions),
        redis.Layout(cluster.kept_nodes, cluster.kept_replicas),
    )


def as_set(settings: Settings, table: Prices | None = None) -> Plan:
    """What the workload of a stack needs, and the components that the stack has. ValueError without a workload."""
    if settings.planned_workload is None:
        raise ValueError(f"{settings.stack} states no workload")
    return sized(plan_on(settings.planned_workload, layout(settings), table), settings)


def sized(made: Plan, settings: Settings) -> Plan:
    """A plan with the components that a stack has."""
    return replace(made, components=tuple(_has(one, settings) for one in made.components))


def components(settings: Settings) -> tuple[Component, ...]:
    """What a stack has, without anything that only its workload tells."""
    return tuple(_has(Component(name, 0, 0, 0, 0, {}), settings) for name in COMPONENTS)


def own_resources(settings: Settings) -> str | None:
    """Key of a region's own resources of the service, which come before those of all; None where it has none."""
    if settings.region.resources is None:
        return None
    return f"multiregion.regions[{settings.multiregion.regions.index(settings.region)}].resources"


def _has(one: Component, settings: Settings) -> Component:
    memory, vectors, rows, keys = settings.memory, settings.qdrant, settings.postgresql, settings.redis
    if one.name == SERVICE:
        pods = (
            max(memory.min_replicas, memory.autoscaling.max_replicas) if memory.autoscaling.enabled else memory.replicas
        )
        return _sized(one, pods * len(memory.namespaces), settings.memory_resources.requests, 0)
    if one.name == QDRANT:
        volumes = float(vectors.storage.value + vectors.snapshot_storage.value)
        return _sized(one, vectors.replicas, vectors.resources.requests, volumes)
    if one.name == POSTGRESQL:
        volumes = float(rows.storage.value + rows.wal_storage.value)
        stated = {"wal_storage": float(rows.wal_storage.value), "poolers": rows.pooler.instances}
        notes = {**one.notes, **stated}
        return _sized(one, rows.instances, rows.primary.resources.requests, volumes)._replace(notes=notes)
    return _sized(one, keys.cluster.pods, keys.resources.requests, float(keys.storage.value))


def _sized(one: Component, pods: int, requests: ResourceList, storage: float) -> Component:
    return one._replace(pods=pods, cpu=float(requests.cpu.value), memory=float(requests.memory.value), storage=storage)
