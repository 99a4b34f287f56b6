"""Runs the steps of an update side by side, each after those that it depends on."""

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

AT_ONCE = 8
"""Calls to API servers at the same time."""
WAITS_AT_ONCE = 64
"""Objects awaited at the same time: they cost a watch each, and no step that is free to go waits for them."""
Then = Callable[[], None]
Work = Callable[[], Then | None]
"""Does a step at once; answers what has to be awaited before the step is done, or None."""


class _NotBegunError(Exception):
    """`stop` was set while a step waited for its turn."""


def run(
    work: Mapping[str, Work],
    after: Mapping[str, Iterable[str]],
    stop: threading.Event,
    fatal: type[Exception] | None = None,
) -> dict[str, Exception]:
    """Runs each piece of work once those of `after` are done; answers the failures by key.

    What depends on a failure is not begun; all else is. `after` may name keys without work (they count as done).
    When `stop` is set, nothing new is begun; a `fatal` failure sets it, and so does an interrupt (KeyboardInterrupt),
    which waits for what is under way and goes on up.
    """
    waiting = {key: {other for other in after.get(key, ()) if other in work and other != key} for key in work}
    followers: dict[str, list[str]] = {key: [] for key in work}
    for key, before in waiting.items():
        for other in before:
            followers[other].append(key)
    failures: dict[str, Exception] = {}
    running: dict[Future[Then | None], tuple[str, bool]] = {}
    with ThreadPoolExecutor(AT_ONCE) as doers, ThreadPoolExecutor(WAITS_AT_ONCE) as waiters:

        def begin(keys: Iterable[str]) -> None:
            for key in keys:
                if not stop.is_set():
                    running[doers.submit(_unless(stop, _stopping(stop, fatal, work[key])))] = (key, False)

        def finished(future: Future[Then | None]) -> None:
            key, awaited = running.pop(future)
            error = future.exception()
            if isinstance(error, _NotBegunError):
                return
            if isinstance(error, Exception):
                failures[key] = error
                return
            then = future.result()
            if then is not None and not awaited:
                running[waiters.submit(_stopping(stop, fatal, _done_after(then)))] = (key, True)
                return
            for follower in followers[key]:
                waiting[follower].discard(key)
            begin(follower for follower in followers[key] if not waiting[follower])

        begin(key for key, before in waiting.items() if not before)
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    finished(future)
        except BaseException:
            stop.set()
            doers.shutdown(wait=False, cancel_futures=True)
            waiters.shutdown(wait=False, cancel_futures=True)
            raise
    return failures


def _done_after(work: Then) -> Work:
    def answer() -> None:
        work()

    return answer


def _unless(stop: threading.Event, work: Work) -> Work:
    """More steps are free to go than have a turn at once: what still waits for its turn is not begun either."""

    def begin() -> Then | None:
        if stop.is_set():
            raise _NotBegunError
        return work()

    return begin


def _stopping(stop: threading.Event, fatal: type[Exception] | None, work: Work) -> Work:
    def attempt() -> Then | None:
        try:
            return work()
        except Exception as error:
            if fatal is not None and isinstance(error, fatal):
                stop.set()
            raise

    return attempt
