"""A Redis gateway in Python on the client library of the service's own image: a process of its own for the benchmark.

Cluster, routing, connections and answers are redis-py's (redis.asyncio.RedisCluster), commands that arrive together go
to it as one pipeline, and where they end is found as cheaply as in the relay. It answers GET and SET, which is what is
measured, and refuses the rest; it leaves out whatever else ours does (docs/decisions/0005).

Arguments: port to listen on, port of a node. Environment: REDIS_PASSWORD_FILE.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, cast

from redis.asyncio import RedisCluster
from redis.exceptions import RedisError

from rehearsal.bench.redis_relay import HOST, commands

READ_BYTES = 65536


def words(command: bytes) -> list[bytes]:
    """Of a whole command: an array of strings, or a line of text."""
    parts = command.split(b"\r\n")
    return parts[2:-1:2] if command.startswith(b"*") else parts[0].split()


def written(answer: object) -> bytes:
    """An answer as the protocol has it."""
    if isinstance(answer, bytes):
        return b"$%d\r\n%b\r\n" % (len(answer), answer)
    if isinstance(answer, Exception):
        return f"-ERR {answer}\r\n".encode()
    return b"$-1\r\n" if answer is None else b"+OK\r\n"


async def answers(cluster: RedisCluster, given: list[list[bytes]]) -> list[object]:
    """What the cluster says to commands, one or several at once."""
    if [one[0].upper() in (b"GET", b"SET") for one in given] != [True] * len(given):
        return [True if one == [b"PING"] else RedisError("not carried") for one in given]
    if len(given) == 1:
        name, *arguments = given[0]
        return [await cast(Any, cluster).execute_command(name.decode(), *arguments)]
    pipeline = cast(Any, cluster).pipeline()
    for name, *arguments in given:
        pipeline.execute_command(name.decode(), *arguments)
    return await pipeline.execute(raise_on_error=False)


async def serve(cluster: RedisCluster, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client, until it leaves."""
    rest = b""
    while received := await reader.read(READ_BYTES):
        found, rest = commands(rest + received)
        if found:
            writer.write(b"".join(map(written, await answers(cluster, [words(one) for one in found]))))
    writer.close()


async def main() -> None:
    """Until it is ended."""
    password = Path(os.environ["REDIS_PASSWORD_FILE"]).read_text(encoding="utf-8").strip()
    cluster = RedisCluster(host=HOST, port=int(sys.argv[2]), password=password)
    server = await asyncio.start_server(lambda r, w: serve(cluster, r, w), HOST, int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
