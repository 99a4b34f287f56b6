"""Planned resources as the checks of the policies take them, without the SDK between."""

from collections.abc import Sequence
from typing import Any

from policies.checks.model import Resource
from policies.checks.plain import UNKNOWN
from rehearsal.engine import model
from rehearsal.engine.model import PlannedResource, shown_to_packs


def resources(planned: Sequence[PlannedResource]) -> tuple[Resource, ...]:
    """What a pack sees of one stack: the region of a resource is the one that it states, or that of its provider."""
    shown = shown_to_packs(planned)
    by_urn = {resource.urn: resource for resource in shown}

    def place(resource: PlannedResource) -> str:
        provider = by_urn.get(resource.provider or "")
        stated = (one.inputs.get("region") for one in (resource, provider) if one is not None)
        return next((region for region in stated if isinstance(region, str)), "")

    def sources(resource: PlannedResource) -> dict[str, tuple[str, ...]]:
        origins = resource.property_dependencies.items()
        return {name: tuple(urn for urn in urns if urn in by_urn) for name, urns in origins}

    return tuple(
        Resource(
            resource.type, resource.urn, resource.name, _plain(resource.inputs), resource.protect,
            bool(resource.delete_before_replace), place(resource), sources(resource),
            resource.ignore_changes,
        )
        for resource in shown
    )  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, model.Secret):
        return _plain(value.value)
    if value is model.UNKNOWN:
        return UNKNOWN
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
