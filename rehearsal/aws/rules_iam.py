"""Roles, policies, keys, log groups: names, documents, sizes.

Limits: docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html,
docs.aws.amazon.com/kms/latest/APIReference/{API_CreateAlias,API_CreateKey}.html,
docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/{API_CreateLogGroup,API_PutRetentionPolicy}.html.
"""

import re
from collections.abc import Iterator
from typing import Final

from rehearsal.aws import documents, values
from rehearsal.aws.resource import Draft, Rule
from rehearsal.aws.tokens import (
    ALIAS,
    INSTANCE_PROFILE,
    KEY,
    LOG_GROUP,
    OIDC_PROVIDER,
    POLICY,
    REPLICA_KEY,
    ROLE,
    ROLE_POLICY,
    ROLE_POLICY_ATTACHMENT,
)

NAME: Final = re.compile(r"[\w+=,.@-]+", re.ASCII)
PATH: Final = re.compile(r"/|/[\x21-\x7e]+/")
LONGEST: Final = {ROLE: 64, INSTANCE_PROFILE: 128, POLICY: 128, ROLE_POLICY: 128}
MOST_INLINE, MOST_MANAGED, MOST_TRUST, MOST_KEY = 10_240, 6_144, 2_048, 32_768
"""Characters of all inline policies of a role, of a managed policy, of a trust policy, of a key policy."""
MOST_ATTACHED: Final = 10
"""Managed policies of a role, as an account begins."""
SESSION: Final = range(3_600, 43_201)
ALIAS_NAME: Final = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}")
LOG_NAME: Final = re.compile(r"[\w./#-]{1,512}", re.ASCII)
RETENTION: Final = frozenset(
    {0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)


def _name(draft: Draft) -> Iterator[str]:
    longest, name = LONGEST[draft.type], draft.named()
    if not isinstance(name, str):
        return
    if len(name) > longest:
        yield f"name = {name} has {len(name)} characters: AWS takes {longest}"
    if not NAME.fullmatch(name):
        yield f"name = {name}: letters, digits and +=,.@-_ only"
    path = draft.text("path")
    if path is not None and not PATH.fullmatch(path):
        yield f"path = {path}: it begins and ends with a slash"
    for other in draft.world.of(draft.type):
        if draft.type != ROLE_POLICY and other.urn != draft.urn and (other.text("name") or "").lower() == name.lower():
            yield f"name = {name} is taken by {other.name}: names are unique in an account, whatever the region"


def _role(draft: Draft) -> Iterator[str]:
    yield from documents.faults(draft.inputs.get("assumeRolePolicy"), "assumeRolePolicy", documents.TRUST)
    trust = draft.get("assumeRolePolicy")
    if trust is not None and len(documents.compact(trust)) > MOST_TRUST:
        yield f"assumeRolePolicy has more than {MOST_TRUST} characters, which an account begins with"
    for index, inline in enumerate(values.items(draft.inputs, "inlinePolicies")):
        at = f"inlinePolicies[{index}].policy"
        yield from documents.faults(values.get(inline, "policy"), at, documents.IDENTITY)
    seconds = draft.get("maxSessionDuration")
    if isinstance(seconds, int) and seconds not in SESSION:
        yield f"maxSessionDuration = {seconds}: {SESSION[0]} to {SESSION[-1]} seconds"


def _inline(draft: Draft) -> Iterator[str]:
    yield from documents.faults(draft.inputs.get("policy"), "policy", documents.IDENTITY)
    role = draft.text("role")
    others = (one for one in draft.world.where(ROLE_POLICY, None, role=role) if one.urn != draft.urn)
    texts = [draft.get("policy"), *(one.get("policy") for one in others)] if role else []
    total = sum(len(documents.compact(text)) for text in texts if text is not None)
    if total > MOST_INLINE:
        yield f"the inline policies of {role} have {total} characters together: AWS takes {MOST_INLINE}"


def _managed(draft: Draft) -> Iterator[str]:
    yield from documents.faults(draft.inputs.get("policy"), "policy", documents.IDENTITY)
    text = draft.get("policy")
    size = 0 if text is None else len(documents.compact(text))
    if size > MOST_MANAGED:
        yield f"policy has {size} characters: AWS takes {MOST_MANAGED}"


def _attachment(draft: Draft) -> Iterator[str]:
    role, policy = draft.text("role"), draft.text("policyArn")
    if role is None:
        return
    others = [one for one in draft.world.where(ROLE_POLICY_ATTACHMENT, None, role=role) if one.urn != draft.urn]
    for other in others:
        if policy is not None and other.text("policyArn") == policy:
            yield f"{other.name} attaches the same policy to the same role: keep one"
    if len(others) >= MOST_ATTACHED:
        yield f"{role} has {len(others)} policies already: a role has at most {MOST_ATTACHED}"


def _oidc(draft: Draft) -> Iterator[str]:
    url = draft.text("url")
    if url is not None and not url.startswith("https://"):
        yield f"url = {url}: it begins with https://"
    for other in draft.world.of(OIDC_PROVIDER):
        if url is not None and other.urn != draft.urn and other.text("url") == url:
            yield f"{other.name} is the provider of this url: an account has one"


def _key(draft: Draft) -> Iterator[str]:
    policy = draft.inputs.get("policy")
    yield from documents.faults(policy, "policy", documents.KEY)
    if policy is not None and len(documents.compact(policy)) > MOST_KEY:
        yield f"policy has more than {MOST_KEY} characters"
    if not draft.get("bypassPolicyLockoutSafetyCheck") and documents.statements(policy):
        yield from _administered(draft)
    days = draft.get("deletionWindowInDays")
    if isinstance(days, int) and not 7 <= days <= 30:
        yield f"deletionWindowInDays = {days}: 7 to 30 days"
    rotation = draft.get("rotationPeriodInDays")
    if isinstance(rotation, int) and not 90 <= rotation <= 2560:
        yield f"rotationPeriodInDays = {rotation}: 90 to 2560 days"


def _replica(draft: Draft) -> Iterator[str]:
    yield from _key(draft)
    arn = draft.text("primaryKeyArn") or ""
    if not arn:
        return
    _, _, _, region, *_ = arn.split(":")
    if "key/mrk-" not in arn:
        yield f"primaryKeyArn = {arn} is a key of one region: it is made with multiRegion"
    if region == draft.region:
        yield f"primaryKeyArn = {arn} is a key of {region}: a replica stands in another region"


def _administered(draft: Draft) -> Iterator[str]:
    """KMS refuses a policy under which nobody could change the policy again."""
    for statement in documents.statements(draft.get("policy")):
        actions = str(statement.get("Action"))
        if statement.get("Effect") == "Allow" and ("kms:*" in actions or "kms:PutKeyPolicy" in actions):
            return
    yield "policy lets nobody change it (kms:PutKeyPolicy): let the account, arn:aws:iam::<account>:root, do kms:*"


def _alias(draft: Draft) -> Iterator[str]:
    name = draft.text("name")
    if name is None:
        return
    if not ALIAS_NAME.fullmatch(name):
        yield f"name = {name}: alias/ and at most 250 letters, digits and /_-"
    if name.startswith("alias/aws/"):
        yield f"name = {name}: names that begin with alias/aws/ are AWS's own"
    yield from draft.taken(name)


def _log_group(draft: Draft) -> Iterator[str]:
    name = draft.named()
    if isinstance(name, str) and not LOG_NAME.fullmatch(name):
        yield f"name = {name}: 1 to 512 letters, digits and ._/#-"
    days = draft.get("retentionInDays")
    if isinstance(days, int) and days not in RETENTION:
        near = min(RETENTION - {0}, key=lambda one: (abs(one - days), -one))
        yield f"retentionInDays = {days}: CloudWatch has no such period, the nearest is {near}"
    key = draft.text("kmsKeyId")
    if key is not None and not key.startswith("arn:"):
        yield "kmsKeyId is no ARN: CloudWatch wants the key's ARN"
    yield from draft.taken(name)


def trusted(draft: Draft, arn: str | None, service: str, at: str) -> Iterator[str]:
    """A role that a service has to assume lets it."""
    role = draft.world.by_arn(arn) if arn else None
    if role is None or role.type != ROLE:
        return
    services = documents.trusted_services(role.inputs.get("assumeRolePolicy"))
    if services is not None and service not in services:
        yield f"{at}: {role.name} does not trust {service}: name that in its assumeRolePolicy"


RULES: Final[dict[str, tuple[Rule, ...]]] = {
    ROLE: (_name, _role),
    ROLE_POLICY: (_name, _inline),
    ROLE_POLICY_ATTACHMENT: (_attachment,),
    POLICY: (_name, _managed),
    INSTANCE_PROFILE: (_name,),
    OIDC_PROVIDER: (_oidc,),
    KEY: (_key,),
    REPLICA_KEY: (_replica,),
    ALIAS: (_alias,),
    LOG_GROUP: (_log_group,),
}
