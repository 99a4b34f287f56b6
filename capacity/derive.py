"""What follows from the workload of a stack for everything that the stack does not state.

What it states holds: the plan is made for the nodes, shards and copies that are stated, and what is stated of a
container decides the rest of it as it decides a default.
"""

from functools import reduce
from typing import Final

from capacity import impossible, rounding, stack
from capacity import postgresql as rows
from capacity import qdrant as vectors
from capacity import redis as keys
from capacity.as_set import as_set
from capacity.plan import EDGE_POD, SERVICE, Layout, Plan, last_load, layout_of, plan_on
from capacity.stack import MOST_PODS, Values
from settings import Settings, UnderivableError, Workload
from settings.draft import Draft
from settings.faults import ABSENT
from settings.resources import Amounts, Resources, ResourcesOverride
from settings.rules.availability import commits
from settings.rules.rule import place

_RESOURCES: Final = ("memory.resources", "qdrant.resources", "postgresql.primary.resources", "redis.resources")
_SIDES: Final = ("requests", "limits")
_AMOUNTS: Final = ("cpu", "memory")
_GUARANTEED: Final = "postgresql.primary.resources"
_UNDER_LIMIT: Final = 0.9
"""Of its limit, at which a pod is scaled at the latest: at the limit it never is."""


def derived(draft: Draft) -> Values:
    """Blocks of a stack file. Raises UnderivableError where there is no plan, or no stack file can say it."""
    workload = draft.settings.planned_workload
    if workload is None:
        return {}
    if beyond := impossible.faults(workload):
        raise UnderivableError(beyond)
    made = plan_on(workload, _layout(draft, workload))
    faults = stack.too_many(made)
    if made.layout.qdrant.shards > MOST_PODS:
        faults.append(f"qdrant: {made.layout.qdrant.shards:,} shards are more than settings take ({MOST_PODS:,})")
    if faults:
        raise UnderivableError(faults)
    found = stack.blocks(made)
    for path in _RESOURCES:
        *parents, last = path.split(".")
        block = reduce(lambda inner, key: inner[key], parents, found)
        block[last] = _resources(draft, path, block[last]).as_kubernetes()
    found["memory"] = {"replicas": _fewest(draft, made), "resources": found["memory"]["resources"]}
    found["memory"]["autoscaling"] = _autoscaling(draft.over(found).settings, made)
    ha, pooler = draft.settings.high_availability, found["postgresql"]["pooler"]
    pooler["instances"] = max(pooler["instances"], ha.min_replicas if ha.enabled else 1)
    found["workload"] = _elsewhere(workload)
    found |= _edge(draft, made)
    if _states(draft, "workload.objectives.rpo_seconds"):
        found["multiregion"] = {"rpo_seconds": workload.objectives.rpo_seconds}
    if draft.settings.platform == "aws":
        found["aws"] = {"nodes": _nodes(draft.over(found).settings)}
    return found


def _states(draft: Draft, path: str) -> bool:
    return draft.stated(place(path)) is not ABSENT


def _layout(draft: Draft, workload: Workload) -> Layout:
    """What is stated of it, and what suits that."""
    planned = layout_of(workload, last_load(workload))
    ha = draft.settings.high_availability
    least = ha.min_replicas if ha.enabled else 1
    return Layout(
        _vectors(draft, workload, planned.qdrant, least),
        _rows(draft, workload, planned.postgresql, least),
        _keys(draft, planned.redis, least),
    )


def _vectors(draft: Draft, workload: Workload, planned: vectors.Layout, least: int) -> vectors.Layout:
    settings = draft.settings
    copies, nodes = settings.sharding.replication_factor, settings.qdrant.replicas
    whole = not settings.sharding.enabled
    if not _states(draft, "sharding.replication_factor"):
        copies = planned.copies
    if not _states(draft, "qdrant.replicas"):
        nodes = rounding.multiple(max(planned.nodes, least, copies), workload.zones)
    if not _states(draft, "sharding.replication_factor"):
        copies = nodes if whole else min(copies, nodes)
    stated = _states(draft, "sharding.shards") or _states(draft, "qdrant.shards")
    shards = settings.shards if whole or stated else vectors.shards_for(workload, nodes)
    return vectors.Layout(min(nodes, settings.qdrant.drain_to or nodes), shards, copies)


def _rows(draft: Draft, workload: Workload, planned: rows.Layout, least: int) -> rows.Layout:
    settings = draft.settings.postgresql
    instances = max(planned.instances, least)
    while not commits(instances, workload.zones):
        instances += 1
    return rows.Layout(
        settings.instances if _states(draft, "postgresql.replica.replicas") else instances,
        settings.partitions if _states(draft, "postgresql.partitions") else planned.partitions,
    )


def _keys(draft: Draft, planned: keys.Layout, least: int) -> keys.Layout:
    cluster = draft.settings.redis.cluster
    masters = cluster.nodes if _states(draft, "redis.cluster.nodes") else rounding.odd(max(planned.masters, least))
    replicas = cluster.replicas if _states(draft, "redis.cluster.replicas") else planned.replicas
    return keys.Layout(min(masters, cluster.drain_to or masters), replicas)


def _resources(draft: Draft, path: str, planned: Values) -> Resources:
    """Requests and limits beside those that are stated."""

    def stated(side: str) -> Amounts:
        known = {what: f"{path}.{side}.{what}" for what in _AMOUNTS}
        values = {what: draft.stated(place(at)) for what, at in known.items() if _states(draft, at)}
        return Amounts.model_validate(values)

    requests, limits = ((planned[side]["cpu"], planned[side]["memory"]) for side in _SIDES)
    override = ResourcesOverride(requests=stated("requests"), limits=stated("limits"))
    return Resources.of(requests, limits).overridden(override, equal=path == _GUARANTEED)


def _fewest(draft: Draft, made: Plan) -> int:
    """Pods of the service: those of the mean load under an autoscaler, else those of the peak."""
    ha, scaling, notes = (
        draft.settings.high_availability,
        draft.settings.memory.autoscaling,
        made.component(SERVICE).notes,
    )
    pods = scaling.min_replicas or int(notes["min_replicas" if scaling.enabled else "max_replicas"])
    if scaling.enabled and _states(draft, "memory.autoscaling.max_replicas"):
        pods = min(pods, scaling.max_replicas)
    return max(pods, ha.min_replicas if ha.enabled else 1)


def _autoscaling(settings: Settings, made: Plan) -> Values:
    """The most pods, not under the fewest, and a target that pods of this region reach."""
    notes = made.component(SERVICE).notes
    limit = float(settings.memory_resources.limits.cpu.value)
    most = max(int(notes["max_replicas"]), settings.memory.min_replicas)
    return {"max_replicas": most, "target_cpu": stack.cpu(min(notes["target_cpu"], limit * _UNDER_LIMIT))}


def _edge(draft: Draft, made: Plan) -> Values:
    """The edge proxy of this region by its share, never fewer pods than without a workload."""
    needed = made.edges.get(draft.stack, EDGE_POD)
    fewest = draft.settings.edge_replicas
    return stack.edge(needed._replace(number=needed.number if needed.number > fewest else 0))


def _elsewhere(workload: Workload) -> Values:
    """What the workload takes from the rest of the stack, so that the record of the settings has it whole."""
    elsewhere = dict.fromkeys(("zones", "namespaces", "max_memories", "regions"), True)
    return workload.model_dump(include={**elsewhere, "objectives": {"rpo_seconds"}})


def _nodes(settings: Settings) -> Values:
    """Node groups that take the pods of the region as they are."""
    pools = as_set(settings).pools
    faults = stack.too_large(pools)
    if faults:
        raise UnderivableError(faults)
    return stack.nodes(pools)
