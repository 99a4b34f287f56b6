"""Where Qdrant's nodes say that the copies of shards are."""

import json
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.dataplane.cluster.stand import TOOLBOX, Stand

_LOOK = """
import json, sys, threading, urllib.request
key = open("/run/secrets/qdrant/api-key").read()
def ask(path):
    request = urllib.request.Request("http://qdrant-0.qdrant-headless:6333" + path, headers={"api-key": key})
    return json.load(urllib.request.urlopen(request, timeout=10))["result"]
def look():
    nodes = {int(peer): known["uri"].split("//")[1].split(".")[0] for peer, known in ask("/cluster")["peers"].items()}
    copies = {}
    for collection in ask("/collections")["collections"]:
        seen = ask(f"/collections/{collection['name']}/cluster")
        held = [{**copy, "peer_id": seen["peer_id"]} for copy in seen["local_shards"]] + seen["remote_shards"]
        for copy in held:
            shard = f"{collection['name']}:{copy['shard_id']}"
            copies.setdefault(shard, []).append([nodes.get(copy["peer_id"], ""), copy["state"]])
    return {"nodes": sorted(nodes.values()), "copies": copies}
"""
_COPIES = f"{_LOOK}print(json.dumps(look()))"
_WATCH = (
    _LOOK
    + """
ended, looks, seen = threading.Event(), 0, {}
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
while not ended.wait(0.2):
    try:
        there = look()["copies"]
    except OSError:
        continue
    for shard, held in there.items():
        seen.setdefault(shard, set()).add(json.dumps(sorted(held)))
    looks += 1
print(json.dumps({"looks": looks, "seen": {shard: [json.loads(one) for one in held] for shard, held in seen.items()}}))
"""
)


@dataclass(frozen=True)
class Copies:
    """What one node says of all."""

    nodes: list[str]
    """Those that are in the cluster."""
    copies: dict[str, list[list[str]]]
    """Node and state of each copy, by collection and shard."""

    @property
    def counted(self) -> Counter[str]:
        """How many copies each node has that has any."""
        return Counter(node for held in self.copies.values() for node, _ in held)


def copies(stand: Stand) -> Copies:
    """As they are now."""
    said: dict[str, Any] = json.loads(stand.tool("python3", "-c", _COPIES))
    return Copies(**said)


def assert_spread(stand: Stand, nodes: int) -> None:
    """So many nodes and no others have copies, each its share and at most one more; those of a shard are in different
    zones."""
    seen, factor = copies(stand), stand.settings.sharding.replication_factor
    names = [f"qdrant-{ordinal}" for ordinal in range(nodes)]
    zones = {name: stand.zone_of(stand.pod(name)) for name in names}
    assert seen.nodes == names, seen.nodes
    assert len(seen.copies) == stand.settings.shards * len(stand.settings.memory.namespaces), seen.copies.keys()
    for shard, held in seen.copies.items():
        assert [state for _, state in held] == ["Active"] * factor, (shard, held)
        assert len({zones[node] for node, _ in held}) == factor, (shard, held)
    assert set(seen.counted) == set(names), seen.counted
    assert max(seen.counted.values()) <= seen.counted.total() / nodes + 1, seen.counted


@dataclass
class Watched:
    """What was seen of the copies of each shard; filled when the watch has ended."""

    looks: int = 0
    seen: dict[str, list[list[list[str]]]] = field(default_factory=dict[str, list[list[list[str]]]])
    """Every set of nodes and states that there was."""

    def wrong(self, zones: Mapping[str, str], factor: int) -> list[str]:
        """Shards that had fewer copies than wanted at some time, or two of them in one zone; one that a node misses a
        write of is a copy still, and one on its way is none yet."""
        found: list[str] = []
        for shard, times in self.seen.items():
            for held in times:
                nodes = [node for node, state in held if state in ("Active", "Dead")]
                if len(nodes) < factor or len({zones.get(node, node) for node in nodes}) < len(nodes):
                    found.append(f"{shard}: {held}")
        return found


@contextmanager
def watching(stand: Stand) -> Generator[Watched]:
    """Looks at the copies all the time, for as long as `with` lasts."""
    watched = Watched()
    with stand.beside(TOOLBOX, TOOLBOX, _WATCH, 60) as said:
        yield watched
    watched.__dict__.update(said)
