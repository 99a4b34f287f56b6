"""All settings of one stack, and what follows from them."""

from collections.abc import Iterable
from itertools import chain
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from settings import networks
from settings.aws import Aws
from settings.backups import Backups
from settings.edge import Edge
from settings.grafana import Grafana
from settings.high_availability import HighAvailability
from settings.images import Images
from settings.ingress import Ingress
from settings.kubernetes import Kubernetes
from settings.memory import Memory
from settings.model import Model
from settings.monitoring import Monitoring
from settings.multiregion import MultiRegion, Region
from settings.postgresql import PostgreSQL
from settings.promotion import Promotion
from settings.qdrant import Qdrant
from settings.redis import Redis
from settings.resources import Resources
from settings.services import OF_AWS, SERVICES, Service, Services
from settings.sharding import Sharding
from settings.workload import RegionShare, Workload

Platform = Literal["kubernetes", "aws"]


def _joined(ranges: Iterable[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    """All ranges; None where some are not known."""
    known = list(ranges)
    return None if None in known else tuple(dict.fromkeys(chain.from_iterable(one for one in known if one)))


def _stated(block: object) -> object:
    """A block without keys states nothing: Pulumi.yaml's default of it is one."""
    return None if block == {} else block


class Configuration(Model):
    """The keys of a stack file."""

    memory: Memory = Field(description="The memory service: image, replicas, resources, autoscaling, namespaces.")
    sharding: Sharding = Field(default=Sharding(), description="Shards and copies of the vectors.")
    qdrant: Qdrant = Field(default=Qdrant(), description="The vector store: nodes, resources, volumes.")
    postgresql: PostgreSQL = Field(
        default=PostgreSQL(), description="The graph database: primary, replicas, pooler, volumes, names."
    )
    redis: Redis = Field(default=Redis(), description="The cache: masters, replicas, resources, volume.")
    backups: Backups = Field(
        default=Backups(), description="Backups of PostgreSQL and Qdrant: how often, for how long, where they lie."
    )
    ingress: Ingress = Field(
        default=Ingress(), description="How users reach the service: class, hosts, TLS, rate limit."
    )
    edge: Edge = Field(
        default=Edge(), description="The proxy of a standby region: pods, resources, what users are told without home."
    )
    multiregion: MultiRegion = Field(
        default=MultiRegion(),
        description="All regions and which one is home; the same for every stack, so it stands in Pulumi.yaml.",
    )
    promotion: Promotion = Field(
        default=Promotion(), description="A promotion that is under way: the command `promotion` writes it."
    )
    high_availability: HighAvailability = Field(
        default=HighAvailability(), description="What must survive the loss of a zone: fewest replicas, zones."
    )
    grafana: Grafana = Field(default=Grafana(), description="Which dashboards the region has.")
    monitoring: Monitoring = Field(
        default=Monitoring(), description="What is collected and from where on somebody is told."
    )
    images: Images = Field(default=Images(), description="Images of the stores and helpers, with pinned tags.")
    workload: Annotated[Workload | None, BeforeValidator(_stated)] = Field(
        default=None,
        description="The load to be carried: sizes that the stack does not state follow from it (docs/capacity.md).",
    )
    platform: Platform = Field(
        default="kubernetes",
        description="What a region runs on: `kubernetes`, a cluster with a kubeconfig, or `aws`, made from nothing.",
    )
    kubernetes: Kubernetes = Field(
        default=Kubernetes(), description="The cluster: kubeconfig, namespaces, storage class, zone names."
    )
    services: Services = Field(
        default=Services(),
        description="Operators and controllers on the cluster: which are there, which are installed.",
    )
    aws: Aws = Field(
        default=Aws(), description="The region on AWS: account, network, cluster, nodes; for the platform `aws`."
    )


class Settings(Configuration):
    """A checked configuration for one stack; `settings.load` makes it."""

    stack: str = Field(description="Name of the stack, which is the name of its region.")
    derived: tuple[str, ...] | None = Field(
        default=None, description="Paths of values that follow from the workload; None without one."
    )

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
    def planned_workload(self) -> Workload | None:
        """The workload with what the settings say elsewhere: zones, namespaces, their most memories, the regions, and
        the RPO where the workload states none.

        Home comes first, wherever it is; all requests enter there unless shares are stated.
        """
        if self.workload is None:
            return None
        shares = {one.name: one.share for one in self.workload.regions} if self._shares_stated else {self.home: 1.0}
        names = dict.fromkeys((self.home, *self.regions, *shares))
        objectives = self.workload.objectives
        if "rpo_seconds" not in objectives.model_fields_set:
            objectives = objectives.model_copy(update={"rpo_seconds": self.multiregion.rpo_seconds})
        return self.workload.model_copy(
            update={
                "zones": len(set(self.high_availability.zones)),
                "namespaces": len(self.memory.namespaces),
                "max_memories": self.memory.max_memories,
                "objectives": objectives,
                "regions": tuple(RegionShare(name=name, share=shares.get(name, 0.0)) for name in names),
            }
        )

    @property
    def _shares_stated(self) -> bool:
        return self.workload is not None and "regions" in self.workload.model_fields_set

    @property
    def backs_up(self) -> bool:
        """Does the region back its stores up?"""
        has_place = self.platform == "aws" or self.backups.s3 is not None
        return has_place if self.backups.enabled is None else self.backups.enabled

    @property
    def generations(self) -> dict[str, int]:
        """`generation` of each region."""
        stated = {region.name: region.generation for region in self.multiregion.regions}
        return {region: stated.get(region, 1) for region in self.regions}

    @property
    def home(self) -> str:
        """Name of the region where data lives; while a promotion is under way, where it is to live for this stack."""
        promotion = self.promotion
        if promotion.home is not None and promotion.former is not None:
            return promotion.former if promotion.step == "hold" else promotion.home
        return self.listed_home

    @property
    def listed_home(self) -> str:
        """The home region that `multiregion` names, whatever promotion is under way."""
        named = self.multiregion.home or next((r.name for r in self.multiregion.regions if r.primary), None)
        return named or self.stack

    @property
    def is_home(self) -> bool:
        """Does data live in this stack's region?"""
        return self.stack == self.home

    @property
    def zone_values(self) -> dict[str, str]:
        """Zone of `high_availability.zones` to its value of topology.kubernetes.io/zone."""
        zones = self.high_availability.zones
        if self.platform == "kubernetes":
            return {zone: self.kubernetes.zone_value(zone) for zone in zones}
        return {zone: f"{self.region.aws_region}{self.aws.letter(zone, index)}" for index, zone in enumerate(zones)}

    @property
    def answered(self) -> Ingress:
        """`ingress` with every host that this region answers to: where the program keeps the public names, the
        region's own name of each host too, which its health check asks.
        """
        if self.platform != "aws" or self.aws.dns.hosted_zone is None:
            return self.ingress
        own = (rule.model_copy(update={"host": self.regional_host(rule.host)}) for rule in self.ingress.rules)
        return self.ingress.model_copy(update={"rules": (*self.ingress.rules, *own)})

    def regional_host(self, host: str) -> str:
        """The name of this region alone beside a public one."""
        return f"{self.stack}.{host}"

    @property
    def has_edge(self) -> bool:
        """Does the region take its users to home? Not while home moves away from here: the region that follows is none
        yet, and has no way in for edges.
        """
        return not self.is_home and self.ingress.enabled and self.promotion.step != "demote"

    @property
    def edge_replicas(self) -> int:
        """Pods of the edge proxy."""
        return self.edge.replicas or self.high_availability.min_replicas

    def ranges_of(self, region: str) -> tuple[str, ...] | None:
        """Ranges with the addresses at which other regions reach a region; None where nobody knows them."""
        if self.platform == "aws":
            return (str(self.multiregion.vpc(region)),)
        return next((known.ranges for known in self.multiregion.regions if known.name == region), ()) or None

    @property
    def api_server_ranges(self) -> tuple[str, ...] | None:
        """Ranges with all addresses of the region's own API server; None where nobody knows them.

        Pods ask the Service `kubernetes`. Whether a NetworkPolicy sees its address or the one behind it is up to who
        enforces it (kubernetes.io, Network Policies, on `ipBlock`): the agent of the VPC CNI sits at the pod's own
        interface, before kube-proxy (aws-network-policy-agent, README). So both are named: the first address of all
        Services, which is always this one's, and the VPC, in which the control plane's interfaces lie, since the
        endpoint is always a private one as well (components/aws/cluster.py). A VPC of yours may have further ranges,
        and a cluster of yours an endpoint on the internet, or policies that somebody else enforces.
        """
        if self.platform == "aws" and self.aws.network.existing is None:
            return (str(self.multiregion.vpc(self.stack)), f"{networks.SERVICES[1]}/32")
        return self.kubernetes.api_server_ranges or None

    @property
    def ranges_elsewhere(self) -> tuple[str, ...] | None:
        """Those of all other regions; None unless every one is known."""
        return _joined(self.ranges_of(name) for name in self._others)

    @property
    def postgres_ranges_elsewhere(self) -> tuple[str, ...] | None:
        """The same for their PostgreSQL, which may state its address."""
        stated = self.multiregion.postgres_addresses
        return _joined((f"{stated[name]}/32",) if name in stated else self.ranges_of(name) for name in self._others)

    @property
    def _others(self) -> list[str]:
        return [name for name in self.regions if name != self.stack]

    @property
    def services_to_install(self) -> tuple[Service, ...]:
        """Platform services that the program installs, in their order."""
        there = self.services.installed
        if there is None:
            there = SERVICES if self.platform == "kubernetes" else ()
        useless = () if self.platform == "aws" else OF_AWS
        return tuple(service for service in SERVICES if service not in (*there, *useless))

    @property
    def memory_resources(self) -> Resources:
        """Resources of service pods in this region: its own over `memory.resources`."""
        return self.memory.resources.overridden(self.region.resources)

    @property
    def shards(self) -> int:
        """Shards of each collection: one when sharding is off."""
        return (self.qdrant.shards or self.sharding.shards) if self.sharding.enabled else 1
