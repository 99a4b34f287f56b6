"""PostgreSQL by CloudNativePG 1.30, with PgBouncer in front and certificates of its own.

Settings follow CloudNativePG's documentation at v1.30 (docs/src) unless a comment names another source.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_kubernetes import core, networking, policy
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_random import RandomPassword

from components import backup_store, objects, postgres_backups, postgres_password, postgres_pooler, postgres_schema
from components.certificates import CertificateAuthority, Leaf
from components.home import REPLICATION
from components.hosts import all_hosts, full_host
from components.kept import Kept
from components.objects import Manifest
from components.placement import Placement
from components.postgres_backups import PostgresBackups
from components.postgres_cluster import (
    POSTGRES_PORT,
    cluster_name,
    cluster_spec,
    copied_replication_secret,
    link_policy_spec,
    network_policy_spec,
)
from settings import PostgreSQL

APP_SECRET, ROLE_SECRET = "postgresql-app", "postgresql-role"
SERVER_CA, SERVER_TLS = "postgresql-server-ca", "postgresql-server-tls"
CLIENT_CA, REPLICATION_TLS = "postgresql-client-ca", "postgresql-replication-tls"

_API = "postgresql.cnpg.io/v1"
_LABELS = objects.labels("postgresql", "database")
_RELOAD = {**_LABELS, "cnpg.io/reload": ""}
"""The operator reloads the instances when a Secret with this label changes (docs/src/certificates.md)."""


@dataclass(frozen=True)
class PostgresArgs:
    """What a PostgreSQL cluster needs to know."""

    placement: Placement
    settings: PostgreSQL
    image: str
    """PostgreSQL for CloudNativePG."""
    pooler_image: str
    """PgBouncer for CloudNativePG."""
    home: str
    """Home region: there the cluster is the primary, elsewhere it is a replica cluster of that one."""
    hosts: Mapping[str, str]
    """Every region with the host under which the other regions reach its PostgreSQL."""
    kept: Kept
    """Finds the password that the region had as a standby."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Regions whose host is not looked up but has this address."""
    ranges_elsewhere: Sequence[str] | None = None
    """Ranges with the addresses of the other regions' PostgreSQL; None where nobody states them."""
    home_replication: Output[Any] | None = None
    """At a standby: the home region's `PostgresCluster.replication`."""
    promotion_token: str | None = None
    """What the home before left behind, while this region is promoted: up to there it has to have followed."""
    backups: PostgresBackups | None = None
    """None where there are none."""
    operator_namespace: str = "cnpg-system"
    """Namespace of CloudNativePG's operator, which reaches every instance."""
    monitoring_namespace: str = "monitoring"

    @property
    def is_home(self) -> bool:
        return self.placement.region == self.home


class PostgresCluster(pulumi.ComponentResource):
    """A primary and its replicas in different zones, written synchronously to a quorum; PgBouncer holds queries while
    the primary moves.

    Every region has authorities and certificates of its own, in either role: a promotion changes none of them, and home
    needs nothing from a standby. Reads by other programs go to the Service `postgresql-<region>-ro`, which
    CloudNativePG makes; the memory service itself knows one database only and takes the pooler.
    """

    secret_name: Output[str]
    """Secret of the application's user: `username`, `password`, `pgpass`, a libpq password file, and `next`, the
    password of the next version, so that its clients have it before it counts."""

    ca_secret_name: Output[str]
    """Secret with `ca.crt`, which verifies the pooler's and the servers' certificates."""

    pooler_host: Output[str]
    """Fully qualified host of PgBouncer, port 5432: writes reach the primary, also while it moves."""

    database: str
    user: str

    replication: Output[dict[str, str]]
    """Secret, for standbys: `ca_cert`, `client_cert`, `client_key` (user streaming_replica), `password` and
    `next_password`."""

    certificates: dict[str, Output[str]]
    """When each certificate of its authorities ends (RFC 3339), by their names."""

    pooler_pods: dict[str, str]
    """Labels of the poolers' pods, for the policies of those who call."""

    ready: list[pulumi.Resource]
    """What has to be there before a service may start."""

    def __init__(self, name: str, args: PostgresArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:data:PostgresCluster", name, {}, opts)
        own = ResourceOptions(parent=self, provider=args.placement.provider)
        if args.is_home == (args.home_replication is not None):
            raise ValueError("home_replication is what a standby, and only a standby, is given")

        servers = CertificateAuthority(f"{name}-server-ca", "PostgreSQL servers", ResourceOptions(parent=self))
        clients = CertificateAuthority(f"{name}-client-ca", "PostgreSQL clients", ResourceOptions(parent=self))
        replica = clients.client("streaming_replica")
        password, following = self._passwords(name, args)
        secrets = [
            *_certificates(name, args, own, servers, clients, replica),
            _app_secret(name, args, own, password, following),
            _role_secret(name, args, own, password),
            *_home_certificates(name, args, own),
        ]
        cluster = _cluster(name, args, own, [*secrets, *_stores(name, args, own)])
        if args.backups is not None:
            postgres_backups.scheduled_backup(name, args.placement, args.backups, own, cluster)
        pooler = _pooler(name, args, own, cluster)
        _networks(name, args, own)
        job = [postgres_schema.job(name, _schema_args(args), own, cluster)] if args.is_home else []

        self.secret_name = Output.from_input(APP_SECRET)
        self.ca_secret_name = Output.from_input(SERVER_CA)
        self.pooler_host = full_host(postgres_pooler.NAME, args.placement)
        self.database, self.user = args.settings.database, args.settings.owner
        self.replication = Output.secret(
            Output.all(
                ca_cert=servers.certificate,
                client_cert=replica.certificate,
                client_key=replica.key,
                password=password,
                next_password=following,
            )
        )
        self.certificates = {**servers.ends, **clients.ends}
        self.pooler_pods = postgres_pooler.PODS
        self.ready = [cluster, pooler, *job]
        self.register_outputs({"pooler_host": self.pooler_host, "secret_name": self.secret_name})

    def _passwords(self, name: str, args: PostgresArgs) -> tuple[Output[str], Output[str]]:
        """The present one and the next. Home's, everywhere: a replica cluster holds home's roles with their passwords.

        PostgreSQL takes one password at a time, and kubelets bring a changed file to the gateways within a minute or
        two: without the next one at hand, no login in between would go well.
        """
        if args.home_replication is not None:
            # A home of an earlier release names none that is next.
            following = args.home_replication.apply(lambda said: said.get("next_password", ""))
            return Output.secret(args.home_replication["password"]), Output.secret(following)

        def made(version: int) -> Output[str]:
            kind = "app-password" + (f"-{version}" if version > 1 else "")
            # Letters and digits: it stands unescaped in a password file.
            return RandomPassword(f"{name}-{kind}", length=40, special=False, opts=ResourceOptions(parent=self)).result

        version = args.settings.password_version
        present = args.kept.over(
            "postgresql", made(version), lambda before: (before.get(REPLICATION) or {}).get("password")
        )
        return present, made(version + 1)


def server_hosts(args: PostgresArgs) -> list[pulumi.Input[str]]:
    """Every name of a server or a pooler of this region; the pooler shows the servers' certificate."""
    services = [f"{cluster_name(args.placement.region)}-{kind}" for kind in ("rw", "ro", "r")]
    names = [host for service in [*services, postgres_pooler.NAME] for host in all_hosts(service, args.placement)]
    return [*names, args.hosts[args.placement.region]]


def _certificates(
    name: str,
    args: PostgresArgs,
    own: ResourceOptions,
    servers: CertificateAuthority,
    clients: CertificateAuthority,
    replica: Leaf,
) -> list[core.v1.Secret]:
    server = servers.server("server", server_hosts(args))
    contents: dict[str, tuple[str, dict[str, Output[str]]]] = {
        SERVER_CA: ("Opaque", {"ca.crt": servers.certificate}),
        SERVER_TLS: ("kubernetes.io/tls", {"tls.crt": server.certificate, "tls.key": server.key}),
        # With its key: the operator signs the pooler's certificate with it (internal/controller/cluster_create.go,
        # reconcilePoolerSecrets). Without, PgBouncer could not log in to look passwords up.
        CLIENT_CA: ("Opaque", {"ca.crt": clients.certificate, "ca.key": clients.key}),
        REPLICATION_TLS: ("kubernetes.io/tls", {"tls.crt": replica.certificate, "tls.key": replica.key}),
    }
    return [
        core.v1.Secret(
            f"{name}-{secret.removeprefix('postgresql-')}",
            metadata=objects.untyped(objects.metadata(secret, args.placement, _RELOAD)),
            type=kind,
            string_data=data,
            opts=own,
        )
        for secret, (kind, data) in contents.items()
    ]


def _app_secret(
    name: str, args: PostgresArgs, own: ResourceOptions, password: Output[str], following: Output[str]
) -> core.v1.Secret:
    user = args.settings.owner
    return core.v1.Secret(
        f"{name}-app",
        metadata=objects.untyped(objects.metadata(APP_SECRET, args.placement, _LABELS)),
        type="kubernetes.io/basic-auth",
        string_data={
            "username": user,
            "password": password,
            "next": following,
            # For the schema Job; the service's gateway takes the password.
            "pgpass": Output.concat(f"*:5432:{args.settings.database}:{user}:", password, "\n"),
        },
        opts=own,
    )


def _role_secret(name: str, args: PostgresArgs, own: ResourceOptions, password: Output[str]) -> core.v1.Secret:
    """The same password for the operator, as PostgreSQL keeps it, so that it goes in as it is.

    The operator sets it again whenever another instance becomes the primary (instance_controller.go, reconcileUser).
    One in the clear would be salted anew, and PgBouncer, which signs in by what it kept of a client's login, refused
    until the next client logs in; what waits in it waits in vain.
    """
    user = args.settings.owner
    return core.v1.Secret(
        f"{name}-role",
        metadata=objects.untyped(objects.metadata(ROLE_SECRET, args.placement, _RELOAD)),
        type="kubernetes.io/basic-auth",
        string_data={
            "username": user,
            "password": password.apply(lambda clear: postgres_password.verifier(user, clear)),
        },
        opts=own,
    )


def _home_certificates(name: str, args: PostgresArgs, own: ResourceOptions) -> list[core.v1.Secret]:
    """At a standby: what lets it stream from home."""
    if args.home_replication is None:
        return []
    replication = args.home_replication
    return [
        core.v1.Secret(
            f"{name}-home-replication",
            metadata=objects.untyped(objects.metadata(copied_replication_secret(args.home), args.placement, _RELOAD)),
            string_data={
                "ca.crt": replication["ca_cert"],
                "tls.crt": replication["client_cert"],
                "tls.key": replication["client_key"],
            },
            opts=own,
        )
    ]


def _stores(name: str, args: PostgresArgs, own: ResourceOptions) -> list[pulumi.Resource]:
    """Where backups go and come from, with what lets the instances' pods in: known before the first of them starts."""
    if args.backups is None:
        return []
    stores = postgres_backups.object_stores(name, args.placement, args.backups, own)
    return [*args.backups.stores.ready, *stores]


def _cluster(name: str, args: PostgresArgs, own: ResourceOptions, after: list[pulumi.Resource]) -> CustomResource:
    spec = cluster_spec(
        args.placement,
        args.settings,
        args.image,
        {
            "serverCASecret": SERVER_CA,
            "serverTLSSecret": SERVER_TLS,
            "clientCASecret": CLIENT_CA,
            "replicationTLSSecret": REPLICATION_TLS,
        },
        ROLE_SECRET,
        args.home,
        args.hosts,
        args.addresses,
        args.promotion_token,
    )
    if args.backups is not None:
        spec = postgres_backups.with_backups(spec, args.placement.region, args.backups)
        if args.settings.restore is not None:
            spec = postgres_backups.restored(spec, args.settings.restore, args.backups)
    return CustomResource(
        f"{name}-cluster",
        api_version=_API,
        kind="Cluster",
        metadata=objects.metadata(cluster_name(args.placement.region), args.placement, _LABELS),
        spec=spec,
        opts=ResourceOptions.merge(own, ResourceOptions(protect=True, depends_on=after)),
    )


def _pooler(name: str, args: PostgresArgs, own: ResourceOptions, cluster: CustomResource) -> CustomResource:
    labels = objects.labels("postgresql", "pooler", postgres_pooler.NAME)
    metadata = objects.metadata(postgres_pooler.NAME, args.placement, labels)
    pooler = CustomResource(
        f"{name}-pooler",
        api_version=_API,
        kind="Pooler",
        metadata=metadata,
        spec=postgres_pooler.spec(cluster_name(args.placement.region), args.settings, args.pooler_image),
        opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[cluster])),
    )
    # The operator makes budgets for instances, not for poolers.
    policy.v1.PodDisruptionBudget(
        f"{name}-pooler-budget",
        metadata=objects.untyped(metadata),
        spec=objects.untyped(objects.one_away(postgres_pooler.PODS)),
        opts=own,
    )
    return pooler


def _networks(name: str, args: PostgresArgs, own: ResourceOptions) -> None:
    cluster = cluster_name(args.placement.region)
    several = len(args.hosts) > 1
    elsewhere = [objects.allow_elsewhere(args.ranges_elsewhere, POSTGRES_PORT)] if several else []
    stores = [] if args.backups is None else backup_store.egress(args.backups.stores.own)
    monitoring, api_server = args.monitoring_namespace, args.placement.api_server_ranges
    policies: dict[str, Manifest] = {
        "postgresql": network_policy_spec(cluster, args.operator_namespace, monitoring, api_server, elsewhere, stores),
        postgres_pooler.NAME: postgres_pooler.network_policy_spec(cluster, monitoring, api_server),
    }
    if several:
        policies["postgresql-link"] = link_policy_spec(cluster)
    if args.is_home:
        policies[postgres_schema.NAME] = postgres_schema.network_policy_spec(cluster)
    for policy_name, spec in policies.items():
        networking.v1.NetworkPolicy(
            f"{name}-{policy_name.removeprefix('postgresql').lstrip('-') or 'instances'}-network",
            metadata=objects.untyped(objects.metadata(policy_name, args.placement, _LABELS)),
            spec=objects.untyped(spec),
            opts=own,
        )


def _schema_args(args: PostgresArgs) -> postgres_schema.SchemaArgs:
    return postgres_schema.SchemaArgs(
        placement=args.placement,
        image=args.image,
        host=f"{cluster_name(args.placement.region)}-rw",
        database=args.settings.database,
        user=args.settings.owner,
        partitions=args.settings.partitions,
        app_secret=APP_SECRET,
        ca_secret=SERVER_CA,
    )
