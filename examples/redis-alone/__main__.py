"""A Redis Cluster over three zones, on a cluster that is there, and nothing else of SomaFractalMemory."""

import pulumi

from components.configuration import load_own_settings
from components.platform import KubernetesPlatform, PlatformArgs
from components.redis import RedisArgs, RedisCluster
from settings import HighAvailability, Images, Kubernetes, Model, Redis


class Settings(Model):
    """The blocks that this program takes from its stack file."""

    kubernetes: Kubernetes = Kubernetes()
    high_availability: HighAvailability = HighAvailability()
    redis: Redis = Redis()
    images: Images = Images()


settings = load_own_settings(Settings)
name = pulumi.get_stack()
zones = tuple(settings.kubernetes.zone_value(zone) for zone in settings.high_availability.zones)

platform = KubernetesPlatform(f"{name}-platform", PlatformArgs(name, settings.kubernetes, zones))
redis = RedisCluster(
    f"{name}-redis",
    RedisArgs(
        placement=platform.placement,
        settings=settings.redis,
        image=settings.images.valkey,
        exporter_image=settings.images.redis_exporter,
        python_image=settings.images.python,
        monitoring_namespace=settings.kubernetes.monitoring_namespace,
    ),
)

pulumi.export("host", redis.headless)
pulumi.export("secret", redis.secret_name)
