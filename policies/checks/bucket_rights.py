"""Rights that would undo what keeps backups: nobody of the stack can delete versions, or make a bucket forget them."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from policies.checks.documents import statements
from policies.checks.model import Limits, Resource
from policies.checks.plain import UNKNOWN
from policies.checks.tokens import BUCKET_POLICY, IAM_POLICY, IAM_ROLE_POLICY
from policies.checks.whole import input_of

JUDGED: Final = (IAM_ROLE_POLICY, IAM_POLICY, BUCKET_POLICY)
LOSING: Final = (
    "s3:DeleteObjectVersion",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:PutBucketVersioning",
    "s3:PutLifecycleConfiguration",
    "s3:PutReplicationConfiguration",
    "kms:DisableKey",
    "kms:ScheduleKeyDeletion",
)
"""Actions by which what was stored is lost for good, or stops being copied
(docs.aws.amazon.com/service-authorization/latest/reference: list_amazons3, list_awskeymanagementservice)."""


def keeping(resource: Resource, limits: Limits) -> Iterator[str]:
    """Whoever breaks into a pod deletes objects at most, of which the bucket keeps the versions. A document that names
    what is not made yet is judged by the update.
    """
    del limits
    if input_of(resource, "policy") is UNKNOWN:
        return
    for statement in statements(resource.inputs, "policy"):
        losing = [name for name in LOSING if any(_covers(action, name) for action in statement.actions)]
        if statement.allows and (losing or statement.inverted):
            what = ", ".join(losing) or "everything but what it names"
            yield f"statement {statement.title} allows {what}: backups could be lost for good"


def _covers(action: str, name: str) -> bool:
    """Actions are compared without regard to case, and may have wildcards."""
    return fnmatchcase(name.lower(), action.lower())
