"""Notices that a control plane died under the work that needs it, and says what ended and how to go on."""

import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress

POLL_SECONDS = 0.5
"""An API server whose store has ended answers nothing for a minute: its processes tell sooner than its calls."""

_T = TypeVar("_T")


class Plane(Protocol):
    """What is watched; `controlplane.ControlPlane` is one."""

    @property
    def region(self) -> str: ...

    def ended(self) -> str | None: ...

    def fault(self) -> str | None: ...

    def halt(self) -> None: ...


def watched(plane: Plane, progress: Progress, work: Callable[[], _T]) -> _T:
    """What the work answers. RehearsalError, with no process of the control plane left, when it died meanwhile.

    The control plane's own fault takes the place of what the work said of it: that is done again by the next run.
    """
    faults: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(POLL_SECONDS):
            fault = plane.ended()
            if fault is not None:
                faults.append(fault)
                progress.note(f"  {plane.region}: {fault.splitlines()[0]}; ending what is left of its control plane")
                plane.halt()  # its clients would wait for a server that cannot answer
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()

    def found() -> str | None:
        done.set()
        watcher.join()
        return faults[0] if faults else None

    try:
        answer = work()
    except RehearsalError as error:
        fault = found() or plane.fault()
        if fault is None:
            raise
        raise _lost(plane, fault) from error
    finally:
        found()
    if faults:
        raise _lost(plane, faults[0])
    return answer


def _lost(plane: Plane, fault: str) -> RehearsalError:
    plane.halt()
    return RehearsalError(
        f"{plane.region}: its control plane was lost: {fault}\n"
        "What was left of it was ended, and what was applied is recorded: `make up` goes on from here."
    )
