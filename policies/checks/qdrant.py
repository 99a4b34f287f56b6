"""Qdrant keeps every shard twice or more: the replication factor wherever the program declares it."""

from collections.abc import Iterator, Mapping

from policies.checks.model import Kind, Minimums, Stack, Violation, Workload
from policies.checks.plain import Unknown

CLUSTER = "QDRANT__CLUSTER__ENABLED"
FACTOR = "QDRANT__STORAGE__COLLECTION__REPLICATION_FACTOR"
"""Qdrant's own setting: the factor of a collection that is made without one, by default 1 (config/config.yaml)."""

ROLE = "soma.io/region-role"
"""Label of the service's pods: `home` or `standby`."""

LEAST = 2
"""Copies of a shard: one is left when a zone is lost."""


def replicated(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """Every Qdrant StatefulSet and every plan of collections in the stack; none at all is a violation too."""
    del minimums
    found = list(servers(stack))
    if not found:
        yield Violation("", "the stack holds no StatefulSet with Qdrant's settings in its environment")
    for workload, settings in found:
        if settings.get(CLUSTER) != "true":
            yield Violation(workload.urn, f"{workload.title} does not set {CLUSTER}: its nodes share nothing")
        for fault in _faults(settings.get(FACTOR), stack.replicas_of(workload)):
            yield Violation(workload.urn, f"{workload.title}: {FACTOR} {fault}")
        yield from _planned(workload, stack)


def _planned(server: Workload, stack: Stack) -> Iterator[Violation]:
    """What the plans of collections say that are carried out on a server; at home there is one at least."""
    plans = [plan for plan in stack.collections if plan.namespace == server.namespace]
    if not plans and not _standby(stack):
        yield Violation(server.urn, f"{server.title}: no ConfigMap plans the collections of this region")
    for plan in plans:
        for fault in _factor_faults(plan.replication_factor, stack.replicas_of(server)):
            yield Violation(plan.urn, f"the collections of {plan.name}: replication_factor {fault}")
    for goal in (goal for goal in stack.copies if goal.namespace == server.namespace):
        for fault in _factor_faults(goal.replication_factor, stack.replicas_of(server)):
            yield Violation(goal.urn, f"the rebalancer's {goal.name}: replication_factor {fault}")


def _standby(stack: Stack) -> bool:
    """A standby plans no collections: they come with home's snapshots. A region that does not say is home."""
    return {workload.labels[ROLE] for workload in stack.workloads if ROLE in workload.labels} == {"standby"}


Environment = Mapping[str, str | Unknown | None]


def servers(stack: Stack) -> Iterator[tuple[Workload, Environment]]:
    """Every Qdrant StatefulSet with its settings."""
    for workload in stack.workloads:
        settings = _settings(workload) if workload.kind is Kind.STATEFUL_SET else None
        if settings:
            yield workload, settings


def _settings(workload: Workload) -> Environment:
    """Qdrant's settings in the environment of its container."""
    return {
        name: value
        for container in workload.containers
        for name, value in container.environment.items()
        if name.startswith("QDRANT__")
    }


def _faults(stated: str | Unknown | None, nodes: int) -> Iterator[str]:
    if isinstance(stated, Unknown):
        yield "cannot be known yet"
    elif stated is None:
        yield "is not set: a collection made without a factor has one copy"
    elif not stated.isdecimal():
        yield "is not a whole number"
    else:
        yield from _factor_faults(int(stated), nodes)


def _factor_faults(factor: int | None, nodes: int) -> Iterator[str]:
    if factor is None:
        yield "is not stated: Qdrant's default is one copy"
    elif factor < LEAST:
        yield f"is {factor}, at least {LEAST} copies of a shard are required"
    elif factor > nodes:
        yield f"is {factor}, more than there are nodes ({nodes})"
