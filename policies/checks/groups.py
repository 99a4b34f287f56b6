"""Workloads that hold one data set together: they are counted, spread and evicted as one."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policies.checks.model import Stack, Workload

TOGETHER = ("app.kubernetes.io/name", "app.kubernetes.io/component")
"""Pod labels that StatefulSets of one group share; `app.kubernetes.io/instance` tells them apart."""


@dataclass(frozen=True)
class Group:
    """One workload, or StatefulSets of which each is pinned to one zone."""

    workloads: tuple[Workload, ...]
    replicas: int
    """Pods of all of them in ordinary operation."""
    by_zone: Mapping[str, int]
    """Pods in each zone of a pinned group, zones without any left out; empty for a workload that is spread."""

    @property
    def title(self) -> str:
        if len(self.workloads) == 1:
            return self.workloads[0].title
        return "the StatefulSets " + ", ".join(workload.name for workload in self.workloads)

    @property
    def quorum(self) -> bool:
        return self.workloads[0].quorum


def majority(members: int) -> int:
    return members // 2 + 1


def groups(stack: Stack) -> Iterator[Group]:
    """Everything that runs always, each workload in exactly one group."""
    pinned: dict[tuple[str, ...], list[Workload]] = {}
    for workload in stack.workloads:
        if workload.lasting and not workload.pinned:
            yield Group((workload,), stack.replicas_of(workload), {})
        elif workload.lasting:
            pinned.setdefault(_key(workload), []).append(workload)
    for siblings in pinned.values():
        by_zone: Counter[str] = Counter()
        for workload in siblings:
            for zone in workload.nodes.zones.names:
                by_zone[zone] += stack.replicas_of(workload)
        yield Group(tuple(siblings), by_zone.total(), +by_zone)


def _key(workload: Workload) -> tuple[str, ...]:
    shared = tuple(workload.labels.get(label, "") for label in TOGETHER)
    alone = "" if all(shared) else workload.name
    return (workload.namespace, alone, *shared)
