"""Points of a collection, over all its shards and copies: writes, reads, and what other peers ask of this one.

Writes follow lib/collection/src/shards/replica_set/update.rs, reads execute_read_operation.rs beside it.
"""

import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from . import catalog
from .faults import NotFoundError, ServiceError, StorageError
from .node import Node
from .shard import Record, order

DEACTIVATION_SECONDS = 30.0
"""DEFAULT_SHARD_DEACTIVATION_TIMEOUT, update.rs."""


def shard_of(point_id: int | str, shards: Iterable[int]) -> int:
    """The shard to which a point belongs: by its id alone (Qdrant: a hash ring)."""
    known = sorted(shards)
    return known[int.from_bytes(hashlib.sha256(str(point_id).encode()).digest()[:8]) % len(known)]


class Points:
    """The coordinator of each call that a client makes to this node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pool = ThreadPoolExecutor(128)
        self._count = itertools.count()
        self._lock = threading.Lock()
        self._disabled: set[tuple[str, int, int]] = set()
        """Copies that failed here and are not yet Dead for everybody (locally_disabled_peers.rs)."""

    # Writes.

    def write(self, collection: str, points: dict[int | str, dict[str, Any] | None]) -> None:
        """Writes points by id, None to delete one. Returns once every copy that takes writes has them, or is Dead."""
        version = [time.time_ns(), self._node.me, next(self._count)]
        with self._node.lock:
            shards = list(self._node.catalog.collection(collection).shards)
        by_shard: dict[int, list[Record]] = {}
        for point_id, point in points.items():
            record = {"id": point_id, "version": version, "point": point}
            by_shard.setdefault(shard_of(point_id, shards), []).append(record)
        work = [self._pool.submit(self._write_shard, collection, shard, part) for shard, part in by_shard.items()]
        for done in work:
            done.result()

    def _write_shard(self, collection: str, shard_id: int, records: list[Record]) -> None:
        node = self._node
        with node.lock:
            known = node.catalog.collection(collection)
            copies = dict(known.shards[shard_id])
            factor = min(known.config["params"]["write_consistency_factor"], len(copies))
        with self._lock:
            targets = {
                peer: state
                for peer, state in copies.items()
                if state in catalog.UPDATABLE and (collection, shard_id, peer) not in self._disabled
            }
        if not targets:
            raise ServiceError(f"The replica set for shard {shard_id} on peer {node.me} has no active replica")
        body = {"collection": collection, "shard": shard_id, "records": records}
        if node.me in targets:
            self.write_here(collection, shard_id, records)  # what goes wrong here is told at once (submit_update)
        calls = {peer: _Call(lambda p=peer: node.call(p, "/shard/write", body)) for peer in targets if peer != node.me}
        failures = {peer: error for peer, call in calls.items() if (error := call.error()) is not None}
        done = [peer for peer in targets if peer not in failures]
        if len(done) < factor:
            raise next(iter(failures.values()))
        self._deactivate(collection, shard_id, targets, failures)
        if not any(targets[peer] == catalog.ACTIVE for peer in done):
            raise ServiceError(
                "Failed to apply operation to at least one `Active` replica. "
                "Consistency of this update is not guaranteed. Please retry."
            )

    def _deactivate(
        self, collection: str, shard_id: int, states: dict[int, str], failures: dict[int, StorageError]
    ) -> None:
        """Has every peer know that these copies missed a write; the write is not answered before that."""
        for peer, error in failures.items():
            if states[peer] == catalog.PARTIAL and isinstance(error, NotFoundError):
                continue  # the transfer that is filling it brings this write as well
            key = (collection, shard_id, peer)
            with self._lock:
                self._disabled.add(key)
            try:
                self._node.propose(
                    {
                        "type": "set_state",
                        "collection": collection,
                        "shard": shard_id,
                        "peer": peer,
                        "state": catalog.DEAD,
                        "from_state": states[peer],
                    },
                    DEACTIVATION_SECONDS,
                )
            except StorageError as refused:
                with self._node.lock:
                    now = self._node.catalog.collection(collection).shards[shard_id].get(peer)
                if now in catalog.UPDATABLE:
                    raise ServiceError(
                        f"Some replica of shard {shard_id} failed to apply operation and deactivation failed "
                        f"({refused}). Consistency of this update is not guaranteed. Please retry. "
                        f"Failed peer: {peer}, error: {error}"
                    ) from refused
            finally:
                with self._lock:
                    self._disabled.discard(key)

    def write_here(self, collection: str, shard_id: int, records: list[Record]) -> None:
        """Writes this node's copy, and passes the records on where a transfer from it is running."""
        node = self._node
        shard = node.shard(collection, shard_id)
        if shard is None:
            raise NotFoundError(f"Shard {shard_id} of {collection} is not on peer {node.me}")
        shard.write(records)
        with node.lock:
            known = node.catalog.collections.get(collection)
            if known is not None:
                node.forwarded.get((collection, known.uid, shard_id), []).append(records)

    # Reads.

    def count(self, collection: str) -> int:
        return sum(self._from_each(collection, "/shard/count", {}, self.count_here))

    def scroll(self, collection: str, offset: int | str | None, limit: int) -> tuple[list[Record], int | str | None]:
        """A page by id and the id with which the next one starts."""
        body = {"offset": offset, "limit": limit + 1}
        pages = self._from_each(collection, "/shard/scroll", body, self.scroll_here)
        found = sorted((record for page in pages for record in page), key=lambda record: order(record["id"]))
        following = found[limit]["id"] if len(found) > limit else None
        return found[:limit], following

    def query(self, collection: str, vector: list[float], limit: int) -> list[tuple[float, Record]]:
        """The nearest points, best first."""
        with self._node.lock:
            distance = self._node.catalog.collection(collection).config["params"]["vectors"]["distance"]
        body = {"vector": vector, "limit": limit, "distance": distance}
        parts = self._from_each(collection, "/shard/query", body, self.query_here)
        found = [(float(score), record) for part in parts for score, record in part]
        return sorted(found, key=lambda pair: pair[0], reverse=distance != "Euclid")[:limit]

    def count_here(self, collection: str, shard_id: int, _: dict[str, Any]) -> int:
        return self._mine(collection, shard_id).count

    def scroll_here(self, collection: str, shard_id: int, body: dict[str, Any]) -> list[Record]:
        start = body["offset"]
        points = self._mine(collection, shard_id).points()
        return [r for r in points if start is None or order(r["id"]) >= order(start)][: body["limit"]]

    def query_here(self, collection: str, shard_id: int, body: dict[str, Any]) -> list[tuple[float, Record]]:
        return self._mine(collection, shard_id).nearest(body["vector"], body["limit"], body["distance"])

    def _mine(self, collection: str, shard_id: int) -> Any:
        shard = self._node.shard(collection, shard_id)
        if shard is None:
            raise ServiceError(f"Local shard {shard_id} not found")
        return shard

    def _from_each(
        self, collection: str, path: str, body: dict[str, Any], here: Callable[[str, int, dict[str, Any]], Any]
    ) -> list[Any]:
        """The answer of one active copy of each shard."""
        with self._node.lock:
            known = self._node.catalog.collection(collection)
            places = {shard_id: known.active(shard_id) for shard_id in known.shards}
        work = [
            self._pool.submit(self._from_one, collection, shard_id, peers, path, body, here)
            for shard_id, peers in places.items()
        ]
        return [done.result() for done in work]

    def _from_one(
        self,
        collection: str,
        shard_id: int,
        peers: list[int],
        path: str,
        body: dict[str, Any],
        here: Callable[[str, int, dict[str, Any]], Any],
    ) -> Any:
        """The copy on this node, else two others at once (default_fan_out), else the next one."""
        node, errors = self._node, list[str]()
        if node.me in peers:
            try:
                return here(collection, shard_id, body)
            except ServiceError as error:
                errors.append(str(error))
        others = iter([peer for peer in peers if peer != node.me])
        asked = {**body, "collection": collection, "shard": shard_id}
        running = {_Call(lambda p=peer: node.call(p, path, asked)) for peer in itertools.islice(others, 2)}
        while running:
            done, _ = wait([call.future for call in running], return_when=FIRST_COMPLETED)
            for call in [call for call in running if call.future in done]:
                running.discard(call)
                error = call.error()
                if error is None:
                    return call.future.result()
                errors.append(str(error))
                running |= {_Call(lambda p=peer: node.call(p, path, asked)) for peer in itertools.islice(others, 1)}
        raise ServiceError(f"{len(errors)} of {len(errors)} read operations failed: " + "; ".join(errors))


class _Call:
    """A call that runs in a thread of its own: threads of a pool would wait for each other."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.future: Future[Any] = Future()
        self._work = work
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self.future.set_result(self._work())
        except Exception as error:  # noqa: BLE001  (raised again by who asks)
            self.future.set_exception(error)

    def error(self) -> StorageError | None:
        """Waits; what went wrong. Anything but a StorageError is raised."""
        problem = self.future.exception()
        if problem is None or isinstance(problem, StorageError):
            return problem
        raise problem
