"""Where on AWS the copies of a region's backups lie, which stays what it was: the bucket that is there is protected."""

from collections.abc import Mapping
from typing import Any, Final

from settings import Settings

OUTPUT: Final = "backup_copies"
"""Stack output of a region on AWS: the region of AWS in which its copies lie; empty where it has none."""


def of(settings: Settings, region: str) -> str | None:
    """In the region of AWS that its entry of the list names; else in that of the region before it in the list, the
    first one's in the second's, so that it stays where it is when a region is added at the end.

    A single region's lie where `backups.copy_region` says, or nowhere.
    """
    regions = settings.multiregion.regions if settings.multiregion.enabled else (settings.region,)
    index = [one.name for one in regions].index(region)
    named = regions[index].copy_region
    if named is not None or len(regions) < 2:
        return named or settings.backups.copy_region
    return regions[index - 1 if index else 1].aws_region


def own(settings: Settings) -> str | None:
    """Where this stack's copies lie; None where it makes none."""
    return of(settings, settings.region.name) if settings.platform == "aws" and settings.backs_up else None


def fault(settings: Settings, outputs: Mapping[str, Any]) -> str | None:
    """Why this run may not have its copies where it wants them, with a remedy; None where it may.

    `outputs` are the stack's own of the run before; earlier releases said nothing of it.
    """
    before, now = outputs.get(OUTPUT), own(settings)
    if not before or now in (None, before):
        return None
    return (
        f"multiregion.regions   the copies of {settings.stack}'s backups lie in {before} and would move to {now}, away "
        f"from what they hold: state copy_region: {before} beside {settings.stack} in multiregion.regions (and nothing "
        "in backups.copy_region)"
    )
