"""Keys of KMS: what they encrypt is lost with them."""

import re
from collections.abc import Iterator

from policies.checks.documents import statements
from policies.checks.model import Limits, Resource
from policies.checks.plain import flag_at, number_at
from policies.checks.tokens import KEY

_ACCOUNT = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:root|[0-9]{12}")
DEFAULT_WINDOW = 30
"""Days, where none are stated (docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html)."""


def kept(resource: Resource, limits: Limits) -> Iterator[str]:
    """Renewed every year, and not gone soon after a mistake."""
    inputs = resource.inputs
    window = number_at(inputs, "deletionWindowInDays")
    if (DEFAULT_WINDOW if window is None else window) < limits.key_days:
        yield f"deletionWindowInDays is under {limits.key_days}: what it encrypts is lost with it"
    if resource.type == KEY and not flag_at(inputs, "enableKeyRotation", default=False):
        yield "enableKeyRotation is not true"
    if not flag_at(inputs, "isEnabled" if resource.type == KEY else "enabled", default=True):
        yield "is disabled: what it encrypts cannot be read"


def policy(resource: Resource, limits: Limits) -> Iterator[str]:
    """The account keeps it, so that nobody is locked out for ever; nobody else keeps it, and not the world.

    docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    del limits
    if flag_at(resource.inputs, "bypassPolicyLockoutSafetyCheck", default=False):
        yield "bypassPolicyLockoutSafetyCheck is true: KMS would take a policy that locks everybody out"
    found = list(statements(resource.inputs, "policy"))
    keeps = [
        one
        for one in found
        if one.allows
        and not one.conditions
        and not one.inverted
        and "kms:*" in one.actions
        and any(_ACCOUNT.fullmatch(whom) for whom in one.principals)
    ]
    if not keeps:
        yield "its policy gives the account no right of its own (kms:* for its root): nobody could ever change it"
    for one in found:
        if one.lets_anybody:
            yield f"statement {one.title} of its policy lets anybody use it"
