"""Lets the pod's service start once Redis and its Qdrant collection answer through the gateways beside it.

The service starts whatever it finds, and what it finds decides its whole life: it would try to make its collection
anew, and lose every write to Qdrant and Redis without a word. This runs after the gateways and before the service, and
says what it waits for. PostgreSQL has a wait of its own (await-primary.sh).

Of the collection only what the service depends on is checked: that it exists, with vectors of its size and distance.
Shards and replicas may change under it.

Environment: REDIS_PORT and QDRANT_PORT of the gateways on loopback, COLLECTION, VECTOR_SIZE, WAIT_SECONDS: give up
after that many, so that the pod shows up as failing; 0 waits for ever (a standby). Standard library only.
"""

import http.client
import json
import os
import socket
import sys
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

PAUSE = 3.0
SECONDS = 5.0
"""For one answer of a gateway."""

REDIS_REMEDY = (
    "look at the redis pods and the newest redis-bootstrap and redis-healer Jobs, and at this pod's redis-gateway log"
)
QDRANT_REMEDY = "look at the qdrant pods, and at this pod's qdrant-gateway log"
COLLECTION_REMEDY = "the Job qdrant-collections makes it: look at the log of its newest pod"
SHAPE_REMEDY = "it holds other vectors than this service's: name another memory namespace, or restore the right one"


class NotYetError(Exception):
    """What is missing, and what to do when it stays so."""

    def __init__(self, missing: str, remedy: str) -> None:
        super().__init__(missing)
        self.remedy = remedy


def redis() -> str:
    """The gateway answers PING for the whole cluster: with an error as long as a slot has no master."""
    port = int(os.environ["REDIS_PORT"])
    try:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            said = connection.recv(1024).decode(errors="replace").strip()
    except OSError as error:
        raise NotYetError(f"the Redis gateway on port {port} does not answer: {error}", REDIS_REMEDY) from error
    if said != "+PONG":
        raise NotYetError(f"Redis: {said or 'the gateway closed the connection'}", REDIS_REMEDY)
    return "every slot of the Redis cluster has a master"


def collection() -> str:
    """The service's own question for its collection, by its own way."""
    name, wanted = os.environ["COLLECTION"], int(os.environ["VECTOR_SIZE"])
    status, body = _get("/collections/" + urllib.parse.quote(name, safe=""))
    if status == 404:
        raise NotYetError(f"collection {name!r} is missing", COLLECTION_REMEDY)
    if status != 200:
        raise NotYetError(f"Qdrant answers {status} for collection {name!r}: {body[:200]!r}", QDRANT_REMEDY)
    try:
        vectors: dict[str, Any] = json.loads(body)["result"]["config"]["params"]["vectors"]
        size, distance = vectors.get("size"), vectors.get("distance")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotYetError(f"Qdrant describes collection {name!r} unreadably: {body[:200]!r}", QDRANT_REMEDY) from error
    if (size, distance) != (wanted, "Cosine"):
        raise NotYetError(
            f"collection {name!r} has vectors of size {size} and distance {distance}, wanted {wanted} and Cosine",
            SHAPE_REMEDY,
        )
    return f"collection {name!r} is there, {wanted} numbers a vector"


def _get(path: str) -> tuple[int, bytes]:
    port = int(os.environ["QDRANT_PORT"])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotYetError(f"the Qdrant gateway on port {port} does not answer: {error}", QDRANT_REMEDY) from error
    finally:
        connection.close()


def wait(question: Callable[[], str], started: float, limit: float) -> bool:
    """Asks until the answer is yes; False when the time is over."""
    while True:
        waited = time.monotonic() - started
        try:
            say(f"{question()} (after {waited:.0f} s)")
            return True
        except NotYetError as missing:
            say(f"waiting ({waited:.0f} s): {missing}")
            if limit and waited >= limit:
                say(f"giving up after {waited:.0f} s: {missing.remedy}")
                return False
        time.sleep(PAUSE)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    started, limit = time.monotonic(), float(os.environ["WAIT_SECONDS"])
    return 0 if all(wait(question, started, limit) for question in (redis, collection)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
