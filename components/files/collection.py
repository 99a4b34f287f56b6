"""Makes the service's Qdrant collections with their shards and replicas, and checks those that exist.

Runs as a Job before the service starts: the service itself would create its collection with one replica, and a
collection's shard number cannot be changed later. A collection that exists with another shape is an error and is left
alone: re-creating it would drop its data.

Reads COLLECTIONS_FILE (JSON: {"peers": 3, "collections": ["default"], "parameters": {...}}), QDRANT_URL and
QDRANT_API_KEY_FILE. Standard library only.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

WAIT_SECONDS = 600.0
"""For every peer to join, and again for every replica to become active; the Job's own deadline is longer."""

REQUEST_SECONDS = 65.0
"""Longer than Qdrant's own timeout of a collection operation, which is 60 s (see `create`)."""


class RefusedError(Exception):
    """What is wrong and what to do about it; ends the Job."""


class Qdrant:
    """The few calls of Qdrant's REST interface that this needs."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"api-key": api_key, "content-type": "application/json"}

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The `result` of an answer; raises urllib's errors."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, self._headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as answer:  # noqa: S310
            return json.load(answer)["result"]

    def collection(self, name: str) -> Any | None:
        """Information on a collection, None where there is none. Any other failure is raised: absent means 404."""
        try:
            return self.call("GET", path_of(name))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise


def path_of(collection: str) -> str:
    return "/collections/" + urllib.parse.quote(collection, safe="")


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
    """The part of the creation parameters that `GET /collections/{name}` shows as `config.params`."""
    return {key: value for key, value in parameters.items() if key != "hnsw_config"}


def await_peers(qdrant: Qdrant, peers: int) -> None:
    """Waits until every peer is in the cluster: shards are placed on the peers that are there at creation."""
    say(f"waiting for {peers} peers")
    seen = "no answer yet"
    for _ in patience():
        try:
            found = qdrant.call("GET", "/cluster").get("peers", {})
        except (OSError, ValueError, KeyError) as error:
            seen = str(error)
            continue
        if len(found) == peers:
            return
        if len(found) > peers:
            raise RefusedError(
                f"the cluster has {len(found)} peers, {peers} are wanted: a peer was replaced or taken away; "
                "remove the dead one with DELETE /cluster/peer/{id}"
            )
        seen = f"{len(found)} of {peers} peers have joined"
    raise RefusedError(f"gave up waiting for the Qdrant cluster ({seen}): look at the logs of the qdrant pods")


def ensure(qdrant: Qdrant, name: str, parameters: dict[str, Any]) -> None:
    """Creates a collection, or checks the one that exists."""
    info = qdrant.collection(name)
    if info is None:
        create(qdrant, name, parameters)
        info = qdrant.collection(name)
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


def create(qdrant: Qdrant, name: str, parameters: dict[str, Any]) -> None:
    say(f"creating collection {name!r}")
    try:
        qdrant.call("PUT", path_of(name) + "?timeout=60", parameters)
    except urllib.error.HTTPError as error:
        if error.code != 409:  # a retry of this Job after a lost answer: the check that follows decides
            raise RefusedError(f"Qdrant refused collection {name!r}: {error.code} {error.read(500)!r}") from error


def await_replicas(qdrant: Qdrant, name: str, parameters: dict[str, Any]) -> None:
    """Waits until every shard has all its replicas active; says where they are."""
    wanted = parameters["shard_number"] * parameters["replication_factor"]
    active = 0
    for _ in patience():
        try:
            state = qdrant.call("GET", path_of(name) + "/cluster")
        except (OSError, ValueError, KeyError) as error:
            say(f"collection {name!r}: {error}")
            continue
        replicas = [*state.get("local_shards", []), *state.get("remote_shards", [])]
        active = sum(replica.get("state") == "Active" for replica in replicas)
        if active == wanted:
            say(f"collection {name!r}: {parameters['shard_number']} shards, {active} active replicas")
            return
    raise RefusedError(f"collection {name!r} has {active} active replicas, {wanted} are wanted: is a Qdrant pod down?")


def patience() -> Any:
    """One turn every two seconds for WAIT_SECONDS."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        yield
        time.sleep(2)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    plan = json.loads(Path(os.environ["COLLECTIONS_FILE"]).read_text(encoding="utf-8"))
    key = Path(os.environ["QDRANT_API_KEY_FILE"]).read_text(encoding="utf-8").strip()
    qdrant = Qdrant(os.environ["QDRANT_URL"], key)
    try:
        await_peers(qdrant, plan["peers"])
        for name in plan["collections"]:
            ensure(qdrant, name, plan["parameters"])
            await_replicas(qdrant, name, plan["parameters"])
    except (RefusedError, OSError) as error:
        say(f"collections: {error}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
