"""Measures, and writes what it found: `python -m rehearsal.calibration [--memories N] [--write FILE]`."""

import argparse
import datetime
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from redis import Redis

from capacity.calibration import FILE
from rehearsal.bench.stand import missing
from rehearsal.calibration import connections, fit, postgresql, redis_server, service
from rehearsal.calibration.earlier import Earlier, read
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from rehearsal.standins.memory.loop import THREADS

NEEDED = (("initdb",), ("postgres",), ("psql",))
MEMORIES = 100_000
PAYLOADS = (256, 1024, 4096)
PARTITIONS = (1, 8, 64)
BETWEEN = (512, 3072)
"""Sizes that the model is not made from, and is compared with."""
WHOLE = (1024, fit.BASE)
"""Payload's bytes and partitions of which all memories are written again: the model is made from fewer of them."""
FEWER = 5
"""Part of the memories that are written again, and that sizes between are tried with: it takes long."""
KINK = 2048
"""About where PostgreSQL begins to compress a value and to keep it apart (storage-toast): a point of the model."""
COMMAND = "make calibrate"


def measure(progress: Progress, memories: int, known: Earlier) -> dict[str, Any]:
    """Everything that is measured, and the numbers of the model that follow. What is known is taken over."""
    found: dict[str, Any] = {"date": _today(), "command": COMMAND, "memories": memories}
    with postgresql.server() as server:
        found["postgresql_version"] = server.version
        rows = _rows(progress, server, memories, known)
        with redis_server.server(redis_server.programs()[0]) as client:
            with progress.step("CPU and WAL of statements, CPU of a process of the service"):
                statements = known.statements or _statements(server, memories)
                spent = known.spent or _spent(server, client, memories)
            with progress.step("connections of a process of the service"):
                held = [connections.held(server, client, *calls) for calls in ((1, 0), (0, 1), (1, THREADS))]
    empty = [_empty(progress, program) for program in redis_server.programs()]
    kept = _kept(progress, memories, empty, known)
    found["measured"] = {
        "postgresql": [asdict(row) for row in rows],
        "statements": {str(size): asdict(cost) for size, cost in statements.items()},
        "redis": [asdict(row) for row in kept],
        "redis_empty": [asdict(node) for node in empty],
        "service": {str(size): asdict(cost) for size, cost in spent.items()},
        "connections": [asdict(one) for one in held],
    }
    modelled = [row for row in rows if row.payload_bytes not in BETWEEN]
    in_memory = [row for row in kept if row.payload_bytes not in BETWEEN]
    found["model"] = fit.model(modelled, in_memory, empty, statements, spent, held)
    return found


def _statements(server: postgresql.Server, memories: int) -> dict[int, postgresql.Statements]:
    return {size: postgresql.statement_costs(server, memories // 10, size, 8) for size in PAYLOADS}


def _spent(server: postgresql.Server, client: "Redis", memories: int) -> dict[int, service.Costs]:
    return {size: service.costs(server, client, max(1000, memories // 50), size) for size in PAYLOADS}


def _rows(progress: Progress, server: postgresql.Server, memories: int, known: Earlier) -> list[postgresql.Bytes]:
    """What memories take in PostgreSQL: nearly all the time of a calibration."""
    few = memories // FEWER
    wanted = [
        *(
            (memories, size, partitions, int((size, partitions) == WHOLE))
            for size in PAYLOADS
            for partitions in PARTITIONS
        ),
        *((few, size, fit.BASE, 1) for size in (*PAYLOADS, KINK)),
        *((few, size, fit.BASE, 0) for size in BETWEEN),
    ]
    found: list[postgresql.Bytes] = []
    for count, size, partitions, rewrites in wanted:
        rows = known.rows_of(count, size, partitions)
        enough = len(rows) > rewrites
        found += rows if enough else _stored(progress, server, count, size, partitions, rewrites)
    return found


def _stored(
    progress: Progress, server: postgresql.Server, memories: int, size: int, partitions: int, rewrites: int
) -> list[postgresql.Bytes]:
    with progress.step(f"PostgreSQL: {memories:,} memories of {size} B in {partitions} partitions"):
        return postgresql.stored_bytes(server, memories, size, partitions, rewrites)


def _kept(
    progress: Progress, memories: int, empty: Sequence[redis_server.Node], known: Earlier
) -> list[redis_server.Memory]:
    """What memories take in each server of Redis and Valkey."""
    wanted = [
        *((number, size) for size in (*PAYLOADS, KINK) for number in (memories, memories // 10)),
        *((memories, size) for size in BETWEEN),
    ]
    found: list[redis_server.Memory] = []
    for program, node in zip(redis_server.programs(), empty, strict=True):
        for number, size in wanted:
            before = known.in_memory.get((node.server, size, number))
            if before is None or not known.rows:
                now = _in_memory(progress, program, number, size)
                cpu = before.command_cpu if before else None
                before = replace(now, command_cpu=cpu) if known.in_memory else now
            found.append(before)
    return found


def _empty(progress: Progress, program: redis_server.Program) -> redis_server.Node:
    with progress.step(f"{program.name}: nothing in it"), redis_server.server(program) as client:
        return redis_server.empty(client)


def _in_memory(progress: Progress, program: redis_server.Program, memories: int, size: int) -> redis_server.Memory:
    step = f"{program.name}: {memories:,} memories of {size} B"
    with progress.step(step), redis_server.server(program) as client:
        return redis_server.stored(client, memories, size)


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal.calibration", description="Measures the model's numbers."
    )
    parser.add_argument("--memories", type=int, default=MEMORIES, metavar="N", help=f"of each row ({MEMORIES:,})")
    parser.add_argument("--write", type=Path, default=FILE, metavar="FILE", help="where the numbers are written")
    parser.add_argument(
        "--keep-rows",
        action="store_true",
        help="take what memories take in PostgreSQL from FILE, as far as it is there, and measure the rest; "
        "with --keep-cpu what they take in Redis, too",
    )
    parser.add_argument(
        "--keep-cpu",
        action="store_true",
        help="take CPU and WAL from FILE, for a machine that is not quiet; what is not there stays unknown",
    )
    options = parser.parse_args(arguments)
    if lacks := missing(*NEEDED) or redis_server.missing():
        sys.stderr.write(f"nothing measured: install {lacks}\n")
        return 1
    try:
        kept = read(options.write, options.keep_rows, options.keep_cpu)
        memories = max((row.memories for row in kept.rows), default=options.memories)
        found = measure(Progress(sys.stderr), memories, kept)
    except RehearsalError as error:
        sys.stderr.write(f"nothing measured: {error}\n")
        return 1
    options.write.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{options.write} is written; `make docs` shows it in docs/capacity.md\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
