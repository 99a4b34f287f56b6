"""The pack data-safety: the program's own region passes, and each test breaks one field of it."""

import dataclasses
import json
from typing import Any

import pytest

from policies.checks.model import Limits, Resource
from policies.checks.tokens import BUCKET_REPLICATION, KEY, REPLICA_KEY, SCALE_IN, VOLUME_CLAIM
from tests.unit.policy_plan import GONE, Stack, Verdict, find, put, region, swapped, verdicts

AWS = ("aws", "us-east")
STANDBY = ("aws", "us-west")
KUBERNETES = ("kubernetes", "us-east")


def judged(stack: Stack, limits: Limits | None = None) -> list[Verdict]:
    """What is said beyond what nobody could judge."""
    silent = ("not-judged", "any-backups") if not any(it.type.startswith("aws:") for it in stack) else ("not-judged",)
    return [it for it in verdicts(stack, limits=limits, packs=("data-safety",)) if it.policy not in silent]


def refused(stack: Stack, *policies: str, saying: str, limits: Limits | None = None) -> None:
    """By just these policies; one message says this."""
    found = judged(stack, limits)
    assert {it.policy for it in found} == set(policies), found
    assert any(saying in it.message for it in found), found


def broken(stack: Stack, kind: str, name: str, path: str, value: Any) -> Stack:
    resource = find(stack, kind, name)
    return swapped(stack, resource, put(resource, path, value))


def allowing(*actions: str) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "arn:aws:s3:::b/*"}]})


FIELDS: list[tuple[str, str, str, str, Any, str]] = [
    ("protected", "StatefulSet", "qdrant-statefulset", "protect", False, "is not protected"),
    ("protected", "aws.s3.Bucket", "", "deleteBeforeReplace", True, "deleted before its replacement exists"),
    ("protected", "Cluster", "", "protect", False, "is not protected"),
    ("protected-namespaces", "Namespace", "platform-namespace", "protect", False, "what holds data is in it"),
    ("deletion-protection", "aws.lb.LoadBalancer", "users-balancer", "enableDeletionProtection", GONE, "is not true"),
    ("storage-classes", "StorageClass", "", "reclaimPolicy", GONE, "a volume is deleted with its claim"),
    ("storage-classes", "StorageClass", "", "volumeBindingMode", "Immediate", "zones where their pods may not run"),
    ("storage-classes", "StorageClass", "", "allowVolumeExpansion", False, "a full volume cannot grow"),
    ("storage-classes", "StorageClass", "", "parameters", {"type": "gp3"}, 'parameters.encrypted is not "true"'),
    ("named-storage-classes", "Cluster", "", "spec.walStorage.storageClass", GONE, "spec.walStorage is not of a"),
    ("kept-claims", "StatefulSet", "redis-zone-a", "spec.volumeClaimTemplates", GONE, "its data goes with its pods"),
    (
        "kept-claims",
        "StatefulSet",
        "redis-zone-a",
        "spec.persistentVolumeClaimRetentionPolicy.whenDeleted",
        "Delete",
        "whenDeleted is not Retain: its volumes go",
    ),
    ("postgresql-data", "Cluster", "", "spec.storage.size", GONE, "has no volume for its data"),
    (
        "redis-settings",
        "ConfigMap",
        "redis-files",
        "data",
        {"valkey.conf": "cluster-enabled yes\nappendonly yes\n"},
        "cluster-require-full-coverage is not no: the loss of one shard stops all others",
    ),
    ("redis-settings", "ConfigMap", "redis-files", "data", {}, "appendonly is not yes"),
    (
        "postgresql-failover",
        "Cluster",
        "",
        "spec.postgresql.synchronous",
        {"method": "any", "number": 1, "dataDurability": "required"},
        "may promote an instance that lacks commits",
    ),
    ("postgresql-data", "Cluster", "", "spec.bootstrap.initdb.dataChecksums", GONE, "a rotten page is not noticed"),
    ("kept-keys", "aws.kms.Key", "bucket-key", "deletionWindowInDays", 29, "is under 30"),
    ("kept-keys", "aws.kms.Key", "bucket-key", "enableKeyRotation", GONE, "enableKeyRotation is not true"),
    ("kept-keys", "aws.kms.Key", "bucket-key", "isEnabled", False, "is disabled"),
    (
        "kept-versions",
        "aws.iam.RolePolicy",
        "",
        "policy",
        allowing("s3:PutObject", "S3:DeleteObjectVersion"),
        "statement number 1 allows s3:DeleteObjectVersion: backups could be lost for good",
    ),
    ("kept-versions", "aws.iam.RolePolicy", "", "policy", allowing("s3:Put*"), "s3:PutBucketPolicy, s3:PutBucketV"),
    ("kept-versions", "aws.iam.RolePolicy", "", "policy", allowing("kms:ScheduleKeyDeletion"), "kms:ScheduleKeyDel"),
    (
        "kept-versions",
        "aws.iam.RolePolicy",
        "",
        "policy",
        json.dumps({"Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]}),
        "allows everything but what it names",
    ),
    ("kept-versions", "aws.s3.BucketPolicy", "", "policy", allowing("s3:DeleteBucket"), "allows s3:DeleteBucket"),
    ("kept-buckets", "aws.s3.Bucket", "copies-bucket", "forceDestroy", True, "deleted with everything in it"),
    (
        "versioned-buckets",
        "aws.s3.BucketVersioning",
        "copies-versions",
        "versioningConfiguration",
        GONE,
        "keeps no versions",
    ),
    (
        "unhurried-lifecycles",
        "aws.s3.BucketLifecycleConfiguration",
        "copies-lifecycle",
        "rules.2.expiration.days",
        29,
        "rule expiring deletes objects after 29 days, and they are wanted for 30",
    ),
    (
        "unhurried-lifecycles",
        "aws.s3.BucketLifecycleConfiguration",
        "bucket-lifecycle",
        "rules.0.noncurrentVersionExpiration.noncurrentDays",
        1,
        "rule old-versions deletes old versions after 1 days",
    ),
    (
        "unhurried-lifecycles",
        "aws.s3.BucketLifecycleConfiguration",
        "bucket-lifecycle",
        "rules.2.filter.prefix",
        "post",
        "rule expiring deletes what Barman keeps",
    ),
    (
        "unhurried-lifecycles",
        "aws.s3.BucketLifecycleConfiguration",
        "bucket-lifecycle",
        "rules.2.expiration",
        {"date": "2027-01-01"},
        "rule expiring deletes everything on one day",
    ),
    (
        "tidied-buckets",
        "aws.s3.BucketLifecycleConfiguration",
        "bucket-lifecycle",
        "rules.0.status",
        "Disabled",
        "no rule of a lifecycle ever deletes old versions",
    ),
    ("copied-buckets", "aws.s3.BucketReplicationConfig", "", "rules.0.status", "Disabled", "no enabled rule copies"),
    ("copied-buckets", "aws.s3.BucketReplicationConfig", "", "rules.0.filter.prefix", "qdrant/", "copies all of it"),
    (
        "copied-buckets",
        "aws.s3.BucketReplicationConfig",
        "",
        "rules.0.sourceSelectionCriteria",
        GONE,
        "leaves out what is encrypted by KMS",
    ),
    (
        "postgresql-backups",
        "Cluster",
        "",
        "spec.plugins.0.isWALArchiver",
        False,
        "archives its WAL to no ObjectStore of this stack",
    ),
    ("postgresql-backups", "Cluster", "", "spec.plugins.0.enabled", False, "archives its WAL to no ObjectStore"),
    ("postgresql-backups", "ScheduledBackup", "", "spec.suspend", True, "no ScheduledBackup that runs names it"),
    ("postgresql-backups", "ScheduledBackup", "", "spec.cluster.name", "other", "no ScheduledBackup that runs"),
    ("postgresql-backups", "ScheduledBackup", "", "spec.method", "volumeSnapshot", "no ScheduledBackup that runs"),
    ("postgresql-backups", "ScheduledBackup", "", "metadata.namespace", "other", "no ScheduledBackup that runs"),
    ("postgresql-backups", "ObjectStore", "store-us-east", "spec.retentionPolicy", "3w", "keeps backups for 21 days"),
    ("postgresql-backups", "ObjectStore", "store-us-east", "spec.retentionPolicy", "long", "is no number of days"),
    (
        "postgresql-backups",
        "ObjectStore",
        "store-us-east",
        "spec.configuration.destinationPath",
        "s3://other/postgresql",
        "writes to a bucket that this stack does not make",
    ),
    (
        "postgresql-backups",
        "ObjectStore",
        "store-us-east",
        "spec.configuration.destinationPath",
        "s3://somafractalmemory-copies-123456789012-us-east/postgresql",
        "writes to a bucket of copies",
    ),
    (
        "postgresql-backups",
        "ObjectStore",
        "store-us-east",
        "spec.configuration.destinationPath",
        "/var/backups",
        "has no destinationPath s3://",
    ),
    (
        "postgresql-backups",
        "aws.eks.PodIdentityAssociation",
        "backups-postgresql",
        "serviceAccount",
        "other",
        "its service account has no role in AWS",
    ),
    ("store-backups", "CronJob", "qdrant-backup", "spec.suspend", True, "that backs it up is suspended"),
    ("store-backups", "CronJob", "qdrant-backup", "spec.schedule", GONE, "has no schedule"),
    ("store-backups", "CronJob", "qdrant-backup", "metadata.name", "other", "no CronJob qdrant-backup backs it up"),
    (
        "store-backups",
        "CronJob",
        "qdrant-backup",
        "spec.jobTemplate.spec.template.spec.serviceAccountName",
        "qdrant",
        "runs under a service account without a role in AWS",
    ),
    (
        "store-backups",
        "ConfigMap",
        "qdrant-backup-files",
        "data",
        {"backup.json": json.dumps({"bucket": "other"})},
        "writes to a bucket that this stack does not make",
    ),
    ("store-backups", "ConfigMap", "qdrant-backup-files", "data", {}, "says into which bucket it writes"),
    (
        "store-backups",
        "StatefulSet",
        "redis-zone-a",
        "spec.template.metadata.labels",
        {"app.kubernetes.io/name": "ledger"},
        "this pack knows no backup of it",
    ),
]


@pytest.mark.parametrize(("policy", "kind", "name", "path", "value", "said"), FIELDS)
def test_one_broken_field_is_refused_by_its_policy_alone(
    policy: str, kind: str, name: str, path: str, value: Any, said: str
) -> None:
    refused(broken(region(*AWS), kind, name, path, value), policy, saying=said)


def test_a_standbys_backup_job_waits_and_its_postgresql_is_made_from_homes() -> None:
    assert judged(region(*STANDBY)) == []


@pytest.mark.parametrize("policy", ["Delete", "Recycle"])
def test_a_class_of_another_provisioner_need_not_say_that_it_encrypts(policy: str) -> None:
    stack = broken(region(*AWS), "StorageClass", "", "provisioner", "rook-ceph.rbd.csi.ceph.com")
    stack = broken(stack, "StorageClass", "", "parameters", {})
    assert judged(stack) == []
    refused(broken(stack, "StorageClass", "", "reclaimPolicy", policy), "storage-classes", saying="reclaimPolicy")


def test_a_claim_of_its_own_is_protected_and_of_the_stacks_class() -> None:
    claim = Resource(VOLUME_CLAIM, "urn:claim", "claim", {"spec": {"storageClassName": "somafractalmemory"}}, True)
    assert judged((*region(*AWS), claim)) == []
    refused((*region(*AWS), dataclasses.replace(claim, protect=False)), "protected", saying="is not protected")
    other = dataclasses.replace(claim, inputs={"spec": {"storageClassName": "standard"}})
    refused((*region(*AWS), other), "named-storage-classes", saying="spec is not of a StorageClass of this stack")


def test_a_key_of_several_regions_has_a_replica_with_the_same_window() -> None:
    inputs = {"primaryKeyArn": "arn", "policy": find(region(*AWS), "aws.kms.Key").inputs["policy"]}
    replica = Resource(REPLICA_KEY, "urn:replica", "replica", {**inputs, "deletionWindowInDays": 30}, True)
    assert judged((*region(*AWS), replica)) == []
    for fields, said in (({"deletionWindowInDays": 10}, "is under 30"), ({"enabled": False}, "is disabled")):
        short = dataclasses.replace(replica, inputs={**replica.inputs, **fields})
        refused((*region(*AWS), short), "kept-keys", saying=said)


def test_numbers_can_be_configured() -> None:
    stack = broken(region(*AWS), "aws.kms.Key", "bucket-key", "deletionWindowInDays", 7)
    assert judged(stack, Limits(key_days=7)) == []
    refused(
        region(*AWS), "unhurried-lifecycles", "postgresql-backups", limits=Limits(retention_days=31), saying="for 31"
    )
    assert judged(region(*AWS), Limits(retention_days=1)) == [], "the settings promise 30"


def test_what_the_settings_promise_counts_where_it_is_more() -> None:
    record = find(region(*AWS), "ConfigMap", "record-settings")
    settings = json.loads(record.inputs["data"]["settings.json"])
    settings["backups"]["retention_days"] = 90
    data = {**record.inputs["data"], "settings.json": json.dumps(settings)}
    stack = swapped(region(*AWS), record, put(record, "data", data))
    refused(stack, "unhurried-lifecycles", "postgresql-backups", saying="wanted for 90")


def with_settings(stack: Stack, **backups: Any) -> Stack:
    record = find(stack, "ConfigMap", "record-settings")
    settings = json.loads(record.inputs["data"]["settings.json"])
    settings["backups"] |= backups
    return swapped(stack, record, put(record, "data", {**record.inputs["data"], "settings.json": json.dumps(settings)}))


def test_a_region_without_a_place_for_backups_is_told_so() -> None:
    advice = {it.policy: it.message for it in verdicts(region(*KUBERNETES), packs=("data-safety",))}
    assert advice["any-backups"].startswith("the region has no backups")
    said = {it.policy for it in verdicts(with_settings(region(*KUBERNETES), enabled=False), packs=("data-safety",))}
    assert said == {"not-judged"}, "wants none on purpose"


def test_a_region_that_names_an_object_store_has_to_use_it() -> None:
    stack = with_settings(region(*KUBERNETES), s3={"bucket": "b"})
    refused(stack, "postgresql-backups", "store-backups", saying="no CronJob qdrant-backup backs it up")


@pytest.mark.parametrize("where", ["", "us-east-1"])
def test_a_copy_in_the_same_region_or_who_knows_where_is_none(where: str) -> None:
    copies = find(region(*AWS), "aws.s3.Bucket", "copies-bucket")
    stack = swapped(region(*AWS), copies, dataclasses.replace(copies, region=where))
    refused(stack, "copied-buckets", saying="both are lost with that region" if where else "cannot be known")


def test_a_bucket_that_is_copied_nowhere_or_to_a_stranger_is_refused() -> None:
    stack = tuple(it for it in region(*AWS) if it.type != BUCKET_REPLICATION)
    refused(stack, "copied-buckets", "nothing-missing", saying="is not copied to another region")
    rules = find(region(*AWS), "aws.s3.BucketReplicationConfig").inputs["rules"]
    rules = [{**rules[0], "destination": {**rules[0]["destination"], "bucket": "arn:aws:s3:::stranger"}}]
    stranger = broken(region(*AWS), "aws.s3.BucketReplicationConfig", "", "rules", rules)
    refused(stranger, "copied-buckets", saying="to a bucket that this stack does not make")


@pytest.mark.parametrize("platform", ["aws", "kubernetes"])
def test_a_stack_that_holds_nothing_is_refused(platform: str) -> None:
    stack = tuple(it for it in region(platform, "us-east") if it.type == KEY)
    (found,) = (it for it in judged(stack) if "StatefulSet" in it.message)
    assert found.policy == "nothing-missing"
    assert ("BucketReplicationConfig" in found.message) is (platform == "aws")
    assert any("no record of its settings" in it.message for it in judged(stack))


def test_a_program_without_its_guard_against_lowering_nodes_is_refused() -> None:
    stack = tuple(it for it in region(*AWS) if it.type != SCALE_IN)
    refused(stack, "nothing-missing", saying="the stack holds no ScaleIn")


def test_a_network_and_a_cluster_that_are_there_already_are_not_missed() -> None:
    """Nothing of them is made: the rest is judged."""
    record = find(region(*AWS), "ConfigMap", "record-settings")
    settings = json.loads(record.inputs["data"]["settings.json"])
    settings["aws"]["network"]["existing"] = {"vpc": "vpc-1"}
    settings["aws"]["cluster"]["existing"] = {"name": "ours"}
    data = {**record.inputs["data"], "settings.json": json.dumps(settings)}
    stack = swapped(region(*AWS), record, put(record, "data", data))
    without = ("aws:ec2/", "aws:eks/cluster", "aws:eks/nodeGroup", "aws:eks/addon", "aws:cloudwatch/")
    assert judged(tuple(it for it in stack if not it.type.startswith(without))) == []


def test_resources_of_other_programs_and_two_thousand_of_them_do_not_matter() -> None:
    others = tuple(Resource("docker:index:Container", f"urn:{n}", f"c{n}", {"image": None}) for n in range(2000))
    assert judged((*region(*AWS), *others)) == []
