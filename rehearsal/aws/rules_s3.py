"""S3 buckets: names, policies, what settings need of one another.

docs.aws.amazon.com/AmazonS3/latest/userguide/{bucketnamingrules,replication-requirements,object-lock-configure,
object-lifecycle-mgmt}.html.
"""

import re
from collections.abc import Iterator
from typing import Final

from rehearsal.aws import documents, values
from rehearsal.aws.resource import Draft, Rule
from rehearsal.aws.rules_iam import trusted
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
from rehearsal.aws.world import World
from rehearsal.engine.model import has_unknown

NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
ADDRESS: Final = re.compile(r"[0-9]+(\.[0-9]+){3}")
STARTS: Final = ("xn--", "sthree-", "amzn-s3-demo-")
ENDS: Final = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
MOST_POLICY: Final = 20_480
ALGORITHMS: Final = ("AES256", "aws:kms", "aws:kms:dsse")
OWNERSHIP: Final = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")


def _bucket(draft: Draft) -> Iterator[str]:
    name = draft.named("bucket")
    if not isinstance(name, str):
        return
    if not NAME.fullmatch(name) or ".." in name or ADDRESS.fullmatch(name):
        yield f"bucket = {name}: 3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends"
    if name.startswith(STARTS) or name.endswith(ENDS):
        yield f"bucket = {name}: {' and '.join((*STARTS, *ENDS))} are kept for S3's own uses"
    for other in draft.world.of(BUCKET):
        if other.urn != draft.urn and other.text("bucket") == name:
            yield f"bucket = {name} is taken by {other.name}: names are unique over all accounts and regions"


def _here(draft: Draft) -> Iterator[str]:
    """Settings are made in the region of their bucket."""
    bucket = draft.world.find(BUCKET, None, draft.text("bucket"))
    if bucket is not None and bucket.region != draft.region:
        yield f"{bucket.name} is in {bucket.region}, not in {draft.region}: use that provider"
    for other in draft.world.where(draft.type, draft.region, bucket=draft.text("bucket")) if bucket else ():
        if other.urn != draft.urn:
            yield f"{other.name} sets the same of the same bucket: keep one"


def _policy(draft: Draft) -> Iterator[str]:
    policy, bucket = draft.inputs.get("policy"), draft.world.find(BUCKET, None, draft.text("bucket"))
    yield from documents.faults(policy, "policy", documents.BUCKET)
    if len(documents.compact(policy)) > MOST_POLICY:
        yield f"policy has more than {MOST_POLICY} characters"
    arn = bucket.text("arn") if bucket else None
    for index, statement in enumerate(documents.statements(policy), 1):
        for resource in documents.texts(statement.get("Resource")):
            if arn is not None and resource not in ("*", arn) and not resource.startswith(f"{arn}/"):
                yield f"policy: statement {index} is on what is not in this bucket: write {arn} or {arn}/…"


def _versioned(world: World, bucket: str | None) -> bool | None:
    """Whether versions are kept; None while that is unknown."""
    found = world.find(BUCKET, None, bucket)
    if found is None or not found.urn:
        return None
    if found.get("objectLockEnabled") is True:
        return True
    states = [one.get("versioningConfiguration", "status") for one in world.where(BUCKET_VERSIONING, bucket=bucket)]
    return "Enabled" in states


def _versioning(draft: Draft) -> Iterator[str]:
    status = draft.get("versioningConfiguration", "status")
    if status not in (None, "Enabled", "Suspended", "Disabled"):
        yield f"versioningConfiguration.status = {status}: write Enabled or Suspended"
    bucket = draft.world.find(BUCKET, None, draft.text("bucket"))
    if bucket is not None and bucket.get("objectLockEnabled") is True and status in ("Suspended", "Disabled"):
        yield f"{bucket.name} locks objects, which needs versions: write Enabled"


def _lock(draft: Draft) -> Iterator[str]:
    if _versioned(draft.world, draft.text("bucket")) is False:
        yield "the bucket keeps no versions yet: make its BucketVersioning first, and depend on it"
    days, years = (draft.get("rule", "defaultRetention", name) for name in ("days", "years"))
    if days is not None and years is not None:
        yield "rule.defaultRetention has days and years: state one"
    if draft.get("rule", "defaultRetention", "mode") not in (None, "GOVERNANCE", "COMPLIANCE"):
        yield "rule.defaultRetention.mode: write GOVERNANCE or COMPLIANCE"


def _encryption(draft: Draft) -> Iterator[str]:
    for rule in values.items(draft.inputs, "rules"):
        stated = values.get(rule, "applyServerSideEncryptionByDefault")
        algorithm = values.text(stated, "sseAlgorithm")
        if algorithm is not None and algorithm not in ALGORITHMS:
            yield f"sseAlgorithm = {algorithm}: write {' or '.join(ALGORITHMS)}"
        if algorithm == "AES256" and values.get(stated, "kmsMasterKeyId") is not None:
            yield "kmsMasterKeyId is stated with AES256: write aws:kms, or leave the key out"


def _lifecycle(draft: Draft) -> Iterator[str]:
    seen: set[str] = set()
    for index, rule in enumerate(values.items(draft.inputs, "rules")):
        id_, status = values.text(rule, "id"), values.text(rule, "status")
        if id_ is not None and (id_ in seen or len(id_) > 255):
            yield f"rules[{index}].id = {id_}: ids are unique and have at most 255 characters"
        seen.update([id_] if id_ else [])
        if status is not None and status not in ("Enabled", "Disabled"):
            yield f"rules[{index}].status = {status}: write Enabled or Disabled"
        actions = (
            "abortIncompleteMultipartUpload",
            "expiration",
            "noncurrentVersionExpiration",
            "noncurrentVersionTransitions",
            "transitions",
        )
        if isinstance(rule, dict) and not any(rule.get(action) for action in actions):
            yield f"rules[{index}] does nothing: state one of {', '.join(actions)}"


def _replication(draft: Draft) -> Iterator[str]:
    source = draft.text("bucket")
    if _versioned(draft.world, source) is False:
        yield "the bucket keeps no versions yet: make its BucketVersioning first, and depend on it"
    yield from trusted(draft, draft.text("role"), "s3.amazonaws.com", "role")
    priorities: set[int] = set()
    for index, rule in enumerate(values.items(draft.inputs, "rules")):
        at = f"rules[{index}]"
        arn, priority = values.text(rule, "destination", "bucket"), values.get(rule, "priority")
        target = draft.world.by_arn(arn) if arn else None
        if arn is not None and not arn.startswith("arn:"):
            yield f"{at}.destination.bucket = {arn} is no ARN: take the bucket's arn"
        if target is not None and target.id == source:
            yield f"{at}.destination.bucket is the bucket itself: name another one"
        elif target is not None and _versioned(draft.world, target.id) is False:
            yield f"{at}.destination.bucket: {target.name} keeps no versions yet: make its BucketVersioning first"
        if isinstance(priority, int):
            if priority in priorities:
                yield f"{at}.priority = {priority}: a rule before it has the same"
            priorities.add(priority)
        if isinstance(rule, dict) and "filter" in rule and "deleteMarkerReplication" not in rule:
            yield f"{at} has a filter and no deleteMarkerReplication: state its status"
        encrypted = values.get(rule, "destination", "encryptionConfiguration") is not None
        chosen = values.get(rule, "sourceSelectionCriteria", "sseKmsEncryptedObjects", "status") == "Enabled"
        if encrypted != chosen and not has_unknown(rule):
            both = "sourceSelectionCriteria.sseKmsEncryptedObjects and destination.encryptionConfiguration"
            yield f"{at}: {both} go together"


def _ownership(draft: Draft) -> Iterator[str]:
    stated = draft.text("rule", "objectOwnership")
    if stated is not None and stated not in OWNERSHIP:
        yield f"rule.objectOwnership = {stated}: write {' or '.join(OWNERSHIP)}"


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    BUCKET: (_bucket,),
    BUCKET_VERSIONING: (_here, _versioning),
    BUCKET_ENCRYPTION: (_here, _encryption),
    BUCKET_ACCESS: (_here,),
    BUCKET_POLICY: (_here, _policy),
    BUCKET_LIFECYCLE: (_here, _lifecycle),
    BUCKET_REPLICATION: (_here, _replication),
    BUCKET_LOCK: (_here, _lock),
    BUCKET_OWNERSHIP: (_here, _ownership),
}
