"""When a replica that receives nothing has to be rewound or cloned. Pure."""

from collections.abc import Callable

LOST_SECONDS = 30.0
"""A replica that has received nothing for so long asks whether there is a primary at all."""
TRIES_SECONDS = 11.0
"""One that receives nothing for so long from a primary that answers cannot follow it as it is: its receiver has tried
twice by then (`wal_retrieve_retry_interval` is 5 s)."""


class Following:
    """One replica's."""

    def __init__(self, now: float) -> None:
        self._received = now
        self._answering: float | None = None

    def receives(self, now: float) -> None:
        """It does."""
        self._received, self._answering = now, None

    def lost(self, now: float, primary_answers: Callable[[], bool]) -> bool:
        """Whether it cannot follow. A primary that was away for long answers before the receiver has tried again: only
        the time in which it answers counts against the replica."""
        if now - self._received < LOST_SECONDS:
            return False
        if not primary_answers():
            self._answering = None
            return False
        if self._answering is None:
            self._answering = now
        return now - self._answering >= TRIES_SECONDS
