"""The vector store."""

from pydantic import Field

from settings.model import Count, Model
from settings.quantity import Bytes, Quantity
from settings.resources import QDRANT, QdrantResources


class Qdrant(Model):
    """Qdrant in cluster mode."""

    replicas: Count = Field(default=3, description="Nodes of the cluster, spread over all zones.")
    shards: Count | None = Field(
        default=None,
        description="The guide's other place for `sharding.shards`; when both stand, they must agree.",
    )
    resources: QdrantResources = Field(default=QDRANT, description="CPU and memory of each node.")
    storage: Bytes = Field(default=Quantity("100Gi"), description="Volume of each node for vectors; can only grow.")
    snapshot_storage: Bytes = Field(
        default=Quantity("100Gi"), description="Volume of each node for snapshots; can only grow."
    )
