"""Calls on the cluster and on whole collections: src/common/collections.rs, src/actix/api (cluster, collections)."""

import datetime
import random
import time
import uuid
from typing import Any, cast

from . import catalog
from .consensus import OPERATION_SECONDS
from .faults import BadInputError, BadRequestError, StorageError
from .node import Node, say
from .wire import Request

Json = dict[str, Any]

_DISTANCES = ("Cosine", "Euclid", "Dot", "Manhattan")
_HNSW: Json = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000, "max_indexing_threads": 0, "on_disk": False}
_OPTIMIZERS: Json = {
    "deleted_threshold": 0.2,
    "vacuum_min_vector_number": 1000,
    "default_segment_number": 0,
    "indexing_threshold": 10000,
    "flush_interval_sec": 5,
}


def status(node: Node) -> Json:
    """lib/storage/src/types.rs (ClusterInfo)."""
    consensus = node.consensus
    with consensus.lock:
        role, leader, stopped = consensus.role, consensus.leader, consensus.stopped
        raft = {
            "term": consensus.ledger.term,
            "commit": consensus.commit,
            "pending_operations": consensus.commit - consensus.applied,
            "leader": leader or None,
            "role": role,
            "is_voter": node.me in consensus.ledger.members(),
        }
    last = datetime.datetime.fromtimestamp(consensus.last_update, datetime.UTC).isoformat()
    working = {"consensus_thread_status": "working", "last_update": last}
    with node.lock:
        peers = {str(peer): {"uri": f"{uri}/"} for peer, uri in node.catalog.peers.items()}
    return {
        "status": "enabled",
        "peer_id": node.me,
        "peers": peers,
        "raft_info": raft,
        "consensus_thread_status": working if stopped is None else {"consensus_thread_status": "stopped"},
        "message_send_failures": {
            f"{address}/": {"count": count, "latest_error": "no answer"}
            for address, count in dict(consensus.failures).items()
        },
    }


def remove_peer(node: Node, request: Request, peer: int) -> bool:
    """Refused while the peer holds shards, unless forced."""
    with node.lock:
        held = node.catalog.has_shards(peer)
    if held and request.query.get("force") != "true":
        raise BadRequestError(f"Cannot remove peer {peer} as there are shards on it")
    return node.propose({"type": "remove_peer", "peer": peer})


def names(node: Node) -> Json:
    with node.lock:
        return {"collections": [{"name": name} for name in sorted(node.catalog.collections)]}


def info(node: Node, name: str, points: int) -> Json:
    """lib/collection/src/operations/types.rs (CollectionInfo)."""
    with node.lock:
        config = node.catalog.collection(name).config
        return {
            "status": "green",
            "optimizer_status": "ok",
            "indexed_vectors_count": 0,
            "points_count": points,
            "segments_count": config["params"]["shard_number"],
            "config": config,
            "payload_schema": {},
        }


def create(node: Node, name: str, asked: Json, seconds: float | None) -> bool:
    """lib/storage/src/dispatcher.rs (submit_collection_meta_op), toc/create_collection.rs.

    Waits for every copy to become active where a time-out was stated, and for every peer to know of the collection;
    neither is an error when it does not come about in time.
    """
    with node.lock:
        peers = list(node.catalog.peers)
    config = _config(node, asked, len(peers))
    params = config["params"]
    node.propose(
        {
            "type": "create_collection",
            "collection": name,
            "uid": uuid.uuid4().hex,
            "config": config,
            "placement": _distribution(peers, params["shard_number"], params["replication_factor"]),
        },
        seconds,
    )
    _await_active(node, name, seconds or OPERATION_SECONDS)
    _await_commit(node, seconds or OPERATION_SECONDS)
    return True


def _config(node: Node, asked: Json, peers: int) -> Json:
    vectors = cast(Json, asked.get("vectors") or {})
    if not isinstance(vectors.get("size"), int) or vectors.get("distance") not in _DISTANCES:
        raise BadInputError("this stand-in knows unnamed vectors with `size` and `distance` alone")
    options = node.options
    params = {
        "vectors": vectors,
        "shard_number": asked.get("shard_number") or peers,
        "replication_factor": asked.get("replication_factor") or options.replication_factor,
        "write_consistency_factor": asked.get("write_consistency_factor") or options.write_consistency_factor,
        "on_disk_payload": asked.get("on_disk_payload", options.on_disk_payload),
    }
    return {
        "params": params,
        "hnsw_config": {**_HNSW, **(asked.get("hnsw_config") or {})},
        "optimizer_config": {**_OPTIMIZERS, **(asked.get("optimizers_config") or {})},
        "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
        "quantization_config": None,
    }


def _distribution(peers: list[int], shards: int, copies: int) -> Json:
    """Evenly over peers, in an order by chance, zones unknown (content_manager/shard_distribution.rs)."""
    held = {peer: (0, random.random()) for peer in peers}  # noqa: S311
    placement: Json = {}
    for shard_id in range(shards):
        chosen: list[int] = []
        for _ in range(min(copies, len(peers))):
            peer = min(held, key=lambda p: held[p])
            held[peer] = (held[peer][0] + 1, held[peer][1])
            chosen.append(peer)
        placement[str(shard_id)] = chosen
    return placement


def _await_active(node: Node, name: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with node.lock:
            known = node.catalog.collections.get(name)
            if known is None or all(s == catalog.ACTIVE for copies in known.shards.values() for s in copies.values()):
                return
        time.sleep(0.02)
    say(f"not every copy of {name} became active in time")


def _await_commit(node: Node, seconds: float) -> None:
    index, end = node.consensus.applied, time.monotonic() + min(seconds, 5)
    for peer in [peer for peer in node.consensus.members() if peer != node.me]:
        left = max(0.1, end - time.monotonic())
        node.try_to(lambda p=peer, s=left: node.call(p, "/raft/await", {"index": index, "seconds": s}, s))


def update(node: Node, name: str, asked: Json) -> bool:
    """Changed parameters of a collection; a changed `replication_factor` moves nothing."""
    params = {
        key: value
        for key, value in cast(Json, asked.get("params") or {}).items()
        if key in ("replication_factor", "write_consistency_factor", "on_disk_payload")
    }
    return node.propose({"type": "update_collection", "collection": name, "params": params})


def delete(node: Node, name: str) -> bool:
    return node.propose({"type": "delete_collection", "collection": name})


def placement(node: Node, name: str) -> Json:
    """lib/collection/src/operations/types.rs (CollectionClusterInfo)."""
    with node.lock:
        known = node.catalog.collection(name)
        copies = [(shard, peer, state) for shard, held in known.shards.items() for peer, state in held.items()]
        transfers = [
            {"shard_id": t.shard_id, "from": t.source, "to": t.target, "sync": t.sync, "method": t.method}
            for t in known.transfers
        ]
        here = [(shard, state) for shard, peer, state in copies if peer == node.me]
    counts = {shard: held.count if (held := node.shard(name, shard)) is not None else 0 for shard, _ in here}
    return {
        "peer_id": node.me,
        "shard_count": len(known.shards),
        "local_shards": [{"shard_id": s, "points_count": counts[s], "state": state} for s, state in here],
        "remote_shards": [
            {"shard_id": shard, "peer_id": peer, "state": state} for shard, peer, state in copies if peer != node.me
        ],
        "shard_transfers": transfers,
    }


def change(node: Node, name: str, asked: Json) -> bool:
    """One of the operations of lib/collection/src/operations/cluster_ops.rs."""
    if len(asked) != 1:
        raise BadRequestError("one operation is wanted")
    ((kind, body),) = asked.items()
    if kind in ("start_resharding", "replicate_points", "create_sharding_key", "drop_sharding_key"):
        if kind == "start_resharding":
            raise BadRequestError("resharding is only supported in Qdrant Cloud")
        raise BadRequestError(f"this stand-in does not know {kind}")
    with node.lock:
        known, peers = node.catalog.collection(name), dict(node.catalog.peers)
    if body["shard_id"] not in known.shards:
        raise BadRequestError(f"Shard {body['shard_id']} of {name} does not exist")
    for key in ("to_peer_id", "from_peer_id", "peer_id"):
        if key in body and body[key] not in peers:
            raise BadRequestError(f"Peer {body[key]} does not exist")
    return node.propose(_operation(kind, name, body))


def _operation(kind: str, name: str, body: Json) -> Json:
    base: Json = {"collection": name, "shard": body["shard_id"]}
    if kind == "drop_replica":
        return {"type": "drop_replica", **base, "peer": body["peer_id"]}
    ends: Json = {"source": body["from_peer_id"], "target": body["to_peer_id"]}
    if kind == "abort_transfer":
        return {"type": "abort_transfer", **base, **ends}
    if kind not in ("move_shard", "replicate_shard"):
        raise BadRequestError(f"this stand-in does not know {kind}")
    if ends["source"] == ends["target"]:
        raise StorageError("source and target must differ")
    # The default since 1.18 (Collection::default_shard_transfer_method).
    how: Json = {"sync": kind == "replicate_shard", "method": body.get("method") or "snapshot"}
    return {"type": "start_transfer", **base, **ends, **how}
