"""What files of ConfigMaps plan for the stores: Qdrant's collections and their copies, and the shards of Redis."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CollectionPlan:
    """Qdrant collections that a Job makes, as a ConfigMap states them."""

    urn: str
    name: str
    """Of the ConfigMap."""
    namespace: str
    replication_factor: int | None
    """The lowest that is stated; None where none is."""
    write_consistency_factor: int | None
    """The highest that is stated: copies that a write waits for."""
    shard_number: int | None
    """The lowest that is stated."""


@dataclass(frozen=True)
class CopyPlan:
    """Copies of each shard that Qdrant's rebalancer brings about, as a ConfigMap states them."""

    urn: str
    name: str
    """Of the ConfigMap."""
    namespace: str
    replication_factor: int


@dataclass(frozen=True)
class ShardPlan:
    """Which Redis pods hold a shard together, as a ConfigMap tells those that form and heal the cluster."""

    urn: str
    name: str
    """Of the ConfigMap."""
    namespace: str
    shards: tuple[tuple[str, ...], ...]
    """Pods of each shard; the first one is its master while every zone is up."""
    leaving: tuple[str, ...]
    """Pods that are to be emptied."""
