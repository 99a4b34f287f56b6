"""A region's backups on AWS: a bucket for what it writes, a copy of that in another region, and who may do what there.

Names are computed from settings, so that a region knows where all others' backups are without asking any of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_aws import iam

from components import copy_place
from components.aws import identity
from components.aws.bucket import Bucket, BucketArgs
from components.aws.providers import aws_region, provider_in
from components.aws.replication import replicate, through_s3
from components.backup_store import POSTGRESQL, QDRANT, BackupStores, ObjectStore
from components.postgres_cluster import cluster_name
from components.qdrant_backup import NAME as QDRANT_BACKUP
from settings import Settings

WRITTEN, COPIES = "backups", "copies"
"""What a region's two buckets are for, as their names say."""
LIST: Final = ("s3:ListBucket", "s3:GetBucketLocation")
READ: Final = ("s3:GetObject",)
WRITE: Final = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
DELETE: Final = ("s3:DeleteObject",)
"""Barman deletes what is older than the retention; in a bucket with versions that leaves them for a while."""


@dataclass(frozen=True)
class RegionBackupsArgs:
    """Whose backups they are."""

    settings: Settings
    account: str
    tags: Mapping[str, str]
    cluster_name: str
    cluster: Input[str]
    """The name once the cluster serves."""
    after: Sequence[Input[pulumi.Resource]] = ()
    """Must be there before the first resource is made, in the other region as well."""


class RegionBackups(pulumi.ComponentResource):
    """The buckets of a region, and the roles of the pods that use them."""

    stores: BackupStores

    def __init__(self, name: str, args: RegionBackupsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:RegionBackups", name, {}, opts)
        self._name, self._args, self._own = name, args, ResourceOptions(parent=self)
        settings = args.settings
        region = settings.region.name
        self._prefix = f"somafractalmemory-{region}"
        own = self._bucket_args(WRITTEN, region, aws_region(settings.region))
        bucket = Bucket(f"{name}-bucket", own, self._own)
        self._copy(own, bucket)
        readable = {other: store for other in settings.regions if other != region and (store := self._copies(other))}
        ready = [*bucket.ready]
        for account, folder, more in (
            (cluster_name(region), POSTGRESQL, DELETE),
            (QDRANT_BACKUP, QDRANT, ()),
        ):
            ready += self._role(folder, account, writing(own, folder, more, bucket), readable)
        self.stores = BackupStores(ObjectStore(own.name, own.aws_region), readable, ready)
        self.register_outputs({"bucket": bucket.bucket.bucket})

    def _bucket_args(self, use: str, region: str, place: str) -> BucketArgs:
        words = {WRITTEN: f"Backups of {region}", COPIES: f"Copies of the backups of {region}"}
        return BucketArgs(
            name=bucket_name(use, self._args.account, region),
            account=self._args.account,
            aws_region=place,
            description=words[use],
            days=self._args.settings.backups.retention_days,
            expires=f"{QDRANT}/",
        )

    def _copy(self, own: BucketArgs, bucket: Bucket) -> None:
        """Made by this stack in the other region: its own does not have to be there."""
        region = self._args.settings.region.name
        place = copy_place.of(self._args.settings, region)
        if place is None:
            return
        provider = provider_in(
            f"{self._name}-elsewhere",
            place,
            self._args.account,
            self._args.tags,
            ResourceOptions(parent=self, depends_on=list(self._args.after)),
            asks_in=own.aws_region,
        )
        args = self._bucket_args(COPIES, region, place)
        there = ResourceOptions(parent=self, provider=provider)
        copies = Bucket(f"{self._name}-copies", args, there)
        replicate(
            f"{self._name}-replication",
            f"{self._prefix}-copies",
            (own, bucket),
            (args, copies),
            self._own,
        )

    def _copies(self, region: str) -> ObjectStore | None:
        """Where another region's backups are read: in their copy, which outlives that region."""
        place = copy_place.of(self._args.settings, region)
        return None if place is None else ObjectStore(bucket_name(COPIES, self._args.account, region), place)

    def _role(
        self, use: str, account: str, own: identity.Document, others: Mapping[str, ObjectStore]
    ) -> Sequence[pulumi.Resource]:
        args, name = self._args, f"{self._name}-{use}"
        pods = identity.ServiceAccount(args.cluster_name, args.settings.kubernetes.namespace, account)
        role, policies = identity.role(
            f"{name}-role",
            identity.RoleArgs(
                name=f"{self._prefix}-backup-{use}",
                description=f"Backups of {use} in {args.settings.region.name}",
                trust=identity.by_pods(pods),
                inline=own,
            ),
            self._own,
        )
        # A policy for each, so that a region that is added changes none that is there.
        policies += [
            iam.RolePolicy(
                f"{name}-of-{region}",
                name=f"copies-{region}",
                role=role.name,
                policy=identity.text(reading(self._args.account, use, store)),
                opts=self._own,
            )
            for region, store in others.items()
        ]
        return [*policies, identity.give(name, args.cluster, pods, role, self._own)]


def bucket_name(use: str, account: str, region: str) -> str:
    """60 characters at most, with a region's 20."""
    return f"somafractalmemory-{use}-{account}-{region}"


def writing(own: BucketArgs, folder: str, more: Sequence[str], bucket: Bucket) -> identity.Document:
    """Writing one folder of the own bucket."""
    return identity.document(
        identity.allow(LIST, [own.arn], Sid="List"),
        identity.allow([*READ, *WRITE, *more], [f"{own.arn}/{folder}/*"], Sid="Write"),
        identity.allow(
            ["kms:Decrypt", "kms:GenerateDataKey"], [bucket.key_arn], Sid="Key", Condition=through_s3(own.aws_region)
        ),
    )


def reading(account: str, folder: str, store: ObjectStore) -> identity.Document:
    """Reading the same folder of another region's copy.

    Its key is told by its alias: an ARN of a key only the stack that made it knows.
    """
    partition = identity.partition(store.region)
    arn = f"arn:{partition}:s3:::{store.bucket}"
    condition: dict[str, Any] = {
        **through_s3(store.region),
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{store.bucket}"},
    }
    keys = f"arn:{partition}:kms:{store.region}:{account}:key/*"
    return identity.document(
        identity.allow(LIST, [arn], Sid="List"),
        identity.allow(READ, [f"{arn}/{folder}/*"], Sid="Read"),
        identity.allow(["kms:Decrypt"], [keys], Sid="Key", Condition=condition),
    )
