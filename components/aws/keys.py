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
    several_regions: bool = False
    """The same key can stand in other regions, too (`replica`), and opens there what it closed here."""
    users: tuple[identity.Document, ...] = ()
    """Statements for those whom no policy of IAM allows to use it: services of AWS."""


def key(name: str, args: KeyArgs, opts: ResourceOptions) -> kms.Key:
    """A key that is renewed every year, and its alias."""
    made = kms.Key(
        name,
        description=args.description,
        policy=_policy(args),
        multi_region=args.several_regions or None,
        enable_key_rotation=True,
        deletion_window_in_days=KEY_DAYS,
        opts=ResourceOptions.merge(opts, ResourceOptions(protect=True)),
    )
    _alias(name, args, made, opts)
    return made


def replica(name: str, args: KeyArgs, primary: kms.Key, opts: ResourceOptions) -> kms.ReplicaKey:
    """A key of several regions in another one, and its alias: it lives on when the first region is lost
    (docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html)."""
    made = kms.ReplicaKey(
        name,
        primary_key_arn=primary.arn,
        description=args.description,
        policy=_policy(args),
        deletion_window_in_days=KEY_DAYS,
        opts=ResourceOptions.merge(opts, ResourceOptions(protect=True)),
    )
    _alias(name, args, made, opts)
    return made


def _alias(name: str, args: KeyArgs, made: kms.Key | kms.ReplicaKey, opts: ResourceOptions) -> None:
    kms.Alias(f"{name}-alias", name=f"alias/{args.alias}", target_key_id=made.key_id, opts=opts)


def _policy(args: KeyArgs) -> str:
    root = f"arn:{identity.partition(args.aws_region)}:iam::{args.account}:root"
    # In the policy of a key, "*" is the key itself; without the account's own right nobody could ever change it.
    account = identity.allow(["kms:*"], ["*"], Sid="Account", Principal={"AWS": root})
    return json.dumps(identity.document(account, *args.users))
