"""The service's HTTP surface."""

import hmac
import json
import logging
import re
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

from . import stream
from .application import Application, RefusedError

KEEP_ALIVE = 30
"""Seconds after which an idle connection ends, as uvicorn is told."""

_COORDINATE = re.compile(r"-?\d+(\.\d+)?(,-?\d+(\.\d+)?)*")


def coordinate(text: str) -> tuple[float, ...]:
    """`1,2.5` as numbers; raises `RefusedError`."""
    if not _COORDINATE.fullmatch(text):
        raise RefusedError(400, f"Invalid coord: {text}")
    return tuple(float(part) for part in text.split(","))


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    application: ClassVar[Application]
    protocol_version = "HTTP/1.1"
    timeout = KEEP_ALIVE

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path, started = self.path.partition("?")[0], time.monotonic()
        with self.application.under_way():
            try:
                if (self.command, path) == ("GET", stream.PATH):
                    self._stream(started)
                    return
                status, body = self._call(path)
            except RefusedError as refused:
                status, body = refused.status, {"detail": str(refused)}
            except Exception as error:  # the service's own last resort
                logging.exception("%s %s failed", self.command, path)
                status, body = 500, {"detail": f"{type(error).__name__}"}
            self.application.metrics.count(path, self.command, status, time.monotonic() - started)
            self._send(status, body)

    def _stream(self, started: float) -> None:
        """Events until the reader goes. As with the service's other calls, who ends the process waits for it."""
        self._authorise()
        seconds = stream.heartbeat(self.path.partition("?")[2])
        with self.application.loop.beside_it():
            self.application.metrics.count(stream.PATH, "GET", 200, time.monotonic() - started)
        self.send_response(200)
        for name, value in stream.HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):
            for chunk in stream.chunks(seconds):
                self.wfile.write(chunk)

    def _send(self, status: int, body: Any) -> None:
        text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
        data = text.encode()
        self.send_response(status)
        if self.close_connection:  # uvicorn says so too, and a proxy that is not told would use the connection again
            self.send_header("Connection", "close")
        self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _call(self, path: str) -> tuple[int, Any]:
        application = self.application
        match self.command, path:
            case "GET", "/" | "/ping":
                with application.loop.beside_it():
                    return 200, {"ping": "pong"}
            case "GET", "/health" | "/healthz" | "/readyz":
                with application.loop.beside_it():
                    return 200, application.health()
            case "GET", "/metrics":
                with application.loop.beside_it():
                    return 200, application.metrics.text()
            case "GET", "/stats":
                with application.loop.beside_it():
                    return 200, application.statistics()
            case _:
                return self._protected(path)

    def _protected(self, path: str) -> tuple[int, Any]:
        body = self._body()
        self._authorise()
        application = self.application
        if self.command == "POST" and path == "/__fault":
            application.faults.set(body)
            return 200, {"ok": True}
        if self.command == "POST" and path == "/memories":
            return 200, application.store(coordinate(str(body.get("coord"))), body)
        if self.command == "POST" and path == "/memories/search":
            return 200, {"memories": application.search(body)}
        if path.startswith("/memories/") and self.command in ("GET", "DELETE"):
            at = coordinate(path.removeprefix("/memories/"))
            if self.command == "GET":
                return 200, {"memory": application.read(at)}
            return 200, application.forget(at)
        raise RefusedError(404, "Not Found")

    def _body(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        if length > self.application.max_body:
            self.close_connection = True
            raise RefusedError(413, "Request body too large")
        text = self.rfile.read(length)
        if not text:
            return {}
        try:
            body = json.loads(text)
        except ValueError as error:
            raise RefusedError(422, f"not JSON: {error}") from error
        if not isinstance(body, dict):
            raise RefusedError(422, "not a JSON object")
        return body

    def _authorise(self) -> None:
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or not given:
            raise RefusedError(401, "Not authenticated")
        if not hmac.compare_digest(given, self.application.token):
            raise RefusedError(403, "Invalid token")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        logging.info("%s %s", self.address_string(), format % args)
