"""Probes and state of an instance over TLS (pkg/management/postgres/webserver: remote.go, probes/liveness.go)."""

import http.client
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from .log import say

OK, FAILED, UNAVAILABLE, UNKNOWN = 200, 500, 503, 404


class Instance(Protocol):
    """What the pages ask."""

    def state(self) -> dict[str, Any] | None:
        """PostgreSQL's state, fresh; None while it does not answer."""
        ...

    def isolated(self) -> str:
        """Why a primary has to end itself: it sees neither the API server nor another instance. Empty: it need not."""
        ...


class PageServer(ThreadingHTTPServer):
    """A port that probes, the operator or Prometheus ask, in a thread of its own."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], what: str) -> None:
        super().__init__(address, _Page)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        say(f"{what} port {address[1]} is open")

    def page(self, path: str) -> tuple[int, str, str]:
        """Status, content type and text at a path."""
        raise NotImplementedError

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event."""


class _Page(BaseHTTPRequestHandler):
    server: PageServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        status, kind, text = self.server.page(self.path)
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
        """Probes and scrapes are no events."""


class Pages(PageServer):
    """The status port."""

    request_queue_size = 32

    def __init__(self, address: tuple[str, int], instance: Instance, certificate: str, key: str) -> None:
        self.instance = instance
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._files = (certificate, key)
        self.renew()
        super().__init__(address, "status")

    def renew(self) -> None:
        """Shows the certificate as it is now."""
        self._context.load_cert_chain(*self._files)

    def page(self, path: str) -> tuple[int, str, str]:
        """Answers a probe, the operator or another instance."""
        status, what = self._answer(path)
        return status, "application/json", json.dumps(what)

    def _answer(self, path: str) -> tuple[int, dict[str, Any]]:
        match path:
            case "/pg/status" | "/readyz" | "/startupz":
                state = self.instance.state()
                return UNAVAILABLE if state is None else OK, state or {"error": "PostgreSQL does not answer"}
            case "/healthz":
                why = self.instance.isolated()
                return FAILED if why else OK, {"isolated": why}
            case "/failsafe":
                return OK, {}
            case _:
                return UNKNOWN, {}

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the request's own thread: a client that does not finish its handshake holds up nobody."""
        request.settimeout(10)
        try:
            wrapped = self._context.wrap_socket(request, server_side=True)
        except OSError:
            return
        with wrapped:
            super().finish_request(wrapped, client_address)


def answers(host: str, port: int, seconds: float) -> bool:
    """Whether another instance's status port answers; who it is does not matter here, as in the operator's pinger."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
    try:
        connection.request("GET", "/failsafe")
        return connection.getresponse().status == OK
    except OSError:
        return False
    finally:
        connection.close()
