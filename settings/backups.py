"""Backups of the stores: how often, for how long, and where they lie."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from settings.aws import AwsRegion
from settings.cron import Cron
from settings.model import Count, Model, checked

_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _endpoint(url: str) -> str:
    if not _ENDPOINT.fullmatch(url):
        raise ValueError('not an address of an object store: write it like "https://objects.example.com:9000"')
    return url.rstrip("/")


def _bucket(name: str) -> str:
    """docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""
    if not _BUCKET.fullmatch(name):
        raise ValueError("not a name of a bucket: 3 to 63 lower-case letters, digits, hyphens and dots")
    return name


def _key(text: SecretStr) -> SecretStr:
    """It stands unquoted in a file of credentials."""
    if not re.fullmatch(r"[!-~]+", text.get_secret_value()):
        raise ValueError("empty, or with blanks or signs that no key has: give it as the object store gave it to you")
    return text


SecretText = Annotated[SecretStr, AfterValidator(_key)]


class ObjectStore(Model):
    """An object store that speaks S3 and is there already, with a bucket for this region."""

    endpoint: Annotated[str, checked(_endpoint)] = Field(
        description="Its address, as in `https://objects.example.com`."
    )
    bucket: Annotated[str, checked(_bucket)] = Field(
        description="The bucket; regions may share one, since each has a folder of its own in it."
    )
    region: str = Field(default="us-east-1", min_length=1, description="What it calls its region.")
    access_key_id: SecretText = Field(description="Key that may read and write the bucket.")
    secret_access_key: SecretText = Field(
        description="The secret half of that key: set it with `pulumi config set --path --secret`."
    )


class Backups(Model):
    """Backups of PostgreSQL and Qdrant."""

    enabled: bool | None = Field(
        default=None,
        description="Whether there are any; left out, wherever they have a place: on `aws` always, on `kubernetes` "
        "with `s3`. Where there are none, each run says so until this is false.",
    )
    retention_days: Annotated[Count, Field(ge=2)] = Field(
        default=30,
        description="Days to which PostgreSQL can be taken back and for which snapshots of Qdrant are kept; what is "
        "deleted or overwritten in a bucket of the program's stays for as long again.",
    )
    postgresql_schedule: Cron = Field(
        default="0 2 * * *", description="When PostgreSQL is copied whole, beside its WAL, as a cron expression (UTC)."
    )
    qdrant_schedule: Cron = Field(
        default="0 */6 * * *", description="When snapshots of Qdrant are taken, as a cron expression (UTC)."
    )
    copy_region: AwsRegion | None = Field(
        default=None,
        description="AWS region of the copies where there is no second region; else see "
        "`multiregion.regions[].copy_region`.",
    )
    s3: ObjectStore | None = Field(
        default=None,
        description="On the platform `kubernetes`: where backups go. On `aws` the program makes the buckets.",
    )
