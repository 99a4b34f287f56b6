"""Regions of AWS with their zones: which letters may end the name of a zone. A table, so that no rule asks AWS."""

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Final

_THREE: Final = "abc"
_ALIKE: Final = 0.85
"""How alike a name and a region have to be (difflib), from 0 to 1: one letter wrong is, another continent is not."""

LETTERS: Final[Mapping[str, str]] = {
    "af-south-1": _THREE,
    "ap-east-1": _THREE,
    "ap-east-2": _THREE,
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abcd",
    "ap-northeast-3": _THREE,
    "ap-south-1": _THREE,
    "ap-south-2": _THREE,
    "ap-southeast-1": _THREE,
    "ap-southeast-2": _THREE,
    "ap-southeast-3": _THREE,
    "ap-southeast-4": _THREE,
    "ap-southeast-5": _THREE,
    "ap-southeast-6": _THREE,
    "ap-southeast-7": _THREE,
    "ca-central-1": "abd",
    "ca-west-1": _THREE,
    "eu-central-1": _THREE,
    "eu-central-2": _THREE,
    "eu-north-1": _THREE,
    "eu-south-1": _THREE,
    "eu-south-2": _THREE,
    "eu-west-1": _THREE,
    "eu-west-2": _THREE,
    "eu-west-3": _THREE,
    "il-central-1": _THREE,
    "me-central-1": _THREE,
    "me-south-1": _THREE,
    "mx-central-1": _THREE,
    "sa-east-1": _THREE,
    "us-east-1": "abcdef",
    "us-east-2": _THREE,
    "us-gov-east-1": _THREE,
    "us-gov-west-1": _THREE,
    "us-west-1": _THREE,
    "us-west-2": "abcd",
}
"""Region to the letters of its zones, in their order: commercial regions and GovCloud that pulumi_aws 7.51 knows.

Zones: docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html; letters other than a, b, c:
github.com/getmoto/moto, moto/ec2/models/availability_zones_and_regions.py. In the oldest regions an account made before
November 2025 has letters of its own: `aws ec2 describe-availability-zones --region us-east-1` tells which.
"""
_SEEN: Final[Mapping[str, int]] = {"us-west-1": 2}
"""Zones that one account sees of a region, where those are not all."""


def zones_of(region: str) -> int:
    """How many zones of a region of the table an account has."""
    return _SEEN.get(region, len(LETTERS[region]))


def nearest(name: str) -> str | None:
    """The region that was probably meant."""
    likeness = {known: SequenceMatcher(None, name, known).ratio() for known in LETTERS}
    best = max(LETTERS, key=likeness.__getitem__)
    return best if likeness[best] >= _ALIKE else None
