"""Qdrant's start script and the gateway in front of it, with the peers' REST interface played on loopback."""

import http.client
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rehearsal.ports import free_port
from tests.dataplane.conftest import FILES, Start, run_script, tool
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


def start_peer(folder: Path, pod: str, port: int) -> str:
    """What the start script executes in the end; empty if it waits on. Every peer's name resolves to loopback."""
    tool("bash")
    entry, resolver = folder / "entrypoint.sh", folder / "timeout"
    entry.write_text('#!/bin/sh\necho "$*"\n')
    resolver.write_text(f'#!/bin/sh\nexec {tool("timeout")} "$1" "$2" "$3" "$4" 127.0.0.1 "$6"\n')
    (folder / "peers").write_text("3 3\n")
    for program in (entry, resolver):
        program.chmod(0o755)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "POD_NAME": pod,
        "QDRANT_HEADLESS": "qdrant-headless",
        "PEERS_FILE": str(folder / "peers"),
        "QDRANT_STORAGE": str(folder),
        "QDRANT_ENTRYPOINT": str(entry),
        "QDRANT_HTTP_PORT": str(port),
        "FOUND_AFTER_SECONDS": "2",
    }
    try:
        return run_script("qdrant-start.sh", environment, seconds=5).stdout.strip()
    except Exception as waiting:  # noqa: BLE001  (subprocess.TimeoutExpired)
        assert type(waiting).__name__ == "TimeoutExpired"
        return ""


NEVER_JOINED = '{"state":{"hard_state":{"term":0,"vote":0,"commit":0},"conf_state":{"voters":[],"learners":[]}}}'


class TestTheStart:
    def test_the_first_peer_founds_a_cluster_when_nobody_lives(self, tmp_path: Path) -> None:
        assert start_peer(tmp_path, "qdrant-0", free_port()) == "--uri http://qdrant-0.qdrant-headless:6335"

    def test_the_first_peer_with_an_empty_disk_joins_the_cluster_that_lives(
        self, tmp_path: Path, peer: tuple[type[Peer], int]
    ) -> None:
        joined = start_peer(tmp_path, "qdrant-0", peer[1])
        assert joined == "--bootstrap http://qdrant-1.qdrant-headless:6335 --uri http://qdrant-0.qdrant-headless:6335"

    def test_it_waits_for_a_peer_that_runs_but_is_not_ready(self, tmp_path: Path, peer: tuple[type[Peer], int]) -> None:
        peer[0].status = 503
        assert start_peer(tmp_path, "qdrant-0", peer[1]) == ""

    def test_no_other_peer_founds_a_cluster(self, tmp_path: Path) -> None:
        assert start_peer(tmp_path, "qdrant-2", free_port()) == ""

    def test_a_peer_with_state_returns_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "raft_state.json").write_text(
            '{"state":{"hard_state":{"term":7,"vote":1}},"peer_address_by_id":{"12":"http://a"},"this_peer_id":12}'
        )
        assert start_peer(tmp_path, "qdrant-2", free_port()) == "--uri http://qdrant-2.qdrant-headless:6335"

    @pytest.mark.parametrize("pod", ["qdrant-0", "qdrant-2"])
    def test_a_peer_that_never_joined_does_not_found_a_cluster_of_its_own(self, tmp_path: Path, pod: str) -> None:
        """It would, with a state of term 0 and without --bootstrap."""
        (tmp_path / "raft_state.json").write_text(NEVER_JOINED)
        assert start_peer(tmp_path, pod, free_port()) == ""

    def test_a_peer_that_never_joined_tries_again(self, tmp_path: Path, peer: tuple[type[Peer], int]) -> None:
        (tmp_path / "raft_state.json").write_text(NEVER_JOINED)
        assert start_peer(tmp_path, "qdrant-2", peer[1]).startswith("--bootstrap http://qdrant-0.qdrant-headless:6335")


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
