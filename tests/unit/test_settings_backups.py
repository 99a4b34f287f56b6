"""Settings of backups: what has no place, would be lost with what it is of, or would be overwritten, is refused."""

import json
from typing import Any

import pytest

from components.record import recorded
from settings import load
from tests.unit.aws_settings import EAST, WEST, on_aws, regions
from tests.unit.test_settings import region
from tests.unit.test_settings_faults import faults

S3 = {
    "endpoint": "https://objects.example.com",
    "bucket": "soma-backups",
    "access_key_id": "AKEY",
    "secret_access_key": "hush",
}


def restore(**keys: Any) -> dict[str, Any]:
    return {"postgresql": {"restore": {"region": "us-east", "generation": 1, **keys}}}


GENERATION_2 = {"regions": [{"name": "us-east", "primary": True, "generation": 2}, {"name": "us-west"}]}


def test_sound_ones() -> None:
    assert faults(region(backups={"s3": S3, "qdrant_schedule": "5 */2 * * *", "retention_days": 14})) == []
    assert faults(on_aws()) == []
    assert faults(on_aws(**regions(EAST), backups={"copy_region": "us-east-2"})) == []
    assert faults(on_aws(**regions(EAST | {"copy_region": "us-east-2"}))) == []
    assert faults(on_aws(**regions(EAST | {"copy_region": "us-east-2"}, WEST))) == []
    assert faults(region(backups={"s3": S3}, multiregion=GENERATION_2, **restore())) == []


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (
            region(backups={"enabled": True}),
            "backups.s3   missing: name the object store where backups go, or set backups.enabled to false",
        ),
        (
            region(backups={"s3": S3, "copy_region": "us-east-2"}),
            'backups.copy_region = "us-east-2"   without effect on the platform kubernetes: have the object store copy '
            "itself elsewhere",
        ),
        (
            region(backups={"s3": S3 | {"endpoint": "objects.example.com"}}),
            'backups.s3.endpoint = "objects.example.com"   not an address of an object store: write it like '
            '"https://objects.example.com:9000"',
        ),
        (
            region(backups={"s3": S3 | {"bucket": "Soma"}}),
            'backups.s3.bucket = "Soma"   not a name of a bucket: 3 to 63 lower-case letters, digits, hyphens and dots',
        ),
        (
            region(backups={"s3": S3 | {"secret_access_key": ""}}),
            "backups.s3.secret_access_key = [secret]   empty, or with blanks or signs that no key has: give it as the "
            "object store gave it to you",
        ),
        (
            region(backups={"s3": S3 | {"secret_access_key": 5}}),
            'backups.s3.secret_access_key = [secret]   expected a text: write "5" in quotes',
        ),
        (region(backups={"retention_days": 1}), "backups.retention_days = 1   too low: must be 2 or more"),
        (
            region(backups={"postgresql_schedule": "daily"}),
            'backups.postgresql_schedule = "daily"   not a cron expression of five fields: "23 * * * *" is each hour, '
            "at 23 minutes past",
        ),
        (
            on_aws(backups={"s3": S3}),
            "backups.s3 = {…}   without effect on the platform aws, where the program makes buckets: remove it",
        ),
        (
            on_aws(**regions(EAST)),
            "backups.copy_region   missing: backups of a single region are lost with it; name a second region of AWS "
            "for copies, or set high_availability.enabled to false",
        ),
        (
            on_aws(**regions(EAST), backups={"copy_region": "us-east-1"}),
            'backups.copy_region = "us-east-1"   the region itself, with which copies would be lost: name another one',
        ),
        (
            on_aws(**regions(EAST), backups={"copy_region": "us-esat-2"}),
            'backups.copy_region = "us-esat-2"   no region of AWS that this release knows: did you mean "us-east-2"?',
        ),
        (
            on_aws(**regions(EAST), backups={"copy_region": "us-gov-west-1"}),
            'backups.copy_region = "us-gov-west-1"   another part of AWS than us-east-1: no bucket is copied there',
        ),
        (
            on_aws(**regions(EAST, WEST), backups={"copy_region": "us-east-2"}),
            'backups.copy_region = "us-east-2"   there are more regions, which have to know of it too: state '
            "copy_region in multiregion.regions instead",
        ),
        (
            on_aws(**regions(EAST, WEST | {"copy_region": WEST["aws_region"]})),
            'multiregion.regions[1].copy_region = "us-west-2"   the region itself, with which copies would be lost: '
            "name another one",
        ),
        (
            on_aws(**regions(EAST | {"copy_region": "us-gov-west-1"}, WEST)),
            'multiregion.regions[0].copy_region = "us-gov-west-1"   another part of AWS than us-east-1: no bucket is '
            "copied there",
        ),
        (
            on_aws(**regions(EAST | {"copy_region": "us-east-2"}), backups={"copy_region": "us-east-2"}),
            'backups.copy_region = "us-east-2"   multiregion.regions states copy_region too: remove this one',
        ),
        (
            region(multiregion=GENERATION_2, **restore()),
            "postgresql.restore = {…}   there are no backups to restore from: see backups.enabled and backups.s3",
        ),
        (
            region(backups={"s3": S3}, **restore()),
            "postgresql.restore.generation = 1   us-east is at generation 1 and would archive into what it reads: "
            "raise its generation in multiregion.regions to 2",
        ),
        (
            region(backups={"s3": S3}, **restore(region="us-north")),
            'postgresql.restore.region = "us-north"   none of the regions (us-east, us-west): name one of them',
        ),
        (
            region(backups={"s3": S3}, multiregion=GENERATION_2, **restore(target_time="yesterday")),
            'postgresql.restore.target_time = "yesterday"   not a moment: write it with its time zone, as in '
            '"2026-11-28T14:05:00Z"',
        ),
    ],
)
def test_what_cannot_be_kept_is_refused(raw: dict[str, Any], fault: str) -> None:
    assert faults(raw) == [fault]


def test_a_standby_is_not_restored() -> None:
    (fault,) = faults(region(backups={"s3": S3}, multiregion=GENERATION_2, **restore()), "us-west")
    assert "a standby is a copy of us-east: restore there" in fault


def test_no_key_is_kept_with_the_record_of_the_settings() -> None:
    text = json.dumps(recorded(load(region(backups={"s3": S3}), "us-east")))
    assert "soma-backups" in text
    assert "AKEY" not in text
    assert "hush" not in text
    assert "access_key" not in text
