"""The Redis Cluster of the program, asked from the toolbox."""

import json
import shlex
import subprocess
from dataclasses import dataclass

from components.redis_plan import Shard, plan
from tests.dataplane.cluster.stand import TOOLBOX, Stand

SELECTOR = "app.kubernetes.io/name=redis"
HEADLESS = "redis-headless"
_CLI = "valkey-cli"
_COMMANDS = ("CLUSTER INFO", "INFO replication", "CLUSTER NODES")
_FACTS = 8
"""Fields of a line of CLUSTER NODES before the slots; the last of them says how the link to the node is."""
_CONNECTED = "connected"
_LINKS = (_CONNECTED, "disconnected")
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
    reaches: frozenset[str]
    """Addresses at which it has a link to a node, its own among them. What it knows says less: a node that has just
    been started says `ok` of nodes that it knows from before, at addresses which nobody has any more."""
    slots: int


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
        script += "".join(f"{ask.format(headless=HEADLESS, command=command)}; " for command in _COMMANDS) + "done"
        blocks = self._stand.tool("sh", "-c", script, check=False).split("node:")[1:]
        return {block.splitlines()[0].strip(): _node(block.splitlines()[1:]) for block in blocks}

    def masters(self) -> set[str]:
        """Who is master now."""
        return {name for name, node in self.nodes().items() if node.master}

    def slots(self) -> dict[str, int]:
        """How many slots each node has that has any, as it says itself."""
        return {name: node.slots for name, node in self.nodes().items() if node.slots}

    def works(self) -> bool:
        """Whether every node says that the cluster works, and reaches all others where they are now."""
        addresses = frozenset(pod.address for pod in self._stand.pods(SELECTOR))
        found = self.nodes()
        return set(found) == set(self.names) and all(
            node.state == "ok" and node.reaches == addresses for node in found.values()
        )

    def tell(self, node: str, *command: str) -> str:
        """What one node says to a command."""
        return self._stand.tool(
            "sh", "-c", f"{_PASSWORD} exec {_CLI} -h {node}.{HEADLESS} {shlex.join(command)}"
        ).strip()

    def move(self, slots: int, source: str, target: str) -> "subprocess.Popen[str]":
        """Moves slots from one master to another, as a scale-out does; beside the test, which waits for its end."""
        ids = [self.tell(name, "CLUSTER", "MYID") for name in (source, target)]
        options = f"--cluster-from {ids[0]} --cluster-to {ids[1]} --cluster-slots {slots} --cluster-yes"
        moving = f"{_PASSWORD} exec {_CLI} --cluster reshard {source}.{HEADLESS}:6379 {options} >/dev/null"
        return self._stand.popen(TOOLBOX, TOOLBOX, "sh", "-c", moving)

    def write(self, keys: int) -> None:
        """Writes keys through a cluster-aware client."""
        self._stand.tool("python3", "-c", _WRITE, str(keys), seconds=120)

    def wrong(self, keys: int) -> list[int]:
        """Numbers of the keys that are not there, or hold another value."""
        return json.loads(self._stand.tool("python3", "-c", _READ, str(keys), seconds=120))


def _node(lines: list[str]) -> Node:
    known = [fields for fields in map(str.split, lines) if len(fields) >= _FACTS and fields[7] in _LINKS]
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    return Node(
        state=facts.get("cluster_state", ""),
        master=facts.get("role") == "master",
        reaches=frozenset(fields[1].partition(":")[0] for fields in known if fields[7] == _CONNECTED),
        slots=sum(_size(slots) for fields in known if "myself" in fields[2] for slots in fields[_FACTS:]),
    )


def _size(slots: str) -> int:
    """Of "7" and "0-5460"; of "[7->-…", a slot on its way, nothing: its node is named for it as well."""
    if slots.startswith("["):
        return 0
    first, _, last = slots.partition("-")
    return int(last or first) - int(first) + 1
