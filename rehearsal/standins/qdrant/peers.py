"""What peers ask of each other on the p2p port: consensus, points of one copy, joining. Without a key, as in Qdrant."""

import json
import threading
from collections.abc import Callable
from typing import Any

from .consensus import as_json
from .faults import BadRequestError, ServiceError, StorageError
from .node import Node
from .points import Points
from .wire import Answer, Request


class PeerInterface:
    """Answers other peers, and a test that wants this node to fail."""

    def __init__(self, node: Node, points: Points, faults: "Faults") -> None:
        self._node, self._points, self._faults = node, points, faults
        self._calls: dict[str, Callable[[dict[str, Any]], Any]] = {
            "/raft/vote": node.consensus.on_vote,
            "/raft/append": node.consensus.on_append,
            "/raft/propose": node.consensus.on_propose,
            "/raft/await": self._await,
            "/join": self._join,
            "/shard/write": self._write,
            "/shard/count": lambda asked: points.count_here(asked["collection"], asked["shard"], asked),
            "/shard/scroll": lambda asked: points.scroll_here(asked["collection"], asked["shard"], asked),
            "/shard/query": lambda asked: points.query_here(asked["collection"], asked["shard"], asked),
            "/standin/fault": faults.plan,
        }

    def answer(self, request: Request) -> Answer:
        call = self._calls.get(request.path)
        if call is None:
            return Answer(404, as_json(BadRequestError(f"no such call: {request.path}")))
        try:
            if request.path.startswith("/shard/") and not self._node.loaded:
                raise ServiceError("this peer has not loaded its collections yet")
            return Answer(200, call(json.loads(request.body or b"{}")))
        except StorageError as error:
            return Answer(error.status, as_json(error))

    def _await(self, asked: dict[str, Any]) -> bool:
        return self._node.consensus.await_applied(asked["index"], asked["seconds"])

    def _join(self, asked: dict[str, Any]) -> bool:
        """Any member passes a new peer on to the leader; the same peer may ask twice. At the address of another one it
        takes that one's place, unless that holds shards (src/tonic/api/raft_api.rs, add_peer_to_known)."""
        if self._node.consensus.stopped is not None:
            raise ServiceError("this peer was removed from its cluster")
        peer, uri = asked["peer"], asked["uri"]
        with self._node.lock:
            known = dict(self._node.catalog.peers)
            former = next((other for other, at in known.items() if at == uri and other != peer), None)
            holds = former is not None and self._node.catalog.has_shards(former)
        if known.get(peer) == uri:
            return True
        if holds:
            raise BadRequestError(
                f"peer URI {uri} already used by peer {former} which still has shards, remove its shards first or use "
                "a different URI"
            )
        if former is not None:
            self._node.propose({"type": "remove_peer", "peer": former})
        return self._node.propose({"type": "add_peer", **asked})

    def _write(self, asked: dict[str, Any]) -> bool:
        self._points.write_here(asked["collection"], asked["shard"], asked["records"])
        return True


class Faults:
    """Calls that are to fail: a test names method, path and how often."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: dict[tuple[str, str], tuple[int, int]] = {}

    def plan(self, fault: dict[str, Any]) -> bool:
        """`{"method": "GET", "path": "/collections/x/exists", "status": 503, "times": 1}`; 0 times calls it off."""
        with self._lock:
            self._planned[fault["method"], fault["path"]] = fault["status"], fault["times"]
        return True

    def due(self, method: str, path: str) -> Answer | None:
        """The failure that this call meets, None where it meets none."""
        with self._lock:
            status, times = self._planned.get((method, path), (0, 0))
            if times <= 0:
                return None
            self._planned[method, path] = status, times - 1
        return Answer(status, {"status": {"error": "planned by a test"}, "time": 0.0})
