"""The probes beside real processes of the service's stand-in, on real stores: who is found, and who is left alone."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rehearsal.ports import free_port
from tests.dataplane.conftest import Start, tool
from tests.dataplane.memory_stand import Postgres, Service, Stores, playing_qdrant
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
