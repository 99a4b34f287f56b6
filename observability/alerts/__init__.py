"""All alerts of a region, by concern."""

from observability.alerts import collection, objectives, postgresql, qdrant, redis, regions, service, zones
from observability.rule import Group
from observability.scope import Scope


def groups(scope: Scope) -> list[Group]:
    """Groups of alerts; those that have nothing to say of a region are left out."""
    made = (
        ("alerts-service", service.alerts(scope)),
        ("alerts-objectives", objectives.alerts(scope)),
        ("alerts-zones", zones.alerts(scope)),
        ("alerts-qdrant", qdrant.alerts(scope)),
        ("alerts-postgresql", postgresql.alerts(scope)),
        ("alerts-redis", redis.alerts(scope)),
        ("alerts-regions", regions.alerts(scope)),
        ("alerts-collection", collection.alerts(scope)),
    )
    return [Group(name, alerts) for name, each in made if (alerts := list(each))]
