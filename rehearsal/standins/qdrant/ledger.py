"""What a peer keeps on disk of the consensus: who it is, its term and vote, and the log of entries.

`raft_state.json` has the keys of Qdrant's (lib/storage/src/content_manager/consensus/persistent.rs) as far as they
apply, and is there from the first moment, before a peer has joined: with term 0.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .catalog import Operation


@dataclass(frozen=True)
class Entry:
    """One entry of the log."""

    term: int
    operation: Operation


class Ledger:
    """Not safe for threads by itself: the consensus holds its lock."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._state, self._log = folder / "raft_state.json", folder / "raft_log.jsonl"
        self.peer_id, self.term, self.vote = random.getrandbits(52) + 1, 0, 0
        self.entries: list[Entry] = []
        if self._state.exists():
            self._load()
        else:
            self.save()

    @property
    def last(self) -> int:
        """Index of the last entry, from 1; 0 while there is none."""
        return len(self.entries)

    def term_of(self, index: int) -> int:
        return self.entries[index - 1].term if index else 0

    def members(self) -> dict[int, str]:
        """Peers by the log as it stands: a change of members counts from the moment it is written (Raft, 6)."""
        peers: dict[int, str] = {}
        for entry in self.entries:
            operation = entry.operation
            if operation["type"] == "add_peer":
                peers[operation["peer"]] = operation["uri"]
            elif operation["type"] == "remove_peer":
                peers.pop(operation["peer"], None)
        return peers

    def append(self, entries: list[Entry]) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            log.writelines(_line(entry) for entry in entries)
        self.entries += entries

    def cut(self, length: int) -> None:
        """Keeps the first so many entries."""
        del self.entries[length:]
        self._replace(self._log, "".join(_line(entry) for entry in self.entries))

    def save(self) -> None:
        members = self.members()
        state = {
            "state": {
                "hard_state": {"term": self.term, "vote": self.vote, "commit": 0},
                "conf_state": {"voters": list(members), "learners": []},
            },
            "peer_address_by_id": {str(peer): uri for peer, uri in members.items()},
            "this_peer_id": self.peer_id,
        }
        self._replace(self._state, json.dumps(state, separators=(",", ":")))

    def _load(self) -> None:
        state = cast(dict[str, Any], json.loads(self._state.read_text(encoding="utf-8")))
        self.peer_id = state["this_peer_id"]
        self.term, self.vote = (state["state"]["hard_state"][key] for key in ("term", "vote"))
        if self._log.exists():
            for line in self._log.read_text(encoding="utf-8").splitlines(keepends=True):
                if not line.endswith("\n"):
                    break  # killed while it wrote: nobody was told of this entry
                entry = json.loads(line)
                self.entries.append(Entry(entry["term"], entry["operation"]))
            self._replace(self._log, "".join(_line(entry) for entry in self.entries))

    @staticmethod
    def _replace(path: Path, text: str) -> None:
        new = path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)


def _line(entry: Entry) -> str:
    return json.dumps({"term": entry.term, "operation": entry.operation}, separators=(",", ":")) + "\n"
