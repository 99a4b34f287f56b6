"""Requests and limits: every container states how much it needs and how much it may take."""

from collections.abc import Iterator
from decimal import Decimal

from policies.checks.model import Container, Database, Item, Kind, Minimums, Role, Violation, Workload

RESOURCES = ("cpu", "memory")


def stated(item: Item, minimums: Minimums) -> Iterator[Violation]:
    """Every container of every kind that runs pods, init containers, sidecars and Jobs included."""
    del minimums
    if isinstance(item, Database):
        yield from _violations(item.urn, f"PostgreSQL {item.name}", item.server)
    if not isinstance(item, Workload):
        return
    for container in item.containers:
        yield from _violations(item.urn, f"{item.title}: {container.role.value} {container.name}", container)
    if item.kind is not Kind.POOLER and all(container.role is not Role.MAIN for container in item.containers):
        yield Violation(item.urn, f"{item.title}: its template has no container")
    if item.kind is Kind.POOLER and all(container.name != "pgbouncer" for container in item.containers):
        yield Violation(item.urn, f"{item.title}: its template has no container pgbouncer that states any")


def _violations(urn: str, title: str, container: Container) -> Iterator[Violation]:
    for resource in RESOURCES:
        for fault in faults(resource, container.requests.get(resource), container.limits.get(resource)):
            yield Violation(urn, f"{title} {fault}")


def faults(resource: str, request: Decimal | None, limit: Decimal | None) -> Iterator[str]:
    if request is None:
        yield f"requests no {resource}"
    elif request <= 0:
        yield f"requests {resource} of zero or less"
    if limit is None:
        yield f"has no limit of {resource}"
    elif limit <= 0:
        yield f"has a limit of {resource} of zero or less, which limits nothing"
    if request is not None and limit is not None and request > limit:
        yield f"requests more {resource} than its limit"
