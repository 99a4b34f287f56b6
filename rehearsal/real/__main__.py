"""Builds what real nodes need, where they can run: `python -m rehearsal.real`."""

import os
import sys

from rehearsal import binaries
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from rehearsal.real import images, programs


def missing() -> list[str]:
    """Why real nodes cannot run now, in words; empty where they can."""
    found = programs.lacking()
    if programs.ready() is None or not images.ready():
        found.append("the programs of the nodes or the test images are not built (make servers)")
    return [*found, *filter(None, [binaries.missing()])]


def main() -> int:
    """Exit code: 0 when all is there or this machine cannot run real nodes, 1 when a build failed."""
    lacking = programs.lacking()
    if lacking:
        sys.stderr.write(f"no real nodes on this machine: {', '.join(lacking)}\n")
        return 0
    os.umask(0o022)  # what is built here is looked at by users of containers
    progress = Progress()
    try:
        programs.ensure(progress)
        images.ensure(progress)
    except RehearsalError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
