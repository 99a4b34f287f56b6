"""The vector store."""

from pydantic import Field

from settings.cron import Cron
from settings.model import Count, Model
from settings.quantity import Bytes, Quantity
from settings.resources import QDRANT, QdrantResources


class Rebalance(Model):
    """The report on where copies of shards are."""

    schedule: Cron = Field(
        default="23 * * * *", description="When to report where copies and points are, as a cron expression (UTC)."
    )
    moves: bool = Field(
        default=False,
        description="Let the report move what it finds out of place; off, it fails and says what is to be moved.",
    )


class Qdrant(Model):
    """Qdrant in cluster mode."""

    replicas: Count = Field(default=3, description="Nodes of the cluster, spread over all zones.")
    drain_to: Count | None = Field(
        default=None,
        description="Empty the nodes beyond this number and take them out of the cluster; afterwards `replicas` may "
        "be lowered to it.",
    )
    rebalance: Rebalance = Field(default=Rebalance(), description="The report on where copies of shards are.")
    shards: Count | None = Field(
        default=None,
        description="The guide's other place for `sharding.shards`; when both stand, they must agree.",
    )
    resources: QdrantResources = Field(default=QDRANT, description="CPU and memory of each node.")
    api_key_version: int = Field(
        default=1,
        ge=1,
        description="Raise it by one for other API keys; those before stay valid until the next time.",
    )
    storage: Bytes = Field(default=Quantity("100Gi"), description="Volume of each node for vectors; can only grow.")
    snapshot_storage: Bytes = Field(
        default=Quantity("100Gi"), description="Volume of each node for snapshots; can only grow."
    )

    @property
    def kept_nodes(self) -> int:
        """Nodes that hold data: fewer than `replicas` during a drain."""
        return self.replicas if self.drain_to is None else self.drain_to
