"""What the engine knows to exist: one file a region, mode 0600, saved after every resource.

A change is one line appended to a journal, so that saving costs the same whatever the size of the region; `close`
folds the journal into the file, which is put in place at once. A line that an interrupt tore is left out: its
resource is applied again by the next update.
"""

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

from rehearsal.engine import codec, wire
from rehearsal.engine.model import PlannedResource, Value
from rehearsal.errors import RehearsalError

VERSION = 1


@dataclass(frozen=True)
class Held:
    """A resource that was applied."""

    resource: PlannedResource
    """Its inputs are those that were applied."""
    cluster: str | None = None
    """Which cluster holds the object (uid of its kube-system namespace); None for what is no object of a cluster."""
    pending: bool = False
    """Applied, but not seen ready: the next update awaits it again."""


class State:
    """One region's state. Safe to use from several threads of one process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.resources: dict[str, Held] = {}
        self.outputs: dict[str, Value] | None = None
        """Stack outputs of the last complete update; None before the first."""
        self.leaving: list[Held] = []
        """What replacements were made beside of, in that order; deleted when an update has made all else."""
        self._journal_path = path.with_suffix(".journal")
        self._journal: TextIO | None = None
        self._lock = threading.Lock()
        if path.exists():
            self._read(path)
        if self._journal_path.exists():
            for line in _whole_lines(self._journal_path):
                self._replay(line)

    def put(self, held: Held, former: str | None = None, leaving: Held | None = None) -> None:
        """Records that a resource is as it says.

        `former` is the URN that it had before, `leaving` what it replaces and what is still to be deleted.
        """
        document = _encode(held)
        with self._lock:
            if former is not None:
                self.resources.pop(former, None)
            self.resources[held.resource.urn] = held
            if leaving is not None:
                self.leaving.append(leaving)
            self._append({"put": document, "former": former, "leaving": leaving and _encode(leaving)})

    def remove(self, urn: str) -> None:
        """Records that a resource is gone."""
        with self._lock:
            self.resources.pop(urn, None)
            self._append({"remove": urn})

    def left(self, leaving: Held) -> None:
        """Records that one of `leaving` is gone."""
        with self._lock:
            self.leaving.remove(leaving)
            self._append({"left": _encode(leaving)})

    def finish(self, outputs: Mapping[str, Value] | None) -> None:
        """Records the outputs of a complete update, None of a complete destroy."""
        with self._lock:
            if self.outputs == outputs and self._journal is None:
                return
            self.outputs = None if outputs is None else dict(outputs)
            self._append({"outputs": wire.marked(self.outputs)})

    def close(self) -> None:
        """Folds the journal into the file."""
        with self._lock:
            if self._journal is None and not self._journal_path.exists():
                return
            document = {
                "version": VERSION,
                "outputs": None if self.outputs is None else wire.marked(self.outputs),
                "resources": [_encode(held) for held in self.resources.values()],
                "leaving": [_encode(held) for held in self.leaving],
            }
            temporary = self.path.with_suffix(".new")
            with _private(temporary, os.O_TRUNC) as file:
                file.write(json.dumps(document))  # dump() would encode in Python, piece by piece
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
            if self._journal is not None:
                self._journal.close()
                self._journal = None
            self._journal_path.unlink(missing_ok=True)

    def _append(self, entry: Mapping[str, Any]) -> None:
        if self._journal is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._journal = _private(self._journal_path, os.O_APPEND)
            self._journal.write("\n")  # ends a line that an interrupt may have torn
        self._journal.write(json.dumps(entry) + "\n")
        self._journal.flush()

    def _read(self, path: Path) -> None:
        try:
            document = cast(dict[str, Any], json.loads(path.read_text()))
            if document["version"] != VERSION:
                raise RehearsalError(f"{path}: written by another version: make down, then make up")
            for entry in document["resources"]:
                held = _decode(entry)
                self.resources[held.resource.urn] = held
            self.leaving = [_decode(entry) for entry in document.get("leaving", [])]
            self.outputs = document["outputs"] and wire.unmarked(document["outputs"])
        except (ValueError, KeyError, TypeError):
            raise RehearsalError(f"{path}: not a state that this engine wrote: make down, then make up") from None

    def _replay(self, entry: Mapping[str, Any]) -> None:
        if "put" in entry:
            held = _decode(entry["put"])
            self.resources.pop(entry["former"] or "", None)
            self.resources[held.resource.urn] = held
            leaving = entry.get("leaving") and _decode(entry["leaving"])
            if (
                leaving and leaving not in self.leaving
            ):  # an interrupt may have left a journal that is folded in already
                self.leaving.append(leaving)
        elif "left" in entry:
            self.leaving = [held for held in self.leaving if held != _decode(entry["left"])]
        elif "remove" in entry:
            self.resources.pop(entry["remove"], None)
        elif "outputs" in entry:
            self.outputs = wire.unmarked(entry["outputs"])


def _private(path: Path, flags: int) -> TextIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "w")


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        with contextlib.suppress(ValueError):
            if line:
                yield json.loads(line)


def _encode(held: Held) -> dict[str, Any]:
    return {**codec.encode(held.resource), "cluster": held.cluster, "pending": held.pending}


def _decode(document: Mapping[str, Any]) -> Held:
    return Held(codec.decode(document), document["cluster"], document["pending"])
