"""What the nodes of the Redis Cluster say of it and of each other, read at one moment."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from redis_wire import Link, RefusedError, Reply, UnreachableError

SLOTS = 16384
MOVER = "moves-slots"
"""Name of the connections of a run that moves slots: while one is there, roles are left alone."""


@dataclass(frozen=True)
class Peer:
    """A line of CLUSTER NODES: what one node knows of another, or of itself."""

    id: str
    address: str
    """ip:port"""
    hostname: str
    """Name of its pod, as it announces it."""
    flags: frozenset[str]
    master: str
    """Id of its master; empty for a master."""
    epoch: int
    slots: frozenset[int]
    migrating: "dict[int, str]" = field(default_factory=dict)
    """Slot to the id of the node that it is going to. Only a node's own line has it."""
    importing: "dict[int, str]" = field(default_factory=dict)
    """Slot to the id of the node that it comes from."""

    @property
    def settled(self) -> bool:
        """It has been met, and answered when it was last asked."""
        return not self.flags & {"handshake", "noaddr", "fail", "fail?"}

    @property
    def dead(self) -> bool:
        """The cluster agrees that it is gone."""
        return bool(self.flags & {"fail", "noaddr"}) and "handshake" not in self.flags


@dataclass(frozen=True)
class Node:
    """A pod that answers."""

    host: str
    id: str
    address: str
    """ip:port under which it is to be met: what it announces."""
    peers: "dict[str, Peer]"
    """By id, its own line included."""
    ok: bool
    """It sees a working cluster."""
    in_step: bool
    """A replica that has copied its master."""
    keys: int
    writes: bool
    """Its append-only file takes what it writes; if not, it refuses every write (MISCONF)."""
    movers: int
    """Runs that are moving slots now."""
    passwords: frozenset[str] = frozenset()
    """SHA-256 of each password that opens it, in hexadecimal."""
    shows: str = ""
    """SHA-256 of the password that it shows its master."""

    @property
    def own(self) -> Peer:
        return self.peers[self.id]

    @property
    def master(self) -> str:
        """Id of its master; empty if it is one itself."""
        return self.own.master

    @property
    def slots(self) -> "frozenset[int]":
        return self.own.slots

    def sees_owned(self, slot: int) -> bool:
        """It knows a master of the slot."""
        return any(slot in peer.slots for peer in self.peers.values())

    def knows(self, other: "Node") -> bool:
        """Where it is, too."""
        seen = self.peers.get(other.id)
        return seen is not None and seen.settled and seen.address == other.address


@dataclass(frozen=True)
class View:
    """All of them."""

    nodes: "dict[str, Node]"
    """By host: those that answer."""
    silent: "dict[str, str]"
    """Host to why it does not."""

    def by_id(self, node_id: str) -> "Node | None":
        return next((node for node in self.nodes.values() if node.id == node_id), None)

    def owners(self) -> "dict[int, str]":
        """Slot to the id of its master: by what the masters say of themselves, the newer epoch first, and where none
        of them claims a slot, by what is said of those that do not answer."""
        found: dict[int, tuple[int, str]] = {}
        living = {node.id for node in self.nodes.values()}
        own = [node.own for node in self.nodes.values() if not node.master]
        said = [peer for node in self.nodes.values() for peer in node.peers.values() if peer.id not in living]
        for lines in (own, said):
            claims: dict[int, tuple[int, str]] = {}
            for peer in lines:
                for slot in peer.slots:
                    claims[slot] = max(claims.get(slot, (-1, "")), (peer.epoch, peer.id))
            found = {**claims, **found}
        return {slot: owner for slot, (_, owner) in found.items()}


def look(hosts: "Iterable[str]", password_file: Path) -> View:
    """Asks all of them, side by side."""
    nodes: dict[str, Node] = {}
    silent: dict[str, str] = {}

    def ask(host: str) -> None:
        try:
            with Link(host, password_file) as link:
                nodes[host] = _node(link)
        except UnreachableError as error:
            silent[host] = str(error)
        except RefusedError as refusal:
            silent[host] = f"{host} answers {refusal}"

    hosts = list(hosts)
    with ThreadPoolExecutor(max_workers=max(1, len(hosts))) as pool:
        list(pool.map(ask, hosts))
    # In the order of the plan: who answers first must not make two looks at the same cluster differ.
    return View(
        {host: nodes[host] for host in hosts if host in nodes}, {host: silent[host] for host in hosts if host in silent}
    )


def _node(link: Link) -> Node:
    node_id = link.text("CLUSTER", "MYID")
    info, replication = (_fields(link.text(*words)) for words in (("CLUSTER", "INFO"), ("INFO", "replication")))
    keys = link.call("DBSIZE")
    return Node(
        host=link.host,
        id=node_id,
        address=f"{_setting(link, 'cluster-announce-ip') or '127.0.0.1'}:{_setting(link, 'port')}",
        peers={peer.id: peer for peer in map(_peer, link.text("CLUSTER", "NODES").splitlines()) if peer is not None},
        ok=info.get("cluster_state") == "ok",
        in_step=replication.get("master_link_status") == "up",
        keys=keys if isinstance(keys, int) else 0,
        writes=_fields(link.text("INFO", "persistence")).get("aof_last_write_status") != "err",
        movers=link.text("CLIENT", "LIST").count(f"name={MOVER}"),
        passwords=_accepted(link),
        shows=digest(_setting(link, "masterauth")),
    )


def _fields(text: str) -> "dict[str, str]":
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _setting(link: Link, name: str) -> str:
    answer: Reply = link.call("CONFIG", "GET", name)
    value = answer[1] if isinstance(answer, list) and len(answer) > 1 else b""
    return value.decode() if isinstance(value, bytes) else ""


def digest(password: str) -> str:
    """SHA-256 in hexadecimal, as nodes tell passwords."""
    return hashlib.sha256(password.encode()).hexdigest()


def _accepted(link: Link) -> frozenset[str]:
    user: Reply = link.call("ACL", "GETUSER", "default")
    fields = user if isinstance(user, list) else []
    hashes = next((fields[place + 1] for place, name in enumerate(fields) if name == b"passwords"), None)
    return (
        frozenset(entry.decode() for entry in hashes if isinstance(entry, bytes))
        if isinstance(hashes, list)
        else frozenset()
    )


def _peer(line: str) -> "Peer | None":
    """id ip:port@bus[,hostname] flags master ping pong epoch link slot…"""
    fields = line.split()
    if len(fields) < 8:
        return None
    slots: set[int] = set()
    moving: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for entry in fields[8:]:
        if entry.startswith("["):
            for direction, arrow in zip(moving, ("->-", "-<-"), strict=True):
                slot, found, other = entry.strip("[]").partition(arrow)
                if found:
                    direction[int(slot)] = other
            continue
        low, _, high = entry.partition("-")
        slots.update(range(int(low), int(high or low) + 1))
    place, _, hostname = fields[1].partition(",")
    return Peer(
        id=fields[0],
        address=place.partition("@")[0],
        hostname=hostname.partition(",")[0],
        flags=frozenset(fields[2].split(",")),
        master=fields[3].strip("-"),
        epoch=int(fields[6]),
        slots=frozenset(slots),
        migrating=moving[0],
        importing=moving[1],
    )
