"""Where the rehearsal of a checkout keeps its files."""

import os
from pathlib import Path

from rehearsal.errors import RehearsalError

CHECKOUT = Path(__file__).resolve().parent.parent
"""The root of the checkout: Pulumi.yaml lies here."""
HOME = "SOMA_REHEARSAL_HOME"
"""Variable that names the run directory."""
RUN = ".rehearsal"
"""Name of the run directory in a checkout, where the variable names none."""
MARK = ".rehearsal-run-directory"
"""File that tells a run directory from any other: everything beside it is the rehearsal's, and goes with `down`."""


def home() -> Path:
    """The run directory: `$SOMA_REHEARSAL_HOME`, else `.rehearsal` in the checkout. Mode 0700, for it holds secrets.

    A named directory that is not empty and not ours is refused: `down` would remove what lies in it.
    """
    named = os.environ.get(HOME)
    path = Path(named or CHECKOUT / RUN).resolve()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = path / MARK
    if not mark.exists():
        if named and any(path.iterdir()):
            raise RehearsalError(
                f"{path} is no run directory of the rehearsal, and it is not empty: name a new or an empty one with "
                f"{HOME}, or empty it yourself"
            )
        mark.touch()
    return path


def region_dir(region: str) -> Path:
    """The directory of one region: control plane, state, logs, pid files."""
    path = home() / region
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def cache() -> Path:
    """Builds that outlive a checkout: `$XDG_CACHE_HOME` or `~/.cache`, keyed by what they are built from."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = base / "somafractalmemory"
    path.mkdir(parents=True, exist_ok=True)
    return path


def shorter(path: str) -> str:
    """From here, where that is shorter: a path that is told should stand on one line to be copied."""
    return min(path, os.path.relpath(path), key=len) if path else path
