"""The programs that the tier runs: found on PATH, or where Debian keeps PostgreSQL's own."""

import os
import shutil
from pathlib import Path

NEEDED = (
    ("initdb",),
    ("pg_ctl",),
    ("psql",),
    ("valkey-server", "redis-server"),
    ("valkey-cli", "redis-cli"),
    ("haproxy",),
    ("pgbouncer",),
)
"""Any one of each group."""


def find(*names: str) -> str | None:
    """The first of these programs that is there."""
    places = os.pathsep.join(
        [
            os.environ.get("PATH", ""),
            "/usr/sbin",
            *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True),
        ]
    )
    return next((path for name in names if (path := shutil.which(name, path=places))), None)


def missing() -> list[str]:
    """What is not there, in words; empty where the tier can run."""
    return [" or ".join(group) for group in NEEDED if find(*group) is None]
