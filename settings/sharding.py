"""How vectors are spread over Qdrant's nodes."""

from pydantic import Field

from settings.model import Count, Model


class Sharding(Model):
    """The guide's data sharding."""

    enabled: bool = Field(
        default=True, description="Split each collection; false keeps it in one shard (still replicated)."
    )
    shards: Count = Field(
        default=4, description="Shards of each collection; cannot be changed later without a new collection."
    )
    replication_factor: Count = Field(
        default=2,
        description="Copies of each shard; two survive the loss of one zone, so fewer need high availability off.",
    )
