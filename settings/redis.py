"""The cache, where the service keeps a copy of every memory's payload.

PostgreSQL has the payloads; an entry that is evicted costs the memory's timestamps. Size the nodes so that nothing is.
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from settings.model import Model
from settings.quantity import Bytes, Quantity
from settings.resources import REDIS, RedisResources


def _needed(enabled: bool) -> bool:
    if not enabled:
        raise ValueError("a single server would lose data with its zone: remove this, the cluster is needed")
    return enabled


def _odd(nodes: int) -> int:
    if not 3 <= nodes < 1000 or nodes % 2 == 0:
        raise ValueError("a Redis Cluster votes by majority of its masters: use 3, 5, 7, …")
    return nodes


class RedisCluster(Model):
    """Cluster mode."""

    enabled: Annotated[bool, AfterValidator(_needed)] = Field(
        default=True,
        description="Redis Cluster; false is refused, since a single server would lose data with its zone.",
    )
    nodes: Annotated[int, AfterValidator(_odd)] = Field(default=3, description="Masters (shards): odd, three or more.")
    replicas: int = Field(default=1, ge=0, le=10, description="Replicas of each master, in other zones.")
    drain_to: Annotated[int, AfterValidator(_odd)] | None = Field(
        default=None,
        description="Fewer masters than `nodes`: moves the slots to so many, after which `nodes` may be lowered to it.",
    )
    drain_replicas_to: int | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Fewer than `replicas`: empties the pods beyond, after which `replicas` may be lowered to it.",
    )

    @property
    def kept_nodes(self) -> int:
        """Masters that hold slots: fewer than `nodes` during a drain."""
        return self.nodes if self.drain_to is None else self.drain_to

    @property
    def kept_replicas(self) -> int:
        """Replicas of each master that are kept: fewer than `replicas` during a drain."""
        return self.replicas if self.drain_replicas_to is None else self.drain_replicas_to

    @property
    def pods(self) -> int:
        """Masters and replicas together."""
        return self.nodes * (1 + self.replicas)


class Redis(Model):
    """Redis Cluster (the image is Valkey unless `images.valkey` says otherwise)."""

    cluster: RedisCluster = Field(default=RedisCluster(), description="Masters and replicas.")
    resources: RedisResources = Field(default=REDIS, description="CPU and memory of each node.")
    password_version: int = Field(
        default=1,
        ge=1,
        description="Raise it by one for another password; the one before stays valid until the next time.",
    )
    storage: Bytes = Field(default=Quantity("20Gi"), description="Volume of each node; can only grow.")
