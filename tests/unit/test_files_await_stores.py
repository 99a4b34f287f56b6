"""The wait behind the gateways, against gateways that are played: what it says, when it ends, what it judges."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from components.files import await_stores

GOOD = {"vectors": {"size": 768, "distance": "Cosine"}, "shard_number": 4}


def described(params: Any) -> bytes:
    """An answer of Qdrant."""
    return json.dumps({"result": {"config": {"params": params}}, "status": "ok"}).encode()


class Played:
    """Sockets that answer every connection with a text."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.answers: list[bytes] = []
        self.asked: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(4096))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                connection.sendall(answer)

    def says(self, *answers: bytes) -> None:
        """One after the other, the last for ever."""
        self.answers = list(answers)

    def close(self) -> None:
        self._listener.close()


def http(status: int, body: bytes = b"{}") -> bytes:
    return b"HTTP/1.1 %d x\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (status, len(body), body)


Wait = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def gateways() -> Iterator[tuple[Played, Played]]:
    """Of Redis and of Qdrant, both well."""
    redis, qdrant = Played(), Played()
    redis.says(b"+PONG\r\n")
    qdrant.says(http(200, described(GOOD)))
    yield redis, qdrant
    redis.close()
    qdrant.close()


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], gateways: tuple[Played, Played]) -> Wait:
    """Runs the script: exit code and lines."""

    def run(seconds: str = "0.05", **environment: str) -> tuple[int, list[str]]:
        ports = {"REDIS_PORT": str(gateways[0].port), "QDRANT_PORT": str(gateways[1].port)}
        given = {"COLLECTION": "default", "VECTOR_SIZE": "768", "WAIT_SECONDS": seconds}
        for name, value in {**ports, **given, **environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(await_stores, "PAUSE", 0.01)
        code = await_stores.main()
        return code, capsys.readouterr().out.splitlines()

    return run


def test_a_service_may_start_when_both_answer(wait: Wait, gateways: tuple[Played, Played]) -> None:
    code, lines = wait()
    assert code == 0
    assert lines == [
        "every slot of the Redis cluster has a master (after 0 s)",
        "collection 'default' is there, 768 numbers a vector (after 0 s)",
    ]
    assert gateways[0].asked == [b"PING\r\n"]
    assert gateways[1].asked[0].startswith(b"GET /collections/default HTTP/1.1\r\n")


def test_it_waits_for_as_long_as_it_takes_where_there_is_no_limit(wait: Wait, gateways: tuple[Played, Played]) -> None:
    redis, qdrant = gateways
    redis.says(*[b"-CLUSTERDOWN slots 0-5460 have no master\r\n"] * 7, b"+PONG\r\n")
    qdrant.says(*[http(503)] * 5, *[http(404)] * 5, http(200, described(GOOD)))
    code, lines = wait("0")
    assert code == 0
    assert sum("CLUSTERDOWN slots 0-5460" in line for line in lines) == 7
    assert sum("Qdrant answers 503" in line for line in lines) == 5
    assert sum("collection 'default' is missing" in line for line in lines) == 5


@pytest.mark.parametrize(
    ("redis", "qdrant", "missing", "remedy"),
    [
        (b"-CLUSTERDOWN no master\r\n", http(200), "Redis: -CLUSTERDOWN no master", "redis pods"),
        (b"", http(200), "Redis: the gateway closed the connection", "redis-gateway log"),
        (b"+PONG\r\n", http(404), "collection 'default' is missing", "Job qdrant-collections"),
        (b"+PONG\r\n", http(403, b"no"), "Qdrant answers 403 for collection 'default': b'no'", "qdrant-gateway log"),
        (b"+PONG\r\n", b"", "the Qdrant gateway on port", "qdrant pods"),
        (b"+PONG\r\n", http(200, b"[]"), "unreadably", "qdrant pods"),
        (
            b"+PONG\r\n",
            http(200, described({"vectors": {"size": 384, "distance": "Cosine"}})),
            "size 384 and distance Cosine, wanted 768 and Cosine",
            "name another memory namespace",
        ),
        (
            b"+PONG\r\n",
            http(200, described({"vectors": {"size": 768, "distance": "Dot"}})),
            "distance Dot",
            "name another memory namespace",
        ),
        (
            b"+PONG\r\n",
            http(200, described({"vectors": {"text": {"size": 768, "distance": "Cosine"}}})),
            "size None",
            "name another memory namespace",
        ),
    ],
)
def test_it_gives_up_in_the_end_and_says_what_to_do(
    wait: Wait, gateways: tuple[Played, Played], redis: bytes, qdrant: bytes, missing: str, remedy: str
) -> None:
    gateways[0].says(redis)
    gateways[1].says(qdrant)
    code, lines = wait()
    assert code == 1
    assert missing in lines[-2]
    assert lines[-1].startswith("giving up after 0 s: ")
    assert remedy in lines[-1]


def test_a_gateway_that_is_not_there_is_named(wait: Wait) -> None:
    code, lines = wait(REDIS_PORT="9")
    assert code == 1
    assert "the Redis gateway on port 9 does not answer" in lines[0]


def test_shards_and_replicas_are_not_its_business(wait: Wait, gateways: tuple[Played, Played]) -> None:
    """A pod must be able to start while the rebalancer works."""
    gateways[1].says(http(200, described({**GOOD, "shard_number": 12, "replication_factor": 3})))
    assert wait()[0] == 0


def test_a_namespace_with_a_strange_name_is_asked_for_by_its_own(wait: Wait, gateways: tuple[Played, Played]) -> None:
    wait(COLLECTION="a/b")
    assert gateways[1].asked[0].startswith(b"GET /collections/a%2Fb HTTP/1.1\r\n")
