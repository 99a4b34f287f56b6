"""A TCP relay between two network namespaces that hands every piece on after a delay, in its order.

`python slow_link.py LISTEN PORT TARGET PORT DELAY_SECONDS`. In place of netem, which is a kernel module that not every
machine has. It delays what TCP carries, both ways; a connection is made at once on either side. It loses nothing, does
not reorder and has no bandwidth of its own.
"""

import asyncio
import sys
import time


async def _hand_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay: float) -> None:
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def take() -> None:
        while True:
            piece = await source.read(65536)
            await pieces.put((time.monotonic() + delay, piece))
            if not piece:
                return

    taking = asyncio.create_task(take())
    try:
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if not piece:
                break
            sink.write(piece)
            await sink.drain()
    except ConnectionError:
        pass
    finally:
        taking.cancel()
        sink.close()


async def main(listen: str, port: int, target: str, target_port: int, delay: float) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(target, target_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_hand_on(reader, far_writer, delay), _hand_on(far_reader, writer, delay))

    server = await asyncio.start_server(serve, listen, port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5])))
