"""Connections that a process of the service holds to its stores at most, as the stores count them.

It is the stand-in's code with the service's clients, in this process. Redis keeps its writes waiting meanwhile, so that
all calls are under way at once.
"""

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from psycopg2.extensions import make_dsn

from rehearsal.bench.stand import POLL_SECONDS, READY_SECONDS
from rehearsal.calibration import postgresql
from rehearsal.calibration.memories import NAMESPACE, memories
from rehearsal.calibration.service import NO_LIMIT, quiet, vectors
from rehearsal.errors import RehearsalError
from rehearsal.standins.memory.application import Application
from rehearsal.standins.memory.keys import Both, Postgres, Redis
from rehearsal.standins.memory.memories import Memories

_PAYLOAD_BYTES = 256
_OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@dataclass(frozen=True)
class Held:
    """Connections of one process, while so many calls are under way and after them."""

    stores: int
    """One at most: it keeps the process from everything else."""
    reads: int
    postgresql: int
    redis: int


def held(at: postgresql.Server, client: "redis.Redis", stores: int, reads: int) -> Held:
    """Calls at once of a process that has made none before. RehearsalError where they do not all get to Redis."""
    client.flushall()
    before = _clients(client).keys()
    port = int(client.connection_pool.connection_kwargs["port"])
    with quiet(), at.database(8) as name, at.connected(name) as cursor, vectors() as index:
        there = list(memories(reads, _PAYLOAD_BYTES))
        postgresql.fill(cursor, there)
        cache = Redis("127.0.0.1", port)
        keys = Both(Postgres(make_dsn(host="127.0.0.1", port=at.port, dbname=name, user="soma"), {}), cache)
        service = Application(Memories(NAMESPACE, keys, cache, index, NO_LIMIT), cache.client, "", 0, 0)
        body = {"coord": "0", "payload": {"task": "x" * _PAYLOAD_BYTES}}
        with ThreadPoolExecutor(reads + stores) as callers:
            with _writes_wait(client):
                calls = [callers.submit(service.read, tuple(one.value["coordinate"])) for one in there]
                _await(client, reads)
                calls += [callers.submit(service.store, (float(number),), body) for number in range(stores)]
                _await(client, reads + stores)
                under_way = _of_postgresql(cursor), len(_clients(client).keys() - before)
            for call in calls:
                call.result()
        afterwards = _of_postgresql(cursor), len(_clients(client).keys() - before)
        cache.client.connection_pool.disconnect()
    return Held(stores, reads, *map(max, under_way, afterwards))


@contextmanager
def _writes_wait(client: "redis.Redis") -> Generator[None]:
    client.client_pause(int(READY_SECONDS * 1000), all=False)
    try:
        yield
    finally:
        client.client_unpause()


def _await(client: "redis.Redis", calls: int) -> None:
    """Until so many calls wait for Redis (flag `b`, valkey.io/commands/client-list)."""
    deadline = time.monotonic() + READY_SECONDS / 2
    while (waiting := sum("b" in one["flags"] for one in _clients(client).values())) < calls:
        if time.monotonic() > deadline:
            raise RehearsalError(f"of {calls} calls at once {waiting} wait for Redis")
        time.sleep(POLL_SECONDS)


def _clients(client: "redis.Redis") -> dict[str, dict[str, Any]]:
    """Redis's, by their number."""
    listed: Any = client.client_list()
    return {one["id"]: one for one in listed}


def _of_postgresql(cursor: Any) -> int:
    """Connections to the database but this one."""
    cursor.execute(_OPEN)
    return int(cursor.fetchone()[0])
