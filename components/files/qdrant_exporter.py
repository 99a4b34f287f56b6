"""Which copies of shards each Qdrant node holds, for Prometheus: Qdrant's own metrics do not say.

Asks every node at each scrape. A node that does not answer has no figures, and the others' are told all the same.
Environment: QDRANT_NODES (URL of each node by the name of its pod, JSON), QDRANT_API_KEY_FILE, PORT. Standard library
only.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from components.files.qdrant_rest import LOOK_SECONDS, TROUBLE, Qdrant, path_of, say, told

HEADER: tuple[str, ...] = (
    "# HELP qdrant_shard_active Whether a copy of a shard serves, on the node of this pod.",
    "# TYPE qdrant_shard_active gauge",
)
POINTS: tuple[str, ...] = (
    "# HELP qdrant_shard_points Points in a copy of a shard.",
    "# TYPE qdrant_shard_points gauge",
)


def shards(qdrant: Qdrant, node: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Collection and copy, of each that the node itself holds (`local_shards`); raises what `TROUBLE` holds."""
    for entry in qdrant.ask(node, "GET", "/collections", seconds=LOOK_SECONDS)["collections"]:
        name = entry["name"]
        held = qdrant.ask(node, "GET", f"{path_of(name)}/cluster", seconds=LOOK_SECONDS)["local_shards"]
        yield from ((name, copy) for copy in held)


def exposition(nodes: Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]]) -> str:
    """The figures of all nodes that answered, in Prometheus' text format."""
    active, points = [*HEADER], [*POINTS]
    for node, copies in nodes.items():
        for collection, copy in copies:
            labels = f'{{collection="{_escaped(collection)}",shard="{int(copy["shard_id"])}",pod="{_escaped(node)}"}}'
            active.append(f"qdrant_shard_active{labels} {int(copy['state'] == 'Active')}")
            points.append(f"qdrant_shard_points{labels} {int(copy['points_count'])}")
    return "\n".join([*active, *points, ""])


def _escaped(text: str) -> str:
    """prometheus.io/docs/instrumenting/exposition_formats"""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def collected(qdrant: Qdrant, nodes: Mapping[str, str]) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    """What every node that answers holds."""

    def asked(node: str) -> tuple[str, list[tuple[str, Mapping[str, Any]]]] | None:
        try:
            return node, list(shards(qdrant, node))
        except TROUBLE as error:
            say(f"qdrant-exporter: {node} does not answer ({told(error)})")
            return None

    with ThreadPoolExecutor(len(nodes)) as pool:
        return dict(answer for answer in pool.map(asked, nodes) if answer is not None)


def serve(nodes: Mapping[str, str], key_file: Path, port: int) -> ThreadingHTTPServer:
    """A server of /metrics; anything else says that it lives. The key is read at each scrape, for it may change."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = "ok\n"
            if self.path == "/metrics":
                text = exposition(collected(Qdrant(nodes, key_file.read_text().strip()), nodes))
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the method that it replaces)
            """Scrapes are no news."""
            del format, args

    return ThreadingHTTPServer(("", port), Handler)


def main() -> None:
    """Serves until it is ended."""
    environment = os.environ
    nodes: dict[str, str] = json.loads(environment["QDRANT_NODES"])
    serve(nodes, Path(environment["QDRANT_API_KEY_FILE"]), int(environment["PORT"])).serve_forever()


if __name__ == "__main__":
    main()
