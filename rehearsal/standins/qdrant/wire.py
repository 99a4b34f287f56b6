"""JSON over HTTP with kept connections: a threaded server, and a client that says how a call failed."""

import http.client
import json
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


class UnreachableError(Exception):
    """The other side refused, closed or was not there."""


class SilentError(Exception):
    """The other side gave no answer in time."""


@dataclass(frozen=True)
class Request:
    """One call; `path` without the query and without a slash at its end (NormalizePath::trim, src/actix/mod.rs)."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What goes back; text and bytes are sent as they are, anything else as JSON."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def _encoded(body: Any) -> tuple[str, bytes]:
    """Content type and bytes of an answer."""
    if isinstance(body, bytes):
        return "application/octet-stream", body
    if isinstance(body, str):
        return "text/plain; charset=utf-8", body.encode()
    return "application/json", json.dumps(body, separators=(",", ":")).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    answer: Callable[[Request], Answer]

    def handle_error(self, request: object, client_address: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Nothing: a client that went away is no fault of this side."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def _serve(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        request = Request(
            method=self.command,
            path=urllib.parse.unquote(url.path).rstrip("/") or "/",
            query=dict(urllib.parse.parse_qsl(url.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("content-length") or 0)),
        )
        answer = self.server.answer(request)
        kind, body = _encoded(answer.body)
        self.send_response(answer.status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the calls of a probe are not worth a line."""


def serve(host: str, port: int, answer: Callable[[Request], Answer]) -> ThreadingHTTPServer:
    """Listens, and answers in threads of its own until the process ends."""
    server = _Server((host, port), _Handler)
    server.answer = answer
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.5}, daemon=True).start()
    return server


class Client:
    """Calls peers by address (`http://host:port`), over connections that are kept."""

    def __init__(self, connect_seconds: float) -> None:
        self._connect = connect_seconds
        self._idle: dict[str, list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()

    def post(self, address: str, path: str, body: object, seconds: float) -> tuple[int, Any]:
        """Status and JSON of the answer. Raises UnreachableError or SilentError; a kept connection may be stale, so
        a call over one is made again over a new one: every call between peers may be repeated."""
        data = json.dumps(body).encode()
        kept = self._take(address)
        if kept is not None:
            try:
                return self._call(address, kept, path, data, seconds)
            except UnreachableError:
                pass
        return self._call(address, self._new(address), path, data, seconds)

    def _call(
        self, address: str, connection: http.client.HTTPConnection, path: str, data: bytes, seconds: float
    ) -> tuple[int, Any]:
        end = time.monotonic() + seconds
        try:
            if connection.sock is None:
                connection.timeout = min(self._connect, seconds)
                connection.connect()
            cast(socket.socket, connection.sock).settimeout(max(0.05, end - time.monotonic()))
            connection.request("POST", path, data, {"content-type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read() or b"null")
        except TimeoutError as error:
            connection.close()
            raise SilentError(f"{address} gave no answer within {seconds:.1f} s") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise UnreachableError(f"{address}: {error or type(error).__name__}") from error
        with self._lock:
            self._idle.setdefault(address, []).append(connection)
        return response.status, answer

    def _take(self, address: str) -> http.client.HTTPConnection | None:
        with self._lock:
            idle = self._idle.get(address)
            return idle.pop() if idle else None

    def _new(self, address: str) -> http.client.HTTPConnection:
        url = urllib.parse.urlsplit(address)
        connection = http.client.HTTPConnection(url.hostname or "", url.port or 80)
        connection.auto_open = 0  # a closed connection is a failed call, not a silent reconnection
        return connection
