"""Starts and ends the process of a region's stand-ins."""

import hashlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rehearsal import paths
from rehearsal.errors import RehearsalError
from rehearsal.processes import Process
from rehearsal.progress import Progress

NAME = "standins"
START_SECONDS = 15.0
POLL_SECONDS = 0.05
VERSION_FILE = "version"


def process(directory: Path) -> Process:
    """The process of the region whose directory this is."""
    return Process(directory, NAME)


def start(
    kubeconfig: Path, directory: Path, progress: Progress, servers: str = "simulated", enter: Sequence[str] = ()
) -> None:
    """Starts the stand-ins of a region unless they run; those of other code than the present one are replaced.

    `directory` is the region's: pid file and log lie there, `standins/` holds their state. `servers` is `real` where
    the pods of CloudNativePG run; `enter` is what stands before the command line where the API server is in another
    network namespace. RehearsalError when the process ends at once or does not come up.
    """
    running = process(directory)
    state = directory / NAME
    version = _version()
    recorded = state / VERSION_FILE
    if running.alive():
        if recorded.is_file() and recorded.read_text() == version:
            return
        progress.note(f"  {directory.name}: the stand-ins were started from other code; starting them anew")
        running.stop()
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    recorded.write_text(version)
    options = ["--kubeconfig", kubeconfig, "--state", state, "--region", directory.name, "--servers", servers]
    search = os.pathsep.join(filter(None, (str(paths.CHECKOUT), os.environ.get("PYTHONPATH"))))
    running.start([*enter, sys.executable, "-m", "rehearsal.standins", *options], {**os.environ, "PYTHONPATH": search})
    _await(running)


def stop(directory: Path) -> None:
    """Ends the stand-ins of a region; they take their registration of the metrics API back."""
    process(directory).stop()


def _await(running: Process) -> None:
    """Until it says that it watches the API server."""
    deadline = time.monotonic() + START_SECONDS
    while "stand-ins: watching" not in running.tail(lines=1000):
        if not running.alive():
            raise RehearsalError(f"the stand-ins of {running.directory.name} ended: {running.tail()}")
        if time.monotonic() > deadline:
            raise RehearsalError(f"the stand-ins of {running.directory.name} did not come up: {running.tail()}")
        time.sleep(POLL_SECONDS)


def _version() -> str:
    """What the stand-ins' code is, so that a process of older code is told from one of this."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*folder.rglob("*.py"), folder.parent / "kube.py", folder.parent / "discovery.py"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()
