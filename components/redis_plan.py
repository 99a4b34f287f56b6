"""Which Redis pod is which node: a pure plan that places masters and replicas over the zones."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase


@dataclass(frozen=True)
class Pod:
    """One pod of one zone's StatefulSet."""

    zone: int
    """Index into the zones of the settings."""
    ordinal: int

    @property
    def name(self) -> str:
        return f"{statefulset(self.zone)}-{self.ordinal}"


@dataclass(frozen=True)
class Shard:
    """Pods that hold a share of the slots together; the first one is their master while every zone is up."""

    members: tuple[Pod, ...]

    @property
    def master(self) -> Pod:
        return self.members[0]


def statefulset(zone: int) -> str:
    """Name of the StatefulSet of a zone, by its place in the settings: platform zones may have any name."""
    return f"redis-zone-{ascii_lowercase[zone]}"


def plan(zones: int, masters: int, replicas: int) -> tuple[Shard, ...]:
    """Places `masters` shards with `replicas` copies each over `zones` zones.

    Master i goes to zone i, its copies to the zones after it, round and round: no zone holds a shard twice and, with
    at least three zones and masters, none holds half of the masters, so a lost zone leaves a majority to elect and a
    copy of every slot. Ordinals are handed out shard by shard, so that another shard adds pods and moves none.
    """
    if replicas >= zones:
        raise ValueError(f"{replicas + 1} copies of a shard need as many zones, there are {zones}")
    taken: Counter[int] = Counter()
    return tuple(_shard(index, zones, replicas, taken) for index in range(masters))


def _shard(index: int, zones: int, replicas: int, taken: "Counter[int]") -> Shard:
    members: list[Pod] = []
    for copy in range(replicas + 1):
        zone = (index + copy) % zones
        members.append(Pod(zone, taken[zone]))
        taken[zone] += 1
    return Shard(tuple(members))


def pods_by_zone(shards: Sequence[Shard], zones: int) -> tuple[int, ...]:
    """Replicas of each zone's StatefulSet."""
    counted = Counter(pod.zone for shard in shards for pod in shard.members)
    return tuple(counted[zone] for zone in range(zones))


def leaving(running: Sequence[Shard], kept: Sequence[Shard]) -> tuple[Pod, ...]:
    """Pods that run and hold no shard any more once fewer are kept: those that a drain empties."""
    stay = {pod for shard in kept for pod in shard.members}
    return tuple(pod for shard in running for pod in shard.members if pod not in stay)


def as_json(kept: Sequence[Shard], away: Sequence[Pod], headless: str) -> str:
    """The plan as files/redis_plan_file.py reads it: hosts of each shard, its master first, and those that leave."""
    written = {
        "shards": [[f"{pod.name}.{headless}" for pod in shard.members] for shard in kept],
        "leaving": [f"{pod.name}.{headless}" for pod in away],
    }
    return json.dumps(written, indent=1) + "\n"
