"""Buckets that nobody can empty for good: versions, a lifecycle that does not delete too early, a copy elsewhere."""

from collections.abc import Iterator

from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import UNKNOWN, Plain, at, flag_at, list_at, number_at, text_at
from policies.checks.recorded import retention_days
from policies.checks.tokens import (
    BUCKET,
    BUCKET_ENCRYPTION,
    BUCKET_LIFECYCLE,
    BUCKET_REPLICATION,
    BUCKET_VERSIONING,
    OBJECT_STORE,
)
from policies.checks.whole import Whole, each, input_of, refers, stated


def parts(whole: Whole, token: str, bucket: Resource) -> list[Resource]:
    """Resources of a type that are about a bucket."""
    return [part for part in whole.of(token) if refers(part, "bucket", bucket, "bucket")]


def kept(resource: Resource, limits: Limits) -> Iterator[str]:
    """`forceDestroy` deletes every object, versions too, before the bucket."""
    del limits
    if flag_at(resource.inputs, "forceDestroy", default=False):
        yield "forceDestroy is true: it could be deleted with everything in it"


def versioned(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """What is overwritten or deleted can be had back."""
    del limits

    def check(bucket: Resource) -> Iterator[str]:
        found = parts(whole, BUCKET_VERSIONING, bucket)
        if not any(text_at(part.inputs, "versioningConfiguration", "status") == "Enabled" for part in found):
            yield "keeps no versions: what is overwritten or deleted is lost"

    yield from each(whole.of(BUCKET), check)


def lifecycle(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Nothing goes before backups may go, neither objects nor old versions, and nothing of Barman's by age alone."""
    days = retention_days(whole, limits.retention_days)
    folders = list(_of_barman(whole))

    def check(resource: Resource) -> Iterator[str]:
        for rule in list_at(resource.inputs, "rules"):
            if text_at(rule, "status") != "Enabled":
                continue
            title = f"rule {text_at(rule, 'id')}"
            if at(rule, "expiration", "date") is not None:
                yield f"{title} deletes everything on one day"
            prefix = text_at(rule, "filter", "prefix")
            if at(rule, "expiration", "days") is not None and any(it.startswith(prefix) for it in folders):
                yield f"{title} deletes what Barman keeps, which alone knows what a restore still needs"
            for what, stated_days in (
                ("objects", number_at(rule, "expiration", "days")),
                ("old versions", number_at(rule, "noncurrentVersionExpiration", "noncurrentDays")),
            ):
                if stated_days is not None and stated_days < days:
                    yield f"{title} deletes {what} after {stated_days} days, and they are wanted for {days}"

    yield from each(whole.of(BUCKET_LIFECYCLE), check)


def _of_barman(whole: Whole) -> Iterator[str]:
    """Folders of base backups and WAL within their buckets."""
    for store in whole.of(OBJECT_STORE):
        bucket_and_folder = text_at(store.inputs, "spec", "configuration", "destinationPath").removeprefix("s3://")
        yield f"{bucket_and_folder.partition('/')[2]}/"


def tidied(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """A bucket with versions only grows unless old ones and unfinished uploads go some day."""
    del limits

    def check(bucket: Resource) -> Iterator[str]:
        rules = [
            rule
            for part in parts(whole, BUCKET_LIFECYCLE, bucket)
            for rule in list_at(part.inputs, "rules")
            if text_at(rule, "status") == "Enabled"
        ]
        for what, path in (
            ("old versions", ("noncurrentVersionExpiration", "noncurrentDays")),
            ("unfinished uploads", ("abortIncompleteMultipartUpload", "daysAfterInitiation")),
        ):
            if not any(at(rule, *path) is not None for rule in rules):
                yield f"no rule of a lifecycle ever deletes {what}: it only grows"

    yield from each(whole.of(BUCKET), check)


def copied(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """Every bucket is copied to one in another region, or is such a copy."""
    del limits
    replications = whole.of(BUCKET_REPLICATION)

    def check(bucket: Resource) -> Iterator[str]:
        if any(is_target(replication, bucket) for replication in replications):
            return
        own = parts(whole, BUCKET_REPLICATION, bucket)
        if not own:
            yield "is not copied to another region: it is lost with its own"
        for replication in own:
            targets = [target for target in whole.of(BUCKET) if is_target(replication, target)]
            if not targets:
                yield "is copied to a bucket that this stack does not make"
            for target in targets:
                yield from _apart(bucket, target)
            yield from _whole_copy(replication, encrypted=bool(parts(whole, BUCKET_ENCRYPTION, bucket)))

    yield from each(whole.of(BUCKET), check)


def is_target(replication: Resource, bucket: Resource) -> bool:
    """Whether a bucket is where another one is copied to."""
    name = input_of(bucket, "bucket")
    for rule in list_at(replication.inputs, "rules"):
        destination = input_of_rule(rule)
        if destination is UNKNOWN and bucket.urn in replication.sources.get("rules", ()):
            return True
        if isinstance(destination, str) and isinstance(name, str) and destination.endswith(f":::{name}"):
            return True
    return False


def input_of_rule(rule: Plain) -> Plain:
    destination = at(rule, "destination")
    return destination.get("bucket") if isinstance(destination, dict) else None


def _apart(bucket: Resource, target: Resource) -> Iterator[str]:
    if not bucket.region or not target.region:
        yield "in which region it or its copy lies cannot be known: give both providers a region"
    elif bucket.region == target.region:
        yield f"its copy lies in {target.region}, too: both are lost with that region"


def _whole_copy(replication: Resource, *, encrypted: bool) -> Iterator[str]:
    enabled = [rule for rule in list_at(replication.inputs, "rules") if text_at(rule, "status") == "Enabled"]
    whole = [rule for rule in enabled if not text_at(rule, "filter", "prefix") and at(rule, "filter", "tag") is None]
    if not whole:
        yield "no enabled rule copies all of it"
    for rule in whole:
        sealed = text_at(rule, "sourceSelectionCriteria", "sseKmsEncryptedObjects", "status") == "Enabled"
        destination = at(rule, "destination")
        encryption = destination.get("encryptionConfiguration") if isinstance(destination, dict) else None
        key = encryption.get("replicaKmsKeyId") if isinstance(encryption, dict) else encryption
        if encrypted and not (sealed and stated(key)):
            yield "its copy leaves out what is encrypted by KMS: state sseKmsEncryptedObjects and a key of the copy"
