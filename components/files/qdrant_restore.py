"""Brings collections back from a snapshot that qdrant_backup wrote, into a cluster of any number of nodes.

A collection that is not there is made as the manifest says, with this cluster's number of copies. One that is there
must have the same vectors and as many shards; one that has points is left alone unless OVERWRITE is `true`: what it has
is then replaced, shard by shard. Each shard goes to one node that holds it, and Qdrant brings the other copies up to
date from there. Killed, it may be run again.

Reads BACKUP_FILE (as qdrant_backup, with "copies", and "folder" of the region to read), SNAPSHOT (the name of a folder,
or `latest`), QDRANT_API_KEY_FILE and RCLONE_URL. Standard library only.
"""

import json
import os
from typing import Any

from components.files import collection
from components.files.object_store import ObjectStore, chunks_of
from components.files.qdrant_backup import FORMAT, MANIFEST, run
from components.files.qdrant_rest import RefusedError, path_of, say
from components.files.qdrant_shards import Seen, Shards

LATEST = "latest"


def find(store: ObjectStore, folder: str, name: str) -> str:
    """The folder of a complete snapshot; RefusedError where there is none."""
    known = store.folders(folder)
    wanted = reversed(known) if name == LATEST else [name]
    for each in wanted:
        if store.size(f"{folder}/{each}/{MANIFEST}") is not None:
            return f"{folder}/{each}"
    listed = ", ".join(known[-5:]) or "none"
    raise RefusedError(f"no complete snapshot {name} in {folder}: there are {listed}")


def restore(shards: Shards, store: ObjectStore, folder: str, copies: int, overwrite: bool) -> None:
    """RefusedError before anything is changed where a collection must not be replaced."""
    with store.open(f"{folder}/{MANIFEST}") as stream:
        manifest = json.load(stream)
    if manifest["format"] != FORMAT:
        raise RefusedError(f"{folder} is of format {manifest['format']}, this release reads {FORMAT}: use its own")
    say(f"restoring {folder}, taken from {manifest['began']} to {manifest['ended']}")
    kept: dict[str, dict[str, Any]] = manifest["collections"]
    there = {name: collection.find(shards.qdrant, name) for name in kept}
    faults = _missing(store, kept)
    faults += [fault for name, info in there.items() if (fault := _fault(name, kept[name], info, overwrite))]
    if faults:
        raise RefusedError("; ".join(faults))
    for name, wanted in kept.items():
        if there[name] is None:
            _create(shards, name, wanted, copies)
        _fill(shards, store, name, wanted)


def _missing(store: ObjectStore, kept: dict[str, dict[str, Any]]) -> list[str]:
    """Objects that are gone or not whole."""
    shards = (shard for wanted in kept.values() for shard in wanted["shards"].values())
    sizes = {shard["object"]: (shard["size"], store.size(shard["object"])) for shard in shards}
    return [f"{path} has {found} bytes, {size} were written" for path, (size, found) in sizes.items() if size != found]


def _fault(name: str, wanted: dict[str, Any], info: Any | None, overwrite: bool) -> str | None:
    if info is None:
        return None
    params, kept = info["config"]["params"], wanted["config"]["params"]
    for key in ("vectors", "shard_number"):
        if params[key] != kept[key]:
            return f"collection {name!r} is there with {key} {params[key]}, the snapshot has {kept[key]}"
    if info["points_count"] and not overwrite:
        return f"collection {name!r} has {info['points_count']} points: set OVERWRITE to true to replace them"
    return None


def _create(shards: Shards, name: str, wanted: dict[str, Any], copies: int) -> None:
    config = wanted["config"]
    params = {key: value for key, value in config["params"].items() if value is not None}
    more = {
        "hnsw_config": config.get("hnsw_config"),
        "optimizers_config": config.get("optimizer_config"),
        "wal_config": config.get("wal_config"),
        "quantization_config": config.get("quantization_config"),
    }
    body = {**params, **{key: value for key, value in more.items() if value}, collection.COPIES: copies}
    collection.create(shards.qdrant, name, body)
    for field, index in wanted["payload_schema"].items():
        schema = index.get("params") or index["data_type"]
        shards.qdrant.call("PUT", path_of(name) + "/index?wait=true", {"field_name": field, "field_schema": schema})
    collection.await_replicas(shards.qdrant, name, body)


def _fill(shards: Shards, store: ObjectStore, name: str, wanted: dict[str, Any]) -> None:
    holders = shards.holders(name, active=False)
    for number, kept in wanted["shards"].items():
        shard = int(number)
        if shard not in holders:
            raise RefusedError(f"no node holds {name}:{shard}: is one down?")
        node = holders[shard][shard % len(holders[shard])][0]
        seen = Seen()
        with store.open(kept["object"]) as stream:
            body = seen.through(chunks_of(stream))
            shards.recover(node, name, shard, body, kept["size"], kept["sha256"])
        seen.compare(kept["size"], kept["sha256"], kept["object"])
        say(f"{name}:{shard} to {node}: {kept['size']} bytes, {kept['points']} points when it was taken")
    collection.await_replicas(shards.qdrant, name, wanted["config"]["params"])
    points = shards.qdrant.call("GET", path_of(name))["points_count"]
    say(f"collection {name!r} is back with {points} points")


def _restore(shards: Shards, store: ObjectStore, plan: Any) -> None:
    folder = find(store, plan["folder"], os.environ.get("SNAPSHOT") or LATEST)
    restore(shards, store, folder, plan["copies"], os.environ.get("OVERWRITE") == "true")


if __name__ == "__main__":
    raise SystemExit(run("restore", _restore))
