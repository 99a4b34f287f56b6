"""Copies on their way: this node fills the copies that transfers from it are to fill, and has its own Dead ones filled.

Follows lib/collection/src/shards/transfer/driver.rs and Collection::sync_local_state. A Dead copy is recovered from an
active one, one at a time for each collection and node (DEFAULT incoming_shard_transfers_limit of 1).
"""

import threading
import time
from typing import Any

from . import catalog
from .catalog import Transfer
from .faults import ServiceError, StorageError
from .node import Node, say

_BATCH = 200
_AGAIN_SECONDS = 2.0
"""After a recovery that failed, which it does at once where a disk is full."""
_COMMIT_SECONDS = 5.0
"""For every other peer to know of the transfer, before the new copy counts."""


class Transfers:
    """Runs in the background of a node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._running: set[tuple[str, str, Transfer]] = set()
        self._lock = threading.Lock()
        self._recovered_at: dict[tuple[str, int], float] = {}

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        node = self._node
        node.consensus.await_applied(node.consensus.ledger.last, 3600)
        self._call_off_those_before()
        while node.consensus.stopped is None:
            for name, uid, transfer in self._from_here():
                self._begin(name, uid, transfer)
            self._recover()
            time.sleep(0.2)

    def _call_off_those_before(self) -> None:
        """What a restart interrupted (src/main.rs: cancel_related_transfers, "Source or target peer restarted")."""
        node = self._node
        while node.consensus.leader == 0:
            time.sleep(0.1)
        with node.lock:
            mine = [
                (name, transfer)
                for name, collection in node.catalog.collections.items()
                for transfer in collection.transfers
                if node.me in (transfer.source, transfer.target)
            ]
        for name, transfer in mine:
            say(f"calling off the transfer of {name}:{transfer.shard_id}: source or target restarted")
            node.try_to(lambda n=name, t=transfer: node.propose({"type": "abort_transfer", **_key(n, t)}))

    def _from_here(self) -> list[tuple[str, str, Transfer]]:
        with self._node.lock:
            return [
                (name, collection.uid, transfer)
                for name, collection in self._node.catalog.collections.items()
                for transfer in collection.transfers
                if transfer.source == self._node.me
            ]

    def _begin(self, name: str, uid: str, transfer: Transfer) -> None:
        task = (name, uid, transfer)
        with self._lock:
            if task in self._running:
                return
            self._running.add(task)
        threading.Thread(target=self._work, args=task, daemon=True).start()

    def _work(self, name: str, uid: str, transfer: Transfer) -> None:
        key = (name, uid, transfer.shard_id)
        queue: list[list[dict[str, Any]]] = []
        with self._node.lock:
            self._node.forwarded[key] = queue
        try:
            self._fill(name, transfer, queue)
        except StorageError as error:
            say(f"transfer of {name}:{transfer.shard_id} to {transfer.target} failed: {error}")
            self._node.try_to(lambda: self._node.propose({"type": "abort_transfer", **_key(name, transfer)}))
        finally:
            with self._node.lock:
                if self._node.forwarded.get(key) is queue:
                    del self._node.forwarded[key]
            with self._lock:
                self._running.discard((name, uid, transfer))

    def _fill(self, name: str, transfer: Transfer, queue: list[list[dict[str, Any]]]) -> None:
        node = self._node
        shard = node.shard(name, transfer.shard_id)
        if shard is None:
            raise ServiceError(f"shard {transfer.shard_id} is not here")
        end = time.monotonic() + node.options.transfer_seconds
        self._await_target(name, transfer)
        records = shard.records()
        for start in range(0, len(records), _BATCH):
            self._send(name, transfer, records[start : start + _BATCH])
        while time.monotonic() < end:
            self._still_wanted(name, transfer)
            time.sleep(0.05)
        self._flush(name, transfer, queue)
        with node.lock:
            state = node.catalog.collection(name).shards[transfer.shard_id].get(transfer.target)
        if state == catalog.RECOVERY:
            # From now on every peer writes to the new copy itself.
            node.set_state(name, transfer.shard_id, transfer.target, catalog.PARTIAL, catalog.RECOVERY)
        self._await_commit()
        self._flush(name, transfer, queue)
        node.propose({"type": "finish_transfer", **_key(name, transfer)})
        self._flush(name, transfer, queue)

    def _await_target(self, name: str, transfer: Transfer) -> None:
        """The target has to know of its copy before it can take points."""
        end = time.monotonic() + 10
        while True:
            try:
                self._send(name, transfer, [])
            except StorageError:
                if time.monotonic() > end:
                    raise
                self._still_wanted(name, transfer)
                time.sleep(0.1)
            else:
                return

    def _send(self, name: str, transfer: Transfer, records: list[dict[str, Any]]) -> None:
        body = {"collection": name, "shard": transfer.shard_id, "records": records}
        self._node.call(transfer.target, "/shard/write", body)

    def _flush(self, name: str, transfer: Transfer, queue: list[list[dict[str, Any]]]) -> None:
        while queue:
            with self._node.lock:
                waiting = queue[:]
                queue.clear()
            self._send(name, transfer, [record for records in waiting for record in records])

    def _still_wanted(self, name: str, transfer: Transfer) -> None:
        with self._node.lock:
            known = self._node.catalog.collections.get(name)
        if known is None or transfer not in known.transfers:
            raise ServiceError("the transfer was called off")

    def _await_commit(self) -> None:
        """Waits until the other peers know what this one knows; a peer that is away does not take writes either."""
        node = self._node
        index = node.consensus.applied
        for peer in [peer for peer in node.consensus.members() if peer != node.me]:
            try:
                node.call(peer, "/raft/await", {"index": index, "seconds": _COMMIT_SECONDS}, _COMMIT_SECONDS)
            except StorageError as error:
                say(f"goes on without peer {peer}: {error}")

    def _recover(self) -> None:
        """Asks for a Dead copy on this node to be filled again."""
        node = self._node
        with node.lock:
            asked: list[dict[str, Any]] = []
            for name, collection in node.catalog.collections.items():
                if any(transfer.target == node.me for transfer in collection.transfers):
                    continue
                for shard_id, copies in collection.shards.items():
                    sources = collection.active(shard_id)
                    waited = time.monotonic() - self._recovered_at.get((name, shard_id), 0) > _AGAIN_SECONDS
                    if copies.get(node.me) == catalog.DEAD and sources and waited:
                        transfer = Transfer(shard_id, sources[0], node.me, sync=True, method="wal_delta")
                        asked.append({"type": "start_transfer", **_key(name, transfer), **_how(transfer)})
                        break
        for operation in asked:
            self._recovered_at[operation["collection"], operation["shard"]] = time.monotonic()
            say(f"recovering {operation['collection']}:{operation['shard']} from {operation['source']}")
            node.try_to(lambda o=operation: node.propose(o))


def _key(name: str, transfer: Transfer) -> dict[str, Any]:
    return {
        "collection": name,
        "shard": transfer.shard_id,
        "source": transfer.source,
        "target": transfer.target,
    }


def _how(transfer: Transfer) -> dict[str, Any]:
    return {"sync": transfer.sync, "method": transfer.method}
