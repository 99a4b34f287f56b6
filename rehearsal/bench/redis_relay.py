"""The least that a Redis gateway in Python does for a command, as a process of its own for the benchmark.

It finds where each command of its clients ends, which no gateway can do without, and passes it on to the one node that
it is told. It leaves out the rest: which node a key is on, what a command may do, answers (passed on unread), waiting
for a failover, metrics. No parser of a library is used: those of redis-py build each word, and cost more. Whatever a
real one would be, it would be slower; what this one misses no gateway in Python on asyncio reaches.

Arguments: port to listen on, port of the node.
"""

import asyncio
import sys
from collections.abc import Callable

HOST = "127.0.0.1"


def commands(received: bytes) -> tuple[list[bytes], bytes]:
    """The whole commands at the beginning of what has come, and the rest. Arrays of strings, or lines of text."""
    found: list[bytes] = []
    start, length = 0, len(received)
    while start < length:
        end = received.find(b"\r\n", start)
        if end < 0:
            break
        at = end + 2
        if received[start] == ord("*"):
            for _ in range(int(received[start + 1 : end])):
                end = received.find(b"\r\n", at)
                if end < 0:
                    return found, received[start:]
                at = end + 2 + int(received[at + 1 : end]) + 2
        if at > length:
            break
        found.append(received[start:at])
        start = at
    return found, received[start:]


class Passing(asyncio.Protocol):
    """One side of a connection: hands what comes to the other side."""

    def __init__(self, whole: Callable[[bytes], tuple[list[bytes], bytes]] | None = None) -> None:
        self._whole, self._rest = whole, b""
        self.transport: asyncio.Transport | None = None
        self.other: Passing | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 of TCP
        self.transport = transport
        if self._whole is not None:
            self._dialling = asyncio.ensure_future(self._dial())

    async def _dial(self) -> None:
        answers = Passing()
        await asyncio.get_running_loop().create_connection(lambda: answers, HOST, int(sys.argv[2]))
        answers.other, self.other = self, answers
        self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        if self.other is None or self.other.transport is None:
            self._rest += data
        elif self._whole is None:
            self.other.transport.write(data)
        else:
            found, self._rest = self._whole(self._rest + data)
            self.other.transport.write(b"".join(found))

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


async def main() -> None:
    """Until it is ended."""
    server = await asyncio.get_running_loop().create_server(lambda: Passing(commands), HOST, int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
