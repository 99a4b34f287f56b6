"""Raft: one leader, elected by a majority; an entry counts once a majority has it; every peer applies the same entries.

After Ongaro and Ousterhout's paper (5: election and replication, 6: members change one at a time). Times follow
Qdrant's: an election after 20 to 40 ticks of 100 ms without a word from a leader (raft-rs Config::election_tick,
src/consensus.rs). A peer that hears from a leader gives no vote, so that one that came back does not depose it.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from .catalog import Operation
from .faults import KINDS, ServiceError, StorageError
from .ledger import Entry, Ledger
from .wire import Client, SilentError, UnreachableError

OPERATION_SECONDS = 10.0
"""CONSENSUS_META_OP_WAIT, lib/common/common/src/defaults.rs."""

_BATCH = 200
_FAREWELL_SECONDS = 5.0
"""How long a leader tries to tell a removed peer that it was removed."""


class Consensus:
    """One peer's part. `apply` gets each committed entry, in order, and may raise a StorageError."""

    def __init__(self, ledger: Ledger, client: Client, tick: float, apply: Callable[[Operation], bool]) -> None:
        self.ledger, self._client, self._tick, self._apply = ledger, client, tick, apply
        self.lock = threading.Condition(threading.RLock())
        self.role, self.leader, self.commit, self.applied = "Follower", 0, 0, 0
        self.stopped: str | None = None
        """Why this peer takes part no longer."""
        self.failures: dict[str, int] = {}
        """Messages in a row that did not reach a peer, by its address."""
        self.last_update = time.time()
        self._done: dict[str, bool | StorageError] = {}
        self._waiting: set[str] = set()
        self._match: dict[int, int] = {}
        self._senders: set[int] = set()
        self._heard = self._contact = time.monotonic()
        self._patience = self._draw()

    @property
    def me(self) -> int:
        return self.ledger.peer_id

    def members(self) -> dict[int, str]:
        with self.lock:
            return self.ledger.members()

    def start(self) -> None:
        for work in (self._run_ticks, self._run_applying):
            threading.Thread(target=work, daemon=True).start()

    def found(self, uri: str) -> None:
        """Makes this peer the first of a new cluster."""
        with self.lock:
            self.ledger.term, self.ledger.vote = 1, self.me
            self.ledger.append([Entry(1, {"id": _new_id(), "type": "add_peer", "peer": self.me, "uri": uri})])
            self.ledger.save()
            self._lead()

    def propose(self, operation: Operation, seconds: float = OPERATION_SECONDS) -> bool:
        """Waits until this peer has applied the operation; raises what came of it, ServiceError without a majority."""
        entry = {"id": _new_id(), **operation}
        end = time.monotonic() + seconds
        with self.lock:
            self._waiting.add(entry["id"])
        handed = None
        while time.monotonic() < end and self.stopped is None:
            if handed != (self.leader, self.ledger.term):
                handed = self._hand_over(entry, end)
            with self.lock:
                self.lock.wait_for(lambda: entry["id"] in self._done, 0.05)
                if entry["id"] in self._done:
                    self._waiting.discard(entry["id"])
                    result = self._done.pop(entry["id"])
                    if isinstance(result, StorageError):
                        raise result
                    return result
        with self.lock:
            self._waiting.discard(entry["id"])
        if self.leader == 0:
            raise ServiceError(f"Failed to propose operation: leader is not established within {seconds:.0f}s")
        raise ServiceError(f"Waiting for consensus operation commit failed. Timeout set at: {seconds:.0f} seconds")

    def _hand_over(self, entry: Operation, end: float) -> tuple[int, int] | None:
        """Gives an operation to the leader; what it was then, None where it could not be given."""
        with self.lock:
            leader, term, address = self.leader, self.ledger.term, self.ledger.members().get(self.leader)
        if leader == self.me:
            return (leader, term) if self.on_propose(entry)["accepted"] else None
        if address is None:
            return None
        try:
            seconds = min(2.0, max(0.1, end - time.monotonic()))
            _, answer = self._client.post(address, "/raft/propose", entry, seconds)
        except (UnreachableError, SilentError):
            return None
        return (leader, term) if answer.get("accepted") else None

    def await_applied(self, index: int, seconds: float) -> bool:
        """Whether this peer has applied the log up to `index` in time."""
        with self.lock:
            return self.lock.wait_for(lambda: self.applied >= index, seconds)

    # What other peers call.

    def on_propose(self, entry: Operation) -> dict[str, Any]:
        """Takes an operation where this is the leader. One change of members at a time, as Raft wants."""
        with self.lock:
            if self.role != "Leader" or self.stopped is not None:
                return {"accepted": False}
            if any(e.operation["id"] == entry["id"] for e in self.ledger.entries):
                return {"accepted": True}  # given twice, because the first answer was lost
            if entry["type"] in ("add_peer", "remove_peer"):
                pending = self.ledger.entries[self.commit :]
                if any(e.operation["type"] in ("add_peer", "remove_peer") for e in pending):
                    return {"accepted": False}
            removed = self.ledger.members().get(entry["peer"]) if entry["type"] == "remove_peer" else None
            self._write([Entry(self.ledger.term, entry)])
            if removed is not None and entry["peer"] != self.me:
                threading.Thread(target=self._farewell, args=(entry["peer"], removed), daemon=True).start()
            return {"accepted": True}

    def on_vote(self, asked: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            recent = time.monotonic() - self._contact < 20 * self._tick and self.leader not in (0, asked["candidate"])
            if self.stopped is not None or recent:
                return {"term": self.ledger.term, "granted": False}
            if asked["term"] > self.ledger.term:
                self._step_down(asked["term"])
            mine = (self.ledger.term_of(self.ledger.last), self.ledger.last)
            current = (asked["last_term"], asked["last_index"]) >= mine
            granted = asked["term"] == self.ledger.term and self.ledger.vote in (0, asked["candidate"]) and current
            if granted:
                self.ledger.vote = asked["candidate"]
                self.ledger.save()
                self._heard = time.monotonic()
            return {"term": self.ledger.term, "granted": granted}

    def on_append(self, sent: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            if self.stopped is not None or sent["term"] < self.ledger.term:
                return {"term": self.ledger.term, "ok": False, "last": self.ledger.last}
            if sent["term"] > self.ledger.term or self.role != "Follower":
                self._step_down(sent["term"])
            self.leader, self._heard = sent["leader"], time.monotonic()
            self._contact, self.last_update = self._heard, time.time()
            before = sent["before"]
            if before > self.ledger.last or self.ledger.term_of(before) != sent["before_term"]:
                return {"term": self.ledger.term, "ok": False, "last": min(self.ledger.last, before - 1)}
            self._adopt(before, [Entry(e["term"], e["operation"]) for e in sent["entries"]])
            known = before + len(sent["entries"])
            if min(sent["commit"], known) > self.commit:
                self.commit = min(sent["commit"], known)
                self.lock.notify_all()
            return {"term": self.ledger.term, "ok": True, "last": known}

    def _adopt(self, before: int, entries: list[Entry]) -> None:
        for offset, entry in enumerate(entries):
            index = before + offset + 1
            if index <= self.ledger.last and self.ledger.term_of(index) != entry.term:
                self.ledger.cut(index - 1)
            if index > self.ledger.last:
                self.ledger.append(entries[offset:])
                self.ledger.save()
                return

    # Elections.

    def _run_ticks(self) -> None:
        while self.stopped is None:
            time.sleep(self._tick / 2)
            with self.lock:
                members = self.ledger.members()
                late = time.monotonic() - self._heard > self._patience
                if self.role == "Leader" or not late or self.me not in members or self.stopped is not None:
                    continue
                ballot = self._stand()
            self._campaign(ballot, {peer: uri for peer, uri in members.items() if peer != self.me})

    def _stand(self) -> dict[str, Any]:
        self.role, self.leader = "Candidate", 0
        self.ledger.term, self.ledger.vote = self.ledger.term + 1, self.me
        self.ledger.save()
        self._heard, self._patience = time.monotonic(), self._draw()
        last = self.ledger.last
        return {
            "term": self.ledger.term,
            "candidate": self.me,
            "last_index": last,
            "last_term": self.ledger.term_of(last),
        }

    def _campaign(self, ballot: dict[str, Any], others: dict[int, str]) -> None:
        votes, needed = [self.me], (len(others) + 1) // 2 + 1

        def ask(peer: int, address: str) -> None:
            try:
                _, answer = self._client.post(address, "/raft/vote", ballot, 10 * self._tick)
            except (UnreachableError, SilentError):
                return
            with self.lock:
                if answer["term"] > self.ledger.term:
                    self._step_down(answer["term"])
                elif answer["granted"]:
                    votes.append(peer)
                    self._count(ballot["term"], len(votes) >= needed)

        with self.lock:
            self._count(ballot["term"], len(votes) >= needed)
        for peer, address in others.items():
            threading.Thread(target=ask, args=(peer, address), daemon=True).start()

    def _count(self, term: int, enough: bool) -> None:
        if enough and self.role == "Candidate" and self.ledger.term == term:
            self._lead()

    def _lead(self) -> None:
        self.role, self.leader = "Leader", self.me
        self._match = {}
        # An entry of its own term, without which a leader cannot know what is committed (Raft, 5.4.2).
        self._write([Entry(self.ledger.term, {"id": _new_id(), "type": "nothing"})])

    def _step_down(self, term: int) -> None:
        if term > self.ledger.term:
            self.ledger.term, self.ledger.vote = term, 0
            self.ledger.save()
        self.role, self.leader = "Follower", 0
        self._heard, self._patience = time.monotonic(), self._draw()
        self.lock.notify_all()

    def _draw(self) -> float:
        return self._tick * random.uniform(20, 40)  # noqa: S311

    # Replication, on the leader.

    def _write(self, entries: list[Entry]) -> None:
        self.ledger.append(entries)
        if any(e.operation["type"] in ("add_peer", "remove_peer") for e in entries):
            self.ledger.save()
        for peer in self.ledger.members():
            if peer != self.me and peer not in self._senders:
                self._senders.add(peer)
                threading.Thread(target=self._run_sending, args=(peer, self.ledger.term), daemon=True).start()
        self._advance()
        self.lock.notify_all()

    def _run_sending(self, peer: int, term: int) -> None:
        """Keeps one peer up to date while this peer leads."""
        following = self.ledger.last
        while True:
            with self.lock:
                self.lock.wait_for(
                    lambda at=following, during=term: not self._leads(during) or at < self.ledger.last, 2 * self._tick
                )
                address = self.ledger.members().get(peer)
                if not self._leads(term) or address is None:
                    self._senders.discard(peer)
                    if self._leads(self.ledger.term) and address is not None:
                        self._senders.add(peer)
                        term = self.ledger.term
                        continue
                    return
            following = self._send(peer, address, following, term)
            self.last_update = time.time()

    def _leads(self, term: int) -> bool:
        return self.role == "Leader" and self.ledger.term == term and self.stopped is None

    def _send(self, peer: int, address: str, following: int, term: int) -> int:
        """Sends what comes after `following`; gives back up to where the peer agrees now."""
        with self.lock:
            following = min(following, self.ledger.last)
            entries = self.ledger.entries[following : following + _BATCH]
            message = {
                "term": term,
                "leader": self.me,
                "before": following,
                "before_term": self.ledger.term_of(following),
                "entries": [{"term": e.term, "operation": e.operation} for e in entries],
                "commit": self.commit,
            }
        try:
            _, answer = self._client.post(address, "/raft/append", message, 10 * self._tick)
        except (UnreachableError, SilentError):
            self.failures[address] = self.failures.get(address, 0) + 1
            time.sleep(self._tick)
            return following
        self.failures.pop(address, None)
        with self.lock:
            if answer["term"] > self.ledger.term:
                self._step_down(answer["term"])
            elif answer["ok"] and self._leads(term):
                self._match[peer] = answer["last"]
                self._advance()
            return max(0, answer["last"])

    def _advance(self) -> None:
        members = self.ledger.members()
        reached = sorted((self.ledger.last if p == self.me else self._match.get(p, 0) for p in members), reverse=True)
        agreed = reached[len(members) // 2] if reached else 0
        if agreed > self.commit and self.ledger.term_of(agreed) == self.ledger.term:
            self.commit = agreed
            self.lock.notify_all()

    def _farewell(self, peer: int, address: str) -> None:
        """Tells a removed peer so; nobody else would."""
        end, following = time.monotonic() + _FAREWELL_SECONDS, self._match.get(peer, 0)
        with self.lock:
            term, goal = self.ledger.term, self.ledger.last
        while time.monotonic() < end and self._leads(term):
            told = self.commit >= goal
            following = self._send(peer, address, following, term)
            if told and following >= goal:
                return
            time.sleep(self._tick / 2)

    # Applying.

    def _run_applying(self) -> None:
        while True:
            with self.lock:
                self.lock.wait_for(lambda: self.applied < self.commit)
                entry = self.ledger.entries[self.applied]
                result: bool | StorageError
                try:
                    result = self._apply(entry.operation)
                except StorageError as error:
                    result = error
                self.applied += 1
                self.last_update = time.time()
                if entry.operation["id"] in self._waiting:
                    self._done.setdefault(entry.operation["id"], result)
                if entry.operation["type"] == "remove_peer" and entry.operation["peer"] == self.me:
                    self.stopped = "removed"
                    self.role, self.leader = "Follower", 0
                self.lock.notify_all()


def _new_id() -> str:
    return uuid.uuid4().hex


def as_json(error: StorageError) -> dict[str, str]:
    """An error that travels between peers."""
    return {"kind": type(error).__name__, "description": error.description}


def from_json(error: dict[str, str]) -> StorageError:
    """The error again."""
    return KINDS.get(error["kind"], ServiceError)(error["description"])
