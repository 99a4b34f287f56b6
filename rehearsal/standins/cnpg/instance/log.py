"""The log of a pod: one line an event, on standard output, with the time and what runs."""

import sys
from datetime import UTC, datetime


def say(what: str) -> None:
    """Writes one line."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    sys.stdout.write(f"{stamp} manager: {' '.join(what.split())}\n")
    sys.stdout.flush()
