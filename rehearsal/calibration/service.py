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
from rehearsal.calibration.timing import each
from rehearsal.ports import free_port
from rehearsal.standins.memory.keys import Both, Postgres, Redis
from rehearsal.standins.memory.memories import Memories
from rehearsal.standins.memory.vectors import Vectors

_STORES, _READS = 100, 100
"""Of a batch."""
_DIMENSIONS = 768
NO_LIMIT = 10**9


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


class _Uncounted(Memories):
    """Stores without looking for too many memories: what that costs is measured by itself."""

    def _enforce_limit(self) -> None:
        return


@contextmanager
def quiet() -> Generator[None]:
    """The stand-in's own words would cost more than what is measured."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def vectors() -> Generator[Vectors]:
    with stand("calibration-vectors") as here:
        port = free_port()
        module = [sys.executable, "-m", "rehearsal.calibration.answering", str(port)]
        here.start("vectors", module, {"PYTHONPATH": str(paths.CHECKOUT)})
        here.await_(lambda: listens(port), "what answers for Qdrant", "vectors")
        yield Vectors(f"http://127.0.0.1:{port}", NAMESPACE, _DIMENSIONS)


def costs(at: postgresql.Server, client: "redis.Redis", count: int, payload_bytes: int) -> Costs:
    """One process with so many memories in its namespace, and as many again in another one."""
    client.flushall()
    port = int(client.connection_pool.connection_kwargs["port"])
    with quiet(), at.database(8) as name, at.connected(name) as cursor, vectors() as index:
        made = list(memories(count, payload_bytes))
        postgresql.fill(cursor, made)
        cursor.execute("VACUUM (ANALYZE) kv_store")
        for one in made:
            client.set(one.data_key, one.data)
            client.hset(one.meta_key, mapping={"creation_timestamp": str(one.created)})
        cache = Redis("127.0.0.1", port)
        dsn = make_dsn(host="127.0.0.1", port=at.port, dbname=name, user="soma")
        stores = Both(Postgres(dsn, {}), cache)
        service = Memories(NAMESPACE, stores, cache, index, NO_LIMIT)
        uncounted = _Uncounted("few", stores, cache, index, NO_LIMIT)
        return _measured(service, uncounted, stores, count, payload_bytes)


def _measured(service: Memories, uncounted: Memories, stores: Both, count: int, payload_bytes: int) -> Costs:
    whole = _each(1, lambda _: service._enforce_limit())
    listing = _each(1, lambda _: list(stores.matching(f"{NAMESPACE}:*:meta")))
    coordinates = [tuple(json.loads(one.data)["coordinate"]) for one in memories(_READS, payload_bytes)]
    payload = {"task": "x" * max(0, payload_bytes - 40), "importance": 1}
    return Costs(
        payload_bytes,
        count,
        store=_each(_STORES, lambda _: uncounted.store((0.0,), payload, "episodic")),
        held=(whole - listing) / count,
        listed=listing / (2 * count),
        read=_each(_READS, lambda number: service.read(coordinates[number % _READS])),
        search=_each(_READS, lambda number: service.search(f"note {number % _READS}", 5, {})),
    )


def _each(times: int, work: Callable[[int], object]) -> float:
    """Seconds of CPU of this process."""
    return each(times, work, time.process_time)
