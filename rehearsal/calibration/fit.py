"""From what was measured to the numbers of the model: a value for each size of a payload, and what comes on top."""

from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Any, Final

from rehearsal.calibration.connections import Held
from rehearsal.calibration.postgresql import PARTS, Bytes, Statements
from rehearsal.calibration.redis_server import ALLOCATOR, Memory, Node
from rehearsal.calibration.service import Costs

BASE: Final = 8
"""Partitions of the sizes that the model is made from."""
_CACHED: Final = ("heap", "primary_key", "key_pattern")
"""What the scan of a namespace's keys reads, on every store."""


def model(
    rows: Sequence[Bytes],
    kept: Sequence[Memory],
    empty: Sequence[Node],
    statements: Mapping[int, Statements],
    spent: Mapping[int, Costs],
    held: Sequence[Held],
) -> dict[str, Any]:
    """Numbers of the model, by what they are of; those that depend on the payload by its size in bytes."""
    return {
        "postgresql": {**_table(rows), **_statements(statements)},
        "redis": _redis(kept, empty),
        "service": {**_service(spent), "postgresql_connections": max(one.postgresql for one in held)},
    }


def _table(rows: Sequence[Bytes]) -> dict[str, Any]:
    partition = _partition(rows)
    # Of each size the row with most memories; one later in the sequence has fewer.
    written = {row.payload_bytes: row for row in reversed(rows) if (row.partitions, row.rewrites) == (BASE, 0)}
    before = {row.payload_bytes: row for row in rows if (row.partitions, row.rewrites) == (BASE, 0)}
    again = {row.payload_bytes: row for row in rows if (row.partitions, row.rewrites) == (BASE, 1)}
    sizes = sorted(again)

    def rewritten(size: int, *parts: str) -> float:
        """What memories take once they were written again: more than before by what fewer of them took more."""
        more = sum(again[size].parts[part] - before[size].parts[part] for part in parts)
        return sum(written[size].parts[part] for part in parts) + max(0.0, more)

    def net(size: int, total: float) -> float:
        return total - BASE * partition / written[size].memories

    return {
        "partition_bytes": partition,
        "stored_bytes": {size: net(size, written[size].total) for size in sizes},
        "rewritten_bytes": {size: net(size, rewritten(size, *PARTS)) for size in sizes},
        "cached_bytes": {size: rewritten(size, *_CACHED) for size in sizes},
        "trigram_bytes": {size: rewritten(size, "trigrams") for size in sizes},
    }


def _partition(rows: Sequence[Bytes]) -> float:
    """Bytes that a partition takes whatever it holds: indexes' waiting lists and the pages of empty tables."""
    fresh = {(row.payload_bytes, row.partitions): row for row in reversed(rows) if row.rewrites == 0}
    most = max(partitions for _, partitions in fresh)
    return mean(
        (row.total - fresh[size, BASE].total) * row.memories / (most - BASE)
        for (size, partitions), row in fresh.items()
        if partitions == most
    )


def _statements(found: Mapping[int, Statements]) -> dict[str, Any]:
    return {
        "write_cpu_seconds": {size: cost.write_cpu for size, cost in found.items()},
        "read_cpu_seconds": {size: cost.read_cpu for size, cost in found.items()},
        "scan_cpu_seconds": mean(cost.scan_cpu for cost in found.values()),
        "wal_bytes": {size: cost.wal_bytes for size, cost in found.items()},
        "wal_images": {size: cost.wal_images for size, cost in found.items()},
    }


def _redis(kept: Sequence[Memory], empty: Sequence[Node]) -> dict[str, Any]:
    """Memory of each server on the allocator of the images; of disk and CPU what the server takes that takes most."""
    most = max(row.memories for row in kept)
    many = [row for row in kept if row.memories == most]
    return {
        "servers": {
            node.server: _server(node, [row for row in kept if row.server == node.server])
            for node in empty
            if ALLOCATOR in node.server
        },
        "file_bytes": _largest(many, lambda row: row.append_only_file),
        "command_cpu_seconds": _largest(many, lambda row: row.command_cpu),
    }


def _largest(rows: Sequence[Memory], number: Callable[[Memory], float | None]) -> dict[int, float]:
    """By the payload's bytes, of the numbers that are known."""
    found: dict[int, float] = {}
    for row in rows:
        value = number(row)
        if value is not None:
            found[row.payload_bytes] = max(value, found.get(row.payload_bytes, 0))
    return found


def _server(empty: Node, kept: Sequence[Memory]) -> dict[str, Any]:
    """Bytes of a memory by the payload's, from few and many of them; the rest is what a node takes for itself,
    beside what it takes when it is empty.
    """
    by_size: dict[int, list[Memory]] = {}
    for row in kept:
        by_size.setdefault(row.payload_bytes, []).append(row)
    memory: dict[int, float] = {}
    node: list[float] = []
    for size, pair in sorted(by_size.items()):
        few, many = sorted(pair, key=lambda row: row.memories)
        memory[size] = (many.memory * many.memories - few.memory * few.memories) / (many.memories - few.memories)
        node.append((many.memory - memory[size]) * many.memories)
    return {"memory_bytes": memory, "node_bytes": empty.memory + max(node)}


def _service(spent: Mapping[int, Costs]) -> dict[str, Any]:
    costs = sorted(spent.items())
    return {
        "store_cpu_seconds": {size: cost.store for size, cost in costs},
        "held_cpu_seconds": {size: cost.held for size, cost in costs},
        "listed_cpu_seconds": mean(cost.listed for _, cost in costs),
        "read_cpu_seconds": {size: cost.read for size, cost in costs},
        "search_cpu_seconds": {size: cost.search for size, cost in costs},
    }
