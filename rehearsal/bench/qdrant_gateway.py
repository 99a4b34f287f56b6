"""The Qdrant gateway, HAProxy with the configuration that the program declares, over going straight to the server.

The server answers every call at once with the same words, so that nothing but the gateway is measured: before a real
one, which has to search, the same microseconds weigh less.
"""

import http.client
import json
import re
from collections.abc import Generator
from contextlib import contextmanager

from rehearsal.bench.measure import Measure, side_by_side
from rehearsal.bench.stand import FILES, Stand, find, listens, missing, stand
from rehearsal.errors import RehearsalError
from rehearsal.ports import free_port
from rehearsal.progress import Progress

NEEDED = (("haproxy",),)
ROUNDS, ROUND_REQUESTS = 40, 50
DIMENSIONS = 768
PATH = "/collections/default/points/query"
QUERY = json.dumps({"query": [number / DIMENSIONS for number in range(DIMENSIONS)], "limit": 5, "with_payload": True})
ANSWER = '{"result":{"points":[]},"status":"ok","time":0.0001,"consensus_thread_status":"working"}'
_NAME = "qdrant"


def measure(progress: Progress, rounds: int = ROUNDS) -> list[Measure]:
    """Queries of 768 numbers, one after the other over one connection, in turns."""
    lacks = missing(*NEEDED)
    if lacks:
        return [Measure.missing("the Qdrant gateway", lacks)]
    with progress.step("Qdrant gateway over direct"), targets() as (direct, gateway):
        _queries(gateway)
        turns = side_by_side(rounds, lambda _: _queries(gateway), lambda _: _queries(direct))
    return [
        Measure("Qdrant gateway: time of a query over direct", turns.ratio, "ratio"),
        Measure("Qdrant query, direct", turns.other / ROUND_REQUESTS * 1e6, "µs"),
        Measure("Qdrant query, gateway", turns.one / ROUND_REQUESTS * 1e6, "µs"),
    ]


@contextmanager
def targets() -> Generator[tuple[int, int]]:
    """The ports of the server and of the gateway before it."""
    with stand(_NAME) as here:
        server, gateway = free_port(), free_port()
        _server(here, server)
        key = here.folder / "key.cfg"
        key.write_text("global\n  set-var proc.qdrant_api_key str(bench)\n")
        config = here.folder / "gateway.cfg"
        config.write_text(on_loopback((FILES / "qdrant-gateway.cfg").read_text(), gateway, server))
        told = {"METRICS_PORT": str(free_port())}
        here.start("gateway", [find("haproxy") or "", "-W", "-f", key, "-f", config], told)
        here.await_(lambda: _ready(gateway), "the Qdrant gateway", "gateway")
        yield server, gateway


def on_loopback(config: str, port: int, server: int) -> str:
    """The gateway's configuration with another port, and one server in the place of those that DNS would name."""
    changed, count = re.subn(r"(?m)^(\s*bind 127\.0\.0\.1):6333$", rf"\1:{port}", config)
    changed, peers = re.subn(r"(?m)^(\s*)server-template .*$", rf"\1server qdrant1 127.0.0.1:{server}", changed)
    if (count, peers) != (1, 1):
        raise RehearsalError("qdrant-gateway.cfg has not one port and one template of servers: adapt rehearsal.bench")
    return changed


def _server(here: Stand, port: int) -> None:
    config = here.folder / "server.cfg"
    config.write_text(
        "global\n  maxconn 2000\n  tune.bufsize 131072\n"
        "defaults\n  mode http\n  timeout connect 2s\n  timeout client 1h\n  timeout server 1h\n"
        f"frontend qdrant\n  bind 127.0.0.1:{port}\n"
        f"  http-request return status 200 content-type application/json string '{ANSWER}'\n"
    )
    here.start("server", [find("haproxy") or "", "-f", config])
    here.await_(lambda: listens(port), "HAProxy", "server")


def _ready(port: int) -> bool:
    try:
        return _status(port, "GET", "/readyz") == 200
    except OSError:
        return False


def _status(port: int, method: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    finally:
        connection.close()


def _queries(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        for _ in range(ROUND_REQUESTS):
            connection.request("POST", PATH, body=QUERY, headers={"content-type": "application/json"})
            answer = connection.getresponse()
            if answer.status != 200 or answer.read() != ANSWER.encode():
                raise RehearsalError(f"a query on port {port} was answered with status {answer.status}")
    finally:
        connection.close()
