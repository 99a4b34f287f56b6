"""Requests and limits: every container states how much it needs and how much it may take."""

from collections.abc import Iterator

from policies.checks.model import Container, Database, Item, Kind, Minimums, Violation, Workload

_RESOURCES = ("cpu", "memory")


def stated(item: Item, minimums: Minimums) -> Iterator[Violation]:
    """Every container of every kind that runs pods, init containers, sidecars and Jobs included."""
    del minimums
    if isinstance(item, Database):
        yield from _violations(item.urn, f"PostgreSQL {item.name}", item.server)
    if not isinstance(item, Workload):
        return
    for container in item.containers:
        yield from _violations(item.urn, f"{item.title}: {container.role.value} {container.name}", container)
    if item.kind is Kind.POOLER and all(container.name != "pgbouncer" for container in item.containers):
        yield Violation(item.urn, f"{item.title}: its template has no container pgbouncer that states any")


def _violations(urn: str, title: str, container: Container) -> Iterator[Violation]:
    for resource in _RESOURCES:
        request, limit = container.requests.get(resource), container.limits.get(resource)
        if request is None:
            yield Violation(urn, f"{title} requests no {resource}")
        if limit is None:
            yield Violation(urn, f"{title} has no limit of {resource}")
        if request is not None and limit is not None and request > limit:
            yield Violation(urn, f"{title} requests more {resource} than its limit")
