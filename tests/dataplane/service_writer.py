"""Writes as the memory service does, for as long as it is let, and says what it was told.

A program by itself (psycopg2 only), so that it runs as a process and in a pod. One connection, autocommit; after an
error that the service takes for a lost connection it connects anew and tries once more; a second error is swallowed.
Every record is answered 200, whatever became of it (somafractalmemory at 9089859: storage.py:749-794, core.py).

Environment: DSN; NAMESPACE (prefix of the keys, default `load`); SECONDS (default: until SIGTERM);
PAUSE (seconds between two records).
Prints one JSON object at the end: answered, swallowed, reconnects, longest (seconds), said (errors).
"""

import json
import os
import signal
import time
from typing import Any

import psycopg2

SET = 'INSERT INTO "kv_store" (key, value) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value'
PAUSE_SECONDS = 0.002
"""Between two records, by default."""


class Service:
    """The service's way to PostgreSQL."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: Any = None
        self.reconnects = -1
        self.swallowed = 0
        self.said: dict[str, int] = {}

    def _connect(self) -> Any:
        self.reconnects += 1
        self._connection = psycopg2.connect(self._dsn)
        self._connection.autocommit = True
        return self._connection

    def store(self, key: str, value: str) -> None:
        """Returns whatever happens, as `POST /memories` answers 200."""
        for last in (False, True):
            try:
                with (self._connection or self._connect()).cursor() as cursor:
                    cursor.execute(SET, (key, value))
                return
            except psycopg2.Error as error:
                words = f"{type(error).__name__}: {' '.join(str(error).split())}"
                self.said[words] = self.said.get(words, 0) + 1
                self._connection = None
                if last or not isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)):
                    self.swallowed += 1
                    return


def main() -> None:
    """Stores record after record."""
    service, namespace = Service(os.environ["DSN"]), os.environ.get("NAMESPACE", "load")
    pause = float(os.environ.get("PAUSE", PAUSE_SECONDS))
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    end = time.monotonic() + float(os.environ.get("SECONDS", "86400"))
    answered, longest = 0, 0.0
    while not ended and time.monotonic() < end:
        started = time.monotonic()
        service.store(f"{namespace}:({answered}.0, 2.0):data", json.dumps({"n": answered}))
        longest = max(longest, time.monotonic() - started)
        answered += 1
        time.sleep(pause)
    report = {"answered": answered, "swallowed": service.swallowed, "reconnects": service.reconnects}
    print(json.dumps({**report, "longest": round(longest, 2), "said": service.said}))  # noqa: T201


if __name__ == "__main__":
    main()
