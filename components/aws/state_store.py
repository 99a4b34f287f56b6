"""Where the program's own state lies, so that it is not lost with one region: a bucket, its copy in another region, and
the key that closes the secrets in it, which stands in both.

Pulumi keeps a stack's state as a file in the bucket, with its secrets encrypted by a data key that KMS opens
(pulumi.com/docs/iac/concepts/state-and-backends, …/concepts/secrets). A key of several regions opens in either what it
closed in the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import ResourceOptions

from components.aws import keys
from components.aws.bucket import Bucket, BucketArgs
from components.aws.providers import provider_in
from components.aws.replication import replicate

NAME: Final = "somafractalmemory-state"
OLD_DAYS: Final = 365
"""For which earlier states are kept: Pulumi writes its file anew with every update."""


@dataclass(frozen=True)
class StateStoreArgs:
    """Where it is to be."""

    account: str
    """The twelve digits of the account."""
    region: str
    """What AWS calls the region in which state is written."""
    copy_region: str
    """Another one, with the copy."""
    tags: Mapping[str, str]

    @property
    def bucket(self) -> str:
        """Unique over all accounts, as S3 wants it."""
        return f"{NAME}-{self.account}"

    @property
    def copies(self) -> str:
        """Name of the bucket with the copy."""
        return f"{NAME}-copies-{self.account}"

    def backend(self, copy: bool = False) -> str:
        """What `pulumi login` takes."""
        bucket, region = (self.copies, self.copy_region) if copy else (self.bucket, self.region)
        return f"s3://{bucket}?region={region}"

    @property
    def secrets_provider(self) -> str:
        """What `pulumi stack init --secrets-provider` takes. It stands in the state as well, so it names no region:
        that is AWS_REGION's to say, on the day on which the other one has to open it."""
        return f"awskms://alias/{NAME}-secrets"


class StateStore(pulumi.ComponentResource):
    """Both buckets and both keys. All of them are protected: whoever loses them has lost every stack."""

    def __init__(self, name: str, args: StateStoreArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("soma:aws:StateStore", name, {}, opts)
        self._name, self._args = name, args
        here, there = self._in(args.region, "here"), self._in(args.copy_region, "there")
        own = self._bucket_args(args.bucket, args.region, "State of SomaFractalMemory's stacks")
        copy = self._bucket_args(args.copies, args.copy_region, "Copy of the state of SomaFractalMemory's stacks")
        replicate(
            f"{name}-replication",
            f"{NAME}-copies",
            (own, Bucket(f"{name}-bucket", own, here)),
            (copy, Bucket(f"{name}-copies", copy, there)),
            here,
        )
        key = keys.key(f"{name}-secrets", self._key_args(args.region), here)
        keys.replica(f"{name}-secrets-copy", self._key_args(args.copy_region), key, there)
        self.register_outputs({"backend": args.backend(), "secrets_provider": args.secrets_provider})

    def _in(self, region: str, word: str) -> ResourceOptions:
        own = ResourceOptions(parent=self)
        provider = provider_in(f"{self._name}-{word}", region, self._args.account, self._args.tags, own)
        return ResourceOptions(parent=self, provider=provider)

    def _bucket_args(self, bucket: str, region: str, description: str) -> BucketArgs:
        return BucketArgs(bucket, self._args.account, region, description, OLD_DAYS)

    def _key_args(self, region: str) -> keys.KeyArgs:
        return keys.KeyArgs(
            account=self._args.account,
            aws_region=region,
            alias=f"{NAME}-secrets",
            description="Opens the secrets in the state of SomaFractalMemory's stacks",
            several_regions=True,
        )
