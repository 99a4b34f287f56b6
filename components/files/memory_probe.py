"""What the kubelet asks about a memory service process, from inside its container: started, ready or alive.

The process says that it is well whatever happens: its health pages answer 200, and one that found no PostgreSQL when
it started keeps everything in Redis for the rest of its life and reports every store as healthy. So more is looked at
than what it says.

- `started`: it answers, and it holds a connection to PostgreSQL. Which stores a process has is decided before it
  listens. One with PostgreSQL connects again whenever it has to (the question for /readyz makes it), so it is found
  connected sooner or later; one without never is, and the kubelet starts it again when the startup probe gives up.
- `ready [<region> <generation> <file>]`: it reports PostgreSQL, Redis and Qdrant as healthy, and is
  connected to PostgreSQL; and no other region says that this one was given up. One that was, and comes back as it was,
  would take writes that no region keeps. Who does not answer says nothing: home serves whether a standby lives or not.
  What was said once holds for as long as the pod does, for a region is never taken back.
- `alive <url>`: it answers, or no other pod of its service does (`url`, through the Service, which leads to ready pods
  alone). One event loop serves everything, so a store that hangs stalls every process; killing them all would not
  bring the store back and would lose what waits. A process is only ever killed for a stall while another one is well.

Environment: SOMA_API_PORT, POSTGRES_PORT, SOMA_API_TOKEN_FILE as the service has them. Exit code 0 is yes; one line
says why not, and appears in the pod's events. Standard library only.
"""

import hashlib
import hmac
import http.client
import json
import os
import queue
import re
import socket
import ssl
import sys
import threading
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

HERE, OTHERS = 4.0, 3.0
"""Seconds for an answer of this process and of the other pods; the probe's timeout is longer than both together."""
ELSEWHERE = 3.0
"""Seconds for those of other regions, which are asked at the same time as this process."""

GIVEN_UP = Path(os.environ.get("TMPDIR", "/tmp"), "given-up")  # noqa: S108 (the container's own)
"""What another region said; the pod keeps it."""

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


def proof(token: str, region: str, generation: int) -> str:
    """What shows that a region was given up below a generation: whoever says so has its token."""
    return hmac.new(token.encode(), f"given up: {region} {generation}".encode(), hashlib.sha256).hexdigest()


def given_up(answer: str, region: str, generation: int, token: str) -> bool:
    """Whether an answer says, with its proof, that this generation of the region was given up."""
    for one in answer.split():
        name, number, shown = [*one.split("/"), "", ""][:3]
        later = name == region and number.isdecimal() and int(number) > generation
        if later and hmac.compare_digest(shown.encode(), proof(token, region, int(number)).encode()):
            return True
    return False


def elsewhere(address: str, host: str, port: int) -> str:
    """What another region's ingress controller says at a host."""
    context = ssl.create_default_context()
    # No region knows another one's authority by which to verify it. The answer carries its own proof.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((address, port), ELSEWHERE) as plain,
        context.wrap_socket(plain, server_hostname=host) as channel,
    ):
        connection = http.client.HTTPConnection(host)
        connection.sock = channel
        connection.request("GET", "/")
        return connection.getresponse().read(65536).decode("ascii", "replace")


class Question:
    """To all other regions at once, while something else is done."""

    def __init__(self, others: Sequence[str]) -> None:
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._left, self._until = len(others), time.monotonic() + ELSEWHERE
        for other in others:
            place, _, host = other.partition("/")
            address, _, port = place.rpartition(":")
            # Nothing waits for it: a name that is not resolved would hold it for longer than the probe has.
            threading.Thread(target=self._ask, args=(address, host, int(port)), daemon=True).start()

    def _ask(self, address: str, host: str, port: int) -> None:
        try:
            self._answers.put(elsewhere(address, host, port))
        except (OSError, http.client.HTTPException):
            self._answers.put("")

    def says(self, region: str, generation: int, token: str) -> bool:
        """Whether one of them says that the region was given up."""
        while self._left:
            try:
                answer = self._answers.get(timeout=max(0.0, self._until - time.monotonic()))
            except queue.Empty:
                return False
            self._left -= 1
            if given_up(answer, region, generation, token):
                return True
        return False


def fenced(region: str, generation: int, question: Question) -> str:
    """Why this region must serve nobody; empty where nobody says so."""
    if not GIVEN_UP.exists():
        token = Path(os.environ["SOMA_API_TOKEN_FILE"]).read_text(encoding="utf-8").strip()
        if not question.says(region, generation, token):
            return ""
        GIVEN_UP.write_text("", encoding="utf-8")
    return f"{region} was given up for another home, and what it took would be lost (docs/promotion.md)"


def ready(arguments: Sequence[str] = ()) -> str:
    """Why this process should get no requests."""
    # As `<address>:<port>/<host> …`
    question = Question(Path(arguments[2]).read_text(encoding="utf-8").split() if arguments else ())
    return _unready() or (fenced(arguments[0], int(arguments[1]), question) if arguments else "")


def _unready() -> str:
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
            case ["ready", *where]:
                fault = ready(where)
            case ["alive", others]:
                fault = alive(others)
            case _:
                fault = "usage: memory_probe.py started | ready [REGION GENERATION FILE] | alive URL"
    except (OSError, http.client.HTTPException, ValueError) as error:
        fault = f"it does not answer ({error})"
    if fault:
        sys.stdout.write(f"memory service: {fault}\n")
    return 1 if fault else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
