"""The components of a region as the API server holds them, and where their pods are."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from policies.checks import proof, read
from policies.checks.model import Resource, Stack
from policies.checks.proof import Component, Layout
from rehearsal import pods
from rehearsal.kube import Client, Manifest, UnknownKind

_KINDS = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("policy/v1", "PodDisruptionBudget"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("postgresql.cnpg.io/v1", "Cluster"),
    ("postgresql.cnpg.io/v1", "Pooler"),
)


@dataclass(frozen=True)
class Part:
    """A component with the pods that are its own."""

    component: Component
    labels: tuple[Mapping[str, str], ...]
    """Of each of its workloads: what its pods carry at least."""

    @property
    def title(self) -> str:
        return self.component.title

    def of(self, workload: int, there: Sequence[Manifest]) -> list[Manifest]:
        """The pods of one workload among those of the namespace."""
        wanted = self.labels[workload].items()
        return [
            pod
            for pod in there
            if wanted <= (pod["metadata"].get("labels") or {}).items() and not pods.is_of_a_job(pod)
        ]

    def all(self, there: Sequence[Manifest]) -> list[Manifest]:
        """The pods of the whole component."""
        return [pod for workload in range(len(self.labels)) for pod in self.of(workload, there)]


def parts(client: Client, namespace: str, zones: Sequence[str]) -> tuple[Part, ...]:
    """Everything that runs always in a namespace, with its budgets as they are."""
    stack = _stack(client, namespace)
    by_name = {
        **{(workload.kind.value, workload.name): workload.labels for workload in stack.workloads},
        **{("PostgreSQL", database.name): database.labels for database in stack.databases},
    }
    return tuple(
        Part(component, tuple(by_name[component.kind, name] for name in component.workloads))
        for component in proof.components(stack, zones)
    )


def layout(part: Part, there: Sequence[Manifest], zone: Mapping[str, str], zones: Sequence[str]) -> Layout:
    """Where the pods of each workload are; those that have no node are nowhere."""
    counted: list[tuple[int, ...]] = []
    for workload in range(len(part.labels)):
        places = [zone.get(pod["spec"].get("nodeName", ""), "") for pod in part.of(workload, there)]
        counted.append(tuple(places.count(each) for each in zones))
    return tuple(counted)


def healthy(pod: Mapping[str, Any]) -> bool:
    """As the disruption controller counts it; a standby's pod that is held waits as it should."""
    return not pod["metadata"].get("deletionTimestamp") and (pods.is_ready(pod) or pods.is_held(pod))


def budgets(client: Client, namespace: str | None = None) -> list[Manifest]:
    """Those of a namespace, or all."""
    return client.list("policy/v1", "PodDisruptionBudget", namespace)


def evictable(part: Part, guards: Sequence[Manifest], there: Sequence[Manifest]) -> int:
    """Evictions that the budgets of the part's namespace allow by their own word: all of it where no budget is, and
    none of a pod that has two."""
    own = part.all(there)
    allowed, covered = 0, set[str]()
    for budget in guards:
        wanted = (budget["spec"].get("selector") or {}).get("matchLabels") or {}
        names = {pod["metadata"]["name"] for pod in own if wanted.items() <= pod["metadata"]["labels"].items()}
        if names & covered:
            return 0
        covered |= names
        allowed += int((budget.get("status") or {}).get("disruptionsAllowed", 0)) if names else 0
    return allowed if covered else sum(map(healthy, own))


def _stack(client: Client, namespace: str) -> Stack:
    """What an operator makes of another object is judged with that one."""
    resources: list[Resource] = []
    for version, kind in _KINDS:
        with suppress(UnknownKind):
            for manifest in client.list(version, kind, namespace):
                if not manifest["metadata"].get("ownerReferences"):
                    name = manifest["metadata"]["name"]
                    resources.append(Resource(f"kubernetes:{version}:{kind}", f"{kind}/{name}", name, manifest))
    return read.stack(resources)
