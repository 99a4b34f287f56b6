"""Who may do what, keys, and logs: IAM, KMS, CloudWatch Logs.

IAM belongs to the whole account. Forms of ids: docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html.
Which inputs take a replacement: terraform-provider-aws, internal/service/{iam,kms,logs}.
"""

import json
from typing import Final

from rehearsal.aws import values
from rehearsal.aws.resource import MADE, Draft, Kind
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
from rehearsal.engine.model import Unknown, Value


def _iam(draft: Draft, kind: str, *name: Value) -> Value:
    return draft.arn("iam", f"{kind}", *name, region=False)


def _role(draft: Draft) -> dict[str, Value]:
    name = draft.named()
    return {
        "name": name,
        "arn": _iam(draft, "role", draft.stated("path", "/"), name),
        "uniqueId": f"AROA{draft.capitals('role', 17)}",
        "createDate": MADE,
    }


def _policy(draft: Draft) -> dict[str, Value]:
    return {
        "name": draft.named(),
        "arn": _policy_arn(draft),
        "policyId": f"ANPA{draft.capitals('policy', 17)}",
        "attachmentCount": 0,
    }


def _policy_arn(draft: Draft) -> Value:
    return _iam(draft, "policy", draft.stated("path", "/"), draft.named())


def _oidc_arn(draft: Draft) -> Value:
    url = draft.inputs.get("url")
    return _iam(draft, "oidc-provider/", url if isinstance(url, Unknown) else str(url).removeprefix("https://"))


def _profile(draft: Draft) -> dict[str, Value]:
    name = draft.named()
    return {
        "name": name,
        "arn": _iam(draft, "instance-profile", draft.stated("path", "/"), name),
        "uniqueId": f"AIPA{draft.capitals('profile', 17)}",
        "createDate": MADE,
    }


def _key_id(draft: Draft) -> str:
    """A UUID; that of a key for several regions has a form of its own
    (docs.aws.amazon.com/kms/latest/developerguide/mrk-how-it-works.html)."""
    return f"mrk-{draft.hex('key', 32)}" if draft.get("multiRegion") else draft.uuid("key")


def _key(draft: Draft) -> dict[str, Value]:
    everyone = {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{draft.partition}:iam::{draft.account}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
    return {
        "keyId": _key_id(draft),
        "arn": draft.arn("kms", "key/", _key_id(draft)),
        "policy": draft.stated("policy", json.dumps(everyone)),
        "rotationPeriodInDays": draft.stated("rotationPeriodInDays", 365 if draft.get("enableKeyRotation") else 0),
    }


def _replica_id(draft: Draft) -> Value:
    """That of the key it is of: in all regions the same."""
    primary = draft.text("primaryKeyArn")
    return draft.inputs.get("primaryKeyArn") if primary is None else primary.rpartition("/")[2]


def _replica(draft: Draft) -> dict[str, Value]:
    return {
        "keyId": _replica_id(draft),
        "arn": draft.arn("kms", "key/", _replica_id(draft)),
        "policy": draft.stated("policy", None),
        "keyRotationEnabled": True,
        "keySpec": "SYMMETRIC_DEFAULT",
        "keyUsage": "ENCRYPT_DECRYPT",
    }


def _alias_name(draft: Draft) -> Value:
    return draft.named("name", "alias/")


def _alias(draft: Draft) -> dict[str, Value]:
    target = draft.inputs.get("targetKeyId")
    whole = str(target).startswith("arn:")
    return {
        "name": _alias_name(draft),
        "arn": draft.arn("kms", _alias_name(draft)),
        "targetKeyArn": target if whole else draft.arn("kms", "key/", target),
    }


def _log_group(draft: Draft) -> dict[str, Value]:
    name = draft.named()
    return {"name": name, "arn": draft.arn("logs", "log-group:", name)}


KINDS: Final[dict[str, Kind]] = {
    ROLE: Kind(
        lambda draft: draft.named(),
        _role,
        {"maxSessionDuration": 3600, "path": "/"},
        ("inlinePolicies", "managedPolicyArns"),
        ("name", "namePrefix", "path"),
        wide=True,
    ),
    ROLE_POLICY: Kind(
        lambda draft: values.joined(draft.inputs.get("role"), ":", draft.named()),
        lambda draft: {"name": draft.named()},
        forced=("name", "namePrefix", "role"),
        wide=True,
    ),
    ROLE_POLICY_ATTACHMENT: Kind(
        lambda draft: values.joined(draft.inputs.get("role"), "/", draft.inputs.get("policyArn")),
        forced=("role", "policyArn"),
        wide=True,
    ),
    POLICY: Kind(_policy_arn, _policy, {"path": "/"}, forced=("name", "namePrefix", "path", "description"), wide=True),
    OIDC_PROVIDER: Kind(
        _oidc_arn, lambda draft: {"arn": _oidc_arn(draft)}, {}, ("thumbprintLists",), ("url",), wide=True
    ),
    INSTANCE_PROFILE: Kind(
        lambda draft: draft.named(), _profile, {"path": "/"}, forced=("name", "namePrefix", "path"), wide=True
    ),
    KEY: Kind(
        _key_id,
        _key,
        {
            "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "keyUsage": "ENCRYPT_DECRYPT",
            "isEnabled": True,
            "enableKeyRotation": False,
            "description": "Managed by Pulumi",
        },
        ("multiRegion",),
        ("customerMasterKeySpec", "keyUsage", "multiRegion", "customKeyStoreId", "xksKeyId"),
    ),
    REPLICA_KEY: Kind(_replica_id, _replica, {"enabled": True}, forced=("primaryKeyArn",)),
    ALIAS: Kind(_alias_name, _alias, forced=("name", "namePrefix")),
    LOG_GROUP: Kind(
        lambda draft: draft.named(),
        _log_group,
        {"logGroupClass": "STANDARD", "retentionInDays": 0},
        ("deletionProtectionEnabled",),
        ("name", "namePrefix", "logGroupClass"),
    ),
}
