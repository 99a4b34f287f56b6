"""One event loop and its pool of threads, as far as a client notices them."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

THREADS = 40
"""Of the pool in which calls that are no coroutines run (anyio's default)."""


class Loop:
    """Every request needs the loop for a moment, to be taken and to be answered; a store keeps it all along.

    Calls that are no coroutines run beside it, so many at once as there are threads: when each of them waits for a
    store, nothing else is answered either.
    """

    def __init__(self) -> None:
        self._loop = threading.Lock()
        self._pool = threading.BoundedSemaphore(THREADS)

    @contextmanager
    def on_it(self) -> Generator[None]:
        """A coroutine that never gives the loop back: storing."""
        with self._loop:
            yield

    @contextmanager
    def beside_it(self) -> Generator[None]:
        """A call in the pool: everything else."""
        with self._loop:
            pass
        with self._pool:
            yield
        with self._loop:
            pass
