"""Run with the newest redis-py on the path: the same answers from the gateway as from a single server, command by
command, with protocol 2; and its own default protocol.

Arguments: port of the gateway, port of the single server, host:port of each node where they can be reached, with their
password in PASSWORD.
"""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import redis
from redis.exceptions import ReadOnlyError, RedisError

from tests.dataplane.test_redis_gateway import SAME, told


@dataclass
class Emptied:
    """What stands behind a gateway: its keys go one by one, for that carries no FLUSHALL."""

    client: Any

    def flushall(self) -> None:
        pipeline = self.client.pipeline(transaction=False)
        for key in self.client.scan_iter(count=1000):
            pipeline.delete(key)
        pipeline.execute()


def default_protocol(port: int) -> str:
    """What a client is told that asks for nothing special."""
    try:
        return f"answered {redis.Redis(port=port).get('a')!r}"
    except RedisError as error:
        return f"{type(error).__name__}: {error}"


def differences(ours: Any, theirs: Any, empty: "list[Any]") -> "list[str]":
    """What the two were told differently, in words."""
    found: list[str] = []
    for name, work in SAME.items():
        for client in (*empty, theirs):
            with suppress(ReadOnlyError):  # a replica
                client.flushall()
        mine, its = told(work, ours), told(work, theirs)
        if mine != its:
            found.append(f"{name}: {mine!r} and {its!r}")
    return found


def main() -> int:
    gateway, alone, *nodes = sys.argv[1:]
    password = os.environ["PASSWORD"]
    places = [node.rpartition(":") for node in nodes]
    empty = [redis.Redis(host=host, port=int(port), password=password, protocol=2) for host, _, port in places]
    ours, theirs = (redis.Redis(port=int(port), protocol=2) for port in (gateway, alone))
    lines = differences(ours, theirs, empty or [Emptied(ours)])
    print(f"redis-py {redis.__version__}: {len(SAME)} checks, {len(lines)} differences", *lines, sep="\n")  # noqa: T201
    print(default_protocol(int(gateway)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
