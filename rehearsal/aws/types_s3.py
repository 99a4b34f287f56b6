"""S3 buckets and their settings, each of which has the bucket's name for an id.

Domain names: docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html. Hosted zones of website endpoints:
docs.aws.amazon.com/general/latest/gr/s3.html. Which inputs take a replacement: terraform-provider-aws,
internal/service/s3.
"""

from typing import Final

from rehearsal.aws import regions, values
from rehearsal.aws.resource import Draft, Kind
from rehearsal.aws.tokens import (
    BUCKET,
    BUCKET_ACCESS,
    BUCKET_ENCRYPTION,
    BUCKET_LIFECYCLE,
    BUCKET_LOCK,
    BUCKET_OWNERSHIP,
    BUCKET_POLICY,
    BUCKET_REPLICATION,
    BUCKET_VERSIONING,
)
from rehearsal.engine.model import Value

HOSTED_ZONES: Final = {
    "us-east-1": "Z3AQBSTGFYJSTF",
    "us-east-2": "Z2O1EMRO9K5GLX",
    "us-west-1": "Z2F56UZL2M1ACD",
    "us-west-2": "Z3BJ6K6RIION7M",
    "eu-west-1": "Z1BKCTXD74EZPE",
    "eu-central-1": "Z21DNDUVLTQW6Q",
}
"""Of website endpoints; other regions get one that is made up."""


def _bucket(draft: Draft) -> dict[str, Value]:
    name = draft.named("bucket")
    domain = regions.suffix(draft.region)
    return {
        "bucket": name,
        "arn": draft.arn("s3", name, region=False, account=False),
        "bucketDomainName": values.joined(name, ".s3.", domain),
        "bucketRegionalDomainName": values.joined(name, f".s3.{draft.region}.", domain),
        "bucketRegion": draft.region,
        "hostedZoneId": HOSTED_ZONES.get(draft.region, f"Z{draft.capitals('zone', 13)}"),
    }


def _setting(*forced: str, empty: tuple[str, ...] = (), **defaults: Value) -> Kind:
    """A part of a bucket's settings."""
    return Kind(lambda draft: draft.inputs.get("bucket"), defaults=defaults, empty=empty, forced=("bucket", *forced))


KINDS: Final[dict[str, Kind]] = {
    BUCKET: Kind(
        lambda draft: draft.named("bucket"),
        _bucket,
        {"forceDestroy": False, "requestPayer": "BucketOwner", "bucketNamespace": "global"},
        (
            "accelerationStatus",
            "acl",
            "bucketPrefix",
            "corsRules",
            "grants",
            "lifecycleRules",
            "logging",
            "objectLockConfiguration",
            "objectLockEnabled",
            "policy",
            "replicationConfiguration",
            "serverSideEncryptionConfiguration",
            "versioning",
            "website",
            "websiteDomain",
            "websiteEndpoint",
        ),
        ("bucket", "bucketPrefix", "bucketNamespace", "objectLockEnabled"),
    ),
    BUCKET_VERSIONING: _setting("expectedBucketOwner"),
    BUCKET_ENCRYPTION: _setting("expectedBucketOwner"),
    BUCKET_ACCESS: _setting(
        blockPublicAcls=False, blockPublicPolicy=False, ignorePublicAcls=False, restrictPublicBuckets=False
    ),
    BUCKET_POLICY: _setting(),
    BUCKET_LIFECYCLE: _setting(
        "expectedBucketOwner",
        empty=("expectedBucketOwner",),
        transitionDefaultMinimumObjectSize="all_storage_classes_128K",
    ),
    BUCKET_REPLICATION: _setting(),
    BUCKET_LOCK: _setting("expectedBucketOwner", objectLockEnabled="Enabled"),
    BUCKET_OWNERSHIP: _setting(),
}
