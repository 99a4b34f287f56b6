"""The proxy of a standby region, which takes users near it to the home region."""

from pydantic import Field

from settings.model import Count, Model
from settings.resources import EDGE, EdgeResources

LONGEST_RETRY_AFTER = 3600
"""Seconds. A client that is sent away for longer is lost."""


class Edge(Model):
    """The edge of a standby region. A number of pods that stays: forwarding costs next to nothing beside storing, so
    that home is busy long before they are.
    """

    replicas: Count | None = Field(
        default=None, description="Pods of the proxy; `high_availability.min_replicas` when left out."
    )
    retry_after_seconds: int = Field(
        default=30,
        ge=1,
        le=LONGEST_RETRY_AFTER,
        description="What users are told to wait (Retry-After) while the home region does not answer.",
    )
    resources: EdgeResources = Field(default=EDGE, description="CPU and memory of each pod.")
