"""Backups: every store has one that runs, in a bucket that is kept, for as long as the settings promise."""

import re
from collections.abc import Iterator

from policies.checks import metadata
from policies.checks.buckets import is_target
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Plain, Unreadable, at, flag_at, json_at, list_at, object_at, text_at
from policies.checks.recorded import backups_wanted, retention_days
from policies.checks.templates import pod, pods
from policies.checks.tokens import (
    BUCKET,
    BUCKET_REPLICATION,
    CONFIG_MAP,
    CRON_JOB,
    DEPLOYMENT,
    OBJECT_STORE,
    POD_IDENTITY,
    POSTGRESQL,
    SCHEDULED_BACKUP,
    STATEFUL_SET,
)
from policies.checks.whole import Whole, each, input_of

_NAME = "app.kubernetes.io/name"
BACKED_UP_BY = {"qdrant": "qdrant-backup", "redis": None}
"""Program of a StatefulSet to the CronJob that backs it up. Redis is a cache: what it holds is made again."""
_BUCKET = re.compile(r"s3://([a-z0-9.-]+)(/.*)?")
_DAYS = {"d": 1, "w": 7, "m": 30}


def postgresql(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """WAL goes to an object store all the time, and a base backup by a schedule."""
    if not backups_wanted(whole):
        return
    days = retention_days(whole, limits.retention_days)

    def check(cluster: Resource) -> Iterator[str]:
        stores = {
            text_at(plugin, "parameters", "barmanObjectName")
            for plugin in list_at(cluster.inputs, "spec", "plugins")
            if flag_at(plugin, "isWALArchiver", default=False) and flag_at(plugin, "enabled", default=True)
        }
        own = [store for store in whole.of(OBJECT_STORE) if _beside(store, cluster) and metadata.name(store) in stores]
        if not own:
            yield "archives its WAL to no ObjectStore of this stack: there is no going back to any moment"
        for store in own:
            yield from _store(store, days, whole)
        name = metadata.name(cluster)
        if whole.on_aws and not any(input_of(given, "serviceAccount") == name for given in whole.of(POD_IDENTITY)):
            yield "its service account has no role in AWS: it reaches no bucket"
        if not any(_scheduled(backup, cluster) for backup in whole.of(SCHEDULED_BACKUP)):
            yield "no ScheduledBackup that runs names it: without a base backup its WAL restores nothing"

    yield from each(whole.of(POSTGRESQL), check)


def stateful_sets(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Every StatefulSet with volumes belongs to a program whose backup job runs; a standby's waits."""
    del limits
    if not backups_wanted(whole):
        return
    standby = any(pods(one).labels.get("soma.io/region-role") == "standby" for one in whole.of(DEPLOYMENT))

    def check(store: Resource) -> Iterator[str]:
        if not list_at(store.inputs, "spec", "volumeClaimTemplates"):
            return
        program = pods(store).labels.get(_NAME, "")
        if program not in BACKED_UP_BY:
            yield "holds data, and this pack knows no backup of it"
            return
        name = BACKED_UP_BY[program]
        jobs = [job for job in whole.of(CRON_JOB) if metadata.name(job) == name]
        if name and not jobs:
            yield f"no CronJob {name} backs it up"
        for job in jobs:
            if not text_at(job.inputs, "spec", "schedule"):
                yield f"the CronJob {job.name} that backs it up has no schedule"
            if whole.on_aws and not _has_role(job, whole):
                yield f"the CronJob {job.name} that backs it up runs under a service account without a role in AWS"
            if flag_at(job.inputs, "spec", "suspend", default=False) and not standby:
                yield f"the CronJob {job.name} that backs it up is suspended"
            yield from _destination(_bucket_of(job, whole), f"the CronJob {job.name}", whole)

    yield from each(whole.of(STATEFUL_SET), check)


def missing(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """A region that wants backups and names no place for them has none."""
    del limits
    if backups_wanted(whole) is False:
        yield Violation(
            "", "the region has no backups: what is deleted by mistake is lost. Name an object store in backups.s3, or "
            "set backups.enabled to false where none are wanted"
        )  # fmt: skip


def _has_role(job: Resource, whole: Whole) -> bool:
    account = text_at(pod(job), "serviceAccountName", default="default")
    return any(input_of(given, "serviceAccount") == account for given in whole.of(POD_IDENTITY))


def _beside(one: Resource, other: Resource) -> bool:
    return metadata.namespace(one) == metadata.namespace(other)


def _scheduled(backup: Resource, cluster: Resource) -> bool:
    spec = object_at(backup.inputs, "spec")
    return (
        _beside(backup, cluster)
        and text_at(spec, "cluster", "name") == metadata.name(cluster)
        and bool(text_at(spec, "schedule"))
        and not flag_at(spec, "suspend", default=False)
        and text_at(spec, "method", default="barmanObjectStore") == "plugin"
    )


def _store(store: Resource, days: int, whole: Whole) -> Iterator[str]:
    spec, title = object_at(store.inputs, "spec"), f"its ObjectStore {metadata.name(store)}"
    kept = _kept_days(spec)
    if kept is not None and kept < days:
        yield f"{title} keeps backups for {kept} days, and they are wanted for {days}"
    path = _BUCKET.fullmatch(text_at(spec, "configuration", "destinationPath"))
    if path is None:
        yield f"{title} has no destinationPath s3://…"
    else:
        yield from _destination(path[1], title, whole)


def _kept_days(spec: Plain) -> int | None:
    """None where nothing is ever deleted. `30d`, `4w`, `1m` (plugin-barman-cloud, api/v1 retentionPolicy)."""
    policy = text_at(spec, "retentionPolicy")
    if not policy:
        return None
    if not (policy[:-1].isdecimal() and policy[-1] in _DAYS):
        raise Unreadable("retentionPolicy of its ObjectStore is no number of days, weeks or months")
    return int(policy[:-1]) * _DAYS[policy[-1]]


def _destination(bucket: str, title: str, whole: Whole) -> Iterator[str]:
    """On AWS the program makes the buckets; elsewhere the store is there already and cannot be judged."""
    if not whole.on_aws:
        return
    own = [one for one in whole.of(BUCKET) if input_of(one, "bucket") == bucket]
    if not own:
        yield f"{title} writes to a bucket that this stack does not make"
    elif any(is_target(replication, own[0]) for replication in whole.of(BUCKET_REPLICATION)):
        yield f"{title} writes to a bucket of copies, from which nothing is copied on"


def _bucket_of(job: Resource, whole: Whole) -> str:
    """As the plan of a backup job in its ConfigMap says."""
    named = {text_at(volume, "configMap", "name") for volume in list_at(pod(job), "volumes")} - {""}
    for config in whole.of(CONFIG_MAP):
        if metadata.name(config) in named and at(config.inputs, "data", "backup.json") is not None:
            return text_at(json_at(config.inputs, "data", "backup.json"), "bucket")
    raise Unreadable(f"no ConfigMap of the CronJob {job.name} says into which bucket it writes (backup.json)")
