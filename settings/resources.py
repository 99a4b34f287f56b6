"""CPU and memory of a container: what may be left out, and how the rest follows."""

from typing import Annotated, cast

from pydantic import BeforeValidator, Field

from settings.model import Model
from settings.quantity import Bytes, BytesOrNone, Cpu, CpuOrNone, Quantity


class Amounts(Model):
    """CPU and memory as written: each may be left out."""

    cpu: CpuOrNone = Field(default=None, description="CPU.")
    memory: BytesOrNone = Field(default=None, description="memory.")


class ResourcesOverride(Model):
    """A `resources` block as written: what is left out comes from elsewhere."""

    requests: Amounts = Field(default=Amounts(), description="Reserved for each container.")
    limits: Amounts = Field(default=Amounts(), description="The most a container may use.")


class ResourceList(Model):
    """CPU and memory, both known."""

    cpu: Cpu = Field(description="CPU.")
    memory: Bytes = Field(description="memory.")

    def as_kubernetes(self) -> dict[str, str]:
        return {"cpu": self.cpu.text, "memory": self.memory.text}


class Resources(Model):
    """Requests and limits of a container, complete."""

    requests: ResourceList = Field(description="Reserved for each container.")
    limits: ResourceList = Field(description="The most a container may use.")

    @classmethod
    def of(cls, requests: tuple[str, str], limits: tuple[str, str]) -> "Resources":
        """Resources from (cpu, memory) twice."""
        return cls(
            requests=ResourceList(cpu=Quantity(requests[0]), memory=Quantity(requests[1])),
            limits=ResourceList(cpu=Quantity(limits[0]), memory=Quantity(limits[1])),
        )

    def as_kubernetes(self) -> dict[str, dict[str, str]]:
        """The `resources` of a container, as Kubernetes takes them."""
        return {"requests": self.requests.as_kubernetes(), "limits": self.limits.as_kubernetes()}

    def overridden(self, by: ResourcesOverride | None, *, equal: bool = False) -> "Resources":
        """These resources with what `by` states.

        A limit that is not stated is raised to the request; a request that is not stated is lowered to a stated limit
        (as Kubernetes derives requests). With `equal`, the one that is not stated equals the other (Guaranteed QoS).
        """
        if by is None:
            return self
        cpu = _pair(self.requests.cpu, self.limits.cpu, by.requests.cpu, by.limits.cpu, equal)
        memory = _pair(self.requests.memory, self.limits.memory, by.requests.memory, by.limits.memory, equal)
        return Resources(
            requests=ResourceList(cpu=cpu[0], memory=memory[0]), limits=ResourceList(cpu=cpu[1], memory=memory[1])
        )


def _pair(
    request: Quantity, limit: Quantity, stated_request: Quantity | None, stated_limit: Quantity | None, equal: bool
) -> tuple[Quantity, Quantity]:
    """Request and limit of one resource. The stated ones win; the others follow them."""
    if equal and (stated_request or stated_limit):
        return (stated_request or cast(Quantity, stated_limit), stated_limit or cast(Quantity, stated_request))
    request = stated_request or (min(request, stated_limit) if stated_limit else request)
    return request, stated_limit or max(limit, request)


def completed(defaults: Resources, *, equal: bool = False) -> BeforeValidator:
    """Validates a `resources` block that states only some of its values: the rest comes from `defaults`."""

    def complete(given: object) -> object:
        if isinstance(given, Resources):
            return given
        return defaults.overridden(ResourcesOverride.model_validate(given, by_alias=True, by_name=False), equal=equal)

    return BeforeValidator(complete)


MEMORY = Resources.of(("4", "8Gi"), ("8", "16Gi"))
"""The guide's vertical scaling."""
QDRANT = Resources.of(("4", "8Gi"), ("8", "16Gi"))
POSTGRESQL = Resources.of(("4", "8Gi"), ("4", "8Gi"))
"""Equal: Guaranteed QoS, so that the kernel takes PostgreSQL last when a node runs out of memory."""
REDIS = Resources.of(("1", "4Gi"), ("2", "4Gi"))
EDGE = Resources.of(("100m", "256Mi"), ("2", "256Mi"))

MemoryResources = Annotated[Resources, completed(MEMORY)]
QdrantResources = Annotated[Resources, completed(QDRANT)]
PostgresResources = Annotated[Resources, completed(POSTGRESQL, equal=True)]
RedisResources = Annotated[Resources, completed(REDIS)]
EdgeResources = Annotated[Resources, completed(EDGE)]
