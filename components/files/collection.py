"""Makes the service's Qdrant collections with their shards and replicas, and checks those that exist.

Runs as a Job before the service starts: the service itself would create its collection with one replica, and a
collection's shard number cannot be changed later. A collection that exists with another shape is an error and is left
alone: re-creating it would drop its data. Another number of copies is no error: the rebalancer brings it about.

Reads COLLECTIONS_FILE (JSON: {"nodes": {"qdrant-0": "http://…:6333"}, "peers": 3, "collections": ["default"],
"parameters": {...}}) and QDRANT_API_KEY_FILE; for tests WAIT_SECONDS. Standard library only.
"""

import json
import os
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.files.qdrant_rest import TROUBLE, Qdrant, RefusedError, path_of, say, told

WAIT_SECONDS = 600.0
"""For every peer to join, and again for every replica to become active; the Job's own deadline is longer."""

COPIES = "replication_factor"


def find(qdrant: Qdrant, name: str) -> Any | None:
    """Information on a collection, None where there is none. Any other failure is raised: absent means 404."""
    try:
        return qdrant.call("GET", path_of(name))
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def differences(wanted: dict[str, Any], seen: dict[str, Any], path: str = "") -> list[str]:
    """Where a collection's configuration differs from what is wanted; keys that are not wanted do not matter."""
    found: list[str] = []
    for key, value in wanted.items():
        here = f"{path}{key}"
        if isinstance(value, dict):
            inner = seen.get(key)
            found += differences(value, inner if isinstance(inner, dict) else {}, here + ".")
        elif seen.get(key) != value:
            found.append(f"{here} is {seen.get(key)!r}, wanted {value!r}")
    return found


def shape(parameters: dict[str, Any]) -> dict[str, Any]:
    """The part of the creation parameters that `GET /collections/{name}` shows as `config.params` and that has to be
    as wanted from the start."""
    return {key: value for key, value in parameters.items() if key not in ("hnsw_config", COPIES)}


def await_peers(qdrant: Qdrant, peers: int, nodes: int) -> None:
    """Waits until every peer is in the cluster: shards are placed on the peers that are there at creation."""
    say(f"waiting for {peers} peers")
    seen = "no answer yet"
    for _ in patience():
        try:
            found = qdrant.call("GET", "/cluster").get("peers", {})
        except TROUBLE as error:
            seen = told(error)
            continue
        if len(found) > nodes:
            raise RefusedError(
                f"the cluster has {len(found)} peers, {nodes} are wanted: a peer was replaced or taken away; "
                "remove the dead one with DELETE /cluster/peer/{id}"
            )
        if len(found) >= peers:
            return
        seen = f"{len(found)} of {peers} peers have joined"
    raise RefusedError(f"gave up waiting for the Qdrant cluster ({seen}): look at the logs of the qdrant pods")


def ensure(qdrant: Qdrant, name: str, parameters: dict[str, Any]) -> None:
    """Creates a collection, or checks the one that exists."""
    info = find(qdrant, name)
    if info is None:
        create(qdrant, name, parameters)
        info = find(qdrant, name)
    else:
        say(f"collection {name!r} exists")
    if info is None:
        raise RefusedError(f"collection {name!r} was created but cannot be read back")
    faults = differences(shape(parameters), info["config"]["params"])
    faults += differences({"hnsw_config": parameters["hnsw_config"]}, info["config"])
    if faults:
        raise RefusedError(
            f"collection {name!r} exists with another shape and is left as it is: {'; '.join(faults)}. "
            "Set the stack's values back, or move the data into a new namespace"
        )
    copies = info["config"]["params"].get(COPIES)
    if copies != parameters[COPIES]:
        say(f"collection {name!r} has {copies} copies of each shard; the rebalancer makes that {parameters[COPIES]}")


def create(qdrant: Qdrant, name: str, parameters: dict[str, Any]) -> None:
    """Raises RefusedError with Qdrant's words; a full disk among them."""
    say(f"creating collection {name!r}")
    try:
        qdrant.call("PUT", path_of(name) + "?timeout=60", parameters)
    except urllib.error.HTTPError as error:
        if error.code == 409:  # a retry of this Job after a lost answer: the check that follows decides
            return
        words = told(error)
        hint = "; raise qdrant.storage, or free the disk of the node that says so" if "space left" in words else ""
        raise RefusedError(f"Qdrant refused collection {name!r}: {words}{hint}") from error


def await_replicas(qdrant: Qdrant, name: str, parameters: dict[str, Any]) -> None:
    """Waits until every shard is there and every copy of it is active; says how many there are."""
    shards, seen = parameters["shard_number"], "no answer yet"
    for _ in patience():
        try:
            state = qdrant.call("GET", path_of(name) + "/cluster")
        except TROUBLE as error:
            say(f"collection {name!r}: {told(error)}")
            continue
        replicas = [*state.get("local_shards", []), *state.get("remote_shards", [])]
        active = [replica for replica in replicas if replica["state"] == "Active"]
        there = len({replica["shard_id"] for replica in active})
        if len(active) == len(replicas) and there == shards:
            say(f"collection {name!r}: {shards} shards, {len(active)} active replicas")
            return
        seen = f"{len(active)} of {len(replicas)} replicas are active, {there} of {shards} shards have one"
    raise RefusedError(f"collection {name!r}: {seen}: is a Qdrant pod down or its disk full?")


def patience() -> Iterator[None]:
    """One turn every two seconds for WAIT_SECONDS."""
    end = time.monotonic() + float(os.environ.get("WAIT_SECONDS", WAIT_SECONDS))
    while time.monotonic() < end:
        yield
        time.sleep(2)


def main() -> int:
    """Exit status."""
    plan = json.loads(Path(os.environ["COLLECTIONS_FILE"]).read_text(encoding="utf-8"))
    key = Path(os.environ["QDRANT_API_KEY_FILE"]).read_text(encoding="utf-8").strip()
    qdrant = Qdrant(plan["nodes"], key)
    try:
        await_peers(qdrant, plan["peers"], len(plan["nodes"]))
        for name in plan["collections"]:
            ensure(qdrant, name, plan["parameters"])
            await_replicas(qdrant, name, plan["parameters"])
    except RefusedError as error:
        say(f"collections: {error}")
        return 1
    except TROUBLE as error:
        say(f"collections: {told(error)}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
