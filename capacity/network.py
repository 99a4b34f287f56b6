"""Bytes between zones and between regions."""

from typing import NamedTuple

from capacity import facts
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


def needs(workload: Workload, load: Load, wal: float, copies: int, ledger: Ledger = QUIET) -> Needs:
    """What has to cross."""
    size, note = load.value_bytes, ledger.note
    read_back = load.stores * load.memories / workload.namespaces * size
    vectors = load.stores * (workload.vector_dimensions * facts.FLOAT_BYTES.value + size) * (copies - 1)
    crossing = (workload.zones - 1) / workload.zones
    zones = read_back * crossing + wal * 2 + vectors + load.stores * size
    if ledger.keeps:
        note(
            "network.zones",
            zones,
            "B/s",
            "stores * memories / namespaces * value * (zones - 1) / zones + wal * 2"
            " + stores * (dimensions * number + value) * (copies - 1) + stores * value",
            stores=load.stores,
            memories=load.memories,
            namespaces=workload.namespaces,
            value=size,
            zones=workload.zones,
            wal=wal,
            dimensions=workload.vector_dimensions,
            number=facts.FLOAT_BYTES,
            copies=copies,
        )
    replication = wal if len(workload.regions) > 1 else 0.0
    if replication and ledger.keeps:
        note("network.replication", replication, "B/s to each standby", "wal", wal=wal)
    away = 1 - workload.regions[0].share if len(workload.regions) > 1 else 0.0
    messages = load.requests * 2 * facts.ENVELOPE.value
    payloads = (load.stores + load.reads + load.searches * facts.FOUND.value) * size
    forwarded = away * (messages + payloads)
    if forwarded and ledger.keeps:
        note(
            "network.forwarded",
            forwarded,
            "B/s",
            "away * ((stores + reads + searches) * 2 * envelope + (stores + reads + searches * found) * value)",
            away=away,
            stores=load.stores,
            reads=load.reads,
            searches=load.searches,
            envelope=facts.ENVELOPE,
            found=facts.FOUND,
            value=size,
        )
    return Needs(zones, replication, forwarded)
