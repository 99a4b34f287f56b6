"""The edge of a standby before a home that fails, moves and lies. HAProxy is the real one, with its pods' configuration
but for shorter waits (edge_home.QUICKER).
"""

import http.client
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from components.edge import configuration
from rehearsal.certificates import Authority
from rehearsal.ports import free_port
from settings import Edge as EdgeSettings
from tests.dataplane.conftest import Start
from tests.dataplane.edge_home import (
    BROKEN,
    EVENT_GAP,
    EVENTS,
    HEALTHY,
    SERVICES,
    TOKEN,
    USER_HOST,
    Edge,
    Home,
    Names,
    host,
    write_certificates,
)
from tests.dataplane.qdrant_cluster import eventually

pytestmark = pytest.mark.timeout(90)


@dataclass
class Stand:
    """An edge, and home at the first of two addresses."""

    edge: Edge
    names: Names
    homes: tuple[Home, Home]

    @property
    def home(self) -> Home:
        return self.homes[0]

    def serves(self, service: str = SERVICES[0]) -> None:
        eventually(lambda: self.edge.status(service=service) == 200)

    def is_away(self, service: str = SERVICES[0]) -> None:
        eventually(lambda: self.edge.status(service=service) == 503)


@pytest.fixture
def stand(tmp_path: Path, start: Start) -> Iterator[Stand]:
    yield from _stand(tmp_path, start, write_certificates(tmp_path / "keys", Authority("edges of us-east")))


def _stand(folder: Path, start: Start, certificates: Path) -> Iterator[Stand]:
    names, port = Names(), free_port()
    homes = Home("127.0.0.2", port, certificates), Home("127.0.0.3", port, certificates)
    try:
        homes[0].run()
        names.addresses = ["127.0.0.2"]
        yield Stand(Edge(folder, start, certificates, names, port), names, homes)
    finally:
        for home in homes:
            home.stop()
        names.close()


@pytest.mark.parametrize("service", SERVICES)
def test_a_request_arrives_as_the_user_sent_it(stand: Stand, service: str) -> None:
    stand.serves(service)
    status, _, answer = stand.edge.call("POST", "/memories?a=b", service, b'{"coord":"1,2"}', **{"X-Trace": "7"})
    assert (status, answer["ok"]) == (200, True)
    got = stand.home.last("/memories?a=b")
    assert (got.method, got.body) == ("POST", b'{"coord":"1,2"}')
    assert (got.headers["authorization"], got.headers["x-trace"]) == (TOKEN, "7")
    assert got.headers["x-forwarded-for"] == "198.51.100.7"
    # Home's ingress controller finds the memory namespace by its own name, and hands this on as the Host.
    assert (got.headers["host"], got.headers["x-forwarded-host"]) == (host(service), USER_HOST)
    assert (got.server_name, got.caller) == (host(service), "edge")
    assert [name for name in got.headers if name.startswith("x-soma")] == []


@pytest.mark.parametrize("service", ["memory-service-other", ""])
def test_what_is_no_memory_namespace_goes_nowhere(stand: Stand, service: str) -> None:
    stand.serves()
    status, _, answer = stand.edge.call("GET", "/elsewhere", service)
    assert (status, answer) == (404, {"detail": "no such memory namespace"})
    assert stand.home.count("/elsewhere") == 0


def test_a_home_that_is_away_is_said_clearly_and_is_found_again(stand: Stand) -> None:
    stand.serves()
    stand.home.stop()
    for _ in range(20):
        # From the first request on, whether or not a check has noticed; afterwards too.
        status, headers, answer = stand.edge.call("POST", "/memories", body=b"{}")
        assert (status, headers["retry-after"], headers["content-type"]) == (503, "30", "application/json")
        assert answer == {
            "detail": "the home region us-east does not answer, and nothing was sent there: try again in 30 seconds"
        }
        time.sleep(0.1)
    assert stand.edge.own("/readyz") == (200, "ready"), "unready, users would get the ingress controller's error"
    stand.home.run()
    stand.serves()


def test_a_link_that_drops_what_it_gets_costs_seconds_and_is_said_as_clearly(
    stand: Stand, figure: Callable[[str], None]
) -> None:
    stand.serves()
    stand.home.stop()
    with closing(socket.socket()) as full:  # Linux answers no more than the backlog holds
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind((stand.home.address, stand.home.port))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex((stand.home.address, stand.home.port))
        began = time.monotonic()
        assert stand.edge.status() == 503
        figure(f"edge: a dropped connection to home is told after {time.monotonic() - began:.1f} s")
        stand.is_away()
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("said", [BROKEN, HEALTHY.replace('"vector_store":true', '"vector_store":false'), "{}"])
def test_a_home_that_says_200_and_has_lost_a_store_is_away(stand: Stand, said: str) -> None:
    for service in SERVICES:
        stand.serves(service)
    stand.home.health[host(SERVICES[1])] = said
    stand.is_away(SERVICES[1])
    assert [stand.edge.status(service=service) for service in SERVICES] == [200, 503, 200]
    stand.home.health[host(SERVICES[1])] = HEALTHY
    stand.serves(SERVICES[1])


def test_a_home_whose_health_page_hangs_is_away(stand: Stand) -> None:
    stand.serves()
    stand.home.gate.clear()
    eventually(lambda: 'haproxy_backend_active_servers{proxy="memory-service"} 0' in stand.edge.own("/metrics")[1], 40)
    assert stand.edge.status() == 503
    stand.home.gate.set()
    stand.serves()


def test_home_is_followed_to_another_address(stand: Stand, figure: Callable[[str], None]) -> None:
    stand.serves()
    stand.homes[1].run()
    stand.names.addresses = ["127.0.0.3"]
    stand.home.stop()
    began = time.monotonic()
    stand.serves()
    figure(
        f"edge: home at another address, served again after {time.monotonic() - began:.1f} s (hold shortened to 1 s)"
    )
    assert stand.edge.call("GET", "/stats")[2]["by"] == "127.0.0.3"
    assert stand.homes[1].last("/stats").server_name == host(SERVICES[0])


def test_an_edge_starts_before_home_has_a_name(tmp_path: Path, start: Start) -> None:
    certificates, port = write_certificates(tmp_path / "keys", Authority("edges")), free_port()
    names, home = Names(), Home("127.0.0.2", port, certificates).run()
    try:
        edge = Edge(tmp_path, start, certificates, names, port)
        assert edge.status() == 503
        names.addresses = ["127.0.0.2"]
        eventually(lambda: edge.status() == 200)
    finally:
        home.stop()
        names.close()


def test_one_address_of_home_that_is_dead_costs_no_request(stand: Stand) -> None:
    """A load balancer has an address a zone."""
    stand.homes[1].run()
    stand.names.addresses = ["127.0.0.2", "127.0.0.3"]
    eventually(lambda: {stand.edge.call("GET", "/stats")[2]["by"] for _ in range(6)} == {"127.0.0.2", "127.0.0.3"})
    stand.homes[1].stop()
    assert [stand.edge.call("POST", "/memories", body=b"{}")[0] for _ in range(40)] == [200] * 40


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_what_may_have_been_carried_out_is_not_sent_again(stand: Stand, method: str) -> None:
    """Where the connection was kept from another request, HAProxy 3.2 closes without a word, as to any client that
    keeps its own: then the ingress controller says 502 of a POST, and makes the rest again to another pod.
    """
    stand.serves()
    for number in range(1, 4):
        with suppress(http.client.RemoteDisconnected):
            status, headers, answer = stand.edge.call(method, "/ends")
            assert (status, headers["content-type"]) == (502, "application/json")
            assert answer == {"detail": "the home region us-east broke off: the request may have been carried out"}
        assert stand.edge.status() == 200
        assert stand.home.count("/ends") == number


def test_an_event_does_not_wait_for_the_next_one(stand: Stand, figure: Callable[[str], None]) -> None:
    stand.serves()
    connection = http.client.HTTPConnection("127.0.0.1", stand.edge.port, timeout=15)
    connection.request("GET", "/memories/stream", headers={"X-Soma-Service": SERVICES[0], "X-Soma-Stream": "true"})
    answer = connection.getresponse()
    seen: list[float] = []
    for number in range(EVENTS):
        assert answer.readline() == f"data: {number}\n".encode()
        assert answer.readline() == b"\n"
        seen.append(time.monotonic())
    gaps = [after - before for before, after in pairwise(seen)]
    figure(f"edge: events of a stream, one each {EVENT_GAP} s, arrive {min(gaps):.2f} s to {max(gaps):.2f} s apart")
    assert min(gaps) > EVENT_GAP / 2, "together, after having been kept"
    assert "x-soma-stream" not in stand.home.last("/memories/stream").headers


def test_connections_to_home_are_kept(stand: Stand, figure: Callable[[str], None]) -> None:
    """Each would cost a handshake over the distance between regions."""
    stand.serves()
    stand.edge.call("POST", "/memories", body=b"{}")
    checks = sum(stand.home.health.get(host(service)) is not None for service in SERVICES)
    before, began = stand.home.connections, time.monotonic()
    for _ in range(200):
        assert stand.edge.call("POST", "/memories", body=b"{}")[0] == 200
    seconds = time.monotonic() - began
    made = stand.home.connections - before - checks * int(seconds / 0.3 + 2)
    figure(f"edge: 200 requests one after the other in {seconds:.2f} s, {max(made, 0)} connections to home for them")
    assert made < 50


def test_a_pod_has_the_memory_for_all_users_that_it_takes(stand: Stand, figure: Callable[[str], None]) -> None:
    stand.serves()
    (most,) = [line.split()[1] for line in configuration({}).splitlines() if line.strip().startswith("maxconn")]
    before, many, at_once = resident(stand.edge), 200, 10
    body = b"x" * 40_000
    with ThreadPoolExecutor(many) as users:
        answers: list[Future[tuple[int, Mapping[str, str], Any]]] = []
        for wanted in range(at_once, many + 1, at_once):  # all at once would keep home from answering its checks
            answers += [users.submit(stand.edge.call, "POST", "/held", SERVICES[0], body) for _ in range(at_once)]
            eventually(lambda wanted=wanted: stand.home.count("/held") == wanted, 60)
        after = resident(stand.edge)
        stand.home.hold.set()
        assert [answer.result()[0] for answer in answers] == [200] * many
    each = (after - before) / many
    needed = before + each * int(most)
    figure(f"edge: a user who waits takes {each / 1024:.0f} KiB of its memory, {most} of them {needed / 2**20:.0f} MiB")
    assert needed < EdgeSettings().resources.limits.memory.value


def resident(edge: Edge) -> int:
    """Bytes of memory of the proxy's processes."""
    children = Path(f"/proc/{edge.process.pid}/task/{edge.process.pid}/children").read_text().split()
    statuses = [Path(f"/proc/{process}/status").read_text() for process in (edge.process.pid, *children)]
    return sum(int(line.split()[1]) * 1024 for status in statuses for line in status.splitlines() if "VmRSS" in line)


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_who_cannot_show_that_it_is_home_gets_no_request(tmp_path: Path, start: Start, wrong: str) -> None:
    """The token of a user stands in the first one."""
    known, other = Authority("edges of us-east"), Authority("edges of us-east")
    keys = (
        write_certificates(tmp_path / "keys", other, known)
        if wrong == "authority"
        else write_certificates(tmp_path / "keys", known, name="elsewhere.internal")
    )
    for stand in _stand(tmp_path, start, keys):
        eventually(lambda names=stand.names: names.asked > 2)
        time.sleep(2)
        assert stand.edge.status() == 503
        assert stand.home.received == []


def test_a_pod_that_goes_lets_calls_end(stand: Stand) -> None:
    """As the kubelet ends it: the image's signal is SIGUSR1."""
    stand.serves()
    answers: list[int] = []
    caller = threading.Thread(target=lambda: answers.append(stand.edge.status("/held")))
    caller.start()
    eventually(lambda: stand.home.count("/held") == 1)
    os.kill(stand.edge.process.pid, signal.SIGUSR1)
    time.sleep(1)
    stand.home.hold.set()
    caller.join(20)
    assert answers == [200]
    stand.edge.process.wait(20)


def test_prometheus_finds_whether_home_is_there(stand: Stand) -> None:
    stand.serves()
    status, metrics = stand.edge.own("/metrics")
    assert status == 200
    assert 'haproxy_backend_active_servers{proxy="memory-service"} 1' in metrics
    # What rules ask for, by the labels that they ask with (observability/recording.py).
    assert re.search(r'^haproxy_frontend_http_responses_total{proxy="edge",code="2xx"} [1-9]', metrics, re.MULTILINE)
    assert re.search(r'^haproxy_server_status{proxy="memory-service",[^}]*state="UP"} 1$', metrics, re.MULTILINE)
    assert stand.edge.own("/elsewhere")[0] == 404
