"""Runs one node until it is told to end: `python3 -m <folder> --uri http://host:6335 [--bootstrap http://other:6335]`."""

import signal
import sys
import threading

from . import metrics, options
from .node import Node, say
from .peers import Faults, PeerInterface
from .points import Points
from .rest import VERSION, RestInterface
from .transfers import Transfers
from .wire import Answer, Request, serve


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    given = options.read(sys.argv[1:])
    node = Node(given)
    points, faults, answers = Points(node), Faults(), metrics.Answers()
    ended = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ended.set())
    serve(given.host, given.p2p_port, PeerInterface(node, points, faults).answer)
    if given.metrics_port is not None:
        serve(given.host, given.metrics_port, lambda request: _metrics(node, answers, request))
    say(f"{VERSION} as a stand-in, peers on {given.p2p_port}")
    node.start()
    node.await_collections()
    serve(given.host, given.http_port, RestInterface(node, points, faults, answers).answer)
    say(f"HTTP on {given.http_port}")
    Transfers(node).start()
    ended.wait()


def _metrics(node: Node, answers: metrics.Answers, request: Request) -> Answer:
    """The listener without a key (src/actix/metrics_service.rs)."""
    return Answer(200, metrics.text(node, answers, VERSION)) if request.path == "/metrics" else Answer(404, "")


if __name__ == "__main__":
    main()
