"""What all peers agree on: who is a peer, which collections there are, and where each copy of each shard is.

A pure state machine: the same entries in the same order lead to the same state on every peer. Follows
lib/storage/src/content_manager/{consensus_manager.rs,toc/collection_meta_ops.rs} and lib/collection/src/collection.
"""

from dataclasses import dataclass, field
from typing import Any

from .faults import AlreadyExistsError, BadInputError, BadRequestError, NotFoundError

Operation = dict[str, Any]
"""One entry: `type` and its arguments; plain JSON."""

ACTIVE, DEAD, PARTIAL, INITIALIZING, RECOVERY = "Active", "Dead", "Partial", "Initializing", "Recovery"
UPDATABLE = (ACTIVE, PARTIAL, INITIALIZING)
"""States that take writes (ReplicaState::is_updatable, replica_set_state.rs)."""


@dataclass(frozen=True)
class Transfer:
    """A copy on its way; `sync` keeps the source (replicate), else the source goes (move)."""

    shard_id: int
    source: int
    target: int
    sync: bool
    method: str

    def touches(self, shard_id: int, peer: int) -> bool:
        return self.shard_id == shard_id and peer in (self.source, self.target)


@dataclass
class Collection:
    """One collection."""

    uid: str
    """Tells a collection from an earlier one of the same name."""
    config: dict[str, Any]
    shards: dict[int, dict[int, str]]
    """State of each copy, by shard and peer."""
    transfers: list[Transfer] = field(default_factory=list[Transfer])

    def active(self, shard_id: int) -> list[int]:
        return [peer for peer, state in self.shards[shard_id].items() if state == ACTIVE]

    def last_active(self, shard_id: int, peer: int) -> bool:
        return self.active(shard_id) == [peer]


class Catalog:
    """The state; `apply` changes it or raises a StorageError and leaves it."""

    def __init__(self) -> None:
        self.peers: dict[int, str] = {}
        self.collections: dict[str, Collection] = {}

    def apply(self, operation: Operation) -> bool:
        """Carries out an entry; what goes back to who asked for it."""
        return getattr(self, "_" + operation["type"])(operation)

    def collection(self, name: str) -> Collection:
        """Raises NotFoundError."""
        if name not in self.collections:
            raise NotFoundError(f"Collection `{name}` doesn't exist!")
        return self.collections[name]

    def has_shards(self, peer: int) -> bool:
        return any(peer in copies for c in self.collections.values() for copies in c.shards.values())

    def _nothing(self, _: Operation) -> bool:
        return True

    def _add_peer(self, operation: Operation) -> bool:
        self.peers[operation["peer"]] = operation["uri"]
        return True

    def _remove_peer(self, operation: Operation) -> bool:
        peer = operation["peer"]
        self.peers.pop(peer, None)
        for collection in self.collections.values():
            for shard_id, copies in collection.shards.items():
                self._end_transfers(collection, shard_id, peer)
                copies.pop(peer, None)
        return True

    def _create_collection(self, operation: Operation) -> bool:
        name = operation["collection"]
        if name in self.collections:
            raise AlreadyExistsError(f"Collection `{name}` already exists!")
        shards = {
            int(shard_id): dict.fromkeys(peers, INITIALIZING) for shard_id, peers in operation["placement"].items()
        }
        self.collections[name] = Collection(operation["uid"], operation["config"], shards)
        return True

    def _delete_collection(self, operation: Operation) -> bool:
        return self.collections.pop(operation["collection"], None) is not None

    def _update_collection(self, operation: Operation) -> bool:
        """Changed parameters are kept and shown, and nothing follows from them."""
        self.collection(operation["collection"]).config["params"].update(operation["params"])
        return True

    def _set_state(self, operation: Operation) -> bool:
        """lib/collection/src/collection/mod.rs (set_shard_replica_state)."""
        collection = self.collection(operation["collection"])
        shard_id, peer, state = operation["shard"], operation["peer"], operation["state"]
        copies = collection.shards[shard_id]
        if peer not in copies:
            raise BadInputError(f"Can't set replica {peer}:{shard_id} state to {state}, because it does not exist")
        if operation.get("from_state") not in (None, copies[peer]):
            raise BadInputError(f"Replica {peer} of shard {shard_id} has state {copies[peer]}")
        if collection.last_active(shard_id, peer) and state != ACTIVE:
            raise BadInputError(f"Cannot deactivate the last active replica {peer} of shard {shard_id}")
        if state == DEAD:
            self._end_transfers(collection, shard_id, peer)
            if peer not in copies:
                return True  # the target of a move that was called off
        copies[peer] = state
        return True

    def _start_transfer(self, operation: Operation) -> bool:
        """lib/collection/src/shards/transfer/helpers.rs (validate_transfer)."""
        collection = self.collection(operation["collection"])
        transfer = _transfer(operation)
        shard_id, copies = transfer.shard_id, collection.shards[transfer.shard_id]
        for peer in (transfer.source, transfer.target):
            if peer not in self.peers:
                raise BadRequestError(f"Peer {peer} does not exist")
        if copies.get(transfer.source) != ACTIVE:
            raise BadRequestError(f"Shard {shard_id} is not active on peer {transfer.source}")
        if any(t.touches(shard_id, p) for t in collection.transfers for p in (transfer.source, transfer.target)):
            raise BadRequestError(
                f"Shard {shard_id} is already involved in transfer {transfer.source} -> {transfer.target}"
            )
        collection.transfers.append(transfer)
        copies[transfer.target] = PARTIAL if transfer.method == "stream_records" else RECOVERY
        return True

    def _finish_transfer(self, operation: Operation) -> bool:
        """The new copy becomes active and, in a move, the old one goes: in one entry (collection/shard_transfer.rs)."""
        collection, transfer = self._known_transfer(operation)
        copies = collection.shards[transfer.shard_id]
        collection.transfers.remove(transfer)
        copies[transfer.target] = ACTIVE
        if not transfer.sync:
            copies.pop(transfer.source, None)
        return True

    def _abort_transfer(self, operation: Operation) -> bool:
        collection, transfer = self._known_transfer(operation)
        self._end(collection, transfer)
        return True

    def _drop_replica(self, operation: Operation) -> bool:
        """lib/collection/src/collection/collection_ops.rs (handle_replica_changes)."""
        collection = self.collection(operation["collection"])
        shard_id, peer = operation["shard"], operation["peer"]
        copies = collection.shards[shard_id]
        if peer not in copies:
            raise BadRequestError(f"Peer {peer} has no replica of shard {shard_id}")
        if len(copies) == 1 or collection.last_active(shard_id, peer):
            raise BadRequestError(f"Shard {shard_id} must have at least one active replica after removing {peer}")
        self._end_transfers(collection, shard_id, peer)
        copies.pop(peer, None)
        return True

    def _known_transfer(self, operation: Operation) -> tuple[Collection, Transfer]:
        collection = self.collection(operation["collection"])
        key = (operation["shard"], operation["source"], operation["target"])
        for transfer in collection.transfers:
            if (transfer.shard_id, transfer.source, transfer.target) == key:
                return collection, transfer
        raise BadRequestError(f"There is no transfer for shard {key[0]} from {key[1]} to {key[2]}")

    def _end_transfers(self, collection: Collection, shard_id: int, peer: int) -> None:
        for transfer in [t for t in collection.transfers if t.touches(shard_id, peer)]:
            self._end(collection, transfer)

    def _end(self, collection: Collection, transfer: Transfer) -> None:
        """What is left of a transfer that was called off: a Dead copy, or none (collection/shard_transfer.rs)."""
        collection.transfers.remove(transfer)
        copies = collection.shards[transfer.shard_id]
        if transfer.sync and transfer.target in copies:
            copies[transfer.target] = DEAD
        elif not transfer.sync:
            copies.pop(transfer.target, None)


def _transfer(operation: Operation) -> Transfer:
    return Transfer(
        operation["shard"], operation["source"], operation["target"], operation["sync"], operation["method"]
    )
