"""Snapshots of Qdrant in an object store: a CronJob that takes them, and one for each region that brings one back.

rclone stands beside the program and signs the calls: Qdrant's own way to S3 knows no roles, and its snapshots are of
nodes where a restore needs shards (docs/decisions/0012).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes import batch, core, networking

from components import backup_store, objects, qdrant_scripts
from components.backup_store import CREDENTIALS, QDRANT, BackupStores, ObjectStore
from components.objects import Manifest
from components.placement import Placement
from components.qdrant_scripts import FILES, KEY
from components.qdrant_services import HTTP

NAME: Final = "qdrant-backup"
"""The CronJob, and the service account of all."""
RESTORE: Final = "qdrant-restore"
RUN_SECONDS: Final = 6 * 3600
RCLONE: Final = ("rcd", "--rc-no-auth", "--rc-serve", "--rc-server-read-timeout=6h", "--rc-server-write-timeout=6h")
"""Without a password, for the pod alone: it listens on its loopback address (rclone.org/commands/rclone_rcd)."""
METRICS: Final = {
    "last_snapshot": f'kube_cronjob_status_last_successful_time{{cronjob="{NAME}"}}',
    "failed_snapshots": f'kube_job_status_failed{{job_name=~"{NAME}-.*"}}',
}
"""Figures of kube-state-metrics (docs/metrics/workload/cronjob-metrics.md). A Job that succeeds has written a whole
snapshot, its manifest included."""

_ADDRESS = "127.0.0.1:5572"
_LABELS = objects.labels(NAME, "backup")
_SHARED = ("qdrant_rest.py", "object_store.py", "qdrant_shards.py", "qdrant_backup.py")
_OF_RESTORE = ("collection.py", "qdrant_restore.py")


@dataclass(frozen=True)
class QdrantBackups:
    """Where snapshots go and come from."""

    stores: BackupStores
    regions: tuple[str, ...]
    """All regions, by name: each has a folder of its own."""
    schedule: str
    """When they are taken, as a cron expression (UTC)."""
    rclone_image: str
    """Carries snapshots to and from the store."""
    takes: bool
    """True at home: a standby has nothing of its own."""


@dataclass(frozen=True)
class BackupArgs:
    """What the CronJobs need to know."""

    placement: Placement
    backups: QdrantBackups
    image: str
    """Python 3 with its standard library."""
    nodes: Mapping[str, str]
    """URL of each pod by its name."""
    replication_factor: int
    """Copies of each shard of a collection that a restore makes."""
    secret_name: str
    """Secret with `api-key`."""
    peer_pods: Mapping[str, str]
    """Labels of the peers' pods."""


def cron_jobs(name: str, args: BackupArgs, own: ResourceOptions, after: Sequence[pulumi.Resource]) -> None:
    """The CronJobs, their files, and what they may reach."""
    placement = args.placement
    account = core.v1.ServiceAccount(
        f"{name}-backup-account",
        metadata=objects.untyped(objects.metadata(NAME, placement, _LABELS)),
        automount_service_account_token=False,
        opts=own,
    )
    networking.v1.NetworkPolicy(
        f"{name}-backup-network",
        metadata=objects.untyped(objects.metadata(NAME, placement, _LABELS)),
        spec=objects.untyped(network_policy_spec(args)),
        opts=own,
    )
    jobs = {
        NAME: backup_spec(args),
        **{_restore(region): restore_spec(args, region) for region in args.backups.regions},
    }
    files = {
        NAME: backup_files(args),
        **{_restore(region): restore_files(args, region) for region in args.backups.regions},
    }
    for job, spec in jobs.items():
        short = job.removeprefix("qdrant-")
        metadata = objects.untyped(objects.metadata(job, placement, _LABELS))
        config = core.v1.ConfigMap(f"{name}-{short}-files", metadata=metadata, data=files[job], opts=own)
        batch.v1.CronJob(
            f"{name}-{short}",
            metadata=metadata,
            spec=objects.untyped(spec),
            opts=ResourceOptions.merge(
                own, ResourceOptions(depends_on=[account, config, *args.backups.stores.ready, *after])
            ),
        )


def _restore(region: str) -> str:
    return f"{RESTORE}-{region}"


def backup_files(args: BackupArgs) -> dict[str, str]:
    """Scripts and plan of the backup."""
    store = args.backups.stores.own
    plan = {"nodes": dict(args.nodes), "bucket": store.bucket, "folder": f"{QDRANT}/{args.placement.region}"}
    return {**{name: objects.script(name) for name in _SHARED}, "backup.json": json.dumps(plan, indent=2)}


def restore_files(args: BackupArgs, region: str) -> dict[str, str]:
    """Scripts and plan of a restore of what a region left."""
    store = args.backups.stores.of(region)
    plan = {
        "nodes": dict(args.nodes),
        "bucket": store.bucket,
        "folder": f"{QDRANT}/{region}",
        "copies": args.replication_factor,
    }
    scripts = {name: objects.script(name) for name in (*_SHARED, *_OF_RESTORE)}
    return {**scripts, "backup.json": json.dumps(plan, indent=2)}


def backup_spec(args: BackupArgs) -> Manifest:
    """Spec of the CronJob that takes snapshots; a standby's sleeps until it is home."""
    pod = _pod(args, args.backups.stores.own, "qdrant_backup", NAME, {})
    return {
        **_cron_job(args.backups.schedule, pod, backup_files(args)),
        "suspend": not args.backups.takes,
        "startingDeadlineSeconds": 600,
    }


def restore_spec(args: BackupArgs, region: str) -> Manifest:
    """Spec of a CronJob that never runs by itself: `kubectl create job --from=cronjob/qdrant-restore-<region>` does."""
    environment = {"SNAPSHOT": "latest", "OVERWRITE": "false", "WAIT_SECONDS": str(RUN_SECONDS // 2)}
    pod = _pod(args, args.backups.stores.of(region), "qdrant_restore", _restore(region), environment)
    return {**_cron_job("0 0 1 1 *", pod, restore_files(args, region)), "suspend": True}


def _cron_job(schedule: str, pod: Manifest, files: Mapping[str, str]) -> Manifest:
    """Two runs at once would meet in the snapshots' volume; one that hangs ends by its deadline."""
    return {
        "schedule": schedule,
        "concurrencyPolicy": "Forbid",
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
        "jobTemplate": {
            "spec": {
                "backoffLimit": 1,
                "activeDeadlineSeconds": RUN_SECONDS,
                "template": {
                    "metadata": {
                        "labels": _LABELS,
                        "annotations": {"soma.io/files": objects.content_hash(dict(files))},
                    },
                    "spec": pod,
                },
            }
        },
    }


def remote(store: ObjectStore) -> dict[str, str]:
    """Environment that tells rclone of its remote `store` (rclone.org/s3).

    Parts of 64 MiB, of which S3 takes 10,000: a shard of 600 GiB.
    """
    endpoint = {} if store.endpoint is None else {"RCLONE_CONFIG_STORE_ENDPOINT": store.endpoint}
    return {
        "RCLONE_CONFIG_STORE_TYPE": "s3",
        "RCLONE_CONFIG_STORE_PROVIDER": "AWS" if store.endpoint is None else "Other",
        "RCLONE_CONFIG_STORE_ENV_AUTH": "true",
        # It may not look whether the bucket is there, nor make one.
        "RCLONE_CONFIG_STORE_NO_CHECK_BUCKET": "true",
        "RCLONE_CONFIG_STORE_CHUNK_SIZE": "64Mi",
        "RCLONE_CONFIG_STORE_UPLOAD_CONCURRENCY": "2",
        "RCLONE_CONFIG_STORE_REGION": store.region,
        **endpoint,
    }


def _pod(args: BackupArgs, store: ObjectStore, module: str, files: str, more: Mapping[str, str]) -> Manifest:
    container = qdrant_scripts.container(
        NAME,
        args.image,
        module,
        {"BACKUP_FILE": f"{FILES}/backup.json", **KEY, "RCLONE_URL": f"http://{_ADDRESS}", **more},
        objects.small_resources("100m", "64Mi", "1", "256Mi"),
    )
    pod = qdrant_scripts.pod(container, files, args.secret_name)
    keys = [] if store.has_role else [objects.secret_key_volume("credentials", CREDENTIALS, "credentials")]
    return {
        **pod,
        "serviceAccountName": NAME,
        "initContainers": [_rclone(args, store)],
        # Everything is streamed (files/object_store.py).
        "volumes": [*pod["volumes"], {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}, *keys],
    }


def _rclone(args: BackupArgs, store: ObjectStore) -> Manifest:
    """A native sidecar: it is there before the program and goes with it."""
    environment = {**remote(store), "HOME": "/tmp", "RCLONE_CONFIG": "/tmp/rclone.conf"}  # noqa: S108  (a volume)
    mounts: list[Manifest] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108  (the same)
    if not store.has_role:
        environment["AWS_SHARED_CREDENTIALS_FILE"] = "/run/store/credentials"
        mounts.append({"name": "credentials", "mountPath": "/run/store", "readOnly": True})
    return {
        "name": "rclone",
        "image": args.backups.rclone_image,
        "restartPolicy": "Always",
        "args": [*RCLONE, f"--rc-addr={_ADDRESS}"],
        "env": objects.environment(environment),
        "resources": objects.small_resources("100m", "256Mi", "1", "512Mi"),
        "securityContext": objects.container_security(),
        "volumeMounts": mounts,
    }


def network_policy_spec(args: BackupArgs) -> Manifest:
    """Qdrant, and the stores, which no selector finds."""
    stores = args.backups.stores
    ways = [way for store in (stores.own, *stores.others.values()) for way in backup_store.egress(store)]
    return {
        "podSelector": {"matchLabels": objects.every(NAME)},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [objects.allow_to([objects.pods(args.peer_pods)], HTTP), *_distinct(ways)],
    }


def _distinct(ways: Sequence[Manifest]) -> list[Manifest]:
    return [way for index, way in enumerate(ways) if way not in ways[:index]]
