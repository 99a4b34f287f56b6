"""The plan of the Redis Cluster as components/redis_plan.py writes it for the scripts."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """Which pods hold a shard together. A host is the name of a pod, with :port where it is not 6379."""

    shards: "tuple[tuple[str, ...], ...]"
    """Hosts of each shard; the first one is its master while every zone is up."""
    leaving: "tuple[str, ...]" = ()
    """Hosts that are to be emptied and to leave the cluster."""

    @property
    def members(self) -> "tuple[str, ...]":
        return tuple(host for shard in self.shards for host in shard)

    @property
    def hosts(self) -> "tuple[str, ...]":
        """All pods that run."""
        return (*self.members, *self.leaving)

    @classmethod
    def read(cls, file: Path) -> "Plan":
        said = json.loads(file.read_text())
        return cls(tuple(tuple(shard) for shard in said["shards"]), tuple(said["leaving"]))
