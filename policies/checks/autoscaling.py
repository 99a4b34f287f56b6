"""Autoscaling that keeps the minimum: the autoscaler never goes under it and has something to scale."""

from collections.abc import Iterator

from policies.checks.model import Autoscaler, Item, Minimums, Stack, Violation


def keeps_minimum(item: Item, minimums: Minimums) -> Iterator[Violation]:
    """One autoscaler by itself."""
    if not isinstance(item, Autoscaler):
        return
    if item.min_replicas < minimums.min_replicas:
        yield Violation(
            item.urn,
            f"{item.name} may scale down to {item.min_replicas}, at least {minimums.min_replicas} are required",
        )
    least = max(item.min_replicas, minimums.min_replicas)
    if item.max_replicas < least:
        yield Violation(
            item.urn, f"{item.name} may scale up to {item.max_replicas} only, at least {least} are required"
        )
    if item.target_kind == "StatefulSet":
        yield Violation(item.urn, f"{item.name} scales a quorum set: its members are added and removed by hand")


def has_one_target(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """Autoscalers and what they scale: each one something of the stack, no two the same."""
    del minimums
    seen: dict[tuple[str, str, str], str] = {}
    for scaler in stack.autoscalers:
        target = (scaler.namespace, scaler.target_kind, scaler.target_name)
        if not any((w.namespace, w.kind.value, w.name) == target for w in stack.workloads):
            yield Violation(scaler.urn, f"{scaler.name} scales nothing of this stack")
        if target in seen:
            yield Violation(scaler.urn, f"{scaler.name} scales what {seen[target]} scales already")
        seen.setdefault(target, scaler.name)
