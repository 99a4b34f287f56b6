"""Rolls a component's workloads to a new revision, and waits until they are there."""

from collections.abc import Callable, Sequence

from rehearsal.drills import faults
from rehearsal.drills.faults import eventually
from rehearsal.drills.parts import Part, healthy
from rehearsal.kube import Client, Manifest

_KINDS = {
    "Deployment": ("apps/v1", "Deployment"),
    "StatefulSet": ("apps/v1", "StatefulSet"),
    "Pooler": ("postgresql.cnpg.io/v1", "Pooler"),
    "PostgreSQL": ("postgresql.cnpg.io/v1", "Cluster"),
}


def roll(client: Client, part: Part, pods: Callable[[], Sequence[Manifest]], seconds: float) -> None:
    """One workload after the other, as the program's own updates do: each waits for the one before."""
    kind = _KINDS[part.component.kind]
    for index, name in enumerate(part.component.workloads):
        before = {pod["metadata"]["uid"] for pod in part.of(index, pods())}
        faults.restart(client, kind, name, part.component.namespace)
        eventually(
            lambda index=index, before=before: replaced(part.of(index, pods()), before),
            f"{kind[1]} {name} is rolled",
            seconds,
        )


def replaced(now: Sequence[Manifest], before: set[str]) -> bool:
    """Whether none of the former pods is left, and as many new ones are healthy."""
    return len(now) == len(before) and all(map(healthy, now)) and not before & {pod["metadata"]["uid"] for pod in now}
