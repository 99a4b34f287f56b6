"""Address ranges: which VPC each region gets, and which subnets lie in it. Every region knows those of all others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations, islice
from typing import Annotated

from settings.model import checked

VPC_PREFIX = 16
"""Length of a VPC's prefix where its region states none: 65,536 addresses, the most that AWS gives a VPC block
(docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html)."""
SMALLEST_VPC_PREFIX = 18
"""The smallest VPC: under it, the private subnets have no room for the pods of grown node groups."""
MOST_ZONES = 4
"""Zones that the layout of a VPC has room for."""

_PRIVATE, _SMALL = 3, 6
"""Bits by which the prefix of a private subnet, and of a public or isolated one, is longer than the VPC's."""
_PUBLIC_FIRST, _ISOLATED_FIRST = 32, 36
"""Index of the first public and the first isolated subnet among all of their size: they begin in the second half."""
PRIVATE_USE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
"""RFC 1918, and RFC 6598 which AWS takes for VPCs as well."""
FIRST_ASN = 4_200_000_000
"""The first private number of 32 bits; there are four times as many as private addresses (RFC 6996)."""

SERVICES = IPv4Network("172.20.0.0/16")
"""Addresses of Kubernetes' Services. They exist in a cluster alone, so every region has the same; a VPC, ours or
another region's, that had them as well could not be reached from pods."""


def network(text: str) -> IPv4Network:
    """An IPv4 range as written. Raises ValueError with a remedy."""
    try:
        loose = IPv4Network(text, strict=False)
    except ValueError:
        raise ValueError('not an IPv4 range: write it like "10.64.0.0/16"') from None
    if "/" not in text or str(loose) != text:
        raise ValueError(f'an address within a range: write the range as "{loose}"')
    return loose


def _range(text: str) -> str:
    return str(network(text))


def private_range(text: str) -> str:
    """A range that nobody on the internet has."""
    found = network(text)
    if not any(found.subnet_of(private) for private in PRIVATE_USE):
        raise ValueError(f"not for private use: take one within {', '.join(map(str, PRIVATE_USE))}")
    return text


def _address(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError('not an IPv4 address: write it like "10.1.2.3"') from None


Address = Annotated[str, checked(_address)]
Cidr = Annotated[str, checked(_range)]
PrivateCidr = Annotated[str, checked(private_range)]


@dataclass(frozen=True)
class Subnets:
    """The subnets of one zone."""

    public: IPv4Network
    """Routed to the internet: the zone's NAT gateway and public load balancers."""
    private: IPv4Network
    """Nodes and pods; out by the zone's NAT gateway only."""
    isolated: IPv4Network
    """No way out of the VPC: the control plane's interfaces and the VPC's endpoints."""


def vpc(pool: IPv4Network, index: int) -> IPv4Network:
    """The VPC of the region at an index of the list: the index-th block of the pool, so that a region that is added at
    the end of the list moves no other one. Raises ValueError where the pool ends before it.
    """
    blocks = pool.subnets(new_prefix=VPC_PREFIX) if pool.prefixlen <= VPC_PREFIX else iter(())
    found = next(islice(blocks, index, None), None)
    if found is None:
        raise ValueError(f"{pool} has no {index + 1} blocks of /{VPC_PREFIX}")
    return found


def asn(vpc: IPv4Network) -> int:
    """Number of the autonomous system of the transit gateway beside a VPC: private (RFC 6996), of 32 bits.

    It counts the private addresses before the VPC's first one, so that it is as unique and as lasting as the range:
    AWS advises a number for each gateway that is peered (docs.aws.amazon.com/vpc/latest/tgw/tgw-peering.html). Raises
    ValueError for a range that is not private.
    """
    before = FIRST_ASN
    for private in PRIVATE_USE:
        if vpc.subnet_of(private):
            return before + int(vpc.network_address) - int(private.network_address)
        before += private.num_addresses
    raise ValueError(f"{vpc} is not for private use")


def subnets(vpc: IPv4Network, zones: Iterable[str]) -> Mapping[str, Subnets]:
    """By zone, in its order. The first half of the VPC is private (an eighth of the VPC a zone), the second half has a
    sixty-fourth a zone for public and for isolated subnets, and keeps the rest free.
    """
    private = list(vpc.subnets(prefixlen_diff=_PRIVATE))
    small = list(vpc.subnets(prefixlen_diff=_SMALL))
    return {
        zone: Subnets(small[_PUBLIC_FIRST + index], private[index], small[_ISOLATED_FIRST + index])
        for index, zone in enumerate(islice(zones, MOST_ZONES))
    }


def overlapping(networks: Mapping[str, IPv4Network]) -> list[tuple[str, str]]:
    """Pairs of names whose ranges share addresses, the later one second."""
    return [(one, other) for one, other in combinations(networks, 2) if networks[one].overlaps(networks[other])]
