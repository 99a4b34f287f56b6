"""Progress of long steps, on standard error so that `--json` keeps standard output to itself."""

import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

HEARTBEAT_SECONDS = 10.0


class Progress:
    """Prints what is under way, that it still is, and how long it took. Safe to use from several threads."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._lock = threading.Lock()
        self.seconds: dict[str, float] = {}
        """Duration of each finished step, in seconds, by its text."""

    def note(self, text: str) -> None:
        """One line, now."""
        with self._lock:
            print(text, file=self._stream, flush=True)

    @contextmanager
    def step(self, text: str) -> Generator[None]:
        """A step with a beginning and an end; says every ten seconds that it still runs."""
        started = time.monotonic()
        done = threading.Event()
        self.note(f"  {text} …")
        ticker = threading.Thread(target=self._tick, args=(text, started, done), daemon=True)
        ticker.start()
        try:
            yield
        finally:
            done.set()
            self.seconds[text] = time.monotonic() - started
        self.note(f"  {text}: {self.seconds[text]:.1f} s")

    def _tick(self, text: str, started: float, done: threading.Event) -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            self.note(f"  {text} … still running after {time.monotonic() - started:.0f} s")
