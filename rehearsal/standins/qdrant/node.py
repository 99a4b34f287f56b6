"""One node: its consensus, what it knows of the cluster, and the copies of shards that it holds."""

import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import catalog
from .catalog import Catalog, Operation
from .consensus import Consensus, from_json
from .faults import BadRequestError, ServiceError, StorageError
from .ledger import Ledger
from .options import Options
from .shard import Shard
from .wire import Client, SilentError, UnreachableError

LocalKey = tuple[str, str, int]
"""Collection, its uid, shard."""

_COLLECTIONS_SECONDS = 10.0
"""How long a peer that came back may be without the others before it listens all the same."""
_HEALTH_CHECK_SECONDS, _ATTEMPTS = 3.0, 3
"""A peer without an answer is asked for its health after 1 s, given up 2 s later, and called again twice
(lib/api/src/grpc/transport_channel_pool.rs: SMART_CONNECT_INTERVAL, HEALTH_CHECK_TIMEOUT, DEFAULT_RETRIES)."""


def say(text: str) -> None:
    """One line of the log."""
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} INFO qdrant-standin: {text}\n")
    sys.stderr.flush()


class Node:
    """Everything that the interfaces of a node share."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.client = Client(options.connection_timeout)
        self.catalog = Catalog()
        self.lock = threading.RLock()
        """Guards `catalog` and `shards`."""
        self.shards: dict[LocalKey, Shard] = {}
        self.forwarded: dict[LocalKey, list[list[dict[str, Any]]]] = {}
        """Writes that a running transfer from here has still to pass on, by shard."""
        self.was_new = not (options.storage / "raft_log.jsonl").exists()
        self.consensus = Consensus(Ledger(options.storage), self.client, options.tick, self._apply)
        self._came_back_with = self.consensus.ledger.last
        self.loaded = False
        """Does it know the collections that it had?"""
        self._ready = False

    @property
    def me(self) -> int:
        return self.consensus.me

    def start(self) -> None:
        """Founds, joins, or comes back. Raises SystemExit where the cluster to join does not take this peer.

        A peer that never heard of its cluster (term 0) is new, whatever its files say (is_new_deployment).
        """
        self.consensus.start()
        if self.consensus.ledger.term == 0 and self.options.bootstrap is None:
            say(f"first peer of a new cluster: {self.me} at {self.options.uri}")
            self.consensus.found(self.options.uri)
        elif self.consensus.ledger.term == 0:
            self._join(str(self.options.bootstrap))
        threading.Thread(target=self._run_reconciling, daemon=True).start()

    def await_collections(self) -> None:
        """Until a peer that came back knows its collections, as Qdrant does from its disk before it listens
        (src/main.rs). Here they follow from the log, and that needs the others: without them it does not wait for ever.
        """
        self.consensus.await_applied(self._came_back_with, _COLLECTIONS_SECONDS)
        self.loaded = True

    def _join(self, bootstrap: str) -> None:
        say(f"joining through {bootstrap} as {self.me} at {self.options.uri}")
        end = time.monotonic() + 15  # bootstrap_timeout_sec
        reason = "no answer"
        while time.monotonic() < end:
            try:
                body = {"peer": self.me, "uri": self.options.uri}
                status, answer = self.client.post(bootstrap, "/join", body, max(0.1, end - time.monotonic()))
            except (UnreachableError, SilentError) as error:
                reason = str(error)
            else:
                if status == 200:
                    return
                reason = str(answer.get("description", answer))
                if status == BadRequestError.status:
                    break
            time.sleep(0.5)
        raise SystemExit(f"Failed to initialize Consensus for new Raft state: Failed to add peer to known: {reason}")

    def propose(self, operation: Operation, seconds: float | None = None) -> bool:
        """One operation through the consensus; raises StorageError."""
        return self.consensus.propose(operation) if seconds is None else self.consensus.propose(operation, seconds)

    def call(self, peer: int, path: str, body: object, seconds: float | None = None) -> Any:
        """Calls another peer, and gives up, as Qdrant does. Raises StorageError: the peer's own, or ServiceError."""
        with self.lock:
            address = self.catalog.peers.get(peer)
        if address is None:
            raise ServiceError(f"no address for peer {peer}")
        limit = seconds or self.options.grpc_timeout + self.options.connection_timeout
        problem: Exception = ServiceError("not called")
        for attempt in range(_ATTEMPTS):
            try:
                status, answer = self.client.post(address, path, body, min(limit, _HEALTH_CHECK_SECONDS))
            except SilentError as error:
                problem = error
                if limit < _HEALTH_CHECK_SECONDS or seconds is not None:
                    break  # the request's own deadline came before the health check: no second try
            except UnreachableError as error:
                problem = error
            else:
                if status == 200:
                    return answer
                raise from_json(answer)
            time.sleep(0.1 * 2**attempt)
        raise ServiceError(f"peer {peer}: {problem}")

    def _apply(self, operation: Operation) -> bool:
        with self.lock:
            return self.catalog.apply(operation)

    # Copies on this node.

    def shard(self, collection: str, shard_id: int) -> Shard | None:
        """The copy that this node holds, by what it knows."""
        with self.lock:
            known = self.catalog.collections.get(collection)
            if known is None or self.me not in known.shards.get(shard_id, {}):
                return None
            return self._opened((collection, known.uid, shard_id))

    def _opened(self, key: LocalKey) -> Shard:
        if key not in self.shards:
            self.shards[key] = Shard(self._path(key), self.options.wal_capacity)
        return self.shards[key]

    def _path(self, key: LocalKey) -> Path:
        return self.options.storage / "collections" / key[0] / key[1] / f"{key[2]}.jsonl"

    def reconcile(self) -> None:
        """Opens the copies that this node should hold and removes the others. Only after a catch-up with the log as it
        was at the start: half of it would tell of copies that are long gone, or not there yet."""
        with self.lock:
            wanted = {
                (name, collection.uid, shard_id)
                for name, collection in self.catalog.collections.items()
                for shard_id, copies in collection.shards.items()
                if self.me in copies
            }
            for key in wanted:
                self._opened(key)
            for key in [key for key in self.shards if key not in wanted]:
                del self.shards[key]
                self._path(key).unlink(missing_ok=True)
            root = self.options.storage / "collections"
            uids = {(name, collection.uid) for name, collection in self.catalog.collections.items()}
            for folder in root.glob("*/*"):
                if (folder.parent.name, folder.name) not in uids:
                    shutil.rmtree(folder, ignore_errors=True)

    def _run_reconciling(self) -> None:
        """Keeps copies as agreed and reports new ones as active."""
        self.consensus.await_applied(self.consensus.ledger.last, 3600)
        seen = -1
        while self.consensus.stopped is None:
            if self.consensus.applied != seen:
                seen = self.consensus.applied
                self.reconcile()
            self._activate()
            with self.consensus.lock:
                self.consensus.lock.wait_for(lambda now=seen: self.consensus.applied != now, 0.5)

    def _activate(self) -> None:
        with self.lock:
            fresh = [
                (name, shard_id)
                for name, collection in self.catalog.collections.items()
                for shard_id, copies in collection.shards.items()
                if copies.get(self.me) == catalog.INITIALIZING
            ]
        for name, shard_id in fresh:
            self.try_to(lambda n=name, s=shard_id: self.set_state(n, s, self.me, catalog.ACTIVE, catalog.INITIALIZING))

    def set_state(self, collection: str, shard_id: int, peer: int, state: str, before: str | None = None) -> bool:
        """Asks the consensus for another state of a copy."""
        operation = {"type": "set_state", "collection": collection, "shard": shard_id, "peer": peer, "state": state}
        return self.propose({**operation, "from_state": before} if before else operation)

    @staticmethod
    def try_to(work: Callable[[], object]) -> bool:
        """Whether it worked; what did not is tried again by a later round."""
        try:
            work()
        except StorageError as error:
            say(f"will be tried again: {error}")
            return False
        return True

    # Health.

    def is_ready(self) -> bool:
        """src/common/health.rs: true once a member, caught up, with every copy of its own sound; then for ever."""
        if self._ready:
            return True
        with self.lock:
            known = self.consensus.applied >= self.consensus.ledger.last > 0 and self.me in self.catalog.peers
            sound = all(
                copies.get(self.me, catalog.ACTIVE) == catalog.ACTIVE
                for collection in self.catalog.collections.values()
                for copies in collection.shards.values()
            )
        if known and sound and (self.consensus.leader != 0 or len(self.catalog.peers) == 1):
            self._ready = True
            self.options.init_file.parent.mkdir(parents=True, exist_ok=True)
            self.options.init_file.touch()
        return self._ready
