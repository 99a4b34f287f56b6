"""A load of plain clients, as the memory service's process makes it, that keeps account of every answer."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

PAUSE = 0.02
"""Seconds between two writes of a client: without any, a few clients take the machine from the nodes that fail over."""
SURE = 50
"""Writes after which a client has come to each of three masters, but for once in a billion."""


@dataclass
class Account:
    """What the clients were told."""

    acknowledged: dict[str, str] = field(default_factory=dict[str, str])
    """Key and value of the newest write of each key that was answered OK."""
    errors: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])
    longest: float = 0.0
    """Seconds of the slowest answer."""
    answers: int = 0
    turns: list[int] = field(default_factory=list[int])
    """Of each client: how often it has written and read."""

    def await_all(self, seconds: float) -> None:
        """Until every client is served by all masters again. AssertionError where one is not within so many seconds."""
        end, wanted = time.monotonic() + seconds, [turns + SURE for turns in self.turns]
        while any(turns < sure for turns, sure in zip(self.turns, wanted, strict=True)):
            assert time.monotonic() < end, f"not every client is served after {seconds} s"
            time.sleep(0.1)


@contextmanager
def writing(client: Callable[[], Any], threads: int = 8) -> Generator[Account]:
    """Each thread writes keys of its own, one after the other, and reads back what it wrote last."""
    account, stop = Account(turns=[0] * threads), threading.Event()
    guard = threading.Lock()

    def write(number: int) -> None:
        mine, count = client(), 0
        while not stop.wait(PAUSE):
            key, value = f"load:{number}:{count % 200}", f"{number}-{count}"
            started = time.monotonic()
            try:
                mine.set(key, value)
                written = time.monotonic()
                read = mine.get(key)
            except RedisError as error:
                with guard:
                    account.errors.append(f"{type(error).__name__}: {error}")
                continue
            with guard:
                account.acknowledged[key] = value
                account.longest = max(account.longest, written - started, time.monotonic() - written)
                account.answers += 2
                account.turns[number] += 1
                if read is None or read.decode() != value:
                    account.wrong.append(f"{key}: read {read}, wrote {value}")
            count += 1

    workers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield account
    finally:
        stop.set()
        for worker in workers:
            worker.join(60)
