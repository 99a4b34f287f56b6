"""Storing, reading, finding and forgetting a memory, with what the service swallows and what it does not."""

import json
import logging
import time
import uuid
from typing import Any

import psycopg2
import redis

from .keys import Keys, Redis
from .vectors import QdrantError, Vectors

STORE_ERRORS = (psycopg2.Error, redis.RedisError, OSError)

Coordinate = tuple[float, ...]


class Memories:
    """The memories of one namespace."""

    def __init__(self, namespace: str, keys: Keys, cache: Redis, vectors: Vectors, at_most: int) -> None:
        self._namespace, self._keys, self._cache = namespace, keys, cache
        self._vectors, self._at_most = vectors, at_most

    def _key(self, coordinate: Coordinate, part: str) -> str:
        return f"{self._namespace}:{coordinate!r}:{part}"

    def store(self, coordinate: Coordinate, payload: dict[str, Any], kind: str) -> None:
        """Whatever fails is logged and forgotten: the caller hears that the memory is stored."""
        value = {**payload, "memory_type": kind, "coordinate": list(coordinate)}
        for _ in range(2):  # a second way to write the same
            try:
                self._keys.set(self._key(coordinate, "data"), value)
                break
            except STORE_ERRORS as error:
                logging.warning("memory %s is lost: %s", coordinate, error)
        try:
            self._keys.set_fields(self._key(coordinate, "meta"), {"creation_timestamp": str(time.time())})
        except STORE_ERRORS as error:
            logging.warning("metadata of memory %s are lost: %s", coordinate, error)
        try:
            self._vectors.upsert(str(uuid.uuid4()), json.dumps(value), value)
        except QdrantError as error:
            logging.error("vector of memory %s is lost: %s", coordinate, error)
        try:
            self._enforce_limit()
        except STORE_ERRORS as error:
            logging.warning("memories were not counted: %s", error)

    def _enforce_limit(self) -> None:
        """Reads every memory, in PostgreSQL and in Redis, to see whether there are too many."""
        metas = list(self._keys.matching(f"{self._namespace}:*:meta"))
        for meta in metas:
            self._cache.fields(meta)
            self._keys.get(meta.removesuffix("meta") + "data")
        for meta in metas[self._at_most :]:
            self._keys.delete(meta.removesuffix("meta") + "data")

    def read(self, coordinate: Coordinate) -> dict[str, Any] | None:
        """A read locks and writes: without Redis it fails."""
        with self._cache.client.lock(f"lock:{coordinate!r}", timeout=10):
            value = self._keys.get(self._key(coordinate, "data"))
            if not isinstance(value, dict):
                return None
            value["access_count"] = int(value.get("access_count", 0)) + 1
            self._keys.set(self._key(coordinate, "data"), value)
            self._keys.set_fields(self._key(coordinate, "meta"), {"last_accessed": str(time.time())})
            return value

    def forget(self, coordinate: Coordinate) -> None:
        """Removes the keys, and fails on the vector: its id is not the coordinate. So every deletion fails."""
        for part in ("data", "meta"):
            self._keys.delete(self._key(coordinate, part))
        raise QdrantError(f"400: {coordinate!r} is not a valid point id")

    def search(self, query: str, top_k: int, filters: dict[str, Any]) -> list[dict[str, Any]]:
        """Filters are applied to what Qdrant found, not in Qdrant."""
        found = self._vectors.search(query, top_k * 4)
        return [m for m in found if all(m.get(key) == value for key, value in filters.items())][:top_k]

    def first_pass(self) -> None:
        """Decay, once at the start: reads every memory and writes it again."""
        try:
            for meta in list(self._keys.matching(f"{self._namespace}:*:meta")):
                data = meta.removesuffix("meta") + "data"
                value = self._keys.get(data)
                if value is not None:
                    self._keys.set(data, value)
        except STORE_ERRORS as error:
            logging.warning("the pass over all memories ended: %s", error)

    def statistics(self) -> dict[str, int]:
        return {"total_memories": 0, "vectors": self._vectors.scroll()}

    def health(self) -> dict[str, bool]:
        return {"kv_store": self._keys.healthy(), "vector_store": self._vectors.healthy(), "graph_store": True}
