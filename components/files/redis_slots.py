"""Moves slots with their keys from one master of the Redis Cluster to another, and ends what a killed run left open.

As the cluster specification says: the slot is importing on the one and migrating on the other, its keys go over in
batches, then it is the other's, on both and on all masters. Meanwhile each key is read and written on the one node that
has it: the old one answers for what it still has and sends the client on (ASK) for the rest.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from redis_decide import Move, ends
from redis_view import MOVER, SLOTS, Node, View
from redis_wire import Link, RefusedError, Reply, passwords

AT_ONCE = 16
"""Slots that are open together: a node writes and syncs its nodes.conf once for all that arrives at once."""
BATCH = 100
"""Keys of one MIGRATE, for which both nodes stand still."""
MIGRATE_MILLISECONDS = 5000
_ENDED = ("success", "failed", "cancelled")
"""States of an export that is over."""


class Mover:
    """Connections to all masters under a name by which the healer and other runs see that slots move."""

    def __init__(self, view: View, password_file: Path, say: Callable[[str], None]) -> None:
        self._view, self._say = view, say
        self._password_file = password_file
        self._links: dict[str, Link] = {}

    def __enter__(self) -> "Mover":
        for node in self._view.nodes.values():
            if not node.master:
                link = Link(node.host, self._password_file, seconds=30.0)
                self._links[node.id] = link
                link.call("CLIENT", "SETNAME", MOVER)
        self._alone()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        for link in self._links.values():
            link.close()

    def _alone(self) -> None:
        """Waits for a run that began before: the ids of connections tell."""
        link = next(iter(self._links.values()))
        mine = link.call("CLIENT", "ID")
        while others := _movers(link.text("CLIENT", "LIST"), mine):
            self._say(f"another run moves slots (connection {others[0]} of {link.host}): waiting for it to end")
            time.sleep(2)

    def repair(self) -> None:
        """Ends moves that were begun, and brings keys home that are on a node without their slot."""
        for link in self._links.values():
            self._await_exports(link)
        for source, slot, target in _open_slots(self._view):
            self._say(f"slot {slot} was on its way from {source.host} to {target.host}: going on")
            self._move_slots(source, target, [slot])
        for node in self._masters():
            for slot in [*node.own.migrating, *node.own.importing]:
                self._links[node.id].call("CLUSTER", "SETSLOT", slot, "STABLE")
            for slot in self._strays(node):
                self._bring_home(node, slot)

    def move(self, move: Move) -> None:
        """All slots of a move."""
        source, target = self._view.nodes[move.source], self._view.nodes[move.target]
        if self._at_once(source, target, move):
            return
        said = time.monotonic()
        for start in range(0, len(move.slots), AT_ONCE):
            self._move_slots(source, target, move.slots[start : start + AT_ONCE])
            if time.monotonic() - said > 10:
                said = time.monotonic()
                gone = min(start + AT_ONCE, len(move.slots))
                self._say(f"{gone} of {len(move.slots)} slots have gone from {source.host} to {target.host}")

    def _at_once(self, source: Node, target: Node, move: Move) -> bool:
        """Hands a move over to the servers, if they can do that: Valkey 9 moves slots whole, in the background, and
        ends or undoes it by itself whatever happens (valkey.io/commands/cluster-migrateslots)."""
        link = self._links[source.id]
        try:
            link.call("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *ends(move.slots), "NODE", target.id)
        except RefusedError as refusal:
            if "unknown subcommand" in str(refusal).lower():
                return False
            raise
        self._await_exports(link, target)
        return True

    def _await_exports(self, link: Link, target: Node | None = None) -> None:
        """Until the node exports nothing any more. Raises RefusedError when its last export, to a target, failed."""
        said = time.monotonic()
        while True:
            exports = _exports(link)
            if all(export["state"] in _ENDED for export in exports):
                break
            if time.monotonic() - said > 10:
                said = time.monotonic()
                self._say(f"{link.host} is still sending slots")
            time.sleep(0.2)
        # The newest comes first.
        if target is not None and exports and exports[0]["state"] != "success":
            raise RefusedError(f"{link.host} did not send its slots to {target.host}: {exports[0].get('message')}")

    def _masters(self) -> list[Node]:
        return [self._view.nodes[link.host] for link in self._links.values()]

    def _move_slots(self, source: Node, target: Node, slots: Sequence[int]) -> None:
        giver, taker = self._links[source.id], self._links[target.id]
        # A node takes no claim to a slot that it imports, and forgets the owner that hands over meanwhile: then it
        # knows of none, and refuses the keys.
        _set_slots(taker, [slot for slot in slots if not target.sees_owned(slot)], "NODE", source.id)
        _set_slots(taker, slots, "IMPORTING", source.id)
        _set_slots(giver, slots, "MIGRATING", target.id)
        for slot in slots:
            # Where both have a key, the old node's is the one that clients see: its batch arrived unconfirmed.
            while keys := _keys(giver, slot):
                self._migrate(giver, target, keys, "REPLACE")
        # The new owner first: a slot that nobody claims is one that nobody serves.
        others = [link for node, link in self._links.items() if node not in (source.id, target.id)]
        for link in (taker, giver):
            _set_slots(link, slots, "NODE", target.id)
        for link in others:
            # Who has become a replica meanwhile, with its last slot, hears of it from its master.
            with contextlib.suppress(RefusedError):
                _set_slots(link, slots, "NODE", target.id)

    def _migrate(self, giver: Link, target: Node, keys: list[bytes], *options: str) -> None:
        host, _, port = target.address.partition(":")
        password = passwords(self._password_file)[0]
        head = ("MIGRATE", host, port, "", 0, MIGRATE_MILLISECONDS, *options, "AUTH", password, "KEYS")
        try:
            giver.call(*head, *keys)
        except RefusedError as refusal:
            if not str(refusal).startswith("IOERR") or len(keys) == 1:
                raise
            # Too much for the time that one may take.
            for key in keys:
                giver.call(*head, key)

    def _strays(self, node: Node) -> list[int]:
        """Slots of others of which the node has keys: after a failover in the middle of a move."""
        foreign = [slot for slot in range(SLOTS) if slot not in node.slots and slot not in _importing(node)]
        counts = self._links[node.id].calls([("CLUSTER", "COUNTKEYSINSLOT", slot) for slot in foreign])
        return [slot for slot, count in zip(foreign, counts, strict=True) if isinstance(count, int) and count > 0]

    def _bring_home(self, node: Node, slot: int) -> None:
        owner = self._view.by_id(self._view.owners().get(slot, ""))
        if owner is None or owner.id not in self._links:
            return
        link = self._links[node.id]
        self._say(f"{node.host} has keys of slot {slot}, which is {owner.host}'s: bringing them there")
        # Without this the node would not touch keys of a slot that is not its own.
        link.call("CLUSTER", "SETSLOT", slot, "IMPORTING", owner.id)
        while keys := _keys(link, slot):
            try:
                self._migrate(link, owner, keys)
            except RefusedError as refusal:
                if "BUSYKEY" not in str(refusal):
                    raise
                # The owner has them, newer: what is left here nobody sees.
                for key in keys:
                    link.calls([("ASKING",), ("DEL", key)] if self._has(owner, key) else [])
        link.call("CLUSTER", "SETSLOT", slot, "STABLE")

    def _has(self, owner: Node, key: bytes) -> bool:
        return self._links[owner.id].call("EXISTS", key) == 1


def _exports(link: Link) -> list[dict[str, str]]:
    """What the node is sending and has sent of late; nothing where it does not know how."""
    try:
        found = link.call("CLUSTER", "GETSLOTMIGRATIONS")
    except RefusedError:
        return []
    jobs = [_texts(job) for job in found] if isinstance(found, list) else []
    return [job for job in jobs if job.get("operation") == "EXPORT"]


def _texts(pairs: Reply) -> dict[str, str]:
    """A map as RESP2 has it: names and values by turns."""
    words = (
        [word.decode() if isinstance(word, bytes) else str(word) for word in pairs] if isinstance(pairs, list) else []
    )
    return dict(zip(words[::2], words[1::2], strict=True))


def _set_slots(link: Link, slots: Sequence[int], *words: str) -> None:
    for answer in link.calls([("CLUSTER", "SETSLOT", slot, *words) for slot in slots]):
        if isinstance(answer, RefusedError):
            raise answer


def _open_slots(view: View) -> list[tuple[Node, int, Node]]:
    """Slots that are on their way, with the master that has each and the one that is to have it."""
    owners = view.owners()
    found: dict[int, tuple[Node, int, Node]] = {}
    for node in view.nodes.values():
        if node.master:
            continue
        pairs = [(slot, node.id, to) for slot, to in node.own.migrating.items()]
        pairs += [(slot, owners.get(slot, ""), node.id) for slot in node.own.importing]
        for slot, source_id, target_id in pairs:
            source, target = view.by_id(source_id), _present(view, target_id)
            if source is not None and target is not None and source.id == owners.get(slot) and source is not target:
                found.setdefault(slot, (source, slot, target))
    return list(found.values())


def _present(view: View, node_id: str) -> Node | None:
    """The node, or the one that has taken over from it."""
    node = view.by_id(node_id)
    if node is not None and node.master:
        return view.by_id(node.master)
    return node


def _importing(node: Node) -> dict[int, str]:
    return node.own.importing


def _keys(link: Link, slot: int) -> list[bytes]:
    found: Reply = link.call("CLUSTER", "GETKEYSINSLOT", slot, BATCH)
    return [key for key in found if isinstance(key, bytes)] if isinstance(found, list) else []


def _movers(clients: str, before: Reply) -> list[int]:
    """Connections of movers in the answer to CLIENT LIST that were there before one of ours, by id."""
    found = [line.split()[0].removeprefix("id=") for line in clients.splitlines() if f"name={MOVER} " in line]
    return [int(mover) for mover in found if isinstance(before, int) and int(mover) < before]
