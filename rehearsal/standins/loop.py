"""A queue of keys and the thread that works on them, one after the other, again after a failure."""

import heapq
import threading
import time
from collections.abc import Callable

from rehearsal.kube import KubeError
from rehearsal.standins.informer import Key
from rehearsal.standins.log import note

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0

Work = Callable[[Key], float | None]
"""Brings one object to its wanted state; answers after how many seconds to look again, None: when something changes."""


class Loop:
    """Calls `work` for each key that was put in; a key that is put in several times meanwhile is worked on once."""

    def __init__(self, name: str, work: Work) -> None:
        self._name = name
        self._work = work
        self._due: list[tuple[float, Key]] = []
        self._failures: dict[Key, int] = {}
        self._said: dict[Key, str] = {}
        self._wanted: dict[Key, float] = {}
        self._changed = threading.Condition()

    def start(self) -> None:
        """Begins to work, for the life of the process."""
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def put(self, key: Key, after: float = 0.0) -> None:
        """Asks for work on a key, `after` seconds from now or when it is due anyway, whichever is earlier."""
        due = time.monotonic() + after
        with self._changed:
            if self._wanted.get(key, due + 1) <= due:
                return
            self._wanted[key] = due
            heapq.heappush(self._due, (due, key))
            self._changed.notify()

    def _next(self) -> Key:
        with self._changed:
            while True:
                now = time.monotonic()
                while self._due and self._due[0][0] <= now:
                    due, key = heapq.heappop(self._due)
                    if self._wanted.get(key) == due:  # an earlier request has been served when it differs
                        del self._wanted[key]
                        return key
                self._changed.wait(self._due[0][0] - now if self._due else None)

    def _run(self) -> None:
        while True:
            key = self._next()
            try:
                again = self._work(key)
            except KubeError as error:
                self._failed(key, str(error))
            except Exception as error:  # noqa: BLE001 one object that nobody foresaw must not end the stand-in
                self._failed(key, f"{type(error).__name__}: {error}")
            else:
                self._failures.pop(key, None)
                self._said.pop(key, None)
                if again is not None:
                    self.put(key, again)

    def _failed(self, key: Key, why: str) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        if self._said.get(key) != why:
            self._said[key] = why
            note(self._name, f"{'/'.join(key)}: {why}")
        self.put(key, min(FIRST_PAUSE_SECONDS * 2**failures, LONGEST_PAUSE_SECONDS))
