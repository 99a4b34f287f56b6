"""Backups have a place, another one than what they are of, and nothing overwrites them."""

from collections.abc import Iterator
from typing import Final

from settings import aws_regions
from settings.draft import Draft, Finding
from settings.faults import ABSENT, Place
from settings.multiregion import Region
from settings.rules.aws import on_aws
from settings.rules.aws_regions import AWS_REGIONS, unknown
from settings.rules.regions import NAMES, PRIMARIES, REGIONS
from settings.rules.rule import Check, place, rule

ENABLED: Final = "backups.enabled"
STORE: Final = "backups.s3"
COPIES: Final = "backups.copy_region"
NAMED: Final = "multiregion.regions[*].copy_region"


@rule("platform", ENABLED, STORE)
def backups_have_a_place(draft: Draft) -> Iterator[Finding]:
    backups, platform = draft.settings.backups, draft.settings.platform
    if platform == "kubernetes" and backups.enabled and backups.s3 is None:
        yield Finding(
            place(STORE),
            ABSENT,
            "missing: name the object store where backups go, or set backups.enabled to false",
        )
    if platform == "aws" and backups.s3 is not None:
        yield draft.finding(
            place(STORE), "without effect on the platform aws, where the program makes buckets: remove it"
        )
    if platform != "aws" and backups.copy_region is not None:
        yield draft.finding(
            place(COPIES), f"without effect on the platform {platform}: have the object store copy itself elsewhere"
        )


@on_aws(ENABLED, COPIES, NAMED, NAMES, AWS_REGIONS, "multiregion.enabled", "high_availability.enabled")
def copies_lie_in_another_region(draft: Draft) -> Iterator[Finding]:
    settings, at = draft.settings, place(COPIES)
    chosen, alone = settings.backups.copy_region, len(settings.regions) == 1
    if not settings.multiregion.regions:
        return  # Nobody knows where the region itself is.
    for index, region in enumerate(settings.multiregion.regions):
        if region.copy_region is not None:
            yield from _elsewhere(draft, (*REGIONS, index, "copy_region"), region.copy_region, region)
    named = settings.region.copy_region
    if chosen is None:
        if named is None and alone and settings.backs_up and settings.high_availability.enabled:
            yield draft.finding(
                at,
                "missing: backups of a single region are lost with it; name a second region of AWS for copies, or set "
                "high_availability.enabled to false",
            )
        return
    if not alone:
        yield draft.finding(
            at, "there are more regions, which have to know of it too: state copy_region in multiregion.regions instead"
        )
    elif named is not None:
        yield draft.finding(at, "multiregion.regions states copy_region too: remove this one")
    else:
        yield from _elsewhere(draft, at, chosen, settings.region)


def _elsewhere(draft: Draft, at: Place, chosen: str, region: Region) -> Iterator[Finding]:
    """Copies of a region are of use in another region of the same part of AWS."""
    if chosen not in aws_regions.LETTERS:
        yield draft.finding(at, unknown(chosen))
    elif chosen == region.aws_region:
        yield draft.finding(at, "the region itself, with which copies would be lost: name another one")
    elif chosen.startswith("us-gov-") != (region.aws_region or "").startswith("us-gov-"):
        yield draft.finding(at, f"another part of AWS than {region.aws_region}: no bucket is copied there")


@rule("postgresql.restore", NAMES, PRIMARIES, "multiregion.home", "multiregion.enabled", ENABLED, STORE, "platform")
def a_restore_reads_what_nobody_writes(draft: Draft) -> Iterator[Finding]:
    settings, at = draft.settings, place("postgresql.restore")
    restore = settings.postgresql.restore
    if restore is None:
        return
    if not settings.backs_up:
        yield draft.finding(at, "there are no backups to restore from: see backups.enabled and backups.s3")
    if not settings.is_home:
        yield draft.finding(at, f"a standby is a copy of {settings.home}: restore there, and have this one cloned anew")
    if restore.region not in settings.generations:
        known = ", ".join(settings.regions)
        yield draft.finding((*at, "region"), f"none of the regions ({known}): name one of them")
    elif restore.region == settings.stack and restore.generation >= settings.generations[settings.stack]:
        now = settings.generations[settings.stack]
        yield draft.finding(
            (*at, "generation"),
            f"{settings.stack} is at generation {now} and would archive into what it reads: raise its generation in "
            f"multiregion.regions to {restore.generation + 1}",
        )


RULES: tuple[Check, ...] = (backups_have_a_place, copies_lie_in_another_region, a_restore_reads_what_nobody_writes)
