"""Answers whatever the service asks Qdrant, at once: what remains is the service's own work. Run with a port."""

import http.server
import json
import sys
from typing import Final

_ANSWER: Final = json.dumps({"result": {"exists": True, "points": []}, "status": "ok"}).encode()


class Answering(http.server.BaseHTTPRequestHandler):
    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    do_GET = do_PUT = do_POST = _answer  # noqa: N815 (names that the base class looks for)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the method that it replaces)
        del format, args


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answering).serve_forever()
