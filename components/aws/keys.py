"""Keys of KMS, one for each thing that is encrypted: the account's administrators keep it, one service uses it."""

import json
from dataclasses import dataclass
from typing import Final

from pulumi import ResourceOptions
from pulumi_aws import kms

from components.aws import identity

KEY_DAYS: Final = 30
"""Days between the order to delete a key and its end, the longest that KMS allows: what it encrypts is lost with it."""


@dataclass(frozen=True)
class KeyArgs:
    """What a key is for."""

    account: str
    """The twelve digits of the account."""
    aws_region: str
    alias: str
    """Without the `alias/` in front."""
    description: str
    users: tuple[identity.Document, ...] = ()
    """Statements for those whom no policy of IAM allows to use it: services of AWS."""


def key(name: str, args: KeyArgs, opts: ResourceOptions) -> kms.Key:
    """A key that is renewed every year, and its alias."""
    root = f"arn:{identity.partition(args.aws_region)}:iam::{args.account}:root"
    # In the policy of a key, "*" is the key itself; without the account's own right nobody could ever change it.
    account = identity.allow(["kms:*"], ["*"], Sid="Account", Principal={"AWS": root})
    made = kms.Key(
        name,
        description=args.description,
        policy=json.dumps(identity.document(account, *args.users)),
        enable_key_rotation=True,
        deletion_window_in_days=KEY_DAYS,
        opts=ResourceOptions.merge(opts, ResourceOptions(protect=True)),
    )
    kms.Alias(f"{name}-alias", name=f"alias/{args.alias}", target_key_id=made.key_id, opts=opts)
    return made
