"""The pack `data-safety`: what was stored is there tomorrow, whatever is deleted and whichever region is lost."""

from policies.checks import (
    backups,
    bucket_rights,
    buckets,
    keys,
    not_judged,
    postgresql,
    protection,
    redis_settings,
    seen,
    volumes,
)
from policies.checks.tokens import BUCKET, KEY, POSTGRESQL, REPLICA_KEY, STATEFUL_SET, STORAGE_CLASS
from policies.rules import EXCEPTIONS, GONE, Case, Example, Level, PlainRule, Rule, Severity, WholeRule

NAME = "data-safety"
DESCRIPTION = "What was stored is there tomorrow, whatever is deleted by mistake and whichever region is lost."

RULES: tuple[Rule, ...] = (
    PlainRule(
        name="protected",
        description="What holds data, and that without which it cannot be reached, is protected from deletion by the "
        "engine, and is never deleted before its replacement exists.",
        remedy="Give the resource ResourceOptions(protect=True), and no delete_before_replace.",
        severity=Severity.CRITICAL,
        types=protection.HOLD_DATA,
        check=protection.protected,
        example=Example("StatefulSet", "protect", fails=False, passes=True),
    ),
    WholeRule(
        name="protected-namespaces",
        description="A namespace in which something holds data is protected from deletion.",
        remedy="Give the Namespace ResourceOptions(protect=True).",
        severity=Severity.CRITICAL,
        check=protection.namespaces,
        example=Example("Namespace", "protect", fails=False, passes=True),
    ),
    PlainRule(
        name="deletion-protection",
        description="EKS clusters and load balancers are protected from deletion by AWS, too.",
        remedy="State deletionProtection (EKS) or enableDeletionProtection (load balancer) true.",
        severity=Severity.HIGH,
        types=tuple(protection.DELETION_PROTECTION),
        check=protection.against_deletion,
        example=Example("aws.eks.Cluster", "deletionProtection", fails=False, passes=True),
    ),
    PlainRule(
        name="storage-classes",
        description="A StorageClass retains volumes, encrypts them, lets them grow and makes them beside their pods.",
        remedy="reclaimPolicy Retain, volumeBindingMode WaitForFirstConsumer, allowVolumeExpansion true, on AWS "
        'parameters.encrypted "true".',
        severity=Severity.CRITICAL,
        types=(STORAGE_CLASS,),
        check=volumes.storage_class,
        example=Example("StorageClass", "reclaimPolicy", fails="Delete", passes="Retain"),
    ),
    WholeRule(
        name="named-storage-classes",
        description="Where the stack makes a StorageClass, every claim is of it.",
        remedy="State storageClassName of the claim (storageClass of a CloudNativePG Cluster).",
        severity=Severity.HIGH,
        check=volumes.named_classes,
        example=Example(
            "StatefulSet",
            "spec.volumeClaimTemplates.0.spec.storageClassName",
            fails=GONE,
            passes="somafractalmemory",
        ),
    ),
    PlainRule(
        name="kept-claims",
        description="A StatefulSet's data is on volume claims, which stay when it is scaled in or deleted.",
        remedy="Add volumeClaimTemplates, and leave persistentVolumeClaimRetentionPolicy at Retain.",
        severity=Severity.CRITICAL,
        types=(STATEFUL_SET,),
        check=volumes.kept_claims,
        example=Example(
            "StatefulSet",
            "spec.persistentVolumeClaimRetentionPolicy",
            fails={"whenDeleted": "Retain", "whenScaled": "Delete"},
            passes={"whenDeleted": "Retain", "whenScaled": "Retain"},
        ),
    ),
    PlainRule(
        name="postgresql-data",
        description="PostgreSQL has a volume for its data and one for its WAL, and checksums over its pages.",
        remedy="State storage.size, walStorage.size and bootstrap.initdb.dataChecksums true.",
        severity=Severity.HIGH,
        types=(POSTGRESQL,),
        check=volumes.postgresql_data,
        example=Example("Cluster", "spec.walStorage", fails=GONE, passes={"size": "20Gi"}),
    ),
    PlainRule(
        name="postgresql-failover",
        description="Only an instance that has every commit becomes PostgreSQL's primary.",
        remedy="postgresql.synchronous.failoverQuorum true.",
        severity=Severity.CRITICAL,
        types=(POSTGRESQL,),
        check=postgresql.promoted,
        example=Example("Cluster", "spec.postgresql.synchronous.failoverQuorum", fails=False, passes=True),
    ),
    WholeRule(
        name="redis-settings",
        description="Redis writes what it holds to its volumes, and serves on with what is left when a shard is lost.",
        remedy="appendonly yes, cluster-enabled yes and cluster-require-full-coverage no in the file of its settings.",
        severity=Severity.HIGH,
        check=redis_settings.stated,
        example=Example(
            "ConfigMap",
            "data",
            fails={"valkey.conf": "cluster-enabled yes\ncluster-require-full-coverage no\nappendonly no"},
            passes={"valkey.conf": "cluster-enabled yes\ncluster-require-full-coverage no\nappendonly yes"},
        ),
    ),
    PlainRule(
        name="kept-keys",
        description="A KMS key is renewed every year, is enabled, and leaves key_days to call its deletion off.",
        remedy="enableKeyRotation true, deletionWindowInDays 30.",
        severity=Severity.CRITICAL,
        parameters=("key_days",),
        types=(KEY, REPLICA_KEY),
        check=keys.kept,
        example=Example("aws.kms.Key", "deletionWindowInDays", fails=7, passes=30),
    ),
    PlainRule(
        name="kept-buckets",
        description="A bucket is never deleted with what is in it.",
        remedy="Leave forceDestroy false; empty a bucket on purpose before it goes.",
        severity=Severity.CRITICAL,
        types=(BUCKET,),
        check=buckets.kept,
        example=Example("aws.s3.Bucket", "forceDestroy", fails=True, passes=False),
    ),
    WholeRule(
        name="versioned-buckets",
        description="Every bucket keeps versions.",
        remedy="Add a BucketVersioning with status Enabled.",
        severity=Severity.CRITICAL,
        check=buckets.versioned,
        example=Example(
            "aws.s3.BucketVersioning", "versioningConfiguration.status", fails="Suspended", passes="Enabled"
        ),
    ),
    PlainRule(
        name="kept-versions",
        description="No policy of the stack lets anybody delete versions of objects, make a bucket forget them, or "
        "delete a key.",
        remedy="Allow s3:DeleteObject alone, which leaves the version; change buckets by the program.",
        severity=Severity.CRITICAL,
        types=bucket_rights.JUDGED,
        check=bucket_rights.keeping,
        example=Example(
            "aws.iam.RolePolicy",
            "policy",
            fails='{"Statement": [{"Effect": "Allow", "Action": "s3:DeleteObject*", "Resource": "arn:aws:s3:::b/*"}]}',
            passes='{"Statement": [{"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::b/*"}]}',
        ),
    ),
    WholeRule(
        name="unhurried-lifecycles",
        description="No lifecycle deletes objects or their old versions before backups may go.",
        remedy="Raise expiration.days and noncurrentVersionExpiration.noncurrentDays to backups.retention_days.",
        severity=Severity.CRITICAL,
        parameters=("retention_days",),
        check=buckets.lifecycle,
        example=Example(
            "aws.s3.BucketLifecycleConfiguration",
            "rules.0.noncurrentVersionExpiration.noncurrentDays",
            fails=1,
            passes=30,
        ),
    ),
    WholeRule(
        name="tidied-buckets",
        description="Old versions and unfinished uploads go some day.",
        remedy="Add a lifecycle rule with noncurrentVersionExpiration, and one with abortIncompleteMultipartUpload.",
        severity=Severity.MEDIUM,
        level=Level.ADVISORY,
        check=buckets.tidied,
        example=Example(
            "aws.s3.BucketLifecycleConfiguration",
            "rules.1.abortIncompleteMultipartUpload",
            fails=GONE,
            passes={"daysAfterInitiation": 3},
        ),
    ),
    WholeRule(
        name="copied-buckets",
        description="Every bucket is copied, whole and encrypted, to a bucket of the stack in another region.",
        remedy="Add a BucketReplicationConfig to a bucket whose provider is of another region; one region alone: "
        "backups.copy_region.",
        severity=Severity.CRITICAL,
        check=buckets.copied,
        example=Example("aws.s3.BucketReplicationConfig", "rules.0.status", fails="Disabled", passes="Enabled"),
    ),
    WholeRule(
        name="postgresql-backups",
        description="PostgreSQL archives its WAL to an ObjectStore and is copied whole by a ScheduledBackup; both are "
        "kept for as long as the settings promise, on AWS in a bucket of the stack. Only where backups are wanted.",
        remedy="A plugin with isWALArchiver and barmanObjectName, its ObjectStore, a ScheduledBackup of method plugin.",
        severity=Severity.CRITICAL,
        parameters=("retention_days",),
        check=backups.postgresql,
        example=Example("ScheduledBackup", "spec.suspend", fails=True, passes=False),
    ),
    WholeRule(
        name="store-backups",
        description="Every StatefulSet with volumes is backed up by a CronJob that runs (a standby's waits), on AWS "
        "into a bucket of the stack; Redis is a cache and is not. Only where backups are wanted.",
        remedy="Add the CronJob of its program, and do not suspend it.",
        severity=Severity.CRITICAL,
        check=backups.stateful_sets,
        example=Example("CronJob", "spec.suspend", fails=True, passes=False),
    ),
    WholeRule(
        name="any-backups",
        description="A region that does not say that it wants no backups has some.",
        remedy="Name an object store in backups.s3, or set backups.enabled to false where none are wanted.",
        severity=Severity.HIGH,
        level=Level.ADVISORY,
        check=backups.missing,
        case=Case(
            fails="a region with neither backups.s3 nor backups.enabled false",
            passes="a region that names an object store",
            test="tests/unit/test_policy_data_safety.py",
        ),
    ),
    WholeRule(
        name="nothing-missing",
        description="The stack holds every kind that this pack judges, the record of its settings, and the guard that "
        "refuses to lower a store's nodes over data (soma:region:ScaleIn).",
        remedy="Run the pack on a whole region; a rule that saw nothing has proved nothing.",
        severity=Severity.HIGH,
        check=seen.data,
        case=Case(
            fails="a stack without a StatefulSet, or without the record of its settings",
            passes="a whole region",
            test="tests/unit/test_policy_seen.py",
        ),
    ),
    WholeRule(
        name="not-judged",
        description="What nobody could judge is named: what Helm charts make, and the cluster's own StorageClass.",
        remedy="Nothing is wrong: look at it yourself, or configure this policy disabled.",
        severity=Severity.MEDIUM,
        level=Level.ADVISORY,
        check=not_judged.around_data,
        case=Case(
            fails="a stack with a Helm release: its name is said",
            passes="a stack without one, whose StorageClass is its own",
            test="tests/unit/test_policy_data_safety.py",
        ),
    ),
    EXCEPTIONS,
)
