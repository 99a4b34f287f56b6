"""Many plain clients at once, of four kinds, with exact counts: of a gateway as a process, and of one in a pod.

As a program it works on 127.0.0.1 until its standard input ends, and prints what came of it as JSON.
"""

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import redis
from redis.exceptions import LockError, RedisError, ResponseError

OF_EACH_KIND = 6
PAUSE = 0.01
"""Seconds between two turns of a client: without any, they take the machine from the nodes, whose slots hardly move."""
COUNTER, LIMIT, LOCK = "stress:counter", "stress:limit", "stress:lock:(1.0, 2.0)"
LAST_SECONDS = 60
"""For a client to end what it has under way."""


@dataclass
class Counted:
    """What the clients were told, and what is there."""

    locked: int = 0
    """Times that a counter was raised under a lock."""
    limited: int = 0
    """Transactions that were acknowledged."""
    in_doubt: int = 0
    """Transactions of which the gateway says that they may have been carried out."""
    faults: list[str] = field(default_factory=list[str])
    counter: int = 0
    limit: int = 0

    def wrong(self) -> list[str]:
        """Everything that is not as it should be."""
        found = list(self.faults)
        if self.counter != self.locked:
            found.append(f"the counter is {self.counter} after {self.locked} turns under its lock")
        if not self.limited <= self.limit <= self.limited + self.in_doubt:
            found.append(f"the limit is {self.limit} after {self.limited} transactions, {self.in_doubt} in doubt")
        return found


class Stress:
    """The clients, each with a connection and a thread of its own; they work for as long as `with` does.

    What it gives is filled when they have ended.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client, self._stop, self._guard = client, threading.Event(), threading.Lock()
        self._counted = Counted()
        kinds = [self._locked, self._limited, self._hashed, self._piped] * OF_EACH_KIND
        self._workers = [threading.Thread(target=self._repeat, args=(work,), daemon=True) for work in kinds]

    def __enter__(self) -> Counted:
        client = self._client()
        for key in (COUNTER, LIMIT):
            client.delete(key)
        for worker in self._workers:
            worker.start()
        return self._counted

    def __exit__(self, kind: object, *_: object) -> None:
        self._stop.set()
        for worker in self._workers:
            worker.join(LAST_SECONDS)
        if kind is not None:
            return
        if any(worker.is_alive() for worker in self._workers):
            self._counted.faults.append(f"a client has waited for {LAST_SECONDS} s")
        client = self._client()
        self._counted.counter, self._counted.limit = (int(client.get(key) or 0) for key in (COUNTER, LIMIT))

    def _repeat(self, work: Callable[[Any], None]) -> None:
        client = self._client()
        while not self._stop.wait(PAUSE):
            try:
                work(client)
            except (RedisError, AssertionError) as error:
                with self._guard:
                    self._counted.faults.append(f"{work.__name__}: {type(error).__name__}: {error}")

    def _locked(self, client: Any) -> None:
        try:
            with client.lock(LOCK, timeout=10, blocking_timeout=20):
                client.set(COUNTER, int(client.get(COUNTER) or 0) + 1)
                with self._guard:
                    self._counted.locked += 1
        except LockError as error:
            raise AssertionError(f"lock: {error}") from error

    def _limited(self, client: Any) -> None:
        pipeline = client.pipeline(transaction=True)
        pipeline.incrby(LIMIT, 1)
        pipeline.expire(LIMIT, 600)
        try:
            pipeline.execute()
        except ResponseError as error:
            if "may have been carried out" not in str(error):
                raise
            with self._guard:
                self._counted.in_doubt += 1
        else:
            with self._guard:
                self._counted.limited += 1

    def _hashed(self, client: Any) -> None:
        key = f"stress:hash:{threading.get_ident()}"
        client.hset(key, mapping={"a": "1", "b": "2"})
        assert client.hgetall(key) == {b"a": b"1", b"b": b"2"}
        assert client.delete(key) == 1

    def _piped(self, client: Any) -> None:
        name = threading.get_ident()
        pipeline = client.pipeline(transaction=False)
        for number in range(16):
            pipeline.set(f"stress:pipe:{name}:{number}", number, ex=600)
            pipeline.get(f"stress:pipe:{name}:{number}")
        assert pipeline.execute()[1::2] == [str(number).encode() for number in range(16)]


def main() -> None:
    with Stress(lambda: redis.Redis(host="127.0.0.1")) as counted:
        sys.stdin.read()
    print(json.dumps(asdict(counted)))  # noqa: T201 (what the test reads)


if __name__ == "__main__":
    main()
