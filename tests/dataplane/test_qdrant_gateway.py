"""The gateway beside the service, before a cluster whose nodes fail: a starting service does no harm, and calls go on.

HAProxy is the real one, with the configuration that pods run; the nodes are the stand-in. Calls give up after 5 s, as
those of the service's client do (qdrant-client's default, which the service leaves).
"""

import http.client
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components import qdrant
from rehearsal.ports import free_port
from tests.dataplane.conftest import FILES, Start, tool
from tests.dataplane.qdrant_cluster import KEY, Cluster, call, eventually, point

NODES, POINTS = 3, 60
PATIENCE = 5.0
PAUSE = 0.05
"""Seconds between the rounds of a client: without any, a few clients take the machine from the nodes."""

TIMEOUTS = {
    "QDRANT__CLUSTER__GRPC_TIMEOUT_MS": str(qdrant.GRPC_TIMEOUT_MS),
    "QDRANT__CLUSTER__CONNECTION_TIMEOUT_MS": str(qdrant.CONNECTION_TIMEOUT_MS),
}
"""What the pods are started with."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three nodes with a collection and its points."""
    nodes = Cluster(tmp_path, TIMEOUTS)
    try:
        nodes.run_all(NODES)
        nodes.create()
        nodes.fill(POINTS)
        yield nodes
    finally:
        nodes.close()


@pytest.fixture
def gateway(tmp_path: Path, start: Start, cluster: Cluster) -> str:
    """Address of HAProxy with our configuration."""
    return started(tmp_path, start, cluster, KEY)


def started(folder: Path, start: Start, cluster: Cluster, key: str, metrics: int = 0) -> str:
    """Address of HAProxy with our configuration and a key; its peers are named here instead of being found by DNS.
    `metrics` is the port of its figures.
    """
    port = free_port()
    text = (FILES / "qdrant-gateway.cfg").read_text()
    text = text.replace("127.0.0.1:6333", f"127.0.0.1:{port}").replace("resolvers cluster resolve-prefer ipv4", "")
    kept = [line for line in text.splitlines() if "server-template" not in line]
    peers = [f"    server node{node} {cluster.address(node)}" for node in range(NODES)]
    (folder / "gateway.cfg").write_text(f"global\n    set-var proc.qdrant_api_key str({key})\n")
    (folder / "qdrant-gateway.cfg").write_text("\n".join([*kept, *peers, ""]))
    files = [str(folder / name) for name in ("gateway.cfg", "qdrant-gateway.cfg")]
    told = {"METRICS_PORT": str(metrics or free_port())}
    start([tool("haproxy"), "-W", "-f", files[0], "-f", files[1]], told, folder / "gateway.log")
    address = f"127.0.0.1:{port}"
    eventually(lambda: through(address, "GET", "/readyz")[0] == 200)
    return address


def through(address: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """A call as the service makes it: without a key, and not for longer than it waits."""
    return call(address, method, path, body, key=None, seconds=PATIENCE)


def start_up(address: str) -> list[int]:
    """What a starting service does to its collection at worst (service contract, fact 1): it takes a failed check for
    "absent", makes the collection, takes an error for another shape, and makes it anew. Gives back all statuses."""
    answers: list[int] = []
    body = {"vectors": {"size": 768, "distance": "Cosine"}}
    for method, path, sent in (
        ("GET", "/collections/default/exists", None),
        ("PUT", "/collections/default", body),
        ("DELETE", "/collections/default", None),
        ("PUT", "/collections/default", body),
    ):
        try:
            answers.append(through(address, method, path, sent)[0])
        except (OSError, http.client.HTTPException):
            answers.append(0)
    return answers


@dataclass
class Load:
    """Writes and reads through the gateway, from several threads, until it is stopped."""

    address: str
    stored: list[int] = field(default_factory=list[int])
    """Points whose write was answered as done."""
    errors: list[str] = field(default_factory=list[str])
    longest: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list[threading.Thread])

    def __enter__(self) -> "Load":
        for number in range(4):
            thread = threading.Thread(target=self._run, args=(1_000_000 * (number + 1),), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self, number: int) -> None:
        while not self._stop.wait(PAUSE):
            number += 1
            if self._try("PUT", "/collections/default/points?wait=true", {"points": [point(number)]}):
                self.stored.append(number)
            self._try("POST", "/collections/default/points/query", {"query": [1, 2, 3, 4], "limit": 3})
            self._try("POST", "/collections/default/points/scroll", {"limit": 5})
            self._try("GET", "/collections/default")

    def _try(self, method: str, path: str, body: object = None) -> bool:
        started = time.monotonic()
        try:
            status, answer = through(self.address, method, path, body)
            problem = None if status == 200 else f"{status} {answer}"
        except (OSError, http.client.HTTPException) as error:
            problem = repr(error)
        self.longest = max(self.longest, time.monotonic() - started)
        if problem is not None:
            self.errors.append(f"{method} {path}: {problem}")
        return problem is None

    def goes_on(self, seconds: float) -> None:
        """Lets it run, and be under way at the end."""
        time.sleep(seconds)
        before = len(self.stored)
        eventually(lambda: len(self.stored) > before + 8)


def ids(cluster: Cluster, node: int) -> list[int]:
    """Every point of the collection as one node tells it."""
    page = cluster.ask(node, "POST", "/collections/default/points/scroll", {"limit": 1_000_000})
    return [found["id"] for found in page["points"]]


@pytest.mark.timeout(240)
def test_a_hundred_start_ups_leave_the_collection_and_its_points(cluster: Cluster, gateway: str) -> None:
    """Some at the same time, some with a node that is frozen or fails."""
    before, copies = cluster.ask(0, "GET", "/collections/default")["config"], cluster.copies()
    answers: list[list[int]] = []
    for number in range(100):
        for node in range(NODES):
            cluster.fault(node, "GET", "/collections/default/exists", times=100)
        victim = number % NODES
        if number % 20 == 5:
            cluster.freeze(victim)
        if number % 20 == 15:
            cluster.end(victim)
        starters = 3 if number % 3 == 0 else 1
        with ThreadPoolExecutor(starters) as pool:
            answers += pool.map(start_up, [gateway] * starters)
        if number % 20 == 5:
            cluster.thaw(victim)
        if number % 20 == 15:
            cluster.run(victim)
            eventually(lambda n=victim: cluster.get(n, "/readyz")[0] == 200)
        node = (victim + 1) % NODES
        assert cluster.ask(node, "GET", "/collections/default")["config"] == before, number
        assert cluster.count(node=node) == POINTS, number
    assert cluster.copies() == copies
    checks, first_puts, deletions, second_puts = (set(kind) for kind in zip(*answers, strict=True))
    assert 200 not in checks, "the check was meant to fail"
    assert (first_puts, deletions, second_puts) == ({200}, {403}, {200})


@pytest.mark.timeout(180)
@pytest.mark.parametrize("victim", [0, 1], ids=["leader", "follower"])
@pytest.mark.parametrize("what", ["killed", "frozen"])
def test_reads_and_writes_go_on_without_a_node(
    cluster: Cluster, gateway: str, what: str, victim: int, figure: Callable[[str], None]
) -> None:
    with Load(gateway) as load:
        load.goes_on(1)
        if what == "killed":
            cluster.end(victim)
        else:
            cluster.freeze(victim)
        load.goes_on(8)
        if what == "killed":
            cluster.run(victim)
        else:
            cluster.thaw(victim)
        load.goes_on(4)
    assert not load.errors
    role = "follower" if victim else "leader"
    figure(f"Qdrant {role} {what}: {len(load.stored)} writes, longest call {load.longest:.1f} s")
    eventually(lambda: cluster.all_active(node=1 - victim), 60)
    for node in range(NODES):
        assert sorted(ids(cluster, node)) == [*range(POINTS), *sorted(load.stored)], node


def test_a_node_with_a_full_disk_costs_no_write(cluster: Cluster, gateway: str) -> None:
    cluster.end(1)
    cluster.more[1] = {"QDRANT__STORAGE__WAL__WAL_CAPACITY_MB": str(1 << 40)}
    cluster.run(1)
    eventually(lambda: cluster.get(1, "/readyz")[0] == 200)
    body = {"points": [point(number) for number in range(POINTS)]}
    status, answer = call(cluster.address(1), "PUT", "/collections/default/points?wait=true", body)
    assert status == 500
    assert "No space left on device" in answer["status"]["error"]
    with Load(gateway) as load:
        load.goes_on(2)
    assert not load.errors
    assert sorted(ids(cluster, 0)) == [*range(POINTS), *sorted(load.stored)]


def test_a_peer_that_was_removed_is_asked_no_longer(cluster: Cluster, gateway: str) -> None:
    """Its pod still runs and says that it is ready, but it knows no longer where shards are."""
    leaving, ids_ = 2, [cluster.peer_id(node) for node in range(NODES)]
    for shard, states in cluster.copies().items():
        if ids_[leaving] in states:
            (free,) = [peer for peer in ids_ if peer not in states]
            body = {"move_shard": {"shard_id": shard, "from_peer_id": ids_[leaving], "to_peer_id": free}}
            cluster.ask(0, "POST", "/collections/default/cluster", body)
            eventually(lambda s=shard: ids_[leaving] not in cluster.copies()[s] and cluster.all_active())
    cluster.ask(0, "DELETE", f"/cluster/peer/{ids_[leaving]}")
    eventually(lambda: cluster.ask(leaving, "GET", "/cluster")["consensus_thread_status"] == _STOPPED)
    assert cluster.get(leaving, "/readyz")[0] == 200
    time.sleep(4)  # two checks
    for method, path in (("GET", "/collections/default"), ("POST", "/collections/default/points/query")):
        cluster.fault(leaving, method, path, status=404, times=1000)
    for _ in range(30):
        assert through(gateway, "GET", "/collections/default")[0] == 200
        assert through(gateway, "POST", "/collections/default/points/query", {"query": [1, 2, 3, 4]})[0] == 200


_STOPPED = {"consensus_thread_status": "stopped"}


@pytest.mark.parametrize("status", [500, 503])
def test_a_call_that_one_node_fails_is_made_to_another(cluster: Cluster, gateway: str, status: int) -> None:
    def fails(method: str, path: str) -> Callable[[], None]:
        return lambda: cluster.fault(1, method, path, status=status, times=1000)

    fails("GET", "/collections/default")()
    fails("PUT", "/collections/default/points")()
    for number in range(12):
        assert through(gateway, "GET", "/collections/default")[0] == 200
        assert through(gateway, "PUT", "/collections/default/points?wait=true", {"points": [point(number)]})[0] == 200


def test_calls_that_fail_at_once_leave_a_try_for_a_peer_that_does_not_answer(cluster: Cluster, gateway: str) -> None:
    """A gateway that has just started asks its peers in their order."""
    cluster.fault(0, "GET", "/collections/default", status=500, times=1)
    cluster.fault(1, "GET", "/collections/default", status=503, times=1)
    cluster.freeze(2)
    began = time.monotonic()
    assert through(gateway, "GET", "/collections/default")[0] == 200
    assert time.monotonic() - began > 2.4, "the frozen peer was not asked"


@dataclass(frozen=True)
class Figures:
    """What the gateway tells Prometheus."""

    port: int

    def series(self) -> list[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            return [line for line in answer.read().decode().splitlines() if not line.startswith("#")]

    def of(self, name: str, labels: str = "") -> float:
        """One of the backend."""
        wanted = re.escape(f'haproxy_backend_{name}{{proxy="peers"{labels}}}')
        (found,) = (one.partition(" ")[2] for one in map(str.strip, self.series()) if re.match(f"{wanted} ", one))
        return float(found)

    def counted(self) -> dict[str, float]:
        """What rules ask for, but for the time to an answer."""
        return {
            "peers": self.of("active_servers"),
            "good": self.of("http_responses_total", ',code="2xx"'),
            "failed": self.of("http_responses_total", ',code="5xx"'),
            "given up": self.of("client_aborts_total"),
            "repeated": self.of("redispatch_warnings_total"),
        }


def test_figures_tell_what_failed_what_was_given_up_and_what_was_made_again(
    cluster: Cluster, tmp_path: Path, start: Start
) -> None:
    """Of all nodes together, in as many series as there would be of many."""
    metrics = free_port()
    gateway, figures, path = started(tmp_path, start, cluster, KEY, metrics), Figures(metrics), "/collections/default"
    none = {"good": 0, "failed": 0, "given up": 0, "repeated": 0}
    eventually(lambda: figures.counted() == {"peers": NODES, **none})
    assert len(figures.series()) < 120
    assert all(series.startswith("haproxy_backend_") for series in figures.series())

    cluster.fault(1, "GET", path, status=500, times=1000)
    assert [through(gateway, "GET", path)[0] for _ in range(12)] == [200] * 12
    found = figures.counted()
    assert found == {"peers": NODES, **none, "good": 12, "repeated": found["repeated"]}
    assert found["repeated"] >= 12 / NODES
    assert 0 < figures.of("response_time_average_seconds") < 1

    for node in (0, 2):
        cluster.fault(node, "GET", path, status=500, times=1000)
    assert {through(gateway, "GET", path)[0] for _ in range(3)} == {500}
    assert figures.counted()["failed"] == 3

    for node in range(NODES):
        cluster.freeze(node)
    with pytest.raises(TimeoutError):
        call(gateway, "GET", path, key=None, seconds=0.5)
    eventually(lambda: figures.counted()["given up"] == 1)
    eventually(lambda: figures.counted()["peers"] == 0)
    assert through(gateway, "GET", path)[0] == 503
    assert figures.counted()["failed"] == 4
