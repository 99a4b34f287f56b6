"""What the program writes into ConfigMaps, as the checks know it."""

from collections.abc import Iterator, Mapping

from policies.checks import metadata
from policies.checks.model import Resource, SettingsRecord
from policies.checks.plain import (
    Plain,
    Unreadable,
    at,
    flag_at,
    json_at,
    labels_at,
    list_at,
    number_at,
    object_at,
    texts_at,
)
from policies.checks.plans import CollectionPlan, CopyPlan, ShardPlan

RECORD = "region-settings"
"""Name of the ConfigMap in which the program records the settings of a region."""

_ZONES_FILE = "zones.json"
"""File of the record with the cluster's own name of each zone."""

PROGRAM = "app.kubernetes.io/name"
"""Label with the program that a ConfigMap is for, or that pods run."""

PLAN = "qdrant-collections"
"""Program that makes the collections of its ConfigMap."""
_PLAN_FILE = "collections.json"

REBALANCER, KEEPER = "qdrant-rebalancer", "redis-keeper"
"""Programs that bring Qdrant's copies and Redis' shards to the plan in their ConfigMap."""
_GOAL_FILE = "plan.json"

_COPIES, _WRITES, _SHARDS = "replication_factor", "write_consistency_factor", "shard_number"
"""Parameters of a collection (`PUT /collections/{name}`)."""


def read(resource: Resource) -> SettingsRecord | CollectionPlan | CopyPlan | ShardPlan | None:
    """None for a ConfigMap that none of the checks looks into. Raises Unreadable."""
    if metadata.name(resource) == RECORD:
        return _record(resource)
    program = labels_at(resource.inputs, "metadata", "labels").get(PROGRAM)
    if program == REBALANCER:
        return _copies(resource)
    if program == KEEPER or _states_shards(resource.inputs):
        return _shards(resource)
    return _collections(resource, program)


def _record(resource: Resource) -> SettingsRecord:
    settings = json_at(resource.inputs, "data", "settings.json")
    block = object_at(settings, "high_availability")
    least, zones = number_at(block, "min_replicas"), texts_at(block, "zones")
    if least is None or not zones:
        raise Unreadable(f"high_availability.{'min_replicas' if least is None else 'zones'} is missing")
    if at(resource.inputs, "data", _ZONES_FILE) is None:
        own_names = labels_at(settings, "kubernetes", "zones")  # the record of an earlier release
    else:
        own_names = labels_at(json_at(resource.inputs, "data", _ZONES_FILE))
    return SettingsRecord(
        urn=resource.urn,
        name=RECORD,
        highly_available=flag_at(block, "enabled", default=True),
        min_replicas=least,
        zones=frozenset(own_names.get(zone, zone) for zone in zones),
        shards=_wanted_shards(settings),
    )


def _wanted_shards(settings: Plain) -> int | None:
    """Without sharding a collection has one; the guide states the number in either of two places."""
    if not flag_at(settings, "sharding", "enabled", default=True):
        return 1
    return number_at(settings, "qdrant", "shards") or number_at(settings, "sharding", "shards")


def _collections(resource: Resource, program: str | None) -> CollectionPlan | None:
    """A plan is known by its program or its file, where it must state a factor; else by what it states."""
    stated = list(_parameters(resource.inputs))
    if not stated and program != PLAN and at(resource.inputs, "data", _PLAN_FILE) is None:
        return None

    def numbers(parameter: str) -> list[int]:
        return [number for name, number in stated if name == parameter]

    return CollectionPlan(
        urn=resource.urn,
        name=metadata.name(resource),
        namespace=metadata.namespace(resource),
        replication_factor=min(numbers(_COPIES), default=None),
        write_consistency_factor=max(numbers(_WRITES), default=None),
        shard_number=min(numbers(_SHARDS), default=None),
    )


def _parameters(manifest: Plain) -> Iterator[tuple[str, int]]:
    """The parameters of collections that JSON files of a ConfigMap state."""
    data = at(manifest, "data")
    for file, content in data.items() if isinstance(data, Mapping) else ():
        if not file.endswith(".json") or not isinstance(content, str):
            continue
        names = [it for it in (_COPIES, _WRITES, _SHARDS) if it in content]
        found = json_at(manifest, "data", file) if names else None
        for name in names if isinstance(found, Mapping) else ():
            number = number_at(found, "parameters", name)
            if number is not None:
                yield name, number


def _copies(resource: Resource) -> CopyPlan:
    goal = {_GOAL_FILE: json_at(resource.inputs, "data", _GOAL_FILE)}
    factor = number_at(goal, _GOAL_FILE, _COPIES)
    if factor is None:
        raise Unreadable(f"{_GOAL_FILE}.{_COPIES} is missing")
    return CopyPlan(resource.urn, metadata.name(resource), metadata.namespace(resource), factor)


def _states_shards(manifest: Plain) -> bool:
    """Whether a file looks like the plan of a Redis Cluster, whatever the ConfigMap says it is for."""
    return '"shards"' in str(at(manifest, "data", _GOAL_FILE) or "")


def _shards(resource: Resource) -> ShardPlan:
    goal = {_GOAL_FILE: json_at(resource.inputs, "data", _GOAL_FILE)}
    shards = {f"shards.{index}": shard for index, shard in enumerate(list_at(goal, _GOAL_FILE, "shards"))}
    return ShardPlan(
        urn=resource.urn,
        name=metadata.name(resource),
        namespace=metadata.namespace(resource),
        shards=tuple(tuple(map(_pod, texts_at(shards, index))) for index in shards),
        leaving=tuple(map(_pod, texts_at(goal, _GOAL_FILE, "leaving"))),
    )


def _pod(host: str) -> str:
    """The pod that a host of the plan is: `redis-zone-a-0.redis-headless`, with a port where it has another one."""
    return host.partition(":")[0].partition(".")[0]
