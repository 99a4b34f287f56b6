"""What is written to a bucket is copied to one in another region, within minutes, versions and deletions included."""

from typing import Final

from pulumi import Output, ResourceOptions
from pulumi_aws import s3

from components.aws import identity
from components.aws.bucket import Bucket, BucketArgs

READ: Final = (
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionTagging",
)
WRITE: Final = ("s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags")
"""docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html"""
MINUTES: Final = 15
"""The one value that S3's promise on the time of replication takes (docs: replication-time-control)."""


def replicate(
    name: str,
    role_name: str,
    source: tuple[BucketArgs, Bucket],
    target: tuple[BucketArgs, Bucket],
    opts: ResourceOptions,
) -> s3.BucketReplicationConfig:
    """Deletions are copied as what they are in a bucket with versions, a mark: the copy stays a faithful one, which is
    what a restore reads, and what was deleted by mistake is there to be had back in both.
    """
    (from_args, from_bucket), (to_args, to_bucket) = source, target
    role, policies = identity.role(
        f"{name}-role",
        identity.RoleArgs(
            name=role_name,
            description=f"Copies {from_args.name} to {to_args.name}",
            trust=identity.by_service(
                "s3.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": from_args.account},
                    "ArnEquals": {"aws:SourceArn": from_args.arn},
                },
            ),
            inline=policy(from_args, to_args, from_bucket.key_arn, to_bucket.key_arn),
        ),
        opts,
    )
    return s3.BucketReplicationConfig(
        name,
        bucket=from_bucket.bucket.bucket,
        role=role.arn,
        rules=[
            {
                "id": "everything",
                "status": "Enabled",
                "priority": 1,
                "filter": {"prefix": ""},
                "delete_marker_replication": {"status": "Enabled"},
                "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
                "destination": {
                    "bucket": to_bucket.bucket.arn,
                    "encryption_configuration": {"replica_kms_key_id": to_bucket.key_arn},
                    "replication_time": {"status": "Enabled", "time": {"minutes": MINUTES}},
                    "metrics": {"status": "Enabled", "event_threshold": {"minutes": MINUTES}},
                },
            }
        ],
        opts=ResourceOptions.merge(
            opts, ResourceOptions(depends_on=[from_bucket.versions, *to_bucket.ready, *policies])
        ),
    )


def policy(
    source: BucketArgs, target: BucketArgs, source_key: Output[str], target_key: Output[str]
) -> identity.Document:
    """Reading versions on one side, writing copies on the other; each key through S3 of its region alone."""
    return identity.document(
        identity.allow(["s3:GetReplicationConfiguration", "s3:ListBucket"], [source.arn], Sid="Source"),
        identity.allow(READ, [f"{source.arn}/*"], Sid="Read"),
        identity.allow(WRITE, [f"{target.arn}/*"], Sid="Write"),
        identity.allow(["kms:Decrypt"], [source_key], Sid="Open", Condition=through_s3(source.aws_region)),
        identity.allow(
            ["kms:Encrypt", "kms:GenerateDataKey"], [target_key], Sid="Seal", Condition=through_s3(target.aws_region)
        ),
    )


def through_s3(aws_region: str) -> dict[str, dict[str, str]]:
    """Condition: the key is used by S3 of a region, for whoever has the right."""
    return {"StringEquals": {"kms:ViaService": f"s3.{aws_region}.amazonaws.com"}}
