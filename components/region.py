"""One region, composed in the order in which data flows: the stores, the service, the edge."""

from typing import Any, Final

import pulumi
from pulumi import Output, ResourceOptions

from components import (
    fence,
    home_moves,
    kept,
    made,
    postgres_pooler,
    scale_in,
    secret_versions,
    service_values,
    zone_places,
)
from components.backup_store import POSTGRESQL, QDRANT
from components.edge import NAME as EDGE
from components.edge import SERVICE_PORT, EdgeHome, EdgeProxy, EdgeProxyArgs
from components.edge_entrance import EdgeEntrance, EdgeEntranceArgs
from components.exporters import ExportersArgs
from components.home import EDGES, REPLICATION, SHARED, TOKENS, Home
from components.ingress import Forward, Ingress, IngressArgs
from components.memory_environment import PostgresEndpoint
from components.memory_gateways import QdrantEndpoint, RedisEndpoint
from components.memory_pod import Role
from components.memory_service import MemoryService, MemoryServiceArgs, StorePods
from components.monitoring import Monitoring, MonitoringArgs
from components.objects import every
from components.platform import KubernetesPlatform, Platform, PlatformArgs
from components.postgres import PostgresArgs, PostgresCluster
from components.postgres_backups import METRICS as POSTGRESQL_METRICS
from components.postgres_backups import PostgresBackups, server_name
from components.postgres_cluster import REPLICATION_METRICS
from components.qdrant import QdrantArgs, QdrantCluster
from components.qdrant_backup import METRICS as QDRANT_METRICS
from components.qdrant_backup import QdrantBackups
from components.record import SettingsRecord
from components.redis import RedisArgs, RedisCluster
from components.scale_in import ScaleIn, for_next_run
from observability.scope import scope
from settings import Settings, shared

RECEIVER_REMEDY: Final = "name the Secret of who is told in monitoring.alertmanager_secret (docs/monitoring.md)"
WATCH_REMEDY: Final = (
    "set monitoring.enabled to true where the cluster has the Prometheus operator (docs/monitoring.md)"
)
BACKUPS_REMEDY: Final = (
    "name an object store in backups.s3 (docs/backups.md), or set backups.enabled to false where none are wanted"
)


class Region(pulumi.ComponentResource):
    """Everything of one region. Home writes; a standby follows it, holds its service until it is promoted, and takes
    its users to home until then.
    """

    role: Role
    """`home` or `standby`."""

    platform: Platform
    qdrant: QdrantCluster
    postgres: PostgresCluster
    redis: RedisCluster
    services: dict[str, MemoryService]
    """By memory namespace."""
    edge: EdgeProxy | None
    """Of a standby that users reach."""
    entrance: EdgeEntrance | None
    """Of a home that other regions' users reach."""
    ingress: Ingress | None

    endpoint: Output[str]
    """URL for users; inside the cluster where the region has no ingress."""

    def __init__(self, name: str, settings: Settings, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:region:Region", name, {}, opts)
        self._name, self._settings = name, settings
        self._own = ResourceOptions(parent=self)
        self.role = "home" if settings.is_home else "standby"

        if not settings.backs_up and settings.backups.enabled is None:
            pulumi.log.warn(f"{settings.stack} has no backups: {BACKUPS_REMEDY}", self)
        if not settings.monitoring.enabled:
            pulumi.log.warn(f"{settings.stack} is not watched, no alert will page anybody: {WATCH_REMEDY}", self)
        elif (
            settings.monitoring.alertmanager_secret is None and "kube-prometheus-stack" in settings.services_to_install
        ):
            pulumi.log.warn(f"{settings.stack} tells nobody of its alerts: {RECEIVER_REMEDY}", self)
        before = ScaleIn(f"{name}-scale-in", settings, self._own)
        home = None if settings.is_home else Home(f"{name}-home", settings, before.checked, self._own)
        self._kept = kept.Kept(before.outputs)
        self.platform = self._platform([before.checked, *([] if home is None else [home.checked])])
        SettingsRecord(f"{name}-record", self.platform.placement, settings, self._own)
        self.qdrant = self._qdrant()
        self.postgres = self._postgres(home)
        self.redis = self._redis()
        self.services = {namespace: self._service(namespace, home) for namespace in settings.memory.namespaces}
        self.edge = self._edge(home) if home is not None and settings.has_edge else None
        self.ingress = self._ingress() if settings.ingress.enabled else None
        takes_edges = settings.is_home and settings.ingress.enabled and len(settings.regions) > 1
        self.entrance = self._entrance() if takes_edges else None

        if settings.monitoring.enabled:
            self._monitoring()
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
            service_values={
                "nginx-ingress": {"controller": service_values.ingress_controller(settings.ingress)},
                "kube-prometheus-stack": service_values.monitoring(
                    settings.region.name, settings.monitoring, home=settings.is_home
                ),
            },
            backup_store=settings.backups.s3 if settings.backs_up else None,
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
            backups=self._qdrant_backups(),
            monitoring_namespace=settings.kubernetes.monitoring_namespace,
        )
        return QdrantCluster(f"{self._name}-qdrant", args, self._own)

    def _qdrant_backups(self) -> QdrantBackups | None:
        settings, stores = self._settings, self.platform.backups
        if stores is None:
            return None
        return QdrantBackups(
            stores=stores,
            regions=settings.regions,
            schedule=settings.backups.qdrant_schedule,
            rclone_image=settings.images.rclone,
            takes=settings.is_home,
        )

    @property
    def _postgres_hosts(self) -> dict[str, str]:
        """What each region's PostgreSQL is called."""
        settings = self._settings
        return {region: settings.multiregion.postgres_host(region) for region in settings.regions}

    def _postgres(self, home: Home | None) -> PostgresCluster:
        settings = self._settings
        args = PostgresArgs(
            placement=self.platform.placement,
            settings=settings.postgresql,
            image=settings.images.postgresql,
            pooler_image=settings.images.pgbouncer,
            home=settings.home,
            hosts=self._postgres_hosts,
            addresses=settings.multiregion.postgres_addresses,
            ranges_elsewhere=settings.postgres_ranges_elsewhere,
            home_replication=None if home is None else home.replication,
            backups=self._postgres_backups(),
            promotion_token=settings.promotion.token,
            kept=self._kept,
            operator_namespace=settings.kubernetes.cnpg_namespace,
            monitoring_namespace=settings.kubernetes.monitoring_namespace,
        )
        return PostgresCluster(f"{self._name}-postgresql", args, self._own)

    def _postgres_backups(self) -> PostgresBackups | None:
        settings, stores = self._settings, self.platform.backups
        if stores is None:
            return None
        return PostgresBackups(
            stores=stores,
            generations=settings.generations,
            retention_days=settings.backups.retention_days,
            schedule=settings.backups.postgresql_schedule,
        )

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
            fence=fence.asked(settings),
            other_regions=fence.elsewhere(settings),
            ranges_elsewhere=settings.ranges_elsewhere,
            postgres=PostgresEndpoint(
                host=self.postgres.pooler_host,
                database=self.postgres.database,
                user=self.postgres.user,
                secret_name=self.postgres.secret_name,
                ca_secret_name=self.postgres.ca_secret_name,
            ),
            redis=RedisEndpoint(headless=self.redis.headless, secret_name=self.redis.secret_name),
            qdrant=QdrantEndpoint(
                headless=self.qdrant.headless,
                secret_name=self.qdrant.secret_name,
                key_version=settings.qdrant.api_key_version,
            ),
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

    def _edge(self, home: Home) -> EdgeProxy:
        settings = self._settings
        args = EdgeProxyArgs(
            placement=self.platform.placement,
            replicas=settings.edge_replicas,
            settings=settings.edge,
            image=settings.images.haproxy,
            home=EdgeHome(
                region=settings.home,
                address=settings.multiregion.ingress_host(settings.home),
                hosts=self._hosts_at_home,
                ranges=settings.ranges_of(settings.home),
                callers=home.edges(),
            ),
            ingress_namespace=settings.kubernetes.ingress_namespace,
            monitoring_namespace=settings.kubernetes.monitoring_namespace,
        )
        return EdgeProxy(f"{self._name}-edge", args, self._own)

    @property
    def _hosts_at_home(self) -> dict[str, str]:
        """Service of each memory namespace to what home's ingress controller calls it towards edges."""
        settings = self._settings
        return {name: settings.multiregion.service_host(settings.home, name) for name in settings.memory.service_names}

    def _ingress(self) -> Ingress:
        services = [service.service for service in self.services.values()]
        args = IngressArgs(
            placement=self.platform.placement,
            settings=self._settings.answered,
            # Users of a standby wait for the proxy, and never for pods that are held.
            services=services if self.edge is None else self.edge.ready,
            forward=None if self.edge is None else Forward(EDGE, SERVICE_PORT),
        )
        return Ingress(f"{self._name}-ingress", args, self._own)

    def _entrance(self) -> EdgeEntrance:
        settings = self._settings
        args = EdgeEntranceArgs(
            placement=self.platform.placement,
            settings=settings.ingress,
            hosts=self._hosts_at_home,
            domain=f"{settings.home}.{settings.multiregion.internal_domain}",
            services={
                settings.memory.service_name(namespace): service.service for namespace, service in self.services.items()
            },
            given_up=fence.given_up(settings),
            fence_host=settings.multiregion.fence_host(settings.home),
            tokens=[service.token for service in self.services.values()],
            primary=self.postgres.ready[:1],
        )
        return EdgeEntrance(f"{self._name}-edges", args, self._own)

    def _monitoring(self) -> None:
        settings = self._settings
        exporters = ExportersArgs(
            placement=self.platform.placement,
            replicas=settings.high_availability.min_replicas,
            blackbox_image=settings.images.blackbox_exporter,
            python_image=settings.images.python,
            qdrant=self.qdrant.nodes,
            qdrant_pods=self.qdrant.pods,
            tls=settings.ingress.tls.enabled,
            links=len(settings.regions) > 1,
            monitoring_namespace=settings.kubernetes.monitoring_namespace,
            after=self.qdrant.ready,
        )
        args = MonitoringArgs(
            placement=self.platform.placement,
            scope=scope(settings),
            exporters=exporters,
            hosts=self._postgres_hosts,
            certificates={
                **self.postgres.certificates,
                **({} if self.entrance is None else self.entrance.certificates),
            },
            after=[self.qdrant, self.postgres, self.redis, *self.services.values()],
        )
        Monitoring(f"{self._name}-monitoring", args, self._own)

    def outputs(self) -> dict[str, pulumi.Input[Any]]:
        """What the stack of a region has to export: its next run, other regions and the monitoring read it."""
        return {
            "endpoint": self.endpoint,
            "region": self._settings.region.name,
            "role": self.role,
            "namespace": self.platform.placement.namespace,
            **self._for_standbys(),
            **self._ways,
            **self._for_monitoring(),
            **self._for_next_run(),
        }

    def _for_next_run(self) -> dict[str, pulumi.Input[Any]]:
        """Stack outputs that the next run of this stack reads."""
        return {
            scale_in.OUTPUT: for_next_run(self._settings, [*self.qdrant.emptied, *self.redis.emptied]),
            made.OUTPUT: made.output(self._settings),
            zone_places.OUTPUT: zone_places.output(self._settings),
            secret_versions.OUTPUT: secret_versions.of(self._settings),
            home_moves.OUTPUT: self._settings.home,
            home_moves.STEP: self._settings.promotion.step or "",
            kept.OUTPUT: Output.secret(self._kept.generated),
        }

    def _for_monitoring(self) -> dict[str, pulumi.Input[Any]]:
        """Stack outputs that say which figures tell how far a replica or a standby is behind, where backups lie, and
        which figures tell how old they are; nothing of backups without any.
        """
        stores, region = self.platform.backups, self._settings.region.name
        replication = {"replication": {"postgresql": {"metrics": REPLICATION_METRICS}}}
        if stores is None:
            return replication
        server = server_name(region, self._settings.generations[region])
        return {
            **replication,
            "backups": {
                "bucket": stores.own.bucket,
                "postgresql": {"folder": f"{POSTGRESQL}/{server}", "metrics": POSTGRESQL_METRICS},
                "qdrant": {"folder": f"{QDRANT}/{region}", "metrics": QDRANT_METRICS},
            },
        }

    def _for_standbys(self) -> dict[str, pulumi.Input[Any]]:
        """Stack outputs that standby regions read. A standby has them too: home reads it when it is demoted, and the
        region itself when it is promoted.
        """
        tokens = {namespace: service.token for namespace, service in self.services.items()}
        return {
            SHARED: shared(self._settings),
            REPLICATION: self.postgres.replication,
            TOKENS: Output.secret(tokens),
            **({} if self.entrance is None else {EDGES: self.entrance.callers}),
        }
