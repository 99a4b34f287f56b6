"""GitHub's API on loopback, answered by what a test holds."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import httpx

from tests.unit.serving import serving

TOKEN: Final = "ghs_16C7e42F292c6912E7710c838347Ae178B4a"
"""As docs.github.com writes an installation's token."""


@contextmanager
def api(answer: Callable[[httpx.Request], httpx.Response]) -> Generator[dict[str, str]]:
    """The variables of a workflow's step that lead there. Whoever brings another token is told 401."""

    class Handler(BaseHTTPRequestHandler):
        def _answered(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            address = f"http://{self.headers['Host']}{self.path}"
            request = httpx.Request(self.command, address, headers=dict(self.headers), content=content)
            known = request.headers.get("Authorization") == f"Bearer {TOKEN}"
            found = answer(request) if known else httpx.Response(401, json={"message": "Bad credentials"})
            self.send_response(found.status_code)
            if "Link" in found.headers:
                self.send_header("Link", found.headers["Link"])
            self.send_header("Content-Length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(found.content)

        do_GET = do_POST = do_PATCH = do_PUT = _answered  # noqa: N815  (http.server's names)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield {
            "GITHUB_API_URL": f"http://127.0.0.1:{server.server_port}",
            "GITHUB_REPOSITORY": "org/repo",
            "GITHUB_TOKEN": TOKEN,
        }
