"""What keeps backups beside PostgreSQL takes no more than it states."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from policies.checks.model import Limits, Resource
from policies.checks.plain import at, object_at
from policies.checks.quantities import parse
from policies.checks.requests import RESOURCES, faults

_PLACE = "spec.instanceSidecarConfiguration.resources"


def stated(resource: Resource, limits: Limits) -> Iterator[str]:
    """Barman's container runs in each pod of PostgreSQL: without a limit it takes what the database needs."""
    del limits
    requests, most = _amounts(resource, "requests"), _amounts(resource, "limits")
    for name in RESOURCES:
        for fault in faults(name, requests.get(name), most.get(name)):
            yield f"{_PLACE} {fault}"


def _amounts(resource: Resource, field: str) -> Mapping[str, Decimal]:
    path = (*_PLACE.split("."), field)
    if at(resource.inputs, *path) is None:
        return {}
    found = object_at(resource.inputs, *path)
    return {name: parse(found[name], f"{_PLACE}.{field}.{name}") for name in RESOURCES if name in found}
