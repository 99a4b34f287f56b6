"""A home region as an edge sees it: a name that leads to its addresses, TLS both ways, and the service behind it.

Stands for home's load balancer, ingress controller and memory service in one. Left out: the ingress controller's own
headers, limits and retries, and all that the service does; it notes what arrives and says what it is told to.
"""

import http.client
import json
import socketserver
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from components.edge import configuration
from rehearsal.certificates import Authority
from rehearsal.ports import free_port
from tests.dataplane.conftest import Start, tool
from tests.dataplane.qdrant_cluster import eventually

NAME, DOMAIN = "memory.us-east.somafractalmemory.internal", "us-east.somafractalmemory.internal"
SERVICES = ("memory-service", "memory-service-eu", "memory-service-us")
HEALTHY = '{"kv_store":true,"vector_store":true,"graph_store":true}'
BROKEN = '{"kv_store":false,"vector_store":true,"graph_store":true}'
USER_HOST, TOKEN = "memory.example.com", "Bearer s3cret"
EVENTS, EVENT_GAP = 4, 0.3


def host(service: str) -> str:
    return f"{service}.{DOMAIN}"


@dataclass(frozen=True)
class Received:
    """One request as it arrived at home."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    server_name: str
    """What the caller asked for in its handshake."""
    caller: str
    """Common name of the caller's certificate."""


@dataclass
class Home:
    """Home at one address."""

    address: str
    port: int
    certificates: Path
    """Folder with ca.crt and server.pem."""
    received: list[Received] = field(default_factory=list[Received])
    health: dict[str, str] = field(default_factory=lambda: {host(service): HEALTHY for service in SERVICES})
    """What the health page of each host says."""
    connections: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    """Closed, no request is answered."""
    hold: threading.Event = field(default_factory=threading.Event)
    """Until it is set, a request for /held gets no answer."""
    _server: "_Server | None" = None

    def run(self) -> "Home":
        self.gate.set()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.end()
            self._server = None

    def count(self, path: str) -> int:
        return Counter(request.path for request in self.received)[path]

    def last(self, path: str) -> Received:
        return [request for request in self.received if request.path == path][-1]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, home: Home) -> None:
        self.open: set[Any] = set()
        super().__init__((home.address, home.port), type("Handler", (_Handler,), {"home": home}))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(home.certificates / "server.pem")
        context.load_verify_locations(home.certificates / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED

        def asked(connection: Any, name: str | None, _: ssl.SSLContext) -> int | None:
            """As the ingress controller, whose default server refuses a handshake that names no host of its own."""
            connection.server_name = name or ""
            known = name in {host(service) for service in SERVICES}
            return None if known else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

        context.sni_callback = asked
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        self.open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that go, or that are not let in, are no news."""

    def end(self) -> None:
        """As a killed machine whose kernel still answers: its connections end, new ones are refused."""
        self.shutdown()
        self.server_close()
        for connection in tuple(self.open):
            with suppress(OSError):
                connection.shutdown(2)
        time.sleep(0.2)  # so that the edge has seen it: what meets the end of a kept connection is told so, with 502


class _Handler(BaseHTTPRequestHandler):
    home: ClassVar[Home]
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        self.connection.do_handshake()
        self.home.connections += 1
        super().handle()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.home.gate.wait()
        if self.path == "/healthz":
            self._send(200, self.home.health.get(self.headers["Host"], BROKEN))
            return
        subject = dict(pair[0] for pair in self.connection.getpeercert()["subject"])
        headers = {name.lower(): value for name, value in self.headers.items()}
        server_name = str(getattr(self.connection, "server_name", ""))
        self.home.received.append(
            Received(self.command, self.path, headers, body, server_name, str(subject["commonName"]))
        )
        if self.path == "/ends":
            self.close_connection = True
        elif self.path == "/memories/stream":
            self._stream()
        else:
            if self.path == "/held":
                self.home.hold.wait()
            self._send(200, json.dumps({"ok": True, "by": self.home.address}))

    def _send(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(EVENTS):
            event = f"data: {number}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(EVENT_GAP)
        self.wfile.write(b"0\r\n\r\n")


class Names:
    """A DNS server that knows one name: A records, no other type; NXDOMAIN while it has no address."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.asked = 0
        names = self

        class Answer(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                data, socket = self.request
                names.asked += 1
                socket.sendto(names.answer(data), self.client_address)

        self._server = socketserver.UDPServer(("127.0.0.1", 0), Answer)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, query: bytes) -> bytes:
        """RFC 1035, section 4.1: the question again, and a record of 1 s for each address."""
        end = query.index(b"\0", 12) + 5
        kind = struct.unpack("!H", query[end - 4 : end - 2])[0]
        records = self.addresses if kind == 1 else []
        code = 0 if self.addresses else 3
        header = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0)
        answers = [
            struct.pack("!HHHIH", 0xC00C, 1, 1, 1, 4) + bytes(map(int, address.split("."))) for address in records
        ]
        return header + query[12:end] + b"".join(answers)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def write_certificates(folder: Path, authority: Authority, known: Authority | None = None, name: str = DOMAIN) -> Path:
    """What home shows and whom it takes, and what an edge shows and trusts (`known`: another authority than home's)."""
    folder.mkdir()
    server, client = authority.server([f"*.{name}"], []), (known or authority).client("edge")
    (folder / "ca.crt").write_text((known or authority).certificate)
    (folder / "server.pem").write_text(server.certificate + server.key)
    (folder / "client.pem").write_text(client.certificate + client.key)
    return folder


QUICKER = {
    "inter 5s fastinter 1s downinter 2s fall 6": "inter 300ms fastinter 200ms downinter 300ms fall 3",
    "hold valid 5s": "hold valid 500ms",
    "hold obsolete 30s": "hold obsolete 1s",
    "hold nx 30s": "hold nx 1s",
    "hold other 30s": "hold other 1s",
}
"""Waits of the configuration, shortened for a test; all else is as pods have it."""


class Edge:
    """The proxy of a standby: the real HAProxy with the configuration of its pods, before a home on this machine."""

    def __init__(self, folder: Path, start: Start, certificates: Path, names: Names, home_port: int) -> None:
        self.port, self.own_port = free_port(), free_port()
        text = configuration({service: host(service) for service in SERVICES})
        here = {
            "bind :8080": f"bind 127.0.0.1:{self.port}",
            "bind :8404": f"bind 127.0.0.1:{self.own_port}",
            "/run/soma/edge/": f"{certificates}/",
            "parse-resolv-conf": f"nameserver test 127.0.0.1:{names.port}",
            '"${HOME_ADDRESS}:443"': f'"${{HOME_ADDRESS}}:{home_port}"',
        }
        for stated, instead in {**here, **QUICKER}.items():
            assert stated in text, stated
            text = text.replace(stated, instead)
        (folder / "edge-proxy.cfg").write_text(text)
        self.log = folder / "edge.log"
        environment = {"HOME_REGION": "us-east", "HOME_ADDRESS": NAME, "RETRY_AFTER": "30"}
        command = [tool("haproxy"), "-W", "-f", str(folder / "edge-proxy.cfg")]
        self.process = start(command, environment, self.log)
        eventually(lambda: self.own("/readyz")[0] == 200)

    def own(self, path: str) -> tuple[int, str]:
        """What the proxy says of itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.own_port, timeout=5)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def call(
        self, method: str, path: str, service: str = SERVICES[0], body: bytes | None = None, **headers: str
    ) -> tuple[int, Mapping[str, str], Any]:
        """A request as the ingress controller passes it on: on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        told = {"Host": USER_HOST, "X-Forwarded-For": "198.51.100.7", "Authorization": TOKEN}
        connection.request(method, path, body, {**told, "X-Soma-Service": service, "X-Soma-Stream": "false", **headers})
        answer = connection.getresponse()
        read = answer.read()
        connection.close()
        return answer.status, {key.lower(): value for key, value in answer.headers.items()}, json.loads(read)

    def status(self, path: str = "/stats", service: str = SERVICES[0]) -> int:
        return self.call("GET", path, service)[0]
