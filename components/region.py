"""One region, composed in the order in which data flows: the stores, the service, the edge."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi import Output, ResourceOptions

from components import home_moves, kept, postgres_pooler
from components.home import REPLICATION, SHARED, TOKENS, Home
from components.ingress import Ingress, IngressArgs
from components.memory_environment import PostgresEndpoint
from components.memory_gateways import QdrantEndpoint, RedisEndpoint
from components.memory_pod import Role
from components.memory_service import MemoryService, MemoryServiceArgs, StorePods
from components.objects import every
from components.platform import KubernetesPlatform, Platform, PlatformArgs
from components.postgres import PostgresArgs, PostgresCluster
from components.qdrant import QdrantArgs, QdrantCluster
from components.record import SettingsRecord
from components.redis import RedisArgs, RedisCluster
from components.scale_in import OUTPUT, ScaleIn, for_next_run
from components.service_values import issuers
from settings import Settings, shared


class Region(pulumi.ComponentResource):
    """Everything of one region. Home writes; a standby follows it and holds its service until it is promoted."""

    role: Role

    platform: Platform
    qdrant: QdrantCluster
    postgres: PostgresCluster
    redis: RedisCluster
    services: dict[str, MemoryService]
    """By memory namespace."""
    ingress: Ingress | None

    endpoint: Output[str]
    """URL for users; inside the cluster where the region has no ingress."""

    def __init__(self, name: str, settings: Settings, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:region:Region", name, {}, opts)
        self._name, self._settings = name, settings
        self._own = ResourceOptions(parent=self)
        self.role = "home" if settings.is_home else "standby"

        before = ScaleIn(f"{name}-scale-in", settings, self._own)
        home = None if settings.is_home else Home(f"{name}-home", settings, before.checked, self._own)
        self._kept = kept.Kept(before.outputs)
        self.platform = self._platform([before.checked, *([] if home is None else [home.checked])])
        SettingsRecord(f"{name}-record", self.platform.placement, settings, self._own)
        self.qdrant = self._qdrant()
        self.postgres = self._postgres(home)
        self.redis = self._redis()
        self.services = {namespace: self._service(namespace, home) for namespace in settings.memory.namespaces}
        self.ingress = self._ingress() if settings.ingress.enabled else None

        self._ways = self.platform.open(f"{name}-reach", self._own)

        first = self.services[settings.memory.namespaces[0]]
        inside = Output.concat("http://", first.host)
        self.endpoint = inside if self.ingress is None else Output.from_input(self.ingress.endpoint)
        self.register_outputs({"endpoint": self.endpoint, "role": self.role})

    def _platform(self, after: list[Output[pulumi.Resource]]) -> Platform:
        settings = self._settings
        if settings.platform == "aws":
            # Imported where it is needed: the SDK of AWS is nothing to a region on another platform.
            from components.aws.platform import AwsPlatform, AwsPlatformArgs

            return AwsPlatform(f"{self._name}-platform", AwsPlatformArgs(settings, after), self._own)
        args = PlatformArgs(
            region=settings.region.name,
            settings=settings.kubernetes,
            zones=tuple(settings.zone_values.values()),
            services=settings.services_to_install,
            service_values={"nginx-ingress": {"controller": issuers(settings.ingress)}},
            after=after,
        )
        return KubernetesPlatform(f"{self._name}-platform", args, self._own)

    def _qdrant(self) -> QdrantCluster:
        settings = self._settings
        args = QdrantArgs(
            placement=self.platform.placement,
            settings=settings.qdrant,
            shards=settings.shards,
            replication_factor=settings.sharding.replication_factor,
            image=settings.images.qdrant,
            python_image=settings.images.python,
            collections=settings.memory.namespaces,
            create_collections=settings.is_home,
            monitoring_namespace=settings.kubernetes.monitoring_namespace,
        )
        return QdrantCluster(f"{self._name}-qdrant", args, self._own)

    def _postgres(self, home: Home | None) -> PostgresCluster:
        settings = self._settings
        args = PostgresArgs(
            placement=self.platform.placement,
            settings=settings.postgresql,
            image=settings.images.postgresql,
            pooler_image=settings.images.pgbouncer,
            home=settings.home,
            hosts={region: settings.multiregion.postgres_host(region) for region in settings.regions},
            home_replication=None if home is None else home.replication,
            promotion_token=settings.promotion.token,
            kept=self._kept,
            operator_namespace=settings.kubernetes.cnpg_namespace,
            monitoring_namespace=settings.kubernetes.monitoring_namespace,
        )
        return PostgresCluster(f"{self._name}-postgresql", args, self._own)

    def _redis(self) -> RedisCluster:
        settings = self._settings
        args = RedisArgs(
            placement=self.platform.placement,
            settings=settings.redis,
            image=settings.images.valkey,
            exporter_image=settings.images.redis_exporter,
            python_image=settings.images.python,
            monitoring_namespace=settings.kubernetes.monitoring_namespace,
        )
        return RedisCluster(f"{self._name}-redis", args, self._own)

    def _service(self, namespace: str, home: Home | None) -> MemoryService:
        settings = self._settings
        args = MemoryServiceArgs(
            placement=self.platform.placement,
            namespace=namespace,
            settings=settings.memory,
            resources=settings.memory_resources,
            images=settings.images,
            role="standby" if settings.promotion.held else self.role,
            held=settings.promotion.held,
            postgres=PostgresEndpoint(
                host=self.postgres.pooler_host,
                database=self.postgres.database,
                user=self.postgres.user,
                secret_name=self.postgres.secret_name,
                ca_secret_name=self.postgres.ca_secret_name,
            ),
            redis=RedisEndpoint(headless=self.redis.headless, secret_name=self.redis.secret_name),
            qdrant=QdrantEndpoint(headless=self.qdrant.headless, secret_name=self.qdrant.secret_name),
            store_pods=StorePods(
                postgres_pooler={"cnpg.io/poolerName": postgres_pooler.NAME},
                redis=self.redis.pods,
                qdrant=every("qdrant"),
            ),
            ingress_namespace=settings.kubernetes.ingress_namespace,
            monitoring_namespace=settings.kubernetes.monitoring_namespace,
            token=None if home is None else home.token(namespace),
            kept=self._kept,
            after=[*self.qdrant.ready, *self.postgres.ready, *self.redis.ready],
        )
        return MemoryService(f"{self._name}-{settings.memory.service_name(namespace)}", args, self._own)

    def _ingress(self) -> Ingress:
        args = IngressArgs(
            placement=self.platform.placement,
            settings=self._settings.answered,
            services=[service.service for service in self.services.values()],
        )
        return Ingress(f"{self._name}-ingress", args, self._own)

    def for_next_run(self) -> dict[str, pulumi.Input[Any]]:
        """Stack outputs that the next run of this stack reads."""
        return {
            OUTPUT: for_next_run(self._settings, [*self.qdrant.emptied, *self.redis.emptied]),
            home_moves.OUTPUT: self._settings.home,
            home_moves.STEP: self._settings.promotion.step or "",
            kept.OUTPUT: Output.secret(self._kept.generated),
        }

    def for_regions(self) -> Mapping[str, pulumi.Input[Any]]:
        """Stack outputs that any other region may read."""
        return self._ways

    def for_standbys(self) -> dict[str, pulumi.Input[Any]]:
        """Stack outputs that standby regions read. A standby has them too: home reads it when it is demoted, and the
        region itself when it is promoted.
        """
        tokens = {namespace: service.token for namespace, service in self.services.items()}
        return {
            SHARED: shared(self._settings),
            REPLICATION: self.postgres.replication,
            TOKENS: Output.secret(tokens),
        }
