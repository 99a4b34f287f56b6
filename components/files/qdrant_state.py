"""What a Qdrant cluster is like now: who takes part, in which zones, where copies are, what forbids to move any.

Zones come from Kubernetes: the pod's node, and that node's label. Standard library only.
"""

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.files import api_server
from components.files.qdrant_rest import LOOK_SECONDS, TROUBLE, Qdrant, path_of, told, works
from components.files.rebalance_plan import Cluster, Shard

ZONE = "topology.kubernetes.io/zone"


@dataclass(frozen=True)
class Plan:
    """What the program wants; `nodes` are URLs by pod name, in the order of their ordinals."""

    nodes: Mapping[str, str]
    keep: int
    """Nodes that stay: those with lower ordinals."""
    replication_factor: int
    collections: frozenset[str]
    """The service's own, to which `replication_factor` applies; others keep theirs."""

    @property
    def leaving(self) -> frozenset[str]:
        return frozenset(list(self.nodes)[self.keep :])


@dataclass
class State:
    """One look at the cluster."""

    peers: dict[str, int] = field(default_factory=dict[str, int])
    """Id of each node that is a member."""
    zones: dict[str, str] = field(default_factory=dict[str, str])
    copies: dict[Shard, dict[str, str]] = field(default_factory=dict[Shard, dict[str, str]])
    """State of each copy, by node; a peer without a node stands under its id."""
    points: dict[Shard, dict[str, int]] = field(default_factory=dict[Shard, dict[str, int]])
    factors: dict[str, int] = field(default_factory=dict[str, int])
    """`replication_factor` of each collection as its parameters say."""
    transfers: list[str] = field(default_factory=list[str])
    """Copies on their way, in words."""
    faults: list[str] = field(default_factory=list[str])
    """What speaks against moving anything."""

    def cluster(self, plan: Plan) -> Cluster:
        """What is to be planned with: active copies, and nothing else counts."""
        return Cluster(
            zones={node: self.zones[node] for node in self.peers},
            leaving=plan.leaving & self.peers.keys(),
            copies={
                shard: frozenset(node for node, state in copies.items() if state == "Active")
                for shard, copies in self.copies.items()
            },
            wanted={name: wanted(plan, name, factor) for name, factor in self.factors.items()},
        )


def wanted(plan: Plan, collection: str, factor: int) -> int:
    """Copies that a collection should have."""
    return plan.replication_factor if collection in plan.collections else factor


def look(qdrant: Qdrant, plan: Plan, zones: Mapping[str, str]) -> State:
    """The state now. Whatever cannot be learnt is a fault of it; raises nothing that `TROUBLE` holds."""
    state = State(zones=dict(zones))
    try:
        views = _views(qdrant, plan, state)
        if views:
            _membership(plan, views, state)
            names = {peer: node for node, peer in state.peers.items()}
            for entry in qdrant.call("GET", "/collections")["collections"]:
                _collection(qdrant, entry["name"], names, state)
    except TROUBLE as error:
        state.faults.append(told(error))
    return state


def _views(qdrant: Qdrant, plan: Plan, state: State) -> dict[str, dict[str, Any]]:
    """`GET /cluster` of every node that should answer."""
    views: dict[str, dict[str, Any]] = {}
    for node in plan.nodes:
        try:
            views[node] = qdrant.ask(node, "GET", "/cluster", seconds=LOOK_SECONDS)
        except TROUBLE as error:
            if node not in plan.leaving:
                state.faults.append(f"{node} does not answer ({told(error)})")
    return views


def _membership(plan: Plan, views: Mapping[str, dict[str, Any]], state: State) -> None:
    """Who is a member, as all members see it."""
    working = {node: view for node, view in views.items() if works(view)}
    for node in views.keys() - working.keys() - plan.leaving:
        state.faults.append(
            f"the consensus of {node} has stopped: it takes part no longer; look at its log, and delete its pod if it "
            "was removed and is wanted again: it joins anew"
        )
    if not working:
        state.faults.append("no node takes part in a cluster")
        return
    seen = {node: frozenset(view["peers"]) for node, view in working.items()}
    if len(set(seen.values())) > 1:
        state.faults.append(
            "nodes disagree on who is a peer: " + ", ".join(f"{n} sees {len(p)}" for n, p in seen.items())
        )
    if any(view["raft_info"]["leader"] is None for view in working.values()):
        state.faults.append("the consensus has no leader: a majority of the peers is away, or it is being elected")
    peers = set[str]().union(*seen.values())
    state.peers = {node: view["peer_id"] for node, view in working.items() if str(view["peer_id"]) in peers}
    for peer in sorted(peers - {str(known) for known in state.peers.values()}):
        state.faults.append(
            f"peer {peer} is none of the nodes that answer: it is down, or its node came back with an empty disk: "
            f"if it will not return, remove it with DELETE /cluster/peer/{peer}?force=true"
        )
    for node in plan.nodes.keys() - state.peers.keys() - plan.leaving:
        if node in views:
            state.faults.append(f"{node} is not in the cluster")


def _collection(qdrant: Qdrant, name: str, names: Mapping[int, str], state: State) -> None:
    """Copies, points and transfers of one collection, as its nodes tell."""
    state.factors[name] = qdrant.call("GET", path_of(name))["config"]["params"]["replication_factor"]
    seen = qdrant.call("GET", path_of(name) + "/cluster")
    copies = [(seen["peer_id"], copy) for copy in seen["local_shards"]]
    copies += [(copy["peer_id"], copy) for copy in seen["remote_shards"]]
    for peer, copy in copies:
        node, shard = names.get(peer, str(peer)), (name, copy["shard_id"])
        state.copies.setdefault(shard, {})[node] = copy["state"]
    filling: set[tuple[int, str]] = set()
    for transfer in seen["shard_transfers"]:
        source, target = (names.get(transfer[end], str(transfer[end])) for end in ("from", "to"))
        filling.add((transfer["shard_id"], target))
        state.transfers.append(f"{name}:{transfer['shard_id']} from {source} to {target}")
    for (collection, number), held in state.copies.items():
        for node, condition in held.items():
            if collection == name and condition != "Active" and (number, node) not in filling:
                state.faults.append(f"the copy of {name}:{number} on {node} is {condition}")
    for node in names.values():
        for copy in qdrant.ask(node, "GET", path_of(name) + "/cluster", seconds=LOOK_SECONDS)["local_shards"]:
            state.points.setdefault((name, copy["shard_id"]), {})[node] = copy["points_count"]


def zones_of(nodes: list[str]) -> dict[str, str]:
    """Zone of each pod, from the API server. Raises what `TROUBLE` holds, and LookupError where a node has no zone."""
    namespace = api_server.namespace()
    zones: dict[str, str] = {}
    for pod in nodes:
        node = api_server.get(f"/api/v1/namespaces/{namespace}/pods/{pod}")["spec"].get("nodeName")
        if node is None:
            raise LookupError(f"pod {pod} has no node yet")
        labels = api_server.get(f"/api/v1/nodes/{urllib.parse.quote(node)}")["metadata"].get("labels", {})
        if ZONE not in labels:
            raise LookupError(f"node {node} of pod {pod} has no label {ZONE}")
        zones[pod] = labels[ZONE]
    return zones
