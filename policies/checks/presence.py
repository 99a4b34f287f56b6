"""Self-checks: a rule that saw nothing has proved nothing."""

from collections.abc import Iterator

from policies.checks import config_maps
from policies.checks.model import Item, Kind, Minimums, Stack, Violation

MEMORY_SERVICE, QDRANT, REDIS, POSTGRESQL = "memory-service", "qdrant", "redis", "postgresql"

_PARTS = (
    (Kind.DEPLOYMENT, MEMORY_SERVICE),
    (Kind.STATEFUL_SET, QDRANT),
    (Kind.STATEFUL_SET, REDIS),
    (Kind.POOLER, POSTGRESQL),
)
"""Workloads of a region, by the program (`app.kubernetes.io/name`) that their pods run."""


def nothing_missing(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """Every part that a region is made of was seen, and all that was seen could be judged."""
    del minimums
    parts = {(workload.kind, workload.labels.get("app.kubernetes.io/name")) for workload in stack.workloads}
    seen = {
        **{f"{kind.value} {program}": (kind, program) in parts for kind, program in _PARTS},
        "PodDisruptionBudget": bool(stack.budgets),
        "PostgreSQL Cluster": bool(stack.databases),
        f"ConfigMap {config_maps.RECORD}": bool(stack.records),
    }
    missing = [part for part, present in seen.items() if not present]
    if missing:
        yield Violation(
            "", f"the stack holds no {', no '.join(missing)}: the other policies judged nothing of the kind"
        )
    for problem in stack.unreadable:
        yield Violation(problem.urn, f"left out of the judgement: {problem.message}")


def readable(item: Item, minimums: Minimums) -> Iterator[Violation]:
    """Reading it was the check: what cannot be read never gets here."""
    del item, minimums
    yield from ()
