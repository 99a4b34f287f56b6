"""Progress of long steps, on standard error so that `--json` keeps standard output to itself."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

FIRST_SECONDS, LONGEST_SECONDS = 10.0, 60.0
"""How long nothing is said of a step: at first, and at most; each silence is twice the one before."""
_CLEAR = "\x1b[2K"
"""Takes the line away on which the cursor of a terminal is."""


class Progress:
    """Prints what is under way, that it still is, and how long it took. Safe to use from several threads."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._clear = _CLEAR if self._stream.isatty() and os.environ.get("TERM") != "dumb" else ""
        self._lock = threading.Lock()
        self.seconds: dict[str, float] = {}
        """Duration of each finished step, in seconds, by its text."""

    def note(self, text: str) -> None:
        """One line, now."""
        self._print(text)

    def passing(self, text: str) -> None:
        """What is of interest for a moment: a line, whose place on a terminal the next one takes."""
        if self._clear:
            self._print(text[: shutil.get_terminal_size().columns - 1], end="\r")
        else:
            self.note(text)

    def _print(self, text: str, end: str = "\n") -> None:
        with self._lock:
            print(f"{self._clear}{text}", end=end, file=self._stream, flush=True)

    @contextmanager
    def step(self, text: str) -> Generator[None]:
        """A step with a beginning and an end; says now and then that it still runs."""
        started = time.monotonic()
        done = threading.Event()
        self.passing(f"  {text} …")
        ticker = threading.Thread(target=self._tick, args=(text, started, done), daemon=True)
        ticker.start()
        try:
            yield
        except BaseException:
            if self._clear:
                self.note(f"  {text} …")  # where it ended stays, and whoever says why begins a line
            raise
        finally:
            done.set()
            self.seconds[text] = time.monotonic() - started
        self.note(f"  {text}: {self.seconds[text]:.1f} s")

    def _tick(self, text: str, started: float, done: threading.Event) -> None:
        silence = FIRST_SECONDS
        while not done.wait(silence):
            self.passing(f"  {text} … still running after {time.monotonic() - started:.0f} s")
            silence = min(2 * silence, LONGEST_SECONDS)
