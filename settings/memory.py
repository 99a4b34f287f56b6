"""The memory service itself."""

from pydantic import Field

from settings.model import Count, Model
from settings.names import Image, NamespaceName
from settings.quantity import Cpu, Quantity
from settings.resources import MEMORY, MemoryResources

SERVICE = "memory-service"
SERVICE_PORT = 80
"""Port of the service's Kubernetes Service."""


class Autoscaling(Model):
    """How the number of service pods follows the load. A process saturates about one core, whatever it requests."""

    enabled: bool = Field(default=True, description="Let a HorizontalPodAutoscaler set the number of pods.")
    min_replicas: Count | None = Field(default=None, description="Fewest pods; `memory.replicas` when left out.")
    max_replicas: Count = Field(default=12, description="Most pods; not under the fewest.")
    target_cpu: Cpu = Field(default=Quantity("700m"), description="CPU that each pod should use on average.")


class Memory(Model):
    """The guide's service replication and vertical scaling, and what the service must be told."""

    image: Image = Field(description="The service's image, with a pinned tag or a digest.")
    replicas: Count = Field(default=3, description="Pods of each memory namespace.")
    resources: MemoryResources = Field(
        default=MEMORY, description="CPU and memory of each pod; a region may override them."
    )
    autoscaling: Autoscaling = Field(default=Autoscaling(), description="How the number of pods follows the load.")
    namespaces: tuple[NamespaceName, ...] = Field(
        default=("default",),
        min_length=1,
        description="Memory namespaces: each has its own pods, Qdrant collection and host.",
    )
    max_memories: int = Field(
        default=100_000, ge=1, description="Memories that a namespace keeps before it evicts the oldest."
    )
    token_version: int = Field(
        default=1,
        ge=1,
        description="Raise it by one for other bearer tokens: those that the Secrets had under `next`; the pods start "
        "again one by one for it.",
    )

    @property
    def min_replicas(self) -> int:
        """Fewest pods of a namespace under the autoscaler."""
        return self.autoscaling.min_replicas or self.replicas

    @property
    def service_names(self) -> tuple[str, ...]:
        """Name of the Kubernetes Service of each namespace, in their order."""
        return tuple(self.service_name(namespace) for namespace in self.namespaces)

    def service_name(self, namespace: str) -> str:
        """Name of a namespace's Deployment and Service; the guide's "memory-service" belongs to "default"."""
        return SERVICE if namespace == "default" else f"{SERVICE}-{namespace}"
