"""All settings of one stack, and what follows from them."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from settings.grafana import Grafana
from settings.high_availability import HighAvailability
from settings.images import Images
from settings.ingress import Ingress
from settings.kubernetes import Kubernetes
from settings.memory import Memory
from settings.model import Model
from settings.multiregion import MultiRegion, Region
from settings.postgresql import PostgreSQL
from settings.qdrant import Qdrant
from settings.redis import Redis
from settings.resources import Resources
from settings.sharding import Sharding


def _supported(platform: object) -> object:
    if platform == "aws":
        raise ValueError('not supported yet: use "kubernetes" with the kubeconfig of an EKS cluster')
    return platform


Platform = Annotated[Literal["kubernetes"], BeforeValidator(_supported)]


class Configuration(Model):
    """The keys of a stack file."""

    memory: Memory = Field(description="The memory service: image, replicas, resources, autoscaling, namespaces.")
    sharding: Sharding = Field(default=Sharding(), description="Shards and copies of the vectors.")
    qdrant: Qdrant = Field(default=Qdrant(), description="The vector store: nodes, resources, volumes.")
    postgresql: PostgreSQL = Field(
        default=PostgreSQL(), description="The graph database: primary, replicas, pooler, volumes, names."
    )
    redis: Redis = Field(default=Redis(), description="The cache: masters, replicas, resources, volume.")
    ingress: Ingress = Field(
        default=Ingress(), description="How users reach the service: class, hosts, TLS, rate limit."
    )
    multiregion: MultiRegion = Field(
        default=MultiRegion(),
        description="All regions and which one is home; the same for every stack, so it stands in Pulumi.yaml.",
    )
    high_availability: HighAvailability = Field(
        default=HighAvailability(), description="What must survive the loss of a zone: fewest replicas, zones."
    )
    grafana: Grafana = Field(
        default=Grafana(), description="Names of dashboards: checked and recorded, not installed by this release."
    )
    images: Images = Field(default=Images(), description="Images of the stores and helpers, with pinned tags.")
    platform: Platform = Field(
        default="kubernetes", description="What a region runs on: `kubernetes`, a cluster with a kubeconfig."
    )
    kubernetes: Kubernetes = Field(
        default=Kubernetes(), description="The cluster: kubeconfig, namespaces, storage class, zone names."
    )


class Settings(Configuration):
    """A checked configuration for one stack; `settings.load` makes it."""

    stack: str = Field(description="Name of the stack, which is the name of its region.")

    @property
    def region(self) -> Region:
        """The stack's own region; a stack without multi-region and list is a region by itself."""
        for region in self.multiregion.regions:
            if region.name == self.stack:
                return region
        return Region(name=self.stack, primary=True)

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions that there are; without multi-region, of this one alone."""
        listed = self.multiregion.names if self.multiregion.enabled else ()
        return listed or (self.stack,)

    @property
    def home(self) -> str:
        """Name of the region where data lives."""
        named = self.multiregion.home or next((r.name for r in self.multiregion.regions if r.primary), None)
        return named or self.stack

    @property
    def is_home(self) -> bool:
        """Does data live in this stack's region?"""
        return self.stack == self.home

    @property
    def memory_resources(self) -> Resources:
        """Resources of service pods in this region: its own over `memory.resources`."""
        return self.memory.resources.overridden(self.region.resources)

    @property
    def shards(self) -> int:
        """Shards of each collection: one when sharding is off."""
        return (self.qdrant.shards or self.sharding.shards) if self.sharding.enabled else 1
