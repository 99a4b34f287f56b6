"""Other API keys for Qdrant while it serves: nodes restart one by one, then gateways and readers; no call is refused.

HAProxy is the real one with the pods' configuration; the nodes are the stand-in and read the program's `local.yaml`.
"""

import http.client
import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from components import qdrant_keys
from tests.dataplane.conftest import Start
from tests.dataplane.qdrant_cluster import Cluster, call, eventually, point
from tests.dataplane.test_qdrant_gateway import NODES, TIMEOUTS, started, through

KEYS = ("first123", "second456", "third789")
READ_ONLY = "reader000"
NONE = {"QDRANT__SERVICE__API_KEY": "", "QDRANT__SERVICE__READ_ONLY_API_KEY": ""}
"""Nodes read their keys from the file, as pods do."""


def give(cluster: Cluster, node: int, version: int) -> None:
    """The file of a version, as the program writes it."""
    folder = cluster.folder / str(node) / "config"
    folder.mkdir(parents=True, exist_ok=True)
    previous = KEYS[version - 2] if version > 1 else None
    reading = READ_ONLY if version == 1 else None
    (folder / "local.yaml").write_text(qdrant_keys.configuration(KEYS[version - 1], previous, reading))


def ask(cluster: Cluster, node: int, key: str, method: str = "GET", path: str = "/collections/default") -> int:
    return call(cluster.address(node), method, path, {"points": []} if method == "PUT" else None, key=key, seconds=5)[0]


def roll(cluster: Cluster, version: int) -> None:
    """As the StatefulSet does: the last node first, each ready before the next one."""
    for node in reversed(range(NODES)):
        give(cluster, node, version)
        cluster.end(node, signal.SIGTERM)
        cluster.run(node)
        eventually(
            lambda n=node: (
                ask(cluster, n, KEYS[version - 1]) == 200 and call(cluster.address(n), "GET", "/readyz")[0] == 200
            )
        )
        time.sleep(1.5)  # minReadySeconds: gateways see it before the next one goes


def gateway(folder: Path, start: Start, cluster: Cluster, key: str) -> str:
    """One that started with a key; its address."""
    folder.mkdir()
    return started(folder, start, cluster, key)


class Load:
    """Writes and reads through a gateway, and reads from the nodes with what readers show; keeps what was refused."""

    def __init__(self, cluster: Cluster, address: str, reader: str) -> None:
        self.cluster, self.address, self.reader = cluster, address, reader
        self.answers, self.refused, self.number = 0, list[object](), 1000

    def step(self) -> None:
        self.number += 1
        for method, path, body in (
            ("PUT", "/collections/default/points?wait=true", {"points": [point(self.number)]}),
            ("POST", "/collections/default/points/query", {"query": [1.0, 0.0, 0.0, 0.0], "limit": 1}),
        ):
            try:
                status, said = through(self.address, method, path, body)
            except (OSError, http.client.HTTPException) as error:
                status, said = 0, error
            self.answers += 1
            if status != 200:
                self.refused.append((method, status, said))
        node = self.number % NODES
        try:
            status = ask(self.cluster, node, self.reader)
        except (OSError, http.client.HTTPException):
            return  # it restarts: a reader goes to another one
        if status in (401, 403):  # one that is not ready yet may know no collection
            self.refused.append(("reader", node, status))


@contextmanager
def loaded(load: Load) -> Generator[None]:
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.05):
            load.step()

    worker = threading.Thread(target=run)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join(30)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    nodes = Cluster(tmp_path, {**TIMEOUTS, **NONE})
    try:
        for node in range(NODES):
            give(nodes, node, 1)
        nodes.run(0)
        eventually(lambda: call(nodes.address(0), "GET", "/readyz")[0] == 200)
        for node in (1, 2):
            nodes.run(node, bootstrap=0)
            eventually(lambda n=node: call(nodes.address(n), "GET", "/readyz")[0] == 200)
        body = {"vectors": {"size": 4, "distance": "Cosine"}, "shard_number": 4, "replication_factor": 2}
        assert call(nodes.address(0), "PUT", "/collections/default?timeout=60", body, key=KEYS[0])[0] == 200
        yield nodes
    finally:
        nodes.close()


def test_keys_change_under_load_and_the_one_before_stays_until_the_next_time(
    tmp_path: Path, start: Start, cluster: Cluster
) -> None:
    readers = [qdrant_keys.read_only_token(key) for key in KEYS]
    before = Load(cluster, gateway(tmp_path / "before", start, cluster, KEYS[0]), readers[0])
    with loaded(before):
        roll(cluster, 2)
        after = Load(cluster, gateway(tmp_path / "after", start, cluster, KEYS[1]), readers[1])
        with loaded(after):
            time.sleep(2)
    assert (before.refused, after.refused) == ([], [])
    assert before.answers > 40
    assert after.answers > 10
    assert {ask(cluster, node, key) for node in range(NODES) for key in (*KEYS[:2], *readers[:2])} == {200}
    assert {ask(cluster, node, READ_ONLY) for node in range(NODES)} == {401}, "it went with the first change"
    with loaded(after):
        roll(cluster, 3)
    assert after.refused == []
    assert {ask(cluster, node, key) for node in range(NODES) for key in (KEYS[0], readers[0])} == {401}
    assert {ask(cluster, node, key) for node in range(NODES) for key in (*KEYS[1:], *readers[1:])} == {200}
    for node in range(NODES):
        assert not any(key in cluster.log(node) for key in (*KEYS, *readers))


def test_a_reader_changes_nothing_with_a_token_of_either_key(cluster: Cluster) -> None:
    roll(cluster, 2)
    points = "/collections/default/points"
    for key in KEYS[:2]:
        reader = qdrant_keys.read_only_token(key)
        assert ask(cluster, 0, reader) == 200
        assert ask(cluster, 0, reader, "PUT", points) == 403
        assert ask(cluster, 0, key, "PUT", points) == 200
    forged = qdrant_keys.read_only_token("guessed")
    assert ask(cluster, 0, forged) == 401


def test_a_version_that_is_skipped_would_be_refused_by_the_nodes(cluster: Cluster) -> None:
    """Which is why the program refuses it before (components/secret_versions.py)."""
    give(cluster, 2, 3)
    cluster.end(2, signal.SIGTERM)
    cluster.run(2)
    eventually(lambda: ask(cluster, 2, KEYS[2]) == 200)
    assert ask(cluster, 2, KEYS[0]) == 401
