"""Where the rehearsal of a checkout keeps its files."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
"""The root of the checkout: Pulumi.yaml lies here."""


def home() -> Path:
    """The run directory: `$SOMA_REHEARSAL_HOME`, else `.rehearsal` in the checkout. Mode 0700, for it holds secrets."""
    path = Path(os.environ.get("SOMA_REHEARSAL_HOME", CHECKOUT / ".rehearsal")).resolve()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
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
