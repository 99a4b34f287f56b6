"""What runs beside the components: other containers in their pods, and other pods in their zones."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from capacity import facts
from capacity.facts import Fact

SERVICE: Final = "memory-service"
QDRANT: Final = "qdrant"
POSTGRESQL: Final = "postgresql"
REDIS: Final = "redis"
EDGE: Final = "edge"
POOLER: Final = "pooler"
MORE_POOLERS: Final = "more poolers"
"""Beside the one that every zone has."""


class Asked(NamedTuple):
    """What a pod or container requests."""

    cpu: Fact
    """Cores."""
    memory: Fact
    """Bytes."""
    pods: Fact | None = None
    """Of a zone; None for one."""


CONTAINERS: Final[Mapping[str, Asked]] = {
    SERVICE: Asked(facts.GATEWAYS_CPU, facts.GATEWAYS_BYTES),
    POSTGRESQL: Asked(facts.BACKUP_CPU, facts.BACKUP_BYTES),
    REDIS: Asked(facts.REDIS_EXPORTER_CPU, facts.REDIS_EXPORTER_BYTES),
}
"""By component, of each pod together; PostgreSQL's are there where backups are taken."""
PODS: Final[Mapping[str, Asked]] = {
    "prometheus": Asked(facts.PROMETHEUS_CPU, facts.PROMETHEUS_BYTES),
    "ingress controller": Asked(facts.INGRESS_CPU, facts.INGRESS_BYTES),
    POOLER: Asked(facts.POOLER_CPU, facts.POOLER_BYTES),
    "other services": Asked(facts.PLATFORM_CPU, facts.PLATFORM_BYTES, facts.PLATFORM_PODS),
}
"""By name, of each zone, whatever the workload."""
EDGE_POD: Final = Asked(facts.LEAST_EDGE_CPU, facts.EDGE_BYTES)
"""What settings give a pod of the edge proxy."""
