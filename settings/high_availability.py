"""What must survive the loss of a zone."""

from pydantic import Field

from settings.model import Count, Model
from settings.names import ZoneName


class HighAvailability(Model):
    """The guide's high availability."""

    enabled: bool = Field(
        default=True,
        description="Hold the minimums: min_replicas everywhere, three zones, two copies of each shard and Redis "
        "master. False relaxes them, for a trial on a small cluster.",
    )
    min_replicas: Count = Field(
        default=3, description="Fewest pods of each part; under three no quorum survives a zone."
    )
    zones: tuple[ZoneName, ...] = Field(
        default=("zone-a", "zone-b", "zone-c"),
        min_length=1,
        max_length=26,
        description="Zones to spread over, three or more.",
    )
