"""Disruption budgets that fit: each pod has exactly one, it lets nodes be drained and never a quorum be lost."""

from collections.abc import Iterator, Sequence

from policies.checks.groups import Group, groups, majority
from policies.checks.model import Budget, Kind, Minimums, Stack, Violation, Workload

_ONE_OFF = (Kind.JOB, Kind.CRON_JOB)


def fit(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """Every group of pods and every budget of a stack, judged against each other."""
    every = tuple(groups(stack))
    for group in every:
        yield from _covered_once(group, stack.budgets)
    for budget in stack.budgets:
        yield from _has_a_group(budget, every, stack, minimums)


def _covered_once(group: Group, budgets: Sequence[Budget]) -> Iterator[Violation]:
    chosen: set[str] = set()
    for workload in group.workloads:
        covering = [budget for budget in budgets if budget.covers(workload.namespace, workload.labels)]
        chosen |= {budget.urn for budget in covering}
        if not covering:
            yield Violation(workload.urn, f"no PodDisruptionBudget selects the pods of {workload.title}")
        if len(covering) > 1:
            names = ", ".join(budget.name for budget in covering)
            yield Violation(
                workload.urn, f"{workload.title} has {len(covering)} PodDisruptionBudgets ({names}): none of its "
                "pods can be evicted"
            )  # fmt: skip
    if len(group.workloads) > 1 and len(chosen) > 1:
        yield Violation(
            group.workloads[0].urn, f"{group.title} have {len(chosen)} budgets, which together allow more than one does"
        )


def _has_a_group(budget: Budget, every: Sequence[Group], stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    covered = [group for group in every if any(_covers(budget, workload) for workload in group.workloads)]
    one_off = [
        workload.title for workload in stack.workloads if workload.kind in _ONE_OFF and _covers(budget, workload)
    ]
    databases = [d.name for d in stack.databases if d.budgets and budget.covers(d.namespace, d.labels)]
    if one_off:
        yield Violation(
            budget.urn,
            f"{budget.name} also selects the pods of {', '.join(one_off)}, which has no number of pods to keep",
        )
    if databases:
        yield Violation(
            budget.urn, f"{budget.name} also selects the pods of PostgreSQL {', '.join(databases)}, which has its own"
        )
    if not covered and not one_off and not databases:
        yield Violation(budget.urn, f"{budget.name} selects no pods of this stack")
    if len(covered) > 1:
        titles = " and ".join(group.title for group in covered)
        yield Violation(budget.urn, f"{budget.name} is shared by {titles}: an eviction of one blocks the other")
    if len(covered) == 1:
        yield from _allowance(budget, covered[0], minimums)


def _covers(budget: Budget, workload: Workload) -> bool:
    return budget.covers(workload.namespace, workload.labels)


def _least(group: Group, minimums: Minimums) -> int:
    """Pods that an eviction must leave: a majority of those that vote, all but one of the fewest of others."""
    if group.quorum:
        return majority(group.replicas)
    return max(1, min(group.replicas, minimums.min_replicas) - 1)


def _allowance(budget: Budget, group: Group, minimums: Minimums) -> Iterator[Violation]:
    allowed = budget.allowed_evictions(group.replicas)
    left = group.replicas - allowed
    least = _least(group, minimums)
    if budget.min_available is not None and budget.max_unavailable is not None:
        yield Violation(budget.urn, f"{budget.name} states minAvailable and maxUnavailable: only one of them may be")
    if allowed < 1:
        yield Violation(
            budget.urn,
            f"{budget.name} allows no eviction of {group.title} ({group.replicas} pods): nodes cannot be drained",
        )
    elif left < least:
        what = "a majority" if group.quorum else "the least"
        yield Violation(
            budget.urn, f"{budget.name} lets {group.title} fall to {left} of {group.replicas} pods; {what} is {least}"
        )
    if not budget.always_allows_unhealthy:
        yield Violation(
            budget.urn,
            f"{budget.name} lets a broken pod block the drain of its node: state AlwaysAllow for unhealthy pods",
        )
