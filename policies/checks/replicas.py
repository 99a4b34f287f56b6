"""Enough pods: what runs always runs in at least `min_replicas` pods."""

from collections.abc import Iterator

from policies.checks.groups import groups
from policies.checks.model import Item, Kind, Minimums, Stack, Violation, Workload


def enough(item: Item, minimums: Minimums) -> Iterator[Violation]:
    """What one manifest says by itself. A StatefulSet in one zone is judged with its siblings: `enough_together`."""
    if not isinstance(item, Workload):
        return
    if item.kind is Kind.BARE:
        yield Violation(item.urn, f"{item.name} has no controller: nothing replaces its pods when their node is lost")
    if not item.lasting or item.pinned:
        return
    if item.replicas is None and item.kind is Kind.DEPLOYMENT:
        return  # an autoscaler may own the number: seen with the whole stack
    stated = 1 if item.replicas is None else item.replicas
    if stated < minimums.min_replicas:
        yield Violation(item.urn, f"{item.title} runs {stated} pods, at least {minimums.min_replicas} are required")


def enough_together(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """What only the whole stack tells: autoscaled Deployments, and StatefulSets that share a data set."""
    for group in groups(stack):
        workload = group.workloads[0]
        if workload.pinned and group.replicas < minimums.min_replicas:
            yield Violation(
                workload.urn, f"{group.title} runs {group.replicas} pods, at least {minimums.min_replicas} are required"
            )
        if workload.kind is not Kind.DEPLOYMENT or workload.replicas is not None:
            continue
        if stack.autoscaler_of(workload) is None:
            yield Violation(workload.urn, f"{workload.title} states no replicas and no autoscaler does: it runs 1 pod")
