"""What a region has of each component, read from its resources; what it holds by which layout, from its record."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from capacity import postgresql as rows
from capacity import qdrant as vectors
from capacity import redis as keys
from capacity.plan import EDGE, POSTGRESQL, QDRANT, REDIS, SERVICE, Layout
from policies.checks import metadata, quantities, read, recorded
from policies.checks.model import Autoscaler, Container, Database, Limits, Resource, Workload
from policies.checks.plain import Plain, Unreadable, at, list_at, number_at, object_at, text_at
from policies.checks.tokens import AUTOSCALER, DEPLOYMENT, STATEFUL_SET
from policies.checks.tokens import POSTGRESQL as CLUSTER
from policies.checks.whole import Whole

READ: Final = (DEPLOYMENT, STATEFUL_SET, CLUSTER, AUTOSCALER)
"""Types of what has a size."""
_Item = TypeVar("_Item", Workload, Database, Autoscaler)
_NAME: Final = "app.kubernetes.io/name"
_EDGE: Final = "memory-edge"
_VOLUMES: Final = {
    QDRANT: {"storage": "storage", "snapshots": "snapshot_storage"},
    REDIS: {"data": "storage"},
}
"""Volume claims of a store, and what they are called in its settings."""


@dataclass(frozen=True)
class Part:
    """A resource that runs pods of a component."""

    component: str
    urn: str
    title: str
    pods: int
    """The most that run."""
    fewest: int
    """That always run."""
    requests: dict[str, float]
    """Of a pod: cpu, memory, and each volume."""
    limits: dict[str, float]
    scaler: str = ""
    """URN of what scales it."""
    target: float | None = None
    """Cores at which it is scaled."""


def parts(whole: Whole) -> list[Part]:
    """Everything of the four components. Raises Unreadable."""
    scalers = {_scaled(resource): resource for resource in whole.of(AUTOSCALER)}
    found = [part for resource in whole.of(DEPLOYMENT) if (part := _service(resource, scalers)) is not None]
    record = recorded.settings(whole)
    found += [_grown(part, record) for resource in whole.of(STATEFUL_SET) if (part := _store(resource)) is not None]
    return found + [_database(resource) for resource in whole.of(CLUSTER)]


def edges(whole: Whole) -> list[Part]:
    """The edge proxy, which a standby has. Raises Unreadable."""
    return [part for resource in whole.of(DEPLOYMENT) if (part := _edge(resource)) is not None]


def readable(resource: Resource, limits: Limits) -> Iterator[str]:
    """Of whatever may be of a component: reading it is the check. Raises Unreadable."""
    del limits
    if resource.type == AUTOSCALER:
        _target(resource)
    elif resource.type == CLUSTER:
        _database(resource)
    elif resource.type == STATEFUL_SET:
        _store(resource)
    else:
        _service(resource, {})
        _edge(resource)
    yield from ()


def layout(whole: Whole, every: Sequence[Part]) -> Layout:
    """Of what holds data: numbers of pods are those that run, less those that are being drained. Raises Unreadable."""
    record = object_at(recorded.settings(whole))
    nodes = sum(part.pods for part in every if part.component == QDRANT)
    each = 1 + _number(record, "redis", "cluster", "replicas")
    masters = sum(part.pods for part in every if part.component == REDIS) // each
    return Layout(
        vectors.Layout(
            max(1, min(nodes, number_at(record, "qdrant", "drain_to") or nodes)),
            _shards(record),
            _number(record, "sharding", "replication_factor"),
        ),
        rows.Layout(
            sum(part.pods for part in every if part.component == POSTGRESQL),
            _number(record, "postgresql", "partitions"),
        ),
        keys.Layout(max(1, min(masters, number_at(record, "redis", "cluster", "drain_to") or masters)), each - 1),
    )


def _shards(record: Plain) -> int:
    if not at(record, "sharding", "enabled"):
        return 1
    return number_at(record, "qdrant", "shards") or _number(record, "sharding", "shards")


def _number(record: Plain, *path: str) -> int:
    found = number_at(record, *path)
    if found is None:
        raise Unreadable(f"{'.'.join(path)} is missing in the record of the settings")
    return found


def _scaled(resource: Resource) -> tuple[str, str]:
    return metadata.namespace(resource), text_at(resource.inputs, "spec", "scaleTargetRef", "name")


def _service(resource: Resource, scalers: dict[tuple[str, str], Resource]) -> Part | None:
    workload = _read(resource, Workload)
    if workload.labels.get(_NAME) != SERVICE:
        return None
    scaler = scalers.get((workload.namespace, workload.name))
    pods = 1 if workload.replicas is None else workload.replicas
    container = _container(workload, SERVICE)
    requests, limits = _amounts(container)
    if scaler is None:
        return Part(SERVICE, workload.urn, workload.title, pods, pods, requests, limits)
    scaled = _read(scaler, Autoscaler)
    most, least = scaled.max_replicas, scaled.min_replicas
    return Part(SERVICE, workload.urn, workload.title, most, least, requests, limits, scaler.urn, _target(scaler))


def _edge(resource: Resource) -> Part | None:
    workload = _read(resource, Workload)
    if workload.labels.get(_NAME) != _EDGE:
        return None
    pods = 1 if workload.replicas is None else workload.replicas
    return Part(EDGE, workload.urn, workload.title, pods, pods, *_amounts(_container(workload, "haproxy")))


def _target(scaler: Resource) -> float | None:
    """Of CPU, as an amount; None where it is scaled by something else."""
    for metric in list_at(scaler.inputs, "spec", "metrics"):
        for source in ("containerResource", "resource"):
            if text_at(metric, source, "name") == "cpu" and at(metric, source, "target", "averageValue") is not None:
                path = (source, "target", "averageValue")
                return float(quantities.parse(at(metric, *path), "spec.metrics." + ".".join(path)))
    return None


def _store(resource: Resource) -> Part | None:
    workload = _read(resource, Workload)
    component = workload.labels.get(_NAME, "")
    if component not in _VOLUMES:
        return None
    requests, limits = _amounts(_container(workload, component))
    requests |= dict(_claims(resource, component))
    pods = 1 if workload.replicas is None else workload.replicas
    return Part(component, workload.urn, workload.title, pods, pods, requests, limits)


def _grown(part: Part, record: Plain) -> Part:
    """With the volumes that the settings state where these are larger: a template says what they were made with, and
    claims grow by the settings (docs/decisions/0023).
    """
    block = at(record, part.component)
    volumes = dict(part.requests)
    for name in _VOLUMES[part.component].values():
        stated = at(block, name)
        if stated is not None:
            volumes[name] = max(volumes.get(name, 0.0), float(quantities.parse(stated, f"{part.component}.{name}")))
    return replace(part, requests=volumes)


def _claims(resource: Resource, component: str) -> Iterator[tuple[str, float]]:
    for index, claim in enumerate(list_at(resource.inputs, "spec", "volumeClaimTemplates")):
        name = _VOLUMES[component].get(text_at(claim, "metadata", "name"))
        if name is not None:
            size = at(claim, "spec", "resources", "requests", "storage")
            yield name, float(quantities.parse(size, f"spec.volumeClaimTemplates[{index}].spec.resources"))


def _database(resource: Resource) -> Part:
    database = _read(resource, Database)
    requests, limits = _amounts(database.server)
    for volume, name in (("storage", "storage"), ("walStorage", "wal_storage")):
        size = at(resource.inputs, "spec", volume, "size")
        if size is not None:
            requests[name] = float(quantities.parse(size, f"spec.{volume}.size"))
    title = f"PostgreSQL {database.name}"
    return Part(POSTGRESQL, database.urn, title, database.instances, database.instances, requests, limits)


def _read(resource: Resource, kind: type[_Item]) -> _Item:
    try:
        found = read.item(resource)
    except Unreadable as problem:
        raise Unreadable(f"{resource.name}: {problem}") from None
    if not isinstance(found, kind):
        raise Unreadable(f"{resource.name} is no {kind.__name__}")
    return found


def _container(workload: Workload, name: str) -> Container:
    for container in workload.containers:
        if container.name == name:
            return container
    raise Unreadable(f"{workload.title} has no container {name}")


def _amounts(container: Container) -> tuple[dict[str, float], dict[str, float]]:
    """What is not stated is nothing."""
    sides = (container.requests, container.limits)
    requests, limits = ({what: float(side.get(what, 0)) for what in ("cpu", "memory")} for side in sides)
    return requests, limits
