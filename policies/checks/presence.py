"""Self-checks: a rule that saw nothing has proved nothing."""

from collections.abc import Iterator

from policies.checks.model import Item, Kind, Minimums, Stack, Violation


def nothing_missing(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """Every kind that a region is made of was seen, and all that was seen could be judged."""
    del minimums
    kinds = {workload.kind for workload in stack.workloads}
    seen = {
        "Deployment": Kind.DEPLOYMENT in kinds,
        "StatefulSet": Kind.STATEFUL_SET in kinds,
        "Pooler": Kind.POOLER in kinds,
        "PodDisruptionBudget": bool(stack.budgets),
        "PostgreSQL Cluster": bool(stack.databases),
    }
    missing = [kind for kind, present in seen.items() if not present]
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
