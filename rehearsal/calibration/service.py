"""What a process of the service spends on a call: CPU of its own, and round trips to its stores.

It is the stand-in's code with the service's clients, psycopg2 and redis-py, in this process, and without a web
framework. Stores answer over loopback; Qdrant answers at once.
"""

import json
import logging
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import redis
from psycopg2.extensions import make_dsn

from rehearsal import paths
from rehearsal.bench.stand import listens, stand
from rehearsal.calibration import postgresql
from rehearsal.calibration.memories import NAMESPACE, memories
from rehearsal.ports import free_port
from rehearsal.standins.memory.keys import Both, Postgres, Redis
from rehearsal.standins.memory.memories import Memories
from rehearsal.standins.memory.vectors import Vectors

_STORES, _READS, _PASSES = 200, 500, 3
_DIMENSIONS = 768
_NO_LIMIT = 10**9


@dataclass(frozen=True)
class Costs:
    """Seconds of CPU of the process, with memories of one size."""

    payload_bytes: int
    memories: int
    store: float
    """Without what depends on how many memories there are."""
    held: float
    """Of a store, for each memory of its namespace."""
    listed: float
    """Of a store, for each key that Redis holds, of whatever namespace."""
    read: float
    search: float


@contextmanager
def _vectors() -> Generator[Vectors]:
    with stand("calibration-vectors") as here:
        port = free_port()
        module = [sys.executable, "-m", "rehearsal.calibration.answering", str(port)]
        here.start("vectors", module, {"PYTHONPATH": str(paths.CHECKOUT)})
        here.await_(lambda: listens(port), "what answers for Qdrant", "vectors")
        yield Vectors(f"http://127.0.0.1:{port}", NAMESPACE, _DIMENSIONS)


def costs(at: postgresql.Server, client: "redis.Redis", count: int, payload_bytes: int) -> Costs:
    """One process with so many memories in its namespace, and as many again in another one."""
    logging.disable(logging.ERROR)
    client.flushall()
    port = int(client.connection_pool.connection_kwargs["port"])
    with at.database(8) as name, at.connected(name) as cursor, _vectors() as vectors:
        made = list(memories(count, payload_bytes))
        postgresql.fill(cursor, made)
        cursor.execute("VACUUM (ANALYZE) kv_store")
        for one in made:
            client.set(one.data_key, one.data)
            client.hset(one.meta_key, mapping={"creation_timestamp": str(one.created)})
        cache = Redis("127.0.0.1", port)
        dsn = make_dsn(host="127.0.0.1", port=at.port, dbname=name, user="soma")
        stores = Both(Postgres(dsn, {}), cache)
        service = Memories(NAMESPACE, stores, cache, vectors, _NO_LIMIT)
        few = Memories("few", stores, cache, vectors, _NO_LIMIT)
        return _measured(service, few, stores, count, payload_bytes)


def _measured(service: Memories, few: Memories, stores: Both, count: int, payload_bytes: int) -> Costs:
    whole = _each(_PASSES, lambda _: service._enforce_limit())
    listing = _each(_PASSES, lambda _: list(stores.matching(f"{NAMESPACE}:*:meta")))
    coordinates = [tuple(json.loads(one.data)["coordinate"]) for one in memories(_READS, payload_bytes)]
    payload = {"task": "x" * max(0, payload_bytes - 40), "importance": 1}
    others = _each(_PASSES, lambda _: few._enforce_limit())
    store = _each(_STORES, lambda _: few.store((0.0,), payload, "episodic")) - others
    return Costs(
        payload_bytes,
        count,
        store=max(0.0, store),
        held=(whole - listing) / count,
        listed=listing / (2 * count),
        read=_each(_READS, lambda number: service.read(coordinates[number])),
        search=_each(_READS, lambda number: service.search(f"note {number}", 5, {})),
    )


def _each(times: int, work: Callable[[int], object]) -> float:
    """Seconds of CPU of one of several."""
    started = time.process_time()
    for number in range(times):
        work(number)
    return (time.process_time() - started) / times
