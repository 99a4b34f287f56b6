"""Spec of the CloudNativePG Cluster of a region, as a plain dict."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from components import objects, postgres_pooler
from components.objects import Manifest
from components.placement import Placement
from settings import PostgreSQL

POSTGRES_PORT, STATUS_PORT, METRICS_PORT = 5432, 8000, 9187
"""docs/src/security.md, "Exposed Ports"."""
REPLICATION_METRICS: Final = {
    "lag_seconds": "cnpg_pg_replication_lag",
    "receiver_is_up": "cnpg_pg_replication_is_wal_receiver_up",
}
"""Figures of every instance on its metrics port (docs/src/monitoring.md)."""

_NO_POOLER = {"key": "cnpg.io/poolerName", "operator": "DoesNotExist"}
_MIB = 1024**2


def cluster_name(region: str) -> str:
    """Differs from region to region: the names of a distributed topology must (docs/src/replica_cluster.md)."""
    return f"postgresql-{region}"


def copied_replication_secret(region: str) -> str:
    """Secret with which another region's servers are followed."""
    return f"{cluster_name(region)}-replication"


def instance_pods(cluster: str) -> dict[str, str]:
    """Labels of the servers' pods: the operator's, pooler pods and its Jobs carry the first one too."""
    return {"cnpg.io/cluster": cluster, "cnpg.io/podRole": "instance"}


def cluster_spec(
    placement: Placement,
    settings: PostgreSQL,
    image: str,
    certificates: Mapping[str, str],
    role_secret: str,
    home: str,
    hosts: Mapping[str, str],
    addresses: Mapping[str, str],
    promotion_token: str | None = None,
) -> Manifest:
    """Spec of the Cluster.

    `certificates` is `spec.certificates`; `hosts` names every region with the host under which others reach it,
    `addresses` those whose host is not looked up.
    """
    return {
        "description": f"SomaFractalMemory in {placement.region}",
        "instances": settings.instances,
        "imageName": image,
        # Promotes a replica that already runs the new image; the default restarts the primary in its place.
        "primaryUpdateStrategy": "unsupervised",
        "primaryUpdateMethod": "switchover",
        "enablePDB": True,
        "enableSuperuserAccess": False,
        "failoverDelay": 0,
        "postgresql": {
            **_synchronous(placement, settings),
            "parameters": parameters(settings),
            # The operator's own last rule, `host all all all`, would take a client without TLS too.
            "pg_hba": ["hostnossl all all all reject"],
        },
        "replicationSlots": {"highAvailability": {"enabled": True}},
        **_spread(placement, settings),
        # Guaranteed quality of service: requests equal limits (docs/src/resource_management.md).
        "resources": settings.primary.resources.as_kubernetes(),
        "storage": _volume(settings.storage.text, placement.storage_class),
        "walStorage": _volume(settings.wal_storage.text, placement.storage_class),
        "certificates": dict(certificates),
        # A primary that sees neither the API server nor a peer ends itself (docs/src/instance_manager.md).
        "probes": {
            "liveness": {"isolationCheck": {"enabled": True, "requestTimeout": 2000, "connectionTimeout": 2000}}
        },
        "bootstrap": _bootstrap(placement.region, settings, role_secret, home),
        **(_topology(placement, certificates, home, hosts, addresses, promotion_token) if len(hosts) > 1 else {}),
    }


def _synchronous(placement: Placement, settings: PostgreSQL) -> Manifest:
    """Every commit is in two zones before it is acknowledged, and only one that has them all may be promoted.

    As many standbys confirm as the fullest zone has instances: those beside the primary are never enough alone. Where
    so many would not be left without a zone (which settings refuse under high availability), one confirms.
    """
    standbys = settings.instances - 1
    if standbys == 0:
        return {}
    in_a_zone = -(-settings.instances // len(placement.zones))
    number = in_a_zone if standbys - in_a_zone >= in_a_zone else 1
    return {"synchronous": {"method": "any", "number": number, "dataDurability": "required", "failoverQuorum": True}}


def _spread(placement: Placement, settings: PostgreSQL) -> Manifest:
    """An instance a zone where there are zones enough; else evenly over the zones, each on a node of its own."""
    nodes = objects.store_nodes(placement)
    if settings.instances <= len(placement.zones):
        return {"affinity": {**_apart_by(objects.ZONE), **nodes}}
    return {
        "affinity": {**_apart_by(objects.HOSTNAME), **nodes},
        "topologySpreadConstraints": objects.quorum_spread(
            instance_pods(cluster_name(placement.region)), len(placement.zones)
        ),
    }


def _apart_by(topology_key: str) -> Manifest:
    return {"enablePodAntiAffinity": True, "podAntiAffinityType": "required", "topologyKey": topology_key}


def _volume(size: str, storage_class: str | None) -> Manifest:
    return {"size": size} if storage_class is None else {"size": size, "storageClass": storage_class}


def _bootstrap(region: str, settings: PostgreSQL, role_secret: str, home: str) -> Manifest:
    """The database is made at home. No postInitApplicationSQL: it runs as the superuser and what it makes is the
    superuser's; the schema Job does that as the application's user."""
    application = {
        "database": settings.database,
        "owner": settings.owner,
        "secret": {"name": role_secret},
    }
    if region == home:
        return {"initdb": {**application, "dataChecksums": True}}
    return {"pg_basebackup": {**application, "source": cluster_name(home)}}


def _topology(
    placement: Placement,
    certificates: Mapping[str, str],
    home: str,
    hosts: Mapping[str, str],
    addresses: Mapping[str, str],
    promotion_token: str | None,
) -> Manifest:
    """Distributed topology: every Cluster lists all, `replica.primary` names the one that takes writes
    (docs/src/replica_cluster.md). A token is applied together with it, and not left there: it would refuse a demotion
    (cloudnative-pg/cloudnative-pg, issue 9273). At home the source matters after a
    demotion only, as do the others' secrets."""
    region = placement.region
    source = next(other for other in hosts if other != region) if region == home else home
    replica = {"self": cluster_name(region), "primary": cluster_name(home), "source": cluster_name(source)}
    if promotion_token is not None:
        replica["promotionToken"] = promotion_token
    return {
        "replica": replica,
        "externalClusters": [
            _external(
                other,
                {"host": host, **({"hostaddr": addresses[other]} if other in addresses else {})},
                *(
                    (certificates["replicationTLSSecret"], certificates["serverCASecret"])
                    if other == region
                    else (copied_replication_secret(other), copied_replication_secret(other))
                ),
            )
            for other, host in hosts.items()
        ],
        "managed": {"services": {"additional": [_link_service(placement)]}},
    }


def _external(region: str, place: Mapping[str, str], client_secret: str, ca_secret: str) -> Manifest:
    """`place` is a host, whose name its certificate has, and its address where that is not looked up (PostgreSQL's
    manual, libpq-connect, hostaddr)."""
    return {
        "name": cluster_name(region),
        "connectionParameters": {
            **place,
            "user": "streaming_replica",
            "dbname": "postgres",
            "sslmode": "verify-full",
            "connect_timeout": "5",
            # A cut link sends no RST: without it a dead connection is waited on for as long as TCP retries.
            "tcp_user_timeout": "8000",
        },
        "sslCert": {"name": client_secret, "key": "tls.crt"},
        "sslKey": {"name": client_secret, "key": "tls.key"},
        "sslRootCert": {"name": ca_secret, "key": "ca.crt"},
    }


def link_service_name(region: str) -> str:
    """The Service of the primary for the other regions."""
    return f"{cluster_name(region)}-link"


def _link_service(placement: Placement) -> Manifest:
    """The primary, for the other regions: a load balancer inside the private network, on whichever cloud it is.

    `multiregion.internal_domain` has to resolve the region's host to it (docs/src/service_management.md).
    """
    metadata: Manifest = {"name": link_service_name(placement.region)}
    if placement.own_load_balancers:
        return {
            "selectorType": "rw",
            "serviceTemplate": {"metadata": metadata, "spec": {"type": "ClusterIP"}},
        }
    annotations = {
        "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
        "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
        "networking.gke.io/load-balancer-type": "Internal",
    }
    return {
        "selectorType": "rw",
        "serviceTemplate": {"metadata": {**metadata, "annotations": annotations}, "spec": {"type": "LoadBalancer"}},
    }


def parameters(settings: PostgreSQL) -> dict[str, str]:
    """PostgreSQL's settings for the memory and the WAL volume of an instance.

    Sources: PostgreSQL's manual, runtime-config-resource (quoted) and runtime-config-query.
    """
    memory = settings.primary.resources.requests.memory.value
    wal = settings.wal_storage.value
    return {
        "max_connections": str(settings.max_connections),
        # "A reasonable starting value for shared_buffers is 25% of the memory"; the rest serves the page cache.
        "shared_buffers": _megabytes(memory / 4),
        # What the planner may count on: shared_buffers and the page cache together.
        "effective_cache_size": _megabytes(memory * 3 / 4),
        # "It's safe to set this value significantly larger than work_mem": few run at a time.
        "maintenance_work_mem": _megabytes(min(memory / 16, Decimal(1024 * _MIB))),
        # A quarter of the memory if every connection sorts at once.
        "work_mem": _megabytes(Decimal(settings.work_mem)),
        "max_wal_size": _megabytes(wal / 4),
        # A replica that stays away must not fill the primary's WAL volume: past this it has to be cloned again.
        "max_slot_wal_keep_size": _megabytes(wal / 2),
        # Logical decoding, the operator's default, is not used: less WAL (docs/src/postgresql_conf.md).
        "wal_level": "replica",
        # Volumes are solid state (PostgreSQL, runtime-config-query).
        "random_page_cost": "1.1",
        # A client in a cut zone must not keep its locks.
        "tcp_user_timeout": "8000",
        "tcp_keepalives_idle": "3",
        "tcp_keepalives_interval": "2",
        "tcp_keepalives_count": "3",
    }


def _megabytes(size: Decimal) -> str:
    return f"{int(size / _MIB)}MB"


def network_policy_spec(
    cluster: str,
    operator_namespace: str,
    monitoring_namespace: str,
    api_server_ranges: Sequence[str] | None = None,
    elsewhere: Sequence[Manifest] = (),
    stores: Sequence[Manifest] = (),
) -> Manifest:
    """Who may talk to the servers, and to whom they and the operator's Jobs talk.

    Status (8000) is guarded here: parts of it answer without authentication (docs/src/security.md). `elsewhere`
    is the way to other regions' PostgreSQL, which stands behind a load balancer, `stores` the ways to where backups
    are: where there are any, their port is open to any address, so the API server's ranges say little. The operator
    calls its pooler pods members of the cluster, too; they have a policy of their own, and none of what servers and
    Jobs may do.
    """
    selector = {"matchLabels": {"cnpg.io/cluster": cluster}, "matchExpressions": [_NO_POOLER]}
    members = [{"podSelector": selector}]
    operator = [objects.namespace_named(operator_namespace)]
    schema = [objects.pods(objects.every("postgresql-schema"))]
    return {
        "podSelector": selector,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            objects.allow_from(members, POSTGRES_PORT, STATUS_PORT),
            objects.allow_from(operator, POSTGRES_PORT, STATUS_PORT),
            objects.allow_from([objects.pods(postgres_pooler.PODS), *schema], POSTGRES_PORT),
            objects.allow_from([objects.namespace_named(monitoring_namespace)], METRICS_PORT),
        ],
        "egress": [
            objects.allow_to(members, POSTGRES_PORT, STATUS_PORT),
            objects.allow_to_api_server(api_server_ranges),
            *elsewhere,
            *stores,
        ],
    }


def link_policy_spec(cluster: str) -> Manifest:
    """Lets other regions in, to the servers alone: they arrive through a load balancer, from addresses that settings do
    not know. PostgreSQL asks them for a client certificate (`hostssl … cert`)."""
    return {
        "podSelector": {"matchLabels": instance_pods(cluster)},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": objects.tcp(POSTGRES_PORT)}],
    }
