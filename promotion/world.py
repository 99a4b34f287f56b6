"""What is known of the regions: from their stack files, their stacks' outputs and their clusters, never from memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from components.postgres_cluster import cluster_name
from settings import Promotion

NO_RECORD = Promotion()
GENERATIONS = "multiregion.generations"
"""Of a stack's output `shared`: regions whose generation is not 1, each with it (settings/shared.py)."""


@dataclass(frozen=True)
class Database:
    """A region's PostgreSQL: its Cluster as declared, and what the operator says of it."""

    follows: str
    """Region that `replica.primary` names: the region itself where it takes writes."""
    token: str = ""
    """`promotionToken` of the spec."""
    left_behind: str = ""
    """`demotionToken` of the status."""
    ready: int = 0
    """Instances that are ready."""
    promoted: bool = True
    """The operator has nothing left to do about a promotion or a demotion."""
    fault: str = ""
    """Phase and reason where the operator has given up."""


@dataclass(frozen=True)
class Region:
    """One region as its files, its stack and its cluster say."""

    name: str
    record: Promotion = NO_RECORD
    """Of its stack file."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Of its stack's last complete update; empty before the first. Secret ones show that they are there only."""
    answers: bool = True
    """Its API server does."""
    database: Database | None = None
    """None where there is no Cluster, or nobody says."""
    serving: int = 0
    """Pods of the memory service that run, or still end."""

    @property
    def made(self) -> bool:
        """Has the stack been brought up?"""
        return bool(self.outputs)

    @property
    def home(self) -> str:
        """Home, as the last complete update or a fence says."""
        return str(self.outputs.get("home") or (self.name if self.outputs.get("role") == "home" else ""))

    @property
    def step(self) -> str:
        """Step of the record with which the last complete update ran."""
        return str(self.outputs.get("promotion") or "")

    def generation(self, name: str) -> int:
        """`generation` of a region, as it stood when this one's stack was last brought up."""
        said = (self.outputs.get("shared") or {}).get(GENERATIONS) or []
        return next((int(one.split()[1]) for one in map(str, said) if one.split()[0] == name), 1)

    @property
    def is_primary(self) -> bool:
        """Does its PostgreSQL take writes, as far as it is known?"""
        return self.database is not None and self.database.follows == self.name


@dataclass(frozen=True)
class World:
    """All regions, and home as Pulumi.yaml says."""

    listed_home: str
    regions: Mapping[str, Region]
    generations: Mapping[str, int] = field(default_factory=dict)
    """`generation` of each region as Pulumi.yaml says; left out, 1."""

    def __getitem__(self, name: str) -> Region:
        return self.regions[name]

    def others(self, name: str) -> tuple[Region, ...]:
        """All regions but one, in their order."""
        return tuple(region for region in self.regions.values() if region.name != name)

    def generation(self, name: str) -> int:
        """How often a region's PostgreSQL was made, as Pulumi.yaml says."""
        return self.generations.get(name, 1)

    def knows(self, region: Region) -> bool:
        """Was the region brought up since all of them archive where they do?"""
        return all(region.generation(name) == self.generation(name) for name in self.regions)

    def former(self, target: str) -> str | None:
        """The region that home moves from: as a record has it, else as Pulumi.yaml or another record has."""
        for region in self.regions.values():
            if region.record.home == target and region.record.former is not None:
                return region.record.former
        if self.listed_home != target:
            return self.listed_home
        # A promotion away from here that did not come to its end is taken back.
        return next((one.record.home for one in self.regions.values() if one.record.former == target), None)

    def old_home(self, target: str) -> Region | None:
        """The region of that name."""
        former = self.former(target)
        return None if former is None else self[former]

    def with_region(self, region: Region) -> "World":
        """The same with one region as it is given."""
        return replace(self, regions={**self.regions, region.name: region})


def database(manifest: Mapping[str, Any], names: tuple[str, ...]) -> Database:
    """A CloudNativePG Cluster (api/v1/cluster_types.go, v1.30.0) of one of these regions, read."""
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    replica: Mapping[str, Any] = spec.get("replica") or {}
    by_cluster = {cluster_name(name): name for name in names}
    own = str((manifest.get("metadata") or {}).get("name") or "")
    primary = str(replica.get("primary") or own)
    token, phase = str(replica.get("promotionToken") or ""), str(status.get("phase") or "")
    busy = bool((status.get("switchReplicaClusterStatus") or {}).get("inProgress"))
    waits = phase == "Promoting to primary cluster" or (token != "" and status.get("lastPromotionToken") != token)
    lost = phase in ("Cluster is unrecoverable and needs manual intervention", "Invalid cluster definition")
    return Database(
        follows=by_cluster.get(primary, primary),
        token=token,
        left_behind=str(status.get("demotionToken") or ""),
        ready=int(status.get("readyInstances") or 0),
        promoted=not busy and not waits,
        fault=f"{phase}: {status.get('phaseReason') or ''}" if lost else "",
    )
