"""What rules and dashboards have to know of a region."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from settings import Settings
from settings.grafana import Dashboard
from settings.monitoring import Monitoring

MEMORY, EDGE = "memory-service", "memory-edge"
REDIS_GATEWAY, POSTGRESQL_GATEWAY, QDRANT_GATEWAY = "redis-gateway", "postgresql-gateway", "qdrant-gateway"
GATEWAYS = (REDIS_GATEWAY, POSTGRESQL_GATEWAY, QDRANT_GATEWAY)
QDRANT, SHARDS, REDIS, POSTGRESQL, POOLER = "qdrant", "qdrant-shards", "redis", "postgresql", "postgresql-pooler"
INGRESS, LINK, PUBLIC, EXPORTERS = "nginx-ingress", "region-link", "public-name", "monitoring-exporters"
"""Jobs: what is scraped by the same monitor."""

PODS: Final = f"({MEMORY}|{EDGE}|{POOLER})-.+|({QDRANT}|{REDIS}|{POSTGRESQL})-(?:.+-)?[0-9]{{1,4}}"
"""Names of pods begin with their component's; those of stores end with a number, and those of their Jobs, such as
redis-healer, with five letters and digits. RE2 takes the first alternative that fits.
"""


@dataclass(frozen=True)
class Scope:
    """One region as its rules see it."""

    region: str
    namespace: str
    """Kubernetes namespace of the region."""
    ingress_namespace: str
    """That of the ingress controller."""
    ingress_installed: bool
    """Whether the program installs the ingress controller; else it may be another one."""
    home: bool
    """Whether it is the home region."""
    regions: tuple[str, ...]
    """All regions, this one too."""
    services: tuple[str, ...]
    """Service of each memory namespace."""
    monitoring: Monitoring
    rpo_seconds: int
    """Most seconds of writes that a promotion may lose."""
    qdrant_nodes: int
    """Those that stay, while others are drained."""
    qdrant_all: int
    """With those that are drained."""
    replication_factor: int
    """Copies of each shard of Qdrant."""
    redis_replicas: int
    """Replicas of each Redis master."""
    instances: int
    """Instances of PostgreSQL."""
    pods: Mapping[str, int]
    """Component to its pods in ordinary operation."""
    needed: Mapping[str, int]
    """Component to the pods without which it does not serve."""
    zones: tuple[str, ...]
    """Names of the zones, as nodes tell them."""
    least: Mapping[str, int]
    """Component to the pods that each zone has of it, at least; without those that need not be in every zone."""
    backups: bool
    """Whether backups are taken."""
    edge: bool
    """Takes users to home."""
    hosts: tuple[str, ...]
    """Public names."""
    dashboards: tuple[Dashboard, ...]
    """Those that the region has."""

    @property
    def others(self) -> tuple[str, ...]:
        """The other regions."""
        return tuple(region for region in self.regions if region != self.region)

    @property
    def own(self) -> str:
        """Matcher of the region's namespace."""
        return f'namespace="{self.namespace}"'

    def of_ingress(self, more: str = "") -> str:
        """Selector of the ingress controller, which is in a namespace of its own."""
        own = f'job="{INGRESS}", namespace="{self.ingress_namespace}", region="{self.region}"'
        return "{" + ", ".join(filter(None, [own, more])) + "}"

    def of(self, job: str, more: str = "") -> str:
        """Selector of what one monitor scrapes, with further matchers."""
        return "{" + ", ".join(filter(None, [f'job="{job}"', self.own, more])) + "}"

    def of_members(self, more: str = "") -> str:
        """Selector of the Qdrant nodes that stay: one that is drained tells of a cluster of its own in the end."""
        stay = "|".join(f"{QDRANT}-{node}" for node in range(self.qdrant_nodes))
        pods = f'pod=~"{stay}"' if self.qdrant_nodes < self.qdrant_all else ""
        return self.of(QDRANT, ", ".join(filter(None, [pods, more])))


def equal(label: str, value: str) -> str:
    """A matcher."""
    return f'{label}="{value}"'


def scope(settings: Settings) -> Scope:
    """Of a region, by its settings."""
    redis = settings.redis.cluster
    edge = settings.has_edge
    instances, poolers = settings.postgresql.instances, settings.postgresql.pooler.instances
    pods = {
        MEMORY: settings.memory.min_replicas * len(settings.memory.namespaces),
        QDRANT: settings.qdrant.kept_nodes,
        REDIS: redis.pods,
        POSTGRESQL: instances,
        POOLER: poolers,
        **({EDGE: settings.edge_replicas} if edge else {}),
    }
    needed = {
        # The pods of a standby wait for a promotion.
        **({MEMORY: len(settings.memory.namespaces)} if settings.is_home else {}),
        QDRANT: settings.qdrant.kept_nodes // 2 + 1,
        REDIS: redis.nodes,
        # The primary, and a replica that confirms its commits.
        POSTGRESQL: min(2, instances),
        POOLER: 1,
        **({EDGE: 1} if edge else {}),
    }
    return Scope(
        region=settings.region.name,
        namespace=settings.kubernetes.namespace,
        ingress_namespace=settings.kubernetes.ingress_namespace,
        ingress_installed=settings.ingress.enabled and INGRESS in settings.services_to_install,
        home=settings.is_home,
        regions=settings.regions,
        services=tuple(settings.memory.service_names),
        monitoring=settings.monitoring,
        rpo_seconds=settings.multiregion.rpo_seconds,
        qdrant_nodes=settings.qdrant.kept_nodes,
        qdrant_all=settings.qdrant.replicas,
        replication_factor=settings.sharding.replication_factor,
        redis_replicas=redis.replicas,
        instances=instances,
        pods=pods,
        needed=needed,
        zones=tuple(settings.zone_values.values()),
        least=_least(settings, pods, needed),
        backups=settings.backs_up,
        edge=edge,
        hosts=tuple(rule.host for rule in settings.ingress.rules) if settings.ingress.enabled else (),
        dashboards=settings.grafana.dashboards,
    )


def _least(settings: Settings, pods: Mapping[str, int], needed: Mapping[str, int]) -> dict[str, int]:
    """Pods are spread evenly: a zone has its share, or one more."""
    zones, redis = len(settings.high_availability.zones), settings.redis.cluster
    each = {name: count // zones for name, count in pods.items() if name in needed}
    if MEMORY in each:
        each[MEMORY] = settings.memory.min_replicas // zones * len(settings.memory.namespaces)
    # Masters go round the zones, each followed by its replicas (components/redis_plan.py).
    each[REDIS] = redis.kept_nodes // zones * (1 + redis.kept_replicas)
    return {name: count for name, count in each.items() if count}
