"""One copy of one shard: points with a version each, kept in a file that is only ever appended to.

The newest version of a point wins, deletions included, whatever order writes arrive in; so a copy may be given the same
write twice, and an old one late.
"""

import json
import math
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .faults import BadInputError, ServiceError

Version = list[int]
"""Nanoseconds on the clock of the peer that took the write, that peer, a count."""

Record = dict[str, Any]
"""`id`, `version`, and `point` (`vector`, `payload`) or None where it was deleted. JSON."""


class Shard:
    """Points in memory, and on disk for the next start."""

    def __init__(self, path: Path, wal_capacity: int) -> None:
        self._path, self._wal_capacity = path, wal_capacity
        self._lock = threading.Lock()
        self._records: dict[int | str, Record] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                if line.endswith("\n"):
                    self._keep(json.loads(line))
        else:
            path.touch()

    def write(self, records: Iterable[Record]) -> None:
        """Takes records that are newer than what it has.

        Raises ServiceError on a full disk, in the words of lib/collection/src/shards/local_shard/shard_ops.rs: Qdrant
        looks whether its write-ahead log still fits.
        """
        with self._lock:
            newer = [record for record in records if self._is_newer(record)]
            if newer and shutil.disk_usage(self._path.parent).free < self._wal_capacity:
                raise ServiceError("No space left on device: WAL buffer size exceeds available disk space")
            try:
                with self._path.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(record, separators=(",", ":")) + "\n" for record in newer)
            except OSError as error:
                raise ServiceError(str(error)) from error
            for record in newer:
                self._keep(record)

    def records(self) -> list[Record]:
        """Everything, deletions included: what another copy needs."""
        with self._lock:
            return list(self._records.values())

    @property
    def count(self) -> int:
        with self._lock:
            return sum(record["point"] is not None for record in self._records.values())

    def points(self) -> list[Record]:
        """Records of the points that there are, by id: numbers first, as Qdrant orders them."""
        with self._lock:
            alive = [record for record in self._records.values() if record["point"] is not None]
        return sorted(alive, key=lambda record: order(record["id"]))

    def nearest(self, vector: list[float], limit: int, distance: str) -> list[tuple[float, Record]]:
        """Scores and records, best first."""
        scored = [(score(vector, record["point"]["vector"], distance), record) for record in self.points()]
        scored.sort(key=lambda pair: pair[0], reverse=distance != "Euclid")
        return scored[:limit]

    def _is_newer(self, record: Record) -> bool:
        known = self._records.get(record["id"])
        return known is None or record["version"] > known["version"]

    def _keep(self, record: Record) -> None:
        if self._is_newer(record):
            self._records[record["id"]] = record


def order(point_id: int | str) -> tuple[bool, int, str]:
    """Key that sorts ids: numbers, then UUIDs."""
    return (True, 0, point_id) if isinstance(point_id, str) else (False, point_id, "")


def score(one: list[float], other: list[float], distance: str) -> float:
    """Similarity as Qdrant scores it (Cosine, Dot) or distance (Euclid)."""
    if distance == "Euclid":
        return math.dist(one, other)
    product = sum(a * b for a, b in zip(one, other, strict=True))
    if distance == "Dot":
        return product
    if distance != "Cosine":
        raise BadInputError(f"this stand-in knows no distance {distance}")
    return product / ((math.hypot(*one) * math.hypot(*other)) or 1.0)
