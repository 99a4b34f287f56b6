"""Stores on the nodes that are kept for them: nobody else fills those, and no store runs anywhere else."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Plain, at, labels_at, list_at, text_at
from policies.checks.templates import pod
from policies.checks.tokens import NODE_GROUP, POSTGRESQL, STATEFUL_SET
from policies.checks.whole import Whole, each

_EFFECTS: Final[Mapping[str, str]] = {
    "NO_SCHEDULE": "NoSchedule",
    "NO_EXECUTE": "NoExecute",
    "PREFER_NO_SCHEDULE": "PreferNoSchedule",
}
"""What EKS calls the effect of a taint, and what Kubernetes does."""


def kept(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Where the stack makes node groups, whatever keeps volumes selects some of them, all of which are tainted, and
    tolerates that."""
    del limits
    groups = whole.of(NODE_GROUP)

    def check(store: Resource) -> Iterator[str]:
        if store.type == STATEFUL_SET and not list_at(store.inputs, "spec", "volumeClaimTemplates"):
            return
        spec: Plain = pod(store) if store.type == STATEFUL_SET else at(store.inputs, "spec", "affinity")
        wanted = labels_at(spec, "nodeSelector")
        own = [group for group in groups if wanted.items() <= labels_at(group.inputs, "labels").items()]
        if not wanted:
            yield "may run on any node: nodeSelector is not stated"
        elif not own:
            yield "finds no node: nodeSelector fits no node group of this stack"
        for group in own if wanted else ():
            yield from _faults(group, list_at(spec, "tolerations"))

    if groups:
        yield from each(whole.of(STATEFUL_SET, POSTGRESQL), check)


def _faults(group: Resource, tolerations: Sequence[Plain]) -> Iterator[str]:
    taints = list_at(group.inputs, "taints")
    if not taints:
        yield f"shares the nodes of {group.name} with all others: the node group has no taints"
    for taint in taints:
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            yield f"is kept off the nodes of {group.name}: it tolerates not their taint {text_at(taint, 'key')}"


def _tolerates(toleration: Plain, taint: Plain) -> bool:
    """As the scheduler compares them (k8s.io/api/core/v1, ToleratesTaint)."""
    effect, key = text_at(toleration, "effect"), text_at(toleration, "key")
    if effect and effect != _EFFECTS.get(text_at(taint, "effect")):
        return False
    if key and key != text_at(taint, "key"):
        return False
    if text_at(toleration, "operator", default="Equal") == "Exists":
        return True
    return bool(key) and text_at(toleration, "value") == text_at(taint, "value")
