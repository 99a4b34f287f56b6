"""Buckets that nobody outside the account gets into, and nobody without TLS; encrypted with a key of the stack."""

from collections.abc import Iterator

from policies.checks.buckets import parts
from policies.checks.documents import ANYBODY, statements
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import at, field_of, flag_at, list_at, text_at
from policies.checks.tokens import BUCKET, BUCKET_ACCESS, BUCKET_ENCRYPTION, BUCKET_OWNER, BUCKET_POLICY
from policies.checks.whole import Whole, each, stated

BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def private(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """By neither lists nor policies."""
    del limits

    def check(bucket: Resource) -> Iterator[str]:
        blocks = parts(whole, BUCKET_ACCESS, bucket)
        if not blocks:
            yield "has no BucketPublicAccessBlock"
        for block in blocks:
            missing = [name for name in BLOCKS if not flag_at(block.inputs, name, default=False)]
            if missing:
                yield f"{', '.join(missing)} of its public access block is not true"
        owners = parts(whole, BUCKET_OWNER, bucket)
        if not any(text_at(owner.inputs, "rule", "objectOwnership") == "BucketOwnerEnforced" for owner in owners):
            yield "takes access lists: objectOwnership is not BucketOwnerEnforced"

    yield from each(whole.of(BUCKET), check)


def by_tls(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """A policy denies every call without TLS (docs: security-best-practices of S3), and lets nobody in general in."""
    del limits

    def check(bucket: Resource) -> Iterator[str]:
        found = [
            statement for part in parts(whole, BUCKET_POLICY, bucket) for statement in statements(part.inputs, "policy")
        ]
        denying = [
            one
            for one in found
            if not one.allows
            and not one.inverted
            and "s3:*" in one.actions
            and ANYBODY in one.principals
            and one.condition("Bool", "aws:SecureTransport") == ("false",)
            and len(one.conditions) == 1
            and {resource.endswith("/*") for resource in one.resources} == {True, False}
        ]
        if not denying:
            yield "no policy denies every call without TLS, to it and to its objects"
        if any(one.lets_anybody for one in found):
            yield "its policy lets anybody in"

    yield from each(whole.of(BUCKET), check)


def encrypted(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """By KMS with a key that is named: AWS's own is not one that can be taken away from a thief."""
    del limits

    def check(bucket: Resource) -> Iterator[str]:
        rules = [
            at(rule, "applyServerSideEncryptionByDefault")
            for part in parts(whole, BUCKET_ENCRYPTION, bucket)
            for rule in list_at(part.inputs, "rules")
        ]
        if not any(
            text_at(rule, "sseAlgorithm").startswith("aws:kms") and stated(field_of(rule, "kmsMasterKeyId"))
            for rule in rules
        ):
            yield "is not encrypted by KMS with a key of its own"

    yield from each(whole.of(BUCKET), check)
