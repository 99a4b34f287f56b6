"""What an earlier calibration measured, for one that takes it over."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rehearsal.calibration.postgresql import Bytes, Statements
from rehearsal.calibration.redis_server import Memory
from rehearsal.calibration.service import Costs
from rehearsal.errors import RehearsalError

Measured = TypeVar("Measured")


@dataclass(frozen=True)
class Earlier:
    """Empty is what has to be measured."""

    rows: tuple[Bytes, ...] = ()
    statements: Mapping[int, Statements] = field(default_factory=dict[int, Statements])
    """By the payload's bytes, as `spent`."""
    spent: Mapping[int, Costs] = field(default_factory=dict[int, Costs])
    in_memory: Mapping[tuple[str, int, int], Memory] = field(default_factory=dict[tuple[str, int, int], Memory])
    """By server, the payload's bytes and memories; for its bytes where there are `rows`, else for its CPU alone."""

    def rows_of(self, memories: int, payload_bytes: int, partitions: int) -> list[Bytes]:
        """As they were stored, and after each time that all were written again."""
        wanted = (memories, payload_bytes, partitions)
        return [row for row in self.rows if (row.memories, row.payload_bytes, row.partitions) == wanted]


def read(file: Path, rows: bool, cpu: bool) -> Earlier:
    """What is to be kept of a calibration. Raises RehearsalError where the file holds none."""
    if not (rows or cpu):
        return Earlier()
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["measured"]
        kept = [Memory(**row) for row in found["redis"]] if cpu else []
        return Earlier(
            tuple(Bytes(**row) for row in found["postgresql"]) if rows else (),
            _by_size(found["statements"], Statements) if cpu else {},
            _by_size(found["service"], Costs) if cpu else {},
            {key(row): row for row in kept},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RehearsalError(
            f"{file} is no earlier calibration ({error}): leave out --keep-rows and --keep-cpu"
        ) from None


def key(row: Memory) -> tuple[str, int, int]:
    return row.server, row.payload_bytes, row.memories


def _by_size(found: Mapping[str, Any], kind: Callable[..., Measured]) -> dict[int, Measured]:
    return {int(size): kind(**values) for size, values in found.items()}
