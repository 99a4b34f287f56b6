"""What a drained run of the program registered, asked in the words of the domain."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from rehearsal.engine.model import revealed

KUBERNETES = "kubernetes:"
GENERATED = re.compile(r"<(?:password|key) [^>]+>")
"""How the recorder writes a password or private key that a provider would make."""


@dataclass(frozen=True)
class Resource:
    """One registration."""

    type: str
    name: str
    urn: str
    parent: str | None
    inputs: dict[str, Any]
    protect: bool
    depends_on: tuple[str, ...]
    provider: str | None
    """URN of the provider."""
    ignore_changes: tuple[str, ...]
    custom: bool

    @property
    def kind(self) -> str:
        """`Deployment` of `kubernetes:apps/v1:Deployment`."""
        return self.type.rpartition(":")[2]

    @property
    def is_object(self) -> bool:
        """Whether this is an object of the Kubernetes API."""
        return self.type.startswith(KUBERNETES) and not self.type.startswith(f"{KUBERNETES}helm.sh/")

    @property
    def metadata(self) -> dict[str, Any]:
        return self.inputs.get("metadata", {})

    @property
    def object_name(self) -> str:
        return str(self.metadata.get("name"))

    @property
    def spec(self) -> dict[str, Any]:
        return self.inputs.get("spec", {})


@dataclass(frozen=True)
class PodTemplate:
    """The pods of one workload."""

    workload: Resource
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: dict[str, Any]
    replicas: int

    @property
    def name(self) -> str:
        return self.workload.object_name

    @property
    def containers(self) -> list[dict[str, Any]]:
        """Every container, those that run before or beside the others included."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def container(self, name: str) -> dict[str, Any]:
        return next(container for container in self.containers if container["name"] == name)

    def matches(self, selector: Mapping[str, Any] | None) -> bool:
        """Whether a label selector finds these pods."""
        wanted = (selector or {}).get("matchLabels", {})
        return all(self.labels.get(key) == value for key, value in wanted.items())


@dataclass(frozen=True)
class Recorded:
    """A drained run."""

    stack: str
    resources: tuple[Resource, ...]
    outputs: dict[str, Any] = field(default_factory=dict)
    """Stack outputs; secrets as `Secret`."""

    @cached_property
    def by_urn(self) -> dict[str, Resource]:
        return {resource.urn: resource for resource in self.resources}

    @property
    def objects(self) -> Iterator[Resource]:
        """Every object of the Kubernetes API."""
        return (resource for resource in self.resources if resource.is_object)

    def of(self, kind: str) -> list[Resource]:
        """Objects of a kind."""
        return [resource for resource in self.objects if resource.kind == kind]

    def one(self, kind: str, name: str) -> Resource:
        """The object of this kind and name."""
        found = [resource for resource in self.of(kind) if resource.object_name == name]
        assert len(found) == 1, (
            f"{len(found)} objects {kind} {name}; there are {[r.object_name for r in self.of(kind)]}"
        )
        return found[0]

    def has(self, kind: str, name: str) -> bool:
        return any(resource.object_name == name for resource in self.of(kind))

    @cached_property
    def pod_templates(self) -> tuple[PodTemplate, ...]:
        """The pods of every Deployment, StatefulSet, Job and CronJob."""
        workloads = (r for r in self.objects if r.kind in ("Deployment", "StatefulSet", "Job", "CronJob"))
        return tuple(_pod_template(workload) for workload in workloads)

    def pods_of(self, name: str) -> PodTemplate:
        """The pods of the workload of this name."""
        return next(template for template in self.pod_templates if template.name == name)

    @property
    def user_hosts(self) -> list[Resource]:
        """VirtualServers of users: not those by which edges of other regions come."""
        return [server for server in self.of("VirtualServer") if not server.object_name.endswith("-entrance")]

    def budgets_of(self, pods: PodTemplate) -> list[Resource]:
        """PodDisruptionBudgets that count these pods."""
        return [budget for budget in self.of("PodDisruptionBudget") if pods.matches(budget.spec["selector"])]

    def policies_of(self, pods: PodTemplate) -> list[Resource]:
        """NetworkPolicies that bind these pods."""
        return [policy for policy in self.of("NetworkPolicy") if pods.matches(policy.spec["podSelector"])]

    def generated_secrets(self) -> set[str]:
        """Passwords and private keys that the run made or was given: none of them may stand in the clear."""
        everything = (*(resource.inputs for resource in self.resources), self.outputs)
        return {
            secret for value in everything for text in _texts(revealed(value)) for secret in GENERATED.findall(text)
        }

    def in_the_clear(self, text: str) -> list[str]:
        """Where a text stands without a secret mark."""
        places = [r.urn for r in self.resources if any(text in clear for clear in _texts(r.inputs))]
        return places + [f"output {k}" for k, v in self.outputs.items() if any(text in clear for clear in _texts(v))]


def _pod_template(workload: Resource) -> PodTemplate:
    spec = workload.spec["jobTemplate"]["spec"] if workload.kind == "CronJob" else workload.spec
    template = spec["template"]
    metadata = template["metadata"]
    return PodTemplate(
        workload=workload,
        labels=metadata["labels"],
        annotations=metadata.get("annotations", {}),
        spec=template["spec"],
        replicas=int(workload.spec.get("replicas", 1)),
    )


def _children(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(cast(Mapping[Any, Any], value).values())
    return cast(list[Any], value) if isinstance(value, (list, tuple)) else []


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value but those under a secret mark."""
    if isinstance(value, str):
        yield value
    for child in _children(value):
        yield from _texts(child)
