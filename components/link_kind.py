"""What carries packets between regions on AWS, which changes one way only: to transit gateways, never back."""

from collections.abc import Mapping
from typing import Any, Final

from settings import Settings
from settings.multiregion import PEERING, TRANSIT_GATEWAY

NETWORK: Final = "network"
"""Stack output of a region on AWS: what the owner of a link to it needs (components/aws/links.py)."""
LINK: Final = "link"
"""Key within NETWORK."""


def of(network: Mapping[str, Any]) -> str:
    """The kind that a region says of itself; earlier releases knew peerings alone, and did not say so."""
    return str(network.get(LINK, PEERING))


def fault(settings: Settings, outputs: Mapping[str, Any]) -> str | None:
    """Why this run may not have its kind of links, with a remedy; None where it may.

    A region does not know whose packets cross its gateway, so it must not take it away. `outputs` are its own of the
    run before.
    """
    before, now = of(outputs.get(NETWORK) or {}), settings.multiregion.link
    if settings.platform != "aws" or before != TRANSIT_GATEWAY or now == TRANSIT_GATEWAY:
        return None
    return (
        f"multiregion.link = {now}   this stack was brought up with {before}, and the packets of other regions may "
        f"cross its gateway: state {before} again; docs/aws.md says what going back would take"
    )
