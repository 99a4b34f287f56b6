"""The probes beside real processes of the service's stand-in, on real stores: who is found, and who is left alone."""

import signal
import ssl
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.files.memory_probe import proof
from rehearsal.certificates import Authority
from rehearsal.ports import free_port
from tests.dataplane.conftest import Start, tool
from tests.dataplane.memory_stand import TOKEN, Postgres, Service, Stores, playing_qdrant
from tests.dataplane.redis_servers import eventually

NOBODY = "http://127.0.0.1:9"
"""What the Service is when no pod of it is ready: a refused connection."""


@dataclass(frozen=True)
class Servers:
    """What all tests share: each brings its stores back to what they were."""

    postgres: Postgres
    redis_port: int
    qdrant_port: int


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, start_module: Start) -> Iterator[Servers]:
    redis_port, qdrant = free_port(), playing_qdrant()
    folder = str(tmp_path_factory.mktemp("redis"))
    start_module([tool("redis-server"), "--port", str(redis_port), "--save", "", "--dir", folder])
    postgres = Postgres()
    yield Servers(postgres, redis_port, qdrant.server_address[1])
    qdrant.shutdown()
    qdrant.server_close()
    postgres.close()


@pytest.fixture
def stores(tmp_path: Path, start: Start, servers: Servers) -> Stores:
    return Stores(tmp_path, start, servers.postgres, servers.redis_port, servers.qdrant_port)


def stored(stores: Stores, coordinate: str) -> str:
    return stores.postgres.sql(f"SELECT count(*) FROM kv_store WHERE key = 'default:({coordinate}):data'")


def test_a_process_on_all_its_stores_is_started_ready_and_alive(stores: Stores) -> None:
    service = stores.service()
    assert service.probe("started") == (0, "")
    assert service.probe("ready") == (0, "")
    assert service.probe("alive", NOBODY) == (0, "")
    assert service.store("1,2", text="hello").json() == {"coord": "1,2", "memory_type": "episodic", "ok": True}
    assert stored(stores, "1.0, 2.0") == "1"
    assert service.call("GET", "/memories/1,2").json()["memory"]["text"] == "hello"
    found = service.call("POST", "/memories/search", {"query": "hello"}).json()["memories"]
    assert [memory["text"] for memory in found] == ["hello"]


def test_a_process_that_found_postgresql_refusing_is_found_though_it_says_that_it_is_well(stores: Stores) -> None:
    """The contract's sixth fact: all health is true, every write is answered 200 and none is kept."""
    stores.postgres.become_standby()
    lost = stores.service(patience="1s")  # else it would have waited: it came just too early
    stores.postgres.sql("SELECT pg_promote()")
    assert lost.call("GET", "/readyz").json() == {"kv_store": True, "vector_store": True, "graph_store": True}
    assert lost.store("3,4", text="lost").status_code == 200
    assert stored(stores, "3.0, 4.0") == "0"

    for probe in ("started", "ready"):
        code, said = lost.probe(probe)
        assert code == 1
        assert "PostgreSQL" in said
    # What the kubelet does then; the pooler goes on saying that PostgreSQL is read-only, and the gateway knows better.
    assert stores.service().probe("started") == (0, "")


def test_a_process_whose_poolers_are_all_away_is_unready_and_loses_nothing(stores: Stores) -> None:
    service = stores.service()
    stores.postgres.stop("pooler")
    waiting = service.begin("7,8")
    eventually(lambda: not service.passes("ready"))
    assert service.passes("alive", NOBODY)
    stores.postgres.start_pooler()
    eventually(lambda: service.passes("ready"))
    assert service.passes("started")
    waiting.join(60)
    assert stored(stores, "7.0, 8.0") == "1"


@pytest.mark.parametrize("hung", ["server", "pooler"])
def test_a_postgresql_that_hangs_stalls_every_process_and_none_is_killed(stores: Stores, hung: str) -> None:
    services = [stores.service() for _ in range(2)]
    stores.postgres.signal(hung, signal.SIGSTOP)
    for number, service in enumerate(services):
        service.begin(f"{number},0")
    eventually(lambda: not any(service.listens() for service in services))
    assert not any(service.passes("ready") for service in services)
    # The Service leads to ready pods only, so to nobody; and a hung one that is still listed does not answer.
    for service, other in zip(services, reversed(services), strict=True):
        assert service.passes("alive", NOBODY)
        assert service.passes("alive", other.url)

    stores.postgres.signal(hung, signal.SIGCONT)
    eventually(lambda: all(service.passes("ready") for service in services))
    assert [stored(stores, f"{number}.0, 0.0") for number in range(2)] == ["1", "1"]


def test_a_process_that_stalls_alone_is_killed(stores: Stores) -> None:
    well, stalled = stores.service(), stores.service()
    stalled.call("POST", "/__fault", {"slow": 60})
    stalled.begin("5,6")
    eventually(lambda: not stalled.listens())
    code, said = stalled.probe("alive", well.url)
    assert code == 1
    assert "another pod of its service does" in said
    assert stalled.passes("alive", NOBODY), "alone it would not be"
    assert well.passes("alive", stalled.url)


def test_a_process_that_reports_its_stores_as_away_is_unready(stores: Stores) -> None:
    """With the status 200, as always."""
    service = stores.service()
    service.call("POST", "/__fault", {"unhealthy": True})
    assert service.call("GET", "/readyz").status_code == 200
    code, said = service.probe("ready")
    assert (code, said) == (1, "memory service: it reports kv_store and vector_store as unhealthy\n")
    assert service.passes("started")


def test_a_process_that_is_not_there_is_neither(stores: Stores) -> None:
    service = Service(stores.service().process, {"SOMA_API_PORT": "9", "POSTGRES_PORT": "9"}, Path())
    for probe in ("started", "ready"):
        code, said = service.probe(probe)
        assert code == 1
        assert said.startswith("memory service: it does not answer (")


HOME = "home.us-west.somafractalmemory.internal"


@contextmanager
def another_region(folder: Path, said: str) -> Generator[str]:
    """The ingress controller of us-west as the probe asks for it: TLS by an authority of its own, one host."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = said.encode() if self.headers["Host"] == HOME else b"another host"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
            """Requests are no events."""

    signed = Authority("edges of us-west").server([f"*.{HOME.partition('.')[2]}"], [])
    pair = folder / "us-west.pem"
    pair.write_text(signed.certificate + signed.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}/{HOME}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_home_that_was_given_up_serves_nobody_when_it_comes_back(stores: Stores, tmp_path: Path) -> None:
    """Its PostgreSQL takes writes and all is well with it, but us-west is home. A pod that has heard it once keeps it;
    those of the clone, of the next generation, are others."""
    made = stores.service()
    scratch = {}
    for name in ("old", "clone"):
        (tmp_path / name).mkdir()
        scratch[name] = replace(made, environment={**made.environment, "TMPDIR": str(tmp_path / name)})
    place = str(tmp_path / "other-regions")
    with another_region(tmp_path, f"us-east/2/{proof(TOKEN, 'us-east', 2)}") as said:
        (tmp_path / "other-regions").write_text(said)
        code, said = scratch["old"].probe("ready", "us-east", "1", place)
        assert code == 1
        assert said.startswith("memory service: us-east was given up for another home")
        assert scratch["clone"].probe("ready", "us-east", "2", place) == (0, "")
    assert not scratch["old"].passes("ready", "us-east", "1", place), "though us-west does not answer any more"
    assert scratch["clone"].passes("ready", "us-east", "2", place), "home serves whether a standby lives or not"
    assert scratch["old"].passes("alive", NOBODY), "it is not killed for it"
