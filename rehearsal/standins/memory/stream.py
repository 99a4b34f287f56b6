"""`GET /memories/stream`: server-sent events that are nothing but heartbeats.

The service's documents name the path; the service has no such call. The ingress is made for it all the same, and this
is what shows whether it keeps a stream: each event says which pod it is from, its number, and when it was sent.
"""

import json
import socket
import time
import urllib.parse
from collections.abc import Iterator

from .application import RefusedError

PATH = "/memories/stream"
HEARTBEAT = 15.0
"""Seconds between two events; `?heartbeat=` asks for others."""
HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    "Transfer-Encoding": "chunked",
    "Connection": "close",
}


def heartbeat(query: str) -> float:
    """Seconds between two events, as a request's query asks. Raises `RefusedError`."""
    asked = dict(urllib.parse.parse_qsl(query)).get("heartbeat", str(HEARTBEAT))
    try:
        seconds = float(asked)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise RefusedError(422, f"heartbeat={asked}: not a number of seconds")
    return seconds


def chunks(seconds: float) -> Iterator[bytes]:
    """The first event now, then one every so many seconds, without end: each a chunk of HTTP."""
    pod, number = socket.gethostname(), 0
    while True:
        told = json.dumps({"pod": pod, "number": number, "sent": time.time()})
        event = f"event: heartbeat\ndata: {told}\n\n".encode()
        yield b"%x\r\n%s\r\n" % (len(event), event)
        number += 1
        time.sleep(seconds)
