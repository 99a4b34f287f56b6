"""A load of plain clients, as the memory service's process makes it, that keeps account of every answer."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError


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


@contextmanager
def writing(client: Callable[[], Any], threads: int = 8) -> Generator[Account]:
    """Each thread writes keys of its own, one after the other, and reads back what it wrote last."""
    account, stop = Account(), threading.Event()
    guard = threading.Lock()

    def write(number: int) -> None:
        mine, count = client(), 0
        while not stop.is_set():
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
