"""Every type that the simulation knows."""

from collections.abc import Mapping
from typing import Final

from rehearsal.aws import types_edge, types_eks, types_iam, types_links, types_network, types_route53, types_s3
from rehearsal.aws.resource import Kind

KINDS: Final[Mapping[str, Kind]] = {
    **types_edge.KINDS,
    **types_eks.KINDS,
    **types_iam.KINDS,
    **types_links.KINDS,
    **types_network.KINDS,
    **types_route53.KINDS,
    **types_s3.KINDS,
}
"""By token."""
