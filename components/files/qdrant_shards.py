"""Snapshots of single shards: made on a node that holds the shard, read from it, sent to one.

A snapshot of a shard fits any cluster with as many shards, whatever its nodes and copies; one of a whole collection is
of a node and fits its like. Calls: qdrant/qdrant, src/actix/api/snapshot_api.rs@v1.19.0. Standard library only.
"""

import hashlib
import json
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from components.files.object_store import SECONDS, chunks_of, send_file
from components.files.qdrant_rest import LOOK_SECONDS, TROUBLE, Qdrant, path_of, say, told, works

LEFT_OVER = timedelta(days=1)
"""A snapshot that is so old was left by a run that was killed."""


@dataclass(frozen=True)
class Snapshot:
    """A snapshot on a node."""

    node: str
    path: str
    """On the node's REST interface."""
    size: int
    sha256: str


class ChangedError(Exception):
    """What arrived is not what Qdrant said."""


class Shards:
    """Shards of a cluster. `nodes` are URLs by the name of their pod."""

    def __init__(self, nodes: Mapping[str, str], api_key: str) -> None:
        self._nodes = {name: url.rstrip("/") for name, url in nodes.items()}
        self._key = {"api-key": api_key}
        self.qdrant = Qdrant(nodes, api_key)

    def holders(self, collection: str, active: bool = True) -> dict[int, list[tuple[str, int]]]:
        """By shard, the nodes that hold a copy of it, with the points that it has; only active ones, or all."""
        found: dict[int, list[tuple[str, int]]] = {}
        for node in self._nodes:
            for copy in self._copies(node, collection):
                if copy["state"] == "Active" or not active:
                    found.setdefault(copy["shard_id"], []).append((node, copy["points_count"]))
        return found

    def _copies(self, node: str, collection: str) -> list[dict[str, Any]]:
        """Of a node that takes part in the consensus: one that does not knows copies that are long gone."""
        try:
            if works(self.qdrant.ask(node, "GET", "/cluster", seconds=LOOK_SECONDS)):
                return self.qdrant.ask(node, "GET", path_of(collection) + "/cluster", seconds=LOOK_SECONDS)[
                    "local_shards"
                ]
        except TROUBLE as error:
            say(f"{node} does not answer and is left out ({told(error)})")
        return []

    def make(self, node: str, collection: str, shard: int) -> Snapshot:
        """A snapshot of a shard on a node."""
        path = _path(collection, shard)
        for old in self.qdrant.ask(node, "GET", path):
            if _age(old) > LEFT_OVER:
                self.qdrant.ask(node, "DELETE", f"{path}/{urllib.parse.quote(old['name'])}", seconds=SECONDS)
        made = self.qdrant.ask(node, "POST", path, seconds=SECONDS)
        if not made.get("checksum"):
            raise ChangedError(f"{node} tells no checksum of its snapshot of {collection}:{shard}")
        name = urllib.parse.quote(made["name"])
        return Snapshot(node, f"{path}/{name}", made["size"], made["checksum"])

    def remove(self, snapshot: Snapshot) -> None:
        self.qdrant.ask(snapshot.node, "DELETE", snapshot.path, seconds=SECONDS)

    def read(self, snapshot: Snapshot, write: Callable[[Iterable[bytes]], None]) -> None:
        """Hands a snapshot over, and looks whether what went through was what Qdrant said. ChangedError if not."""
        url = self._nodes[snapshot.node] + snapshot.path
        request = urllib.request.Request(url, headers=self._key)
        with urllib.request.urlopen(request, timeout=SECONDS) as stream:
            seen = Seen()
            write(seen.through(chunks_of(stream)))
        seen.compare(snapshot.size, snapshot.sha256, snapshot.path)

    def recover(self, node: str, collection: str, shard: int, chunks: Iterable[bytes], size: int, sha256: str) -> None:
        """Puts a snapshot in a shard's place on a node. The other copies are brought up to date from it by Qdrant."""
        query = urllib.parse.urlencode({"priority": "snapshot", "checksum": sha256, "wait": "true"})
        url = f"{self._nodes[node]}{_path(collection, shard)}/upload?{query}"
        status, text = send_file(url, self._key, "snapshot", f"{collection}-{shard}.snapshot", chunks, size)
        if status != 200:
            raise OSError(f"{node} did not take {collection}:{shard} ({status}): {_words(text)}")


class Seen:
    """Size and digest of what goes through."""

    def __init__(self) -> None:
        self._size, self._hash = 0, hashlib.sha256()

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._size += len(chunk)
            self._hash.update(chunk)
            yield chunk

    def compare(self, size: int, sha256: str, what: str) -> None:
        """ChangedError where it was something else."""
        if (self._size, self._hash.hexdigest()) != (size, sha256.lower()):
            raise ChangedError(
                f"{what}: {self._size} bytes with sha256 {self._hash.hexdigest()} came, "
                f"{size} bytes with {sha256} were announced"
            )


def _path(collection: str, shard: int) -> str:
    return f"{path_of(collection)}/shards/{shard}/snapshots"


def _age(description: Mapping[str, Any]) -> timedelta:
    """Of a snapshot; none where it says no time."""
    told = description.get("creation_time")
    now = datetime.now(UTC).replace(tzinfo=None)
    return timedelta() if told is None else now - datetime.fromisoformat(told)


def _words(text: bytes) -> str:
    try:
        return str(json.loads(text)["status"]["error"])
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace").strip()[:500]
