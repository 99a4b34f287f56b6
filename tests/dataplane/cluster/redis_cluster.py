"""The Redis Cluster of the program, asked from the toolbox."""

import json
from dataclasses import dataclass

from components.redis_plan import Shard, plan
from tests.dataplane.cluster.stand import Stand

SELECTOR = "app.kubernetes.io/name=redis"
HEADLESS = "redis-headless"
_PASSWORD = "REDISCLI_AUTH=$(cat /run/secrets/redis/password)"
_CLIENT = """
import json, sys
from redis.cluster import RedisCluster
password = open("/run/secrets/redis/password").read()
redis = RedisCluster(host="redis-headless", password=password, socket_timeout=5)
"""
_WRITE = (
    _CLIENT
    + """
for number in range(int(sys.argv[1])):
    redis.set(f"key-{number}", f"value-{number}")
"""
)
_READ = (
    _CLIENT
    + """
wrong = [n for n in range(int(sys.argv[1])) if redis.get(f"key-{n}") != f"value-{n}".encode()]
print(json.dumps(wrong))
"""
)


@dataclass(frozen=True)
class Node:
    """What a node of the cluster knows of itself and the others."""

    state: str
    """`ok` or `fail`; empty when it does not answer."""
    master: bool
    known: int
    """Nodes that it knows, itself among them."""


class RedisNodes:
    """The nodes by the names of their pods."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        settings = stand.settings
        zones = len(settings.high_availability.zones)
        self.shards: tuple[Shard, ...] = plan(zones, settings.redis.cluster.nodes, settings.redis.cluster.replicas)

    @property
    def names(self) -> list[str]:
        """Pods of the plan."""
        return sorted(pod.name for shard in self.shards for pod in shard.members)

    @property
    def planned_masters(self) -> set[str]:
        """Who is master while every zone is up."""
        return {shard.master.name for shard in self.shards}

    def nodes(self) -> dict[str, Node]:
        """Every node as it sees the cluster, asked in one go."""
        ask = 'timeout 3 valkey-cli -h "$node.{headless}" {command} | tr -d "\\r"'
        script = f'export {_PASSWORD}; for node in {" ".join(self.names)}; do echo "node:$node"; '
        script += ask.format(headless=HEADLESS, command="CLUSTER INFO") + "; "
        script += ask.format(headless=HEADLESS, command="INFO replication") + "; done"
        blocks = self._stand.tool("sh", "-c", script, check=False).split("node:")[1:]
        return {block.splitlines()[0].strip(): _node(block.splitlines()[1:]) for block in blocks}

    def masters(self) -> set[str]:
        """Who is master now."""
        return {name for name, node in self.nodes().items() if node.master}

    def works(self) -> bool:
        """Whether every node says that the cluster works, and knows all others."""
        found = self.nodes()
        return set(found) == set(self.names) and all(
            node.state == "ok" and node.known == len(self.names) for node in found.values()
        )

    def write(self, keys: int) -> None:
        """Writes keys through a cluster-aware client."""
        self._stand.tool("python3", "-c", _WRITE, str(keys), seconds=120)

    def wrong(self, keys: int) -> list[int]:
        """Numbers of the keys that are not there, or hold another value."""
        return json.loads(self._stand.tool("python3", "-c", _READ, str(keys), seconds=120))


def _node(lines: list[str]) -> Node:
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    return Node(
        state=facts.get("cluster_state", ""),
        master=facts.get("role") == "master",
        known=int(facts.get("cluster_known_nodes") or 0),
    )
