"""Providers of AWS: one a region, each of which knows the account and marks what it makes."""

from collections.abc import Mapping

import pulumi_aws as aws
from pulumi import ResourceOptions

from settings import Region


def aws_region(region: Region) -> str:
    """What AWS calls a region; the settings' rules see to it that it is stated."""
    assert region.aws_region is not None  # noqa: S101  (settings/rules/aws_regions.py)
    return region.aws_region


def provider_in(
    name: str, place: str, account: str, tags: Mapping[str, str], opts: ResourceOptions, asks_in: str | None = None
) -> aws.Provider:
    """The provider of everything in one region, by what AWS calls it: it refuses to work in another account. `asks_in`:
    another region, of which it asks whose account it is (STS), so that a stack whose neighbour is lost can still be
    brought up."""
    return aws.Provider(
        name,
        region=place,
        allowed_account_ids=[account],
        sts_region=asks_in,
        default_tags={"tags": tags},
        opts=opts,
    )
