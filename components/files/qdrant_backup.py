"""Copies every shard of every collection into an object store, with a manifest that says what belongs together.

A snapshot is the folder FOLDER/<time> with an object for each shard and, written last, `manifest.json`: a folder
without one is of a run that did not come to its end, and no restore looks at it. Each shard is taken from one node that
has it, so the amount does not grow with copies. Shards are taken one after the other while the service writes: each is
whole in itself, and they are some minutes apart.

Reads BACKUP_FILE (JSON: {"nodes": {"qdrant-0": "http://…:6333"}, "bucket": "…", "folder": "qdrant/us-east"}),
QDRANT_API_KEY_FILE and RCLONE_URL. Standard library only.
"""

import json
import os
import urllib.parse
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from components.files.object_store import ObjectStore
from components.files.qdrant_rest import TROUBLE, RefusedError, path_of, say, told
from components.files.qdrant_shards import ChangedError, Shards

FORMAT = 1
MANIFEST = "manifest.json"


def back_up(shards: Shards, store: ObjectStore, folder: str, now: datetime) -> str:
    """The folder of the snapshot. RefusedError where a shard has no active copy."""
    target = f"{folder}/{now.strftime('%Y-%m-%dT%H-%M-%SZ')}"
    collections: dict[str, Any] = {}
    for entry in shards.qdrant.call("GET", "/collections")["collections"]:
        name = entry["name"]
        collections[name] = _collection(shards, store, f"{target}/{urllib.parse.quote(name, safe='')}", name)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "began": now.isoformat(),
        "ended": datetime.now(UTC).isoformat(),
        "collections": collections,
    }
    text = json.dumps(manifest, indent=2).encode()
    _write(store, f"{target}/{MANIFEST}", [text], len(text))
    return target


def _collection(shards: Shards, store: ObjectStore, target: str, name: str) -> dict[str, Any]:
    holders = shards.holders(name)
    wanted = shards.qdrant.call("GET", path_of(name) + "/cluster")["shard_count"]
    missing = sorted(set(range(wanted)) - holders.keys())
    if missing:
        raise RefusedError(f"no active copy of {', '.join(f'{name}:{shard}' for shard in missing)}: is a node down?")
    info = shards.qdrant.call("GET", path_of(name))
    kept = {str(shard): _shard(shards, store, target, name, shard, copies) for shard, copies in holders.items()}
    return {"config": info["config"], "payload_schema": info.get("payload_schema", {}), "shards": kept}


def _shard(
    shards: Shards, store: ObjectStore, target: str, name: str, shard: int, copies: list[tuple[str, int]]
) -> dict[str, Any]:
    """From different nodes by turns, so that none has all of the work."""
    node, points = copies[shard % len(copies)]
    snapshot = shards.make(node, name, shard)
    path = f"{target}/{shard}.snapshot"
    try:
        shards.read(snapshot, lambda chunks: _write(store, path, chunks, snapshot.size))
    finally:
        shards.remove(snapshot)
    say(f"{name}:{shard} from {node}: {points} points, {snapshot.size} bytes")
    return {
        "node": node,
        "object": path,
        "points": points,
        "size": snapshot.size,
        "sha256": snapshot.sha256,
    }


def _write(store: ObjectStore, path: str, chunks: Iterable[bytes], size: int) -> None:
    store.put(path, chunks, size)
    there = store.size(path)
    if there != size:
        raise ChangedError(f"{path} has {there} bytes in the store, {size} were sent")


def run(what: str, work: Callable[[Shards, ObjectStore, Any], None]) -> int:
    """Exit status of a program that works on both, by its plan; what went wrong is said."""
    plan = json.loads(Path(os.environ["BACKUP_FILE"]).read_text(encoding="utf-8"))
    key = Path(os.environ["QDRANT_API_KEY_FILE"]).read_text(encoding="utf-8").strip()
    store = ObjectStore(os.environ["RCLONE_URL"], plan["bucket"])
    try:
        store.await_ready()
        work(Shards(plan["nodes"], key), store, plan)
    except (RefusedError, ChangedError) as error:
        say(f"{what}: {error}")
        return 1
    except TROUBLE as error:
        say(f"{what}: {told(error)}")
        return 1
    return 0


def _back_up(shards: Shards, store: ObjectStore, plan: Any) -> None:
    folder = back_up(shards, store, plan["folder"], datetime.now(UTC))
    say(f"snapshot {folder} is complete")


if __name__ == "__main__":
    raise SystemExit(run("backup", _back_up))
