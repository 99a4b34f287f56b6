"""Regions and their zones, and what AWS derives from a region's name."""

from typing import Final

from settings.aws_regions import LETTERS, nearest

_DIRECTIONS: Final = {"north": "n", "south": "s", "east": "e", "west": "w", "central": "c", "gov": "g"}


def zones(region: str) -> tuple[str, ...] | None:
    """Names of a region's zones, in their order; None where there is no such region."""
    letters = LETTERS.get(region)
    return None if letters is None else tuple(f"{region}{letter}" for letter in letters)


def unknown(region: str) -> str:
    """Why a region is refused."""
    guess = nearest(region)
    return f"there is no region {region}: {f'did you mean {guess}?' if guess else 'write it like us-east-1'}"


def partition(region: str) -> str:
    """`aws`, `aws-cn`, `aws-us-gov`, … (docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html)."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def suffix(region: str) -> str:
    """The domain of the partition's services."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def short(region: str) -> str:
    """The start of the ids of a region's zones: `use1` for us-east-1, `apse2` for ap-southeast-2."""
    found = ""
    for part in region.split("-"):
        for word, letter in _DIRECTIONS.items():
            part = part.replace(word, letter) if len(part) > len("ap") else part
        found += part
    return found


def zone_id(zone: str) -> str:
    """The id of a zone by its name. An account's own mapping is by chance; here a is 1, b is 2."""
    return f"{short(zone[:-1])}-az{ord(zone[-1]) - ord('a') + 1}"
