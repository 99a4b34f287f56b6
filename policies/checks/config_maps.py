"""What the program writes into ConfigMaps, as the checks know it."""

from collections.abc import Iterator, Mapping

from policies.checks import metadata
from policies.checks.model import CollectionPlan, Resource, SettingsRecord
from policies.checks.plain import Plain, Unreadable, at, flag_at, json_at, labels_at, number_at, object_at, texts_at

RECORD = "region-settings"
"""Name of the ConfigMap in which the program records the settings of a region."""

_ZONES_FILE = "zones.json"
"""File of the record with the cluster's own name of each zone."""

PLAN = "qdrant-collections"
"""Program (`app.kubernetes.io/name`) that makes the collections of its ConfigMap."""
_PLAN_FILE = "collections.json"

_FACTOR = ("parameters", "replication_factor")


def read(resource: Resource) -> SettingsRecord | CollectionPlan | None:
    """None for a ConfigMap that none of the checks looks into. Raises Unreadable."""
    return _record(resource) if metadata.name(resource) == RECORD else _plan(resource)


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
    )


def _plan(resource: Resource) -> CollectionPlan | None:
    """A plan is known by its program or its file, where it must state a factor; else by the factor that it states."""
    factors = list(_factors(resource.inputs))
    labels = labels_at(resource.inputs, "metadata", "labels")
    planned = labels.get("app.kubernetes.io/name") == PLAN or at(resource.inputs, "data", _PLAN_FILE) is not None
    if not factors and not planned:
        return None
    return CollectionPlan(
        urn=resource.urn,
        name=metadata.name(resource),
        namespace=metadata.namespace(resource),
        replication_factor=min(factors, default=None),
    )


def _factors(manifest: Plain) -> Iterator[int]:
    """The factors that JSON files of a ConfigMap state."""
    data = at(manifest, "data")
    for file, content in data.items() if isinstance(data, Mapping) else ():
        if file.endswith(".json") and isinstance(content, str) and _FACTOR[1] in content:
            found = json_at(manifest, "data", file)
            factor = number_at(found, *_FACTOR) if isinstance(found, Mapping) else None
            if factor is not None:
                yield factor
