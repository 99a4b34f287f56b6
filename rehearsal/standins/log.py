"""The log of the stand-ins: one line an event, on standard error."""

import sys
import threading
from datetime import UTC, datetime

_lock = threading.Lock()


def note(who: str, what: str) -> None:
    """Writes one line: the time (UTC), the stand-in, what it did or met."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = " ".join(what.split())
    with _lock:
        sys.stderr.write(f"{stamp} {who}: {line}\n")
        sys.stderr.flush()
