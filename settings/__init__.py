"""The settings of a region: read once, checked as a whole, frozen from then on."""

from settings.edge import Edge
from settings.faults import Fault, SettingsError
from settings.grafana import Grafana
from settings.high_availability import HighAvailability
from settings.images import Images
from settings.ingress import Backend, Ingress, IngressPath, IngressRule, Tls
from settings.kubernetes import Kubernetes
from settings.loading import UnderivableError, load
from settings.memory import Autoscaling, Memory
from settings.multiregion import MultiRegion, Region
from settings.postgresql import Pooler, PostgresPrimary, PostgreSQL, PostgresReplica
from settings.promotion import Promotion, PromotionStep
from settings.qdrant import Qdrant
from settings.quantity import Quantity
from settings.redis import Redis, RedisCluster
from settings.resources import ResourceList, Resources, ResourcesOverride
from settings.settings import Configuration, Platform, Settings
from settings.sharding import Sharding
from settings.shared import differences, shared
from settings.workload import Workload

__all__ = [
    "Autoscaling",
    "Backend",
    "Configuration",
    "Edge",
    "Fault",
    "Grafana",
    "HighAvailability",
    "Images",
    "Ingress",
    "IngressPath",
    "IngressRule",
    "Kubernetes",
    "Memory",
    "MultiRegion",
    "Platform",
    "Pooler",
    "PostgreSQL",
    "PostgresPrimary",
    "PostgresReplica",
    "Promotion",
    "PromotionStep",
    "Qdrant",
    "Quantity",
    "Redis",
    "RedisCluster",
    "Region",
    "ResourceList",
    "Resources",
    "ResourcesOverride",
    "Settings",
    "SettingsError",
    "Sharding",
    "Tls",
    "UnderivableError",
    "Workload",
    "differences",
    "load",
    "shared",
]
