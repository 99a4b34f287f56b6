"""Where Qdrant's nodes say that the copies of shards are."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.dataplane.cluster.stand import Stand

_COPIES = """
import json, urllib.request
key = open("/run/secrets/qdrant/api-key").read()
def ask(path):
    request = urllib.request.Request("http://qdrant-0.qdrant-headless:6333" + path, headers={"api-key": key})
    return json.load(urllib.request.urlopen(request, timeout=10))["result"]
nodes = {int(peer): known["uri"].split("//")[1].split(".")[0] for peer, known in ask("/cluster")["peers"].items()}
copies = {}
for collection in ask("/collections")["collections"]:
    seen = ask(f"/collections/{collection['name']}/cluster")
    held = [{**copy, "peer_id": seen["peer_id"]} for copy in seen["local_shards"]] + seen["remote_shards"]
    for copy in held:
        shard = f"{collection['name']}:{copy['shard_id']}"
        copies.setdefault(shard, []).append([nodes[copy["peer_id"]], copy["state"]])
print(json.dumps({"nodes": sorted(nodes.values()), "copies": copies}))
"""


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
