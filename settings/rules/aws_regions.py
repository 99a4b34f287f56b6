"""Regions on AWS: each in a place of its own, with a range for its VPC that no other one has."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Final

from settings import aws_regions, networks
from settings.draft import Draft, Finding
from settings.faults import Place
from settings.multiregion import MultiRegion
from settings.rules.aws import on_aws, range_of
from settings.rules.regions import NAMES, REGIONS
from settings.rules.rule import Check, place, repeated

AWS_REGIONS: Final = "multiregion.regions[*].aws_region"
CIDRS: Final = "multiregion.regions[*].cidr"
ADDRESSES: Final = "multiregion.regions[*].address"
POOL: Final = "multiregion.vpc_pool"
EXISTING: Final = "aws.network.existing"


@on_aws(NAMES, AWS_REGIONS, "multiregion.enabled")
def each_region_is_one_of_aws(draft: Draft) -> Iterator[Finding]:
    multiregion = draft.settings.multiregion
    if not multiregion.regions and not multiregion.enabled:
        yield draft.finding(
            REGIONS, "no region: on aws list even a single one, with its aws_region, or nobody knows where it is"
        )
    for index, region in enumerate(multiregion.regions):
        at: Place = (*REGIONS, index, "aws_region")
        if region.aws_region is None:
            yield draft.finding(at, f'missing: say where {region.name} is on AWS, as in "us-east-1"')
        elif region.aws_region not in aws_regions.LETTERS:
            yield draft.finding(at, unknown(region.aws_region))
    for index, first in repeated(region.aws_region or index for index, region in enumerate(multiregion.regions)):
        yield draft.finding(
            (*REGIONS, index, "aws_region"),
            f"{multiregion.names[first]} is there already, and one outage would take both: choose another one",
        )


def unknown(region: str) -> str:
    """What is said of a name that no region of AWS has."""
    meant = aws_regions.nearest(region)
    known = f'did you mean "{meant}"?' if meant else f"known are {', '.join(aws_regions.LETTERS)}"
    return f"no region of AWS that this release knows: {known}"


@on_aws(ADDRESSES)
def the_program_names_the_ways_in(draft: Draft) -> Iterator[Finding]:
    for index, region in enumerate(draft.settings.multiregion.regions):
        if region.address is not None:
            name = draft.settings.multiregion.default_ingress_host(region.name)
            yield draft.finding(
                (*REGIONS, index, "address"),
                f"without effect on the platform aws, where the program makes {name}: remove it",
            )


@on_aws(CIDRS, POOL, NAMES)
def the_pool_has_a_block_for_each_region(draft: Draft) -> Iterator[Finding]:
    multiregion = draft.settings.multiregion
    pool = range_of(multiregion.vpc_pool)
    if pool is None:
        return
    blocks = int(2.0 ** (networks.VPC_PREFIX - pool.prefixlen))
    left = [region.name for region in multiregion.regions[blocks:] if region.cidr is None]
    if left:
        yield draft.finding(
            place(POOL),
            f"no /{networks.VPC_PREFIX} of it is left for {', '.join(left)}, in the order of the list: take a larger "
            "range, or state a cidr there",
        )


@on_aws(CIDRS, NAMES, EXISTING)
def a_new_vpc_has_room(draft: Draft) -> Iterator[Finding]:
    """Only the region's own: another region's may be one that is there already, which only its stack file says."""
    multiregion = draft.settings.multiregion
    if draft.settings.aws.network.existing is not None or draft.stack not in multiregion.names:
        return
    index = multiregion.names.index(draft.stack)
    cidr = range_of(multiregion.regions[index].cidr or "")
    if cidr is None or networks.VPC_PREFIX <= cidr.prefixlen <= networks.SMALLEST_VPC_PREFIX:
        return
    what = "more than AWS gives a VPC" if cidr.prefixlen < networks.VPC_PREFIX else "too small for nodes and pods"
    yield draft.finding(
        (*REGIONS, index, "cidr"),
        f"{what}: use a range between /{networks.VPC_PREFIX} and /{networks.SMALLEST_VPC_PREFIX}",
    )


@on_aws(CIDRS, POOL, NAMES)
def vpcs_never_overlap(draft: Draft) -> Iterator[Finding]:
    multiregion = draft.settings.multiregion
    ranges = _ranges(multiregion)
    for one, other in networks.overlapping(ranges):
        at, beside = (other, one) if stated(multiregion, other) else (one, other)
        yield draft.finding(
            _place_of(multiregion, at),
            f"overlaps the VPC of {beside} ({_told(multiregion, beside, ranges[beside])}): regions reach each other by "
            "these addresses, so choose a range that no other one has",
        )
    for name, own in ranges.items():
        if own.overlaps(networks.SERVICES):
            yield draft.finding(
                _place_of(multiregion, name),
                f"{name} would have {own}, which meets {networks.SERVICES}, the addresses of Services: "
                "choose another range",
            )


def _ranges(multiregion: MultiRegion) -> dict[str, IPv4Network]:
    """VPC of each region that has one: what is no range, or has no block of the pool, is told by other rules."""
    found: dict[str, IPv4Network] = {}
    for name in multiregion.names:
        try:
            found[name] = multiregion.vpc(name)
        except ValueError:
            continue
    return found


def stated(multiregion: MultiRegion, region: str) -> bool:
    """Does a region state its range?"""
    return multiregion.regions[multiregion.names.index(region)].cidr is not None


def _place_of(multiregion: MultiRegion, region: str) -> Place:
    """Where the range of a region comes from."""
    return (*REGIONS, multiregion.names.index(region), "cidr") if stated(multiregion, region) else place(POOL)


def _told(multiregion: MultiRegion, region: str, own: IPv4Network) -> str:
    return f"{own}" if stated(multiregion, region) else f"{own}, its block of vpc_pool"


RULES: tuple[Check, ...] = (
    each_region_is_one_of_aws,
    the_program_names_the_ways_in,
    the_pool_has_a_block_for_each_region,
    a_new_vpc_has_room,
    vpcs_never_overlap,
)
