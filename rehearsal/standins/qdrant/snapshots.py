"""Snapshots of single shards: made, listed, read, deleted, and put in a shard's place.

Shapes, codes and words: src/actix/api/snapshot_api.rs, src/common/snapshots.rs, lib/collection/src/shards/shard_holder.
A snapshot here is a list of points as JSON and no archive of segments; it can be taken over by this stand-in alone.
"""

import datetime
import email.parser
import email.policy
import hashlib
import itertools
import json
import time
from pathlib import Path
from typing import Any

from . import catalog
from .faults import BadInputError, BadRequestError, NotFoundError
from .node import Node
from .shard import Shard
from .wire import Answer, Request

Json = dict[str, Any]
PRIORITIES = ("snapshot", "replica", "no_sync")
_COUNT = itertools.count()


def create(node: Node, collection: str, shard_id: int) -> Json:
    """SnapshotDescription of a new snapshot of this node's copy."""
    shard = _local(node, collection, shard_id)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d-%H-%M-%S")
    path = _folder(node, collection, shard_id) / f"{collection}-shard-{shard_id}-{now}.snapshot"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"points": {"shard": shard_id, "records": shard.points()}}), encoding="utf-8")
    path.with_name(path.name + ".checksum").write_text(hashlib.sha256(path.read_bytes()).hexdigest(), encoding="utf-8")
    return _described(path)


def listed(node: Node, collection: str, shard_id: int) -> list[Json]:
    _local(node, collection, shard_id)
    return [_described(path) for path in sorted(_folder(node, collection, shard_id).glob("*.snapshot"))]


def download(node: Node, collection: str, shard_id: int, name: str) -> Answer:
    return Answer(200, _there(node, collection, shard_id, name).read_bytes())


def delete(node: Node, collection: str, shard_id: int, name: str) -> bool:
    path = _there(node, collection, shard_id, name)
    path.unlink()
    path.with_name(path.name + ".checksum").unlink(missing_ok=True)
    return True


def upload(node: Node, request: Request, collection: str, shard_id: int) -> bool:
    """Takes an uploaded snapshot over. With the priority `snapshot` the other active copies are Dead afterwards, and
    are brought up to date from this one as any Dead copy is (recover_shard_snapshot_impl)."""
    priority = request.query.get("priority", "snapshot")
    if priority not in PRIORITIES:
        raise BadRequestError(f"unknown priority {priority}")
    content = _file(request)
    wanted, seen = request.query.get("checksum"), hashlib.sha256(content).hexdigest()
    if wanted is not None and wanted.lower() != seen:
        raise BadRequestError(f"Snapshot checksum mismatch: expected {wanted}, got {seen}")
    shard = _local(node, collection, shard_id)
    try:
        held = json.loads(content)["points"]
    except (ValueError, KeyError) as error:
        raise BadInputError("not a snapshot of this stand-in") from error
    if held["shard"] != shard_id:
        raise BadInputError(f"the snapshot is of shard {held['shard']}")
    _replace(node, shard, held["records"])
    _agree(node, collection, shard_id, priority)
    return True


def _replace(node: Node, shard: Shard, records: list[Json]) -> None:
    """Newest versions win here, so what was restored is the newest, and what it lacks is deleted."""
    version = [time.time_ns(), node.me, next(_COUNT)]
    kept = {record["id"] for record in records}
    gone = [{"id": record["id"], "point": None} for record in shard.points() if record["id"] not in kept]
    shard.write([{**record, "version": version} for record in [*records, *gone]])


def _agree(node: Node, collection: str, shard_id: int, priority: str) -> None:
    with node.lock:
        copies = dict(node.catalog.collection(collection).shards[shard_id])
    others = [peer for peer, state in copies.items() if peer != node.me and state == catalog.ACTIVE]
    if priority == "replica" and others:
        node.set_state(collection, shard_id, node.me, catalog.DEAD)
        return
    if copies[node.me] != catalog.ACTIVE:
        node.set_state(collection, shard_id, node.me, catalog.ACTIVE)
    if priority == "snapshot":
        for peer in others:
            node.set_state(collection, shard_id, peer, catalog.DEAD)


def _local(node: Node, collection: str, shard_id: int) -> Shard:
    with node.lock:
        known = node.catalog.collection(collection).shards
    if shard_id not in known:
        raise NotFoundError(f"Shard {shard_id} not found")
    shard = node.shard(collection, shard_id)
    if shard is None:
        raise BadInputError(f"Shard {shard_id} is not a local or queue proxy shard")
    return shard


def _there(node: Node, collection: str, shard_id: int, name: str) -> Path:
    _local(node, collection, shard_id)
    path = _folder(node, collection, shard_id) / name
    if not path.is_file():
        raise NotFoundError(f"Snapshot {name} not found")
    return path


def _folder(node: Node, collection: str, shard_id: int) -> Path:
    return node.options.snapshots / collection / "shards" / str(shard_id)


def _described(path: Path) -> Json:
    """lib/collection/src/operations/snapshot_ops.rs (SnapshotDescription); its time has no zone and is UTC."""
    found = path.stat()
    made = datetime.datetime.fromtimestamp(found.st_mtime, datetime.UTC).replace(tzinfo=None, microsecond=0)
    checksum = path.with_name(path.name + ".checksum").read_text(encoding="utf-8")
    return {"name": path.name, "creation_time": made.isoformat(), "size": found.st_size, "checksum": checksum}


def _file(request: Request) -> bytes:
    """The file of a form's field `snapshot`."""
    head = f"content-type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    for part in form.iter_parts() if form.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "snapshot":
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else b""
    raise BadRequestError("Field with name `snapshot` is required")
