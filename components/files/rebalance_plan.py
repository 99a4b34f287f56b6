"""Where the copies of Qdrant's shards should be, and the next step on the way there. Computes; does nothing.

The goal, in this order: as many copies of each shard as are wanted, no two of them in one zone, none on a node that is
to be emptied; no node with more copies than another could take off it, over all collections and in each; as few moves
as that takes. That is a flow of least cost: each copy is a unit that runs from its shard over a zone (room for one) to
a node (dearer with each copy that is there already, free where the copy is now). Standard library only.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

Shard = tuple[str, int]
"""Collection and number."""


@dataclass(frozen=True)
class Cluster:
    """What is there: nodes by name."""

    zones: Mapping[str, str]
    """Zone of each node that is a member."""
    leaving: frozenset[str]
    """Nodes that are to be emptied."""
    copies: Mapping[Shard, frozenset[str]]
    """Nodes with an active copy of each shard."""
    wanted: Mapping[str, int]
    """Copies that the shards of each collection should have."""

    @property
    def staying(self) -> list[str]:
        return sorted(node for node in self.zones if node not in self.leaving)


@dataclass(frozen=True)
class Step:
    """`replicate` and `move` copy a shard from one node to another, `drop` takes the copy at `source` away."""

    what: str
    shard: Shard
    source: str
    target: str = ""

    def __str__(self) -> str:
        where = f"{self.source} to {self.target}" if self.target else f"on {self.source}"
        return f"{self.what} {self.shard[0]}:{self.shard[1]} {where}"


class NoRoomError(Exception):
    """There are not enough nodes for what is wanted."""


def steps(cluster: Cluster) -> list[Step]:
    """Every step that is still to go, safest first: missing copies, then copies too many, then moves.

    In this order, and with each move pairing nodes of one zone before others, a shard has at every moment as many
    active copies as before or as wanted, in zones that differ wherever they differed before.
    """
    goal = placement(cluster)
    found: dict[str, list[Step]] = {"replicate": [], "drop": [], "move": []}
    for shard, now in sorted(cluster.copies.items()):
        for step in _towards(cluster, shard, now, goal[shard]):
            found[step.what].append(step)
    moves = sorted(found["move"], key=lambda step: step.source not in cluster.leaving)
    return [*found["replicate"], *found["drop"], *moves]


def _towards(cluster: Cluster, shard: Shard, now: frozenset[str], goal: frozenset[str]) -> Iterator[Step]:
    """Steps of one shard."""
    going, coming = sorted(now - goal), sorted(goal - now)
    moves: list[Step] = []

    def pair(source: str, target: str) -> None:
        moves.append(Step("move", shard, source, target))
        going.remove(source)
        coming.remove(target)

    for source in list(going):
        near = [node for node in coming if cluster.zones[node] == cluster.zones[source]]
        if near:
            pair(source, near[0])
    # What is too much goes where the zone has another copy, if it can.
    for _ in range(len(going) - len(coming)):
        # A move within a zone leaves a copy there, so those that move already count as well.
        crowd = [cluster.zones[node] for node in now]
        dropped = max(going, key=lambda node: crowd.count(cluster.zones[node]))
        going.remove(dropped)
        now -= {dropped}
        yield Step("drop", shard, dropped)
    for source, target in list(zip(going, coming, strict=False)):
        pair(source, target)
    source = min(now & goal or now)
    yield from (Step("replicate", shard, source, target) for target in coming)
    yield from moves


def faults(cluster: Cluster) -> list[str]:
    """What is wrong with the placement as it is, in words."""
    found: list[str] = []
    for (collection, number), nodes in sorted(cluster.copies.items()):
        wanted, here = cluster.wanted[collection], f"{collection}:{number}"
        if len(nodes) != wanted:
            found.append(f"{here} has {len(nodes)} copies, {wanted} are wanted")
        used = [cluster.zones[node] for node in nodes]
        crowded = sorted({zone for zone in used if used.count(zone) > _room(cluster, wanted)})
        found += [f"{here} has {used.count(zone)} copies in {zone}" for zone in crowded]
        found += [f"{here} is on {node}, which is to be emptied" for node in sorted(nodes & cluster.leaving)]
    return found


def placement(cluster: Cluster) -> dict[Shard, frozenset[str]]:
    """The goal: nodes of each shard. Raises NoRoomError where there are fewer nodes than copies are wanted."""
    nodes = cluster.staying
    for collection, wanted in cluster.wanted.items():
        if wanted > len(nodes):
            raise NoRoomError(f"{collection} is to have {wanted} copies of each shard, and {len(nodes)} nodes stay")
    flow = _Flow()
    # A step in load outweighs all moves together; load over all collections outweighs load in each.
    units = sum(cluster.wanted[collection] for collection, _ in cluster.copies)
    in_each, in_all = units + 1, (units + 1) ** 3
    shards = Counter(collection for collection, _ in cluster.copies)
    for node in nodes:
        flow.rising(("node", node), "end", len(cluster.copies), in_all)
        for collection, number in shards.items():
            flow.rising(("part", collection, node), ("node", node), number, in_each)
    for shard, now in cluster.copies.items():
        wanted = cluster.wanted[shard[0]]
        flow.edge("start", shard, wanted, 0)
        for zone in sorted({cluster.zones[node] for node in nodes}):
            flow.edge(shard, (shard, zone), _room(cluster, wanted), 0)
            for node in (node for node in nodes if cluster.zones[node] == zone):
                flow.edge((shard, zone), ("part", shard[0], node), 1, int(node not in now), label=(shard, node))
    if flow.run("start", "end") < units:
        raise NoRoomError("the zones have too few nodes for the copies that are wanted")
    goal: dict[Shard, set[str]] = {shard: set() for shard in cluster.copies}
    for shard, node in flow.used():
        goal[shard].add(node)
    return {shard: frozenset(nodes) for shard, nodes in goal.items()}


def _room(cluster: Cluster, wanted: int) -> int:
    """Copies of one shard that a zone may hold: one, unless there are fewer zones than copies."""
    zones = {cluster.zones[node] for node in cluster.staying}
    return -(-wanted // len(zones)) if zones else wanted


@dataclass
class _Edge:
    to: int
    room: int
    cost: int
    label: tuple[Shard, str] | None = None


@dataclass
class _Flow:
    """Least cost over successive shortest paths (Dijkstra with potentials; every cost is >= 0 at the start)."""

    _numbers: dict[object, int] = field(default_factory=dict[object, int])
    _edges: list[_Edge] = field(default_factory=list[_Edge])
    """Each with its reverse behind it: i and i ^ 1."""
    _leaving: list[list[int]] = field(default_factory=list[list[int]])

    def edge(self, start: object, to: object, room: int, cost: int, label: tuple[Shard, str] | None = None) -> None:
        a, b = self._number(start), self._number(to)
        self._leaving[a].append(len(self._edges))
        self._edges.append(_Edge(b, room, cost, label))
        self._leaving[b].append(len(self._edges))
        self._edges.append(_Edge(a, 0, -cost))

    def rising(self, start: object, to: object, room: int, cost: int) -> None:
        """Room for so many units, each dearer than the one before by `cost`."""
        for unit in range(room):
            self.edge(start, to, 1, unit * cost)

    def run(self, start: object, end: object) -> int:
        """Sends what goes; how much that was."""
        source, sink, sent = self._number(start), self._number(end), 0
        potential = [0] * len(self._leaving)
        while True:
            distance, arrived = self._shortest(source, potential)
            if sink not in arrived:
                return sent
            for number, far in distance.items():
                potential[number] += far
            node = sink
            while node != source:
                edge = arrived[node]
                self._edges[edge].room -= 1
                self._edges[edge ^ 1].room += 1
                node = self._edges[edge ^ 1].to
            sent += 1

    def used(self) -> Iterable[tuple[Shard, str]]:
        """Labels of the edges that carry a unit."""
        return [edge.label for edge in self._edges if edge.label is not None and edge.room == 0]

    def _shortest(self, source: int, potential: list[int]) -> tuple[dict[int, int], dict[int, int]]:
        distance, arrived, done, order = {source: 0}, dict[int, int](), set[int](), count()
        queue = [(0, next(order), source)]
        while queue:
            far, _, node = heapq.heappop(queue)
            if node in done:
                continue
            done.add(node)
            for number in self._leaving[node]:
                edge = self._edges[number]
                there = far + edge.cost + potential[node] - potential[edge.to]
                if edge.room > 0 and there < distance.get(edge.to, there + 1):
                    distance[edge.to], arrived[edge.to] = there, number
                    heapq.heappush(queue, (there, next(order), edge.to))
        # What cannot be reached keeps its potential behind everything that can.
        furthest = max(distance.values())
        return {number: distance.get(number, furthest) for number in range(len(self._leaving))}, arrived

    def _number(self, name: object) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self._leaving)
            self._leaving.append([])
        return self._numbers[name]
