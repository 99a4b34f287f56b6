"""Bytes between zones and between regions."""

from typing import NamedTuple

from capacity import facts, link
from capacity.ledger import QUIET, Ledger
from capacity.load import Load
from capacity.workload import Workload


class Needs(NamedTuple):
    """Bytes a second at peak; means are less by the peak factor."""

    zones: float
    """Between the zones of the home region."""
    replication: float
    """From home to each standby."""
    forwarded: float
    """Between home and all edges together, both ways."""
    users: float
    """The same of the edge that has most."""
    link: float
    """That the link from home to each standby has to carry, so that its lag stays under the RPO."""


def needs(workload: Workload, load: Load, wal: float, copies: int, ledger: Ledger = QUIET) -> Needs:
    """What has to cross. Between zones: calls, what the service reads and writes, and what replicas follow."""
    size, note, lost = load.value_bytes, ledger.note, max(1, workload.objectives.zones_lost)
    found = load.reads + load.searches * facts.FOUND.value
    calls = load.requests * 2 * facts.ENVELOPE.value + (load.stores + found) * size
    moved = load.stores * (load.memories / workload.namespaces + 3) + load.reads * 2 + found
    vectors = load.stores * (workload.vector_dimensions * facts.FLOAT_BYTES.value + size) * (copies - 1)
    listed = load.stores * load.memories * (1 / workload.namespaces + facts.KEYS.value) * facts.KEY_BYTES.value
    zones = (calls + moved * size + listed) * (workload.zones - 1) / workload.zones
    zones += wal * 2 * lost + vectors + (load.stores + load.reads) * size * lost
    if ledger.keeps:
        rates = dict[str, float](stores=load.stores, reads=load.reads, searches=load.searches)
        note(
            "network.calls",
            calls,
            "B/s of all users, both ways",
            "(stores + reads + searches) * 2 * envelope + (stores + reads + searches * found) * value",
            envelope=facts.ENVELOPE,
            found=facts.FOUND,
            value=size,
            **rates,
        )
        note(
            "network.moved",
            moved,
            "memories/s between the service and its stores",
            "stores * (memories / namespaces + 3) + reads * 2 + reads + searches * found",
            memories=load.memories,
            namespaces=workload.namespaces,
            found=facts.FOUND,
            **rates,
        )
        note(
            "network.listed",
            listed,
            "B/s of keys, of a namespace by PostgreSQL and of all by Redis",
            "stores * memories * (1 / namespaces + keys) * key",
            stores=load.stores,
            memories=load.memories,
            namespaces=workload.namespaces,
            keys=facts.KEYS,
            key=facts.KEY_BYTES,
        )
        note(
            "network.zones",
            zones,
            "B/s",
            "(calls + moved * value + listed) * (zones - 1) / zones + wal * 2 * max(1, lost)"
            " + stores * (dimensions * number + value) * (copies - 1) + (stores + reads) * value * max(1, lost)",
            calls=calls,
            moved=moved,
            listed=listed,
            value=size,
            zones=workload.zones,
            wal=wal,
            lost=workload.objectives.zones_lost,
            stores=load.stores,
            reads=load.reads,
            dimensions=workload.vector_dimensions,
            number=facts.FLOAT_BYTES,
            copies=copies,
        )
    if len(workload.regions) < 2:
        return Needs(zones, 0.0, 0.0, 0.0, 0.0)
    replication = wal
    if replication and ledger.keeps:
        note("network.replication", replication, "B/s to each standby", "wal", wal=wal)
    away = 1 - workload.regions[0].share
    forwarded = away * calls
    if forwarded and ledger.keeps:
        note("network.forwarded", forwarded, "B/s", "away * calls", away=away, calls=calls)
    most = max(region.share for region in workload.regions[1:])
    users = most / away * forwarded if away > 0 else 0.0
    if users and ledger.keeps:
        note(
            "network.users",
            users,
            "B/s of the busiest edge",
            "forwarded * most / away",
            forwarded=forwarded,
            most=most,
            away=away,
        )
    return Needs(zones, replication, forwarded, users, link.needed(workload, wal, users, ledger))
