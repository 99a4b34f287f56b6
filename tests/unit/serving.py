"""HTTP servers of tests, in a thread of their own."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import HTTPServer
from typing import TypeVar

_Server = TypeVar("_Server", bound=HTTPServer)


@contextmanager
def serving(server: _Server) -> Generator[_Server]:
    """Serves until the block ends; then the server is closed."""
    with server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
