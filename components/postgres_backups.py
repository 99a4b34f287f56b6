"""Backups of PostgreSQL by the Barman Cloud plugin: base backups and WAL in an object store, and the way back.

Settings follow github.com/cloudnative-pg/plugin-barman-cloud, web/docs, at v0.13.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes.apiextensions import CustomResource

from components import objects
from components.backup_store import CREDENTIALS, POSTGRESQL, BackupStores, ObjectStore
from components.objects import Manifest
from components.placement import Placement
from components.postgres_cluster import cluster_name
from settings.postgresql import Restore

PLUGIN: Final = "barman-cloud.cloudnative-pg.io"
RESTORED: Final = "restored-from"
"""Name of the external cluster that a restore reads."""
METRICS: Final = {
    "last_backup": "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp",
    "last_failed_backup": "barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp",
    "first_recoverability_point": "barman_cloud_cloudnative_pg_io_first_recoverability_point",
    "seconds_since_last_wal": "cnpg_pg_stat_archiver_seconds_since_last_archival",
}
"""Figures of every instance on its metrics port (web/docs/observability.md; cloudnative-pg, docs/src/monitoring.md)."""
_API = "barmancloud.cnpg.io/v1"
_LABELS = objects.labels("postgresql", "backup")


@dataclass(frozen=True)
class PostgresBackups:
    """What backups and restores need to know."""

    stores: BackupStores
    generations: Mapping[str, int]
    """How often each region's PostgreSQL was made."""
    retention_days: int
    """Days to which PostgreSQL can be set back."""
    schedule: str
    """When a base backup is made, as a cron expression of five fields (UTC)."""


def server_name(region: str, generation: int) -> str:
    """Folder of one PostgreSQL of a region in its store.

    A server that was cloned or restored refuses to archive where another one did ("Expected empty archive",
    cloudnative-pg pkg/management/postgres/archiver), so each gets a folder of its own. One that is promoted, or
    demoted in a switchover, goes on in its own: it continues the same history.
    """
    return f"{cluster_name(region)}-g{generation}"


def with_backups(spec: Manifest, region: str, backups: PostgresBackups) -> Manifest:
    """A Cluster's spec that archives, and that follows others by their archives where streaming has fallen behind.

    It archives as a primary and as a follower, and so is ready to be promoted (cloudnative-pg
    docs/src/replica_cluster.md, "Backup and Symmetric Architectures").
    """
    known = {cluster_name(other): other for other in backups.generations}
    followed = [
        {**external, "plugin": reference(known[external["name"]], backups)}
        for external in spec.get("externalClusters", [])
    ]
    return {
        **spec,
        "plugins": [{**reference(region, backups), "isWALArchiver": True}],
        **({"externalClusters": followed} if followed else {}),
    }


def restored(spec: Manifest, restore: Restore, backups: PostgresBackups) -> Manifest:
    """A Cluster's spec that begins with what backups hold in place of an empty database: all that was archived, or
    what there was at a moment (cloudnative-pg docs/src/recovery.md)."""
    (application,) = spec["bootstrap"].values()
    kept = {key: application[key] for key in ("database", "owner", "secret")}
    target = {} if restore.target_time is None else {"recoveryTarget": {"targetTime": restore.target_time}}
    source = {"name": RESTORED, "plugin": reference(restore.region, backups, restore.generation)}
    return {
        **spec,
        "bootstrap": {"recovery": {"source": RESTORED, **target, **kept}},
        "externalClusters": [*spec.get("externalClusters", []), source],
    }


def reference(region: str, backups: PostgresBackups, generation: int | None = None) -> Manifest:
    """The plugin with where a region's backups are."""
    server = server_name(region, backups.generations[region] if generation is None else generation)
    return {"name": PLUGIN, "parameters": {"barmanObjectName": cluster_name(region), "serverName": server}}


def object_store_spec(store: ObjectStore, retention_days: int | None) -> Manifest:
    """Spec of an ObjectStore. Without a retention for what others wrote: this region deletes nothing there.

    WAL by zstd, which costs least time for what it saves; base backups by gzip, the only one of both that they take.
    """
    own = retention_days is not None
    return {
        **({"retentionPolicy": f"{retention_days}d"} if own else {}),
        "configuration": {
            "destinationPath": f"s3://{store.bucket}/{POSTGRESQL}",
            **({} if store.endpoint is None else {"endpointURL": store.endpoint}),
            "s3Credentials": _credentials(store),
            "wal": {"compression": "zstd", "maxParallel": 4},
            "data": {"compression": "gzip", "jobs": 2},
        },
        # Of those of a Cluster, the one of the store that it writes to holds; a change of it rolls the instances.
        "instanceSidecarConfiguration": {
            "env": _environment(store),
            # Guaranteed, as the server beside it.
            "resources": objects.small_resources("500m", "512Mi"),
        },
    }


def _credentials(store: ObjectStore) -> Manifest:
    """Without a word on how, the plugin asks for Azure's (plugin-barman-cloud, issue 474)."""
    if store.has_role:
        return {"inheritFromIAMRole": True}
    return {
        "accessKeyId": {"name": CREDENTIALS, "key": "access-key-id"},
        "secretAccessKey": {"name": CREDENTIALS, "key": "secret-access-key"},
    }


def _environment(store: ObjectStore) -> list[Manifest]:
    """The region, which nothing else tells; checksums only where asked for, which many stores do not know
    (web/docs/object_stores.md, issue 393)."""
    values = {"AWS_DEFAULT_REGION": store.region}
    if store.endpoint is not None:
        values |= {
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        }
    return objects.environment(values)


def scheduled_backup_spec(region: str, schedule: str) -> Manifest:
    """Spec of the ScheduledBackup: one now, then by schedule (six fields, seconds first), from a replica if there is
    one (cloudnative-pg docs/src/backup.md)."""
    return {
        "cluster": {"name": cluster_name(region)},
        "schedule": f"0 {schedule}",
        "immediate": True,
        "backupOwnerReference": "self",
        "method": "plugin",
        "pluginConfiguration": {"name": PLUGIN},
        "target": "prefer-standby",
    }


def object_stores(
    name: str, placement: Placement, backups: PostgresBackups, own: ResourceOptions
) -> list[pulumi.Resource]:
    """The region's own, and one for each of the others."""
    after = ResourceOptions.merge(own, ResourceOptions(depends_on=list(backups.stores.ready)))
    return [
        CustomResource(
            f"{name}-store-{region}",
            api_version=_API,
            kind="ObjectStore",
            metadata=objects.metadata(cluster_name(region), placement, _LABELS),
            spec=object_store_spec(
                backups.stores.of(region), backups.retention_days if region == placement.region else None
            ),
            opts=after,
        )
        for region in backups.generations
    ]


def scheduled_backup(
    name: str, placement: Placement, backups: PostgresBackups, own: ResourceOptions, cluster: pulumi.Resource
) -> CustomResource:
    """Base backups of the region's Cluster."""
    return CustomResource(
        f"{name}-backup",
        api_version="postgresql.cnpg.io/v1",
        kind="ScheduledBackup",
        metadata=objects.metadata(cluster_name(placement.region), placement, _LABELS),
        spec=scheduled_backup_spec(placement.region, backups.schedule),
        opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[cluster])),
    )
