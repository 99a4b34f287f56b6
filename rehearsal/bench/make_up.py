"""`make up` as a user runs it."""

import subprocess
import sys
from collections import deque
from collections.abc import Sequence

from rehearsal import paths
from rehearsal.bench.measure import Measure, seconds
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress

INTERRUPT_SECONDS = 90.0
"""How long an interrupted command may take to record what it started."""
TAIL_LINES = 20
"""Enough for an error that names each pod that lags."""


def measure(progress: Progress) -> list[Measure]:
    """From nothing to every pod ready, then again. Whoever calls ends what it started."""
    with progress.step("make up, warm"):
        took = seconds(lambda: command(["up"], progress))
        again = seconds(lambda: command(["up"], progress))
    return [Measure("make up, warm, both regions to every pod ready", took, "s", 60.0), Measure("again", again, "s")]


def command(arguments: Sequence[str], progress: Progress) -> None:
    """Runs `python -m rehearsal` and shows its lines. RehearsalError, with the last of them, when it fails."""
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with subprocess.Popen(
        [sys.executable, "-m", "rehearsal", *arguments],
        cwd=paths.CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,  # hears of Ctrl-C from us alone: a second one would cut its recording short
    ) as running:
        try:
            for line in running.stdout or ():
                tail.append(line.rstrip())
                progress.passing(f"  {tail[-1]}")
            code = running.wait()
        except BaseException:
            _end(running)
            raise
    if code != 0:
        said = "".join(f"\n  {line}" for line in tail)
        raise RehearsalError(f"make {' '.join(arguments)} failed with exit code {code}:{said}")


def _end(running: "subprocess.Popen[str]") -> None:
    """An interrupted command records what it started, so that `down` finds it; one that does not end is killed."""
    running.terminate()
    try:
        running.communicate(timeout=INTERRUPT_SECONDS)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()
