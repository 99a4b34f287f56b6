"""Pages that are made from code: printed, written, or compared with what is there."""

import sys
from collections.abc import Callable
from pathlib import Path


def delivered(page: Callable[[], str], write: Path | None, check: Path | None, source: str) -> int:
    """Exit code: 1 where the file to check is not the page, else 0. `source` is who makes it: "the rules say"."""
    if write is not None:
        write.write_text(page(), encoding="utf-8")
    elif check is None:
        sys.stdout.write(page())
    elif not check.exists() or check.read_text(encoding="utf-8") != page():
        sys.stderr.write(f"{check} is not what {source}: run `make docs`\n")
        return 1
    return 0
