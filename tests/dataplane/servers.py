"""The programs that the tier runs: found on PATH, or where Debian keeps PostgreSQL's own."""

from rehearsal.bench.stand import find

NEEDED = (
    ("initdb",),
    ("pg_ctl",),
    ("psql",),
    ("valkey-server", "redis-server"),
    ("valkey-cli", "redis-cli"),
    ("haproxy",),
    ("rclone",),
    ("pgbouncer",),
    ("prometheus",),
    ("promtool",),
    ("chromium",),
)
"""Any one of each group."""


def missing() -> list[str]:
    """What is not there, in words; empty where the tier can run."""
    return [" or ".join(group) for group in NEEDED if find(*group) is None]
