"""What the calls do: the stores, the loop that they block, and the faults that a test may switch on."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from .loop import Loop
from .memories import Coordinate, Memories
from .metrics import Metrics


class RefusedError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass
class Faults:
    """Switches of the stand-in alone, set by `POST /__fault`; each call sets all of them."""

    unhealthy: bool = False
    """Health pages report every store as away."""
    errors: bool = False
    """Memories are answered with 500."""
    slow: float = 0.0
    """Seconds that each store takes longer; the loop is blocked meanwhile."""

    def set(self, body: dict[str, Any]) -> None:
        unknown = body.keys() - {"unhealthy", "errors", "slow"}
        if unknown:
            raise RefusedError(422, f"unknown: {', '.join(sorted(unknown))}; known: unhealthy, errors, slow")
        self.unhealthy, self.errors = bool(body.get("unhealthy")), bool(body.get("errors"))
        self.slow = float(body.get("slow", 0.0))


class Application:
    """One process of the service."""

    def __init__(self, memories: Memories, client: "redis.Redis", token: str, max_body: int, rate_limit: int) -> None:
        self._memories, self._client = memories, client
        self.token, self.max_body, self._rate_limit = token, max_body, rate_limit
        self.loop, self.metrics, self.faults = Loop(), Metrics(), Faults()
        self._active, self._idle = 0, threading.Condition()

    @contextmanager
    def under_way(self) -> Generator[None]:
        """A request, from its first line to its answer."""
        with self._idle:
            self._active += 1
        try:
            yield
        finally:
            with self._idle:
                self._active -= 1
                self._idle.notify_all()

    def drain(self) -> None:
        """Waits for the requests under way, however long they take."""
        with self._idle:
            self._idle.wait_for(lambda: self._active == 0)

    def _limit(self, what: str) -> None:
        """A limit for all processes together, whose window never ends under steady traffic."""
        if self.faults.errors:
            raise RefusedError(500, "a fault that was asked for")
        if self._rate_limit <= 0:
            return
        key = f"sfm:rate:global:{what}"
        pipeline: Any = self._client.pipeline(transaction=True)
        count, _ = pipeline.incr(key).expire(key, 60).execute()
        if int(count) > self._rate_limit:
            raise RefusedError(429, "Rate limit exceeded")

    def store(self, at: Coordinate, body: dict[str, Any]) -> dict[str, Any]:
        payload, kind = body.get("payload"), str(body.get("memory_type", "episodic"))
        if not isinstance(payload, dict) or kind not in ("episodic", "semantic"):
            raise RefusedError(422, "payload has to be an object, memory_type episodic or semantic")
        with self.loop.on_it():
            self._limit("/memories.store")
            time.sleep(self.faults.slow)
            self._memories.store(at, payload, kind)
        return {"coord": body["coord"], "memory_type": kind, "ok": True}

    def read(self, at: Coordinate) -> dict[str, Any]:
        with self.loop.beside_it():
            self._limit("/memories.fetch")
            found = self._memories.read(at)
        if found is None:
            raise RefusedError(404, "Memory not found")
        return found

    def search(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        with self.loop.beside_it():
            self._limit("/memories.search")
            return self._memories.search(str(body.get("query")), int(body.get("top_k", 5)), body.get("filters") or {})

    def forget(self, at: Coordinate) -> dict[str, Any]:
        with self.loop.beside_it():
            self._limit("/memories.delete")
            self._memories.forget(at)
        return {"ok": True}

    def statistics(self) -> dict[str, int]:
        return self._memories.statistics()

    def health(self) -> dict[str, bool]:
        said = self._memories.health()
        return dict.fromkeys(said, False) if self.faults.unhealthy else said
