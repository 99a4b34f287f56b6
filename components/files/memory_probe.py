"""What the kubelet asks about a memory service process, from inside its container: started, ready or alive.

The process says that it is well whatever happens: its health pages answer 200, and one that found no PostgreSQL when
it started keeps everything in Redis for the rest of its life and reports every store as healthy. So more is looked at
than what it says.

- `started`: it answers, and it holds a connection to PostgreSQL. Which stores a process has is decided before it
  listens. One with PostgreSQL connects again whenever it has to (the question for /readyz makes it), so it is found
  connected sooner or later; one without never is, and the kubelet starts it again when the startup probe gives up.
- `ready`: it reports PostgreSQL, Redis and Qdrant as healthy, and is connected to PostgreSQL.
- `alive <url>`: it answers, or no other pod of its service does (`url`, through the Service, which leads to ready pods
  alone). One event loop serves everything, so a store that hangs stalls every process; killing them all would not
  bring the store back and would lose what waits. A process is only ever killed for a stall while another one is well.

Environment: SOMA_API_PORT, POSTGRES_PORT as the service has them. Exit code 0 is yes; one line says why not, and
appears in the pod's events. Standard library only.
"""

import http.client
import json
import os
import re
import sys
import urllib.parse
from pathlib import Path

HERE, OTHERS = 4.0, 3.0
"""Seconds for an answer of this process and of the other pods; the probe's timeout is longer than both together."""

SOCKETS = tuple(Path(file) for file in ("/proc/net/tcp", "/proc/net/tcp6"))
"""TCP connections of the pod: local address, remote address (hexadecimal) and state, one a line."""


def ask(host: str, port: int, path: str, seconds: float) -> tuple[int, bytes]:
    """Status and body of a GET; raises OSError or HTTPException where nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(65536)
    finally:
        connection.close()


def connections_to(port: int, tables: str) -> int:
    """How many connections to a port on loopback are established (state 01)."""
    loopback = "(?:0{16}FFFF0000)?0100007F"
    line = re.compile(rf"^\s*\d+: [0-9A-F]+:[0-9A-F]{{4}} {loopback}:{port:04X} 01 ", re.MULTILINE)
    return len(line.findall(tables))


def connected() -> bool:
    """Whether the process has a connection to the gateway to PostgreSQL: nothing else in the pod keeps one there."""
    tables = "".join(file.read_text(encoding="ascii") for file in SOCKETS if file.exists())
    return connections_to(int(os.environ["POSTGRES_PORT"]), tables) > 0


def health() -> dict[str, object]:
    """What the process says of its stores; asking makes it use its connection to each."""
    _, body = ask("127.0.0.1", int(os.environ["SOMA_API_PORT"]), "/readyz", HERE)
    said = json.loads(body)
    if not isinstance(said, dict):
        raise ValueError(f"/readyz says {said!r}")
    return said


def started() -> str:
    """Why this process has not started as it should; empty where it has."""
    health()
    if connected():
        return ""
    return (
        "it runs without a connection to PostgreSQL and answers 200 to writes that it keeps in Redis alone; unless it "
        "connects, it is started again"
    )


def ready() -> str:
    """Why this process should get no requests."""
    said = health()
    away = [store for store in ("kv_store", "vector_store") if said.get(store) is not True]
    if away:
        return f"it reports {' and '.join(away)} as unhealthy"
    return "" if connected() else "it has no connection to PostgreSQL"


def alive(others: str) -> str:
    """Why this process should be killed."""
    try:
        ask("127.0.0.1", int(os.environ["SOMA_API_PORT"]), "/ping", HERE)
    except (OSError, http.client.HTTPException) as error:
        reason = f"it does not answer ({error})"
    else:
        return ""
    url = urllib.parse.urlsplit(others)
    try:
        status, _ = ask(url.hostname or "", url.port or 80, "/ping", OTHERS)
    except (OSError, http.client.HTTPException):
        status = 0
    return f"{reason}, while another pod of its service does" if status == 200 else ""


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case ["started"]:
                fault = started()
            case ["ready"]:
                fault = ready()
            case ["alive", others]:
                fault = alive(others)
            case _:
                fault = "usage: memory_probe.py started|ready|alive URL"
    except (OSError, http.client.HTTPException, ValueError) as error:
        fault = f"it does not answer ({error})"
    if fault:
        sys.stdout.write(f"memory service: {fault}\n")
    return 1 if fault else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
