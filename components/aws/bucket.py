"""A bucket that nobody may lose: it keeps versions, lets nobody in from outside, and encrypts with a key of its own."""

import json
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi import Output, ResourceOptions
from pulumi_aws import kms, s3

from components.aws import identity, keys

UNFINISHED_DAYS: Final = 3
"""After which the parts of an upload that nobody finished go."""


@dataclass(frozen=True)
class BucketArgs:
    """What a bucket is, and for how long it keeps what."""

    name: str
    """63 characters at most, unique over all accounts."""
    account: str
    aws_region: str
    description: str
    """What the bucket and its key are for, in words."""
    days: int
    """What was deleted or overwritten goes after so many days."""
    expires: str = ""
    """What has this in front of its name goes after as many days by itself; empty: nothing does."""

    @property
    def arn(self) -> str:
        """Known before anything is made, so that policies are shown whole in a preview."""
        return f"arn:{identity.partition(self.aws_region)}:s3:::{self.name}"


class Bucket(pulumi.ComponentResource):
    """A bucket in the region of its provider. `ready` once objects in it are safe: versions, key, closed doors."""

    key_arn: Output[str]
    """ARN of the KMS key that encrypts its objects."""
    versions: s3.BucketVersioning
    """Once this is there, nothing that is overwritten or deleted is lost at once."""
    ready: list[pulumi.Resource]
    """Versions, key, closed doors: objects in it are safe once these are there."""

    def __init__(self, name: str, args: BucketArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:Bucket", name, {}, opts)
        self._name, self._args, self._own = name, args, ResourceOptions(parent=self)
        key = self._key()
        self.bucket = s3.Bucket(
            f"{name}-bucket",
            bucket=args.name,
            force_destroy=False,
            opts=ResourceOptions.merge(self._own, ResourceOptions(protect=True)),
        )
        self.versions = s3.BucketVersioning(
            f"{name}-versions",
            bucket=self.bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=self._own,
        )
        self.key_arn = key.arn
        self.ready = [self.versions, self._encryption(key), *self._closed(), self._lifecycle()]
        self.register_outputs({"bucket": self.bucket.bucket})

    def _key(self) -> kms.Key:
        """Whoever may use it is named by policies of IAM, which the account's own right in its policy lets decide."""
        args = keys.KeyArgs(
            account=self._args.account,
            aws_region=self._args.aws_region,
            alias=self._args.name,
            description=self._args.description,
        )
        return keys.key(f"{self._name}-key", args, self._own)

    def _encryption(self, key: kms.Key) -> pulumi.Resource:
        """A key of S3 between this one and the objects saves a call to KMS for each
        (docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html)."""
        return s3.BucketServerSideEncryptionConfiguration(
            f"{self._name}-encryption",
            bucket=self.bucket.bucket,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": key.arn,
                    },
                    "bucket_key_enabled": True,
                }
            ],
            opts=self._own,
        )

    def _closed(self) -> list[pulumi.Resource]:
        """No access from outside the account, none by lists, none without TLS."""
        bucket, own = self.bucket.bucket, self._own
        access = s3.BucketPublicAccessBlock(
            f"{self._name}-access",
            bucket=bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=own,
        )
        owner = s3.BucketOwnershipControls(
            f"{self._name}-owner", bucket=bucket, rule={"object_ownership": "BucketOwnerEnforced"}, opts=own
        )
        # S3 takes one change of a bucket's access at a time (409 OperationAborted).
        policy = s3.BucketPolicy(
            f"{self._name}-policy",
            bucket=bucket,
            policy=json.dumps(tls_only(self._args.arn)),
            opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[access])),
        )
        return [access, owner, policy]

    def _lifecycle(self) -> pulumi.Resource:
        """The same in a bucket and its copy: what a rule of S3 deletes is not deleted in the copy by it. PostgreSQL's
        files are not here: the Barman plugin knows which of them are still needed."""
        days, expires = self._args.days, self._args.expires
        expiring: s3.BucketLifecycleConfigurationRuleArgsDict = {
            "id": "expiring",
            "status": "Enabled",
            "filter": {"prefix": expires},
            "expiration": {"days": days},
        }
        return s3.BucketLifecycleConfiguration(
            f"{self._name}-lifecycle",
            bucket=self.bucket.bucket,
            rules=[
                {
                    "id": "old-versions",
                    "status": "Enabled",
                    "filter": {},
                    "noncurrent_version_expiration": {"noncurrent_days": days},
                    "expiration": {"expired_object_delete_marker": True},
                },
                {
                    "id": "unfinished-uploads",
                    "status": "Enabled",
                    "filter": {},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": UNFINISHED_DAYS},
                },
                *([expiring] if expires else []),
            ],
            # Expirations make versions: without those they would delete for good.
            opts=ResourceOptions.merge(self._own, ResourceOptions(depends_on=[self.versions])),
        )


def tls_only(arn: str) -> identity.Document:
    """Policy of a bucket that denies every call without TLS."""
    statement: dict[str, Any] = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return identity.document(statement)
