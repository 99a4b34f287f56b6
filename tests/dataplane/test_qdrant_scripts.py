"""Qdrant's start script and the gateway in front of it, with the peers' REST interface played on loopback."""

import http.client
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rehearsal.ports import free_port
from tests.dataplane.conftest import FILES, Start, tool
from tests.dataplane.qdrant_cluster import eventually


class Peer(BaseHTTPRequestHandler):
    """Answers everything, and remembers what came."""

    protocol_version = "HTTP/1.1"
    status = 200
    seen: "list[tuple[str, str, str | None]]"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path not in ("/readyz", "/cluster"):  # what the gateway asks by itself
            self.seen.append((self.command, self.path, self.headers.get("api-key")))
        self.send_response(self.status)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def peer() -> Iterator[tuple[type[Peer], int]]:
    handler = type("OnePeer", (Peer,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, server.server_address[1]
    server.shutdown()


OWN, OTHERS = "127.0.0.2", "127.0.0.1"
"""Where a peer listens, and to what the names of all others resolve."""


@dataclass
class Starting:
    """The start script of one peer with an empty disk, unless something is put there."""

    folder: Path
    start: Start
    pod: str
    port: int
    """Of the others' REST interface."""
    p2p: int

    def run(self) -> None:
        entry, resolver = self.folder / "entrypoint.sh", self.folder / "timeout"
        entry.write_text(
            f'#!/bin/sh\necho "$*" >{self.folder}/executed.part\nmv {self.folder}/executed.part {self.told}\n'
        )
        resolver.write_text(f'#!/bin/sh\nexec {tool("timeout")} "$1" "$2" "$3" "$4" {OTHERS} "$6"\n')
        (self.folder / "peers").write_text("3 3\n")
        for program in (entry, resolver):
            program.chmod(0o755)
        environment = {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "POD_NAME": self.pod,
            "QDRANT_HEADLESS": "qdrant-headless",
            "PEERS_FILE": str(self.folder / "peers"),
            "QDRANT_STORAGE": str(self.folder),
            "QDRANT_ENTRYPOINT": str(entry),
            "QDRANT_HTTP_PORT": str(self.port),
            "QDRANT_P2P_PORT": str(self.p2p),
            "QDRANT__SERVICE__HOST": OWN,
        }
        self.start([tool("bash"), str(FILES / "qdrant-start.sh")], environment, self.folder / "log")

    @property
    def told(self) -> Path:
        return self.folder / "executed"

    def executes(self) -> str:
        """With what it starts Qdrant in the end."""
        self.run()
        eventually(self.told.exists, 30)
        return self.told.read_text().strip()

    def waits(self, word: str) -> bool:
        """Whether it says something in its log, and has not started Qdrant two rounds later."""
        self.run()
        eventually(lambda: word in (self.folder / "log").read_text(), 30)
        time.sleep(2)
        return not self.told.exists()


@pytest.fixture
def starting(tmp_path: Path, start: Start) -> Callable[..., Starting]:
    def make(pod: str, port: int | None = None, p2p: int | None = None) -> Starting:
        return Starting(tmp_path, start, pod, port or free_port(), p2p or free_port())

    return make


def heard(host: str, port: int) -> bytes:
    """What somebody says who is asked nothing."""
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            return connection.makefile("rb").readline()
    except ConnectionRefusedError:
        return b""


@pytest.fixture
def saying() -> Iterator[Callable[[bytes], int]]:
    """Other peers that say a word to whoever connects to their port, which is returned."""
    servers: list[socketserver.TCPServer] = []

    def serve(word: bytes) -> int:
        class Saying(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.sendall(word)

        servers.append(socketserver.ThreadingTCPServer((OTHERS, 0), Saying))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1].server_address[1]

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


NEVER_JOINED = '{"state":{"hard_state":{"term":0,"vote":0,"commit":0},"conf_state":{"voters":[],"learners":[]}}}'


class TestTheStart:
    def test_the_first_peer_founds_a_cluster_when_all_others_say_that_they_are_empty(
        self, starting: Callable[..., Starting], saying: Callable[[bytes], int]
    ) -> None:
        one = starting("qdrant-0", p2p=saying(b"empty\n"))
        assert one.executes() == f"--uri http://qdrant-0.qdrant-headless:{one.p2p}"

    @pytest.mark.parametrize("word", [None, b"", b"PRI * HTTP/2.0\r\n\x00\n"])
    def test_it_founds_none_while_another_is_silent_or_says_something_else(
        self, starting: Callable[..., Starting], saying: Callable[[bytes], int], word: bytes | None
    ) -> None:
        p2p = free_port() if word is None else saying(word)
        assert starting("qdrant-0", p2p=p2p).waits("before these say whether they hold data: qdrant-1 qdrant-2")

    @pytest.mark.parametrize("pod", ["qdrant-0", "qdrant-2"])
    def test_a_peer_that_waits_with_an_empty_disk_says_so(self, starting: Callable[..., Starting], pod: str) -> None:
        one = starting(pod)
        assert one.waits("looking for a living peer")
        assert heard(OWN, one.p2p) == b"empty\n"

    def test_it_says_so_no_longer_once_qdrant_starts(
        self, starting: Callable[..., Starting], peer: tuple[type[Peer], int]
    ) -> None:
        one = starting("qdrant-2", peer[1])
        assert one.executes().startswith("--bootstrap")
        assert heard(OWN, one.p2p) == b""

    def test_the_first_peer_with_an_empty_disk_joins_the_cluster_that_lives(
        self, starting: Callable[..., Starting], peer: tuple[type[Peer], int]
    ) -> None:
        one = starting("qdrant-0", peer[1])
        own, other = (f"http://qdrant-{number}.qdrant-headless:{one.p2p}" for number in range(2))
        assert one.executes() == f"--bootstrap {other} --uri {own}"

    def test_it_waits_for_a_peer_that_runs_but_is_not_ready(
        self, starting: Callable[..., Starting], saying: Callable[[bytes], int], peer: tuple[type[Peer], int]
    ) -> None:
        peer[0].status = 503
        assert starting("qdrant-0", peer[1], saying(b"empty\n")).waits("a peer runs but is not ready yet")

    def test_no_other_peer_founds_a_cluster(
        self, starting: Callable[..., Starting], saying: Callable[[bytes], int]
    ) -> None:
        assert starting("qdrant-2", p2p=saying(b"empty\n")).waits("looking for a living peer")

    def test_a_peer_with_state_returns_at_once(self, tmp_path: Path, starting: Callable[..., Starting]) -> None:
        (tmp_path / "raft_state.json").write_text(
            '{"state":{"hard_state":{"term":7,"vote":1}},"peer_address_by_id":{"12":"http://a"},"this_peer_id":12}'
        )
        one = starting("qdrant-2")
        assert one.executes() == f"--uri http://qdrant-2.qdrant-headless:{one.p2p}"

    @pytest.mark.parametrize("pod", ["qdrant-0", "qdrant-2"])
    def test_a_peer_that_never_joined_does_not_found_a_cluster_of_its_own(
        self, tmp_path: Path, starting: Callable[..., Starting], saying: Callable[[bytes], int], pod: str
    ) -> None:
        """It would, with a state of term 0 and without --bootstrap. Nor does it say that it is empty."""
        (tmp_path / "raft_state.json").write_text(NEVER_JOINED)
        one = starting(pod, p2p=saying(b"empty\n"))
        assert one.waits("never heard of its cluster")
        assert heard(OWN, one.p2p) == b""

    def test_a_peer_that_never_joined_tries_again(
        self, tmp_path: Path, starting: Callable[..., Starting], peer: tuple[type[Peer], int]
    ) -> None:
        (tmp_path / "raft_state.json").write_text(NEVER_JOINED)
        assert starting("qdrant-2", peer[1]).executes().startswith("--bootstrap http://qdrant-0.qdrant-headless:")


@pytest.fixture
def gateway(tmp_path: Path, start: Start, peer: tuple[type[Peer], int]) -> int:
    """HAProxy with our configuration; its peers are named here instead of being found by DNS."""
    haproxy, port = tool("haproxy"), free_port()
    text = (FILES / "qdrant-gateway.cfg").read_text()
    text = text.replace("127.0.0.1:6333", f"127.0.0.1:{port}").replace("resolvers cluster resolve-prefer ipv4", "")
    kept = [line for line in text.splitlines() if "server-template" not in line]
    (tmp_path / "gateway.cfg").write_text("global\n    set-var proc.qdrant_api_key str(letters123)\n")
    (tmp_path / "qdrant-gateway.cfg").write_text("\n".join([*kept, f"    server one 127.0.0.1:{peer[1]}", ""]))
    start(
        [haproxy, "-f", str(tmp_path / "gateway.cfg"), "-f", str(tmp_path / "qdrant-gateway.cfg")],
        {"METRICS_PORT": str(free_port())},
        tmp_path / "log",
    )
    eventually(lambda: call(port, "GET", "/readyz")[0] == 200)
    return port


def call(port: int, method: str, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body=b"{}")
        response = connection.getresponse()
        return response.status, response.read()
    except ConnectionRefusedError:
        return 0, b""
    finally:
        connection.close()


class TestTheGateway:
    def test_haproxy_takes_the_configuration_as_it_is(self, tmp_path: Path, start: Start) -> None:
        (tmp_path / "gateway.cfg").write_text("global\n    set-var proc.qdrant_api_key str(letters123)\n")
        command = [tool("haproxy"), "-c", "-f", str(tmp_path / "gateway.cfg"), "-f", str(FILES / "qdrant-gateway.cfg")]
        environment = {
            "QDRANT_HEADLESS": "qdrant-headless.somafractalmemory.svc.cluster.local",
            "METRICS_PORT": str(free_port()),
        }
        assert start(command, environment, tmp_path / "log").wait(20) == 0, (tmp_path / "log").read_text()

    def test_the_services_calls_arrive_with_the_key(self, gateway: int, peer: tuple[type[Peer], int]) -> None:
        assert call(gateway, "POST", "/collections/default/points/query") == (200, b"{}")
        assert peer[0].seen == [("POST", "/collections/default/points/query", "letters123")]

    def test_collections_are_neither_made_nor_dropped(self, gateway: int, peer: tuple[type[Peer], int]) -> None:
        made = call(gateway, "PUT", "/collections/default")
        assert made == (200, b'{"result":true,"status":"ok","time":0}')
        assert call(gateway, "DELETE", "/collections/default")[0] == 403
        assert call(gateway, "DELETE", "/collections/default/")[0] == 403
        assert call(gateway, "DELETE", "//collections/default")[0] == 403
        assert not peer[0].seen

    def test_without_a_peer_it_lives_and_is_not_ready(self, gateway: int, peer: tuple[type[Peer], int]) -> None:
        peer[0].status = 503
        eventually(lambda: call(gateway, "GET", "/readyz")[0] == 503)
        assert call(gateway, "GET", "/livez")[0] == 200
