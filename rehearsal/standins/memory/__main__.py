"""Start order of the service: the entrypoint's waits, the stores, and only then the port."""

import json
import logging
import signal
import sys
import threading
import time
from http.server import ThreadingHTTPServer

import psycopg2

from .application import Application
from .configuration import Configuration, ConfigurationError, read, wait_for
from .keys import Both, Keys, Postgres, Redis
from .memories import Memories
from .vectors import Vectors
from .web import Handler


class Server(ThreadingHTTPServer):
    """A thread a connection; `Loop` makes them behave like one event loop."""

    daemon_threads = True
    request_queue_size = 2048


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"ts": round(time.time(), 3), "level": record.levelname, "event": record.getMessage()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def keys(configuration: Configuration, cache: Redis) -> Keys:
    """Both stores, or Redis alone for life where PostgreSQL refuses now."""
    logging.info("Postgres URL: %s", configuration.postgres_url)
    try:
        return Both(Postgres(configuration.postgres_url, configuration.postgres_tls), cache)
    except psycopg2.Error as error:
        logging.warning("Postgres unavailable; using Redis-only KV store: %s", error)
        return cache


def application(configuration: Configuration) -> Application:
    """Everything that is decided before the process listens."""
    cache = Redis(*configuration.redis)
    both = keys(configuration, cache)
    vectors = Vectors(configuration.qdrant_url, configuration.namespace, configuration.dimensions)
    memories = Memories(configuration.namespace, both, cache, vectors, configuration.max_memories)
    threading.Thread(target=memories.first_pass, daemon=True).start()
    return Application(memories, cache.client, configuration.token, configuration.max_body, configuration.rate_limit)


def main() -> int:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # PID 1 has no default action for a signal: without this a pod that still waits could not be ended politely.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        configuration = read()
        for host, port in configuration.waits:
            wait_for(host, port)
        made = application(configuration)
    except ConfigurationError as error:
        logging.error("%s", error)
        return 1
    Handler.application = made
    server = Server(("0.0.0.0", configuration.port), Handler)  # noqa: S104 (in a pod)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    logging.info("listening on port %s", configuration.port)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    made.drain()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
