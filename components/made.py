"""What a region was made with stays when its workload changes: a plan may ask for more, and never takes away.

A stack keeps as an output what it has, and the next run reads it. What is stated by hand is judged for volumes alone,
which nobody makes smaller: whoever states another lower number means it, and what guards that is elsewhere
(scale_in.py, the policies, Kubernetes itself).
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from components.home import SHARED
from settings import Quantity, Settings

OUTPUT: Final = "made_with"
"""Stack output: what this run has, and what of it followed from the workload."""

Value = str | int

_FIXED: Final[Mapping[str, Callable[[Settings], Value]]] = {
    "sharding.shards": lambda s: s.shards,
    "postgresql.partitions": lambda s: s.postgresql.partitions,
}
"""What stays as it was made."""
_NEVER_LESS: Final[Mapping[str, Callable[[Settings], Value]]] = {
    "sharding.replication_factor": lambda s: s.sharding.replication_factor,
    "qdrant.storage": lambda s: s.qdrant.storage.text,
    "qdrant.snapshot_storage": lambda s: s.qdrant.snapshot_storage.text,
    "postgresql.replica.replicas": lambda s: s.postgresql.replica.replicas,
    "postgresql.storage": lambda s: s.postgresql.storage.text,
    "postgresql.wal_storage": lambda s: s.postgresql.wal_storage.text,
    "redis.storage": lambda s: s.redis.storage.text,
    # Redis would evict what no longer fits, and with it the memories' timestamps.
    "redis.resources.limits.memory": lambda s: s.redis.resources.limits.memory.text,
}
"""Volumes only grow; fewer copies or less memory for them lose some."""
_VOLUMES: Final = tuple(path for path in _NEVER_LESS if path.endswith("storage"))


def output(settings: Settings) -> dict[str, Any]:
    """The value of OUTPUT: every such value by its path, and the paths of those that follow from the workload."""
    values = {path: value(settings) for path, value in (*_FIXED.items(), *_NEVER_LESS.items())}
    return {"values": values, "derived": [path for path in values if path in (settings.derived or ())]}


def faults(settings: Settings, outputs: Mapping[str, Any]) -> list[str]:
    """Why this run may not have what it does not state after the run that left `outputs`, with remedies.

    A stack that gives its workload up has defaults in place of what followed from it. Earlier releases said only what
    regions share; of the rest nothing is known then.
    """
    before = {**(outputs.get(SHARED) or {}), **_left(outputs).get("values", {})}
    judged = _judged(settings, outputs)
    values = output(settings)["values"]
    source = "a default, without the workload" if settings.derived is None else "from the workload"
    found = [_fault(path, values[path], before[path], source) for path in values if path in judged and path in before]
    return [fault for fault in found if fault is not None]


def smaller_volumes(settings: Settings, outputs: Mapping[str, Any]) -> list[str]:
    """Why this run may not have the sizes that it states, or leaves to their defaults, with remedies: no store would
    get them. Earlier releases said nothing of sizes; a claim that asks for more is left as it is then.
    """
    before, values = _left(outputs).get("values", {}), output(settings)["values"]
    return [
        f"{path} = {values[path]}   {before[path]} is there and holds data: set {path} to {before[path]} or more"
        for path in _VOLUMES
        if path in before and path not in _judged(settings, outputs)
        if Quantity(str(values[path])) < Quantity(str(before[path]))
    ]


def _left(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return outputs.get(OUTPUT) or {}


def _judged(settings: Settings, outputs: Mapping[str, Any]) -> Collection[str]:
    """What follows from a workload, or did."""
    return _left(outputs).get("derived", []) if settings.derived is None else settings.derived


def _fault(path: str, now: Value, before: Any, source: str) -> str | None:
    has = f"{before:.0f}" if isinstance(before, int | float) else str(before)
    there, wanted = Quantity(has), Quantity(str(now))
    if there == wanted or (path in _NEVER_LESS and wanted > there):
        return None
    why = "stays as it was made" if path in _FIXED else "is not made less, since it holds data"
    return f"{path} = {now} ({source})   {has} is there and {why}: state {path}: {has} in the stack file"
