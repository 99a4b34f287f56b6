"""Ports of the loopback address for servers that are about to start."""

import random
import socket
import threading
from typing import Final

from rehearsal.errors import RehearsalError

PORTS: Final = range(11000, 22000)
"""With what is `BUS` above, below the range from which systems choose the ports of outgoing connections."""
BUS: Final = 10_000
"""A node of a Redis Cluster listens there, too, above its port (redis.io/docs, cluster specification)."""

_given: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """A port that nobody listens on, nor `BUS` above it, and neither of which this process has given out before.

    RehearsalError where there is none.
    """
    with _lock:
        for port in random.sample(PORTS, len(PORTS)):
            both = {port, port + BUS}
            if not both & _given and all(map(is_free, both)):
                _given.update(both)
                return port
    raise RehearsalError(f"no free port between {PORTS.start} and {PORTS.stop} on 127.0.0.1")


def is_free(port: int) -> bool:
    """Whether a server could listen on it now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
