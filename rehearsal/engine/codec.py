"""Resources and plans as JSON and back, secrets in the clear but marked: for pipes and files of mode 0600."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final, cast

from rehearsal.engine import wire
from rehearsal.engine.model import Plan, PlannedResource

VALUES: Final = {"inputs", "outputs"}
NAMES: Final = tuple(field.name for field in fields(PlannedResource))
_EMPTY: Final[tuple[Any, ...]] = (None, False, (), {}, [])


def encode(resource: PlannedResource) -> dict[str, Any]:
    """The resource as JSON; fields at their empty value are left out."""
    stated = {name: getattr(resource, name) for name in NAMES}
    return {
        name: wire.marked(value)
        for name, value in stated.items()
        if value not in _EMPTY or name in ("inputs", "parent", "custom")
    }


def decode(document: Mapping[str, Any]) -> PlannedResource:
    """Undoes `encode`."""
    stated = {name: _decoded(name, document[name]) for name in NAMES if name in document}
    return PlannedResource(**cast(Any, stated))


def encode_plan(plan: Plan) -> dict[str, Any]:
    return {
        "region": plan.region,
        "resources": [encode(resource) for resource in plan.resources],
        "outputs": wire.marked(plan.outputs),
    }


def decode_plan(document: Mapping[str, Any]) -> Plan:
    resources = tuple(decode(resource) for resource in document["resources"])
    return Plan(document["region"], resources, cast(dict[str, Any], wire.unmarked(document["outputs"])))


def _decoded(name: str, value: Any) -> Any:
    if name in VALUES:
        return wire.unmarked(value)
    if name == "property_dependencies":
        return {key: tuple(urns) for key, urns in cast(dict[str, list[str]], value).items()}
    return tuple(cast(list[Any], value)) if isinstance(value, list) else value
