"""Bytes between zones: calls of users, what the service reads and writes in its stores, and what replicas follow."""

from dataclasses import dataclass

import pytest

from capacity import facts, network
from capacity.ledger import QUIET
from capacity.load import Load, load
from capacity.workload import Objectives, Workload

WORKLOAD = Workload(memories_per_day=20, concurrent_users=5, payload_bytes=10_000, zones=4)
STILL = load(WORKLOAD, 0, QUIET)._replace(memories=0, points=0, stores=0, reads=0, searches=0)
AWAY = 3 / 4
"""Of four zones, those that are not the own one."""


@dataclass(frozen=True)
class Crossing:
    """What a call carries for each byte of a memory: to and from users, to and from stores, and to replicas."""

    load: Load
    calls: float
    moved: float
    copies: float


@pytest.mark.parametrize(
    "of",
    [
        Crossing(STILL._replace(searches=7), calls=5, moved=5, copies=0),
        Crossing(STILL._replace(reads=7), calls=1, moved=1 + 2, copies=1),
        Crossing(STILL._replace(stores=7), calls=1, moved=3, copies=2),
        Crossing(STILL._replace(stores=7, memories=100), calls=1, moved=3 + 100, copies=2),
    ],
    ids=["a search", "a read", "a store", "a store that reads all memories"],
)
def test_what_a_call_carries_crosses_zones(of: Crossing) -> None:
    """A read is written again, to PostgreSQL and Redis, as a store is, which goes to Qdrant, too."""
    value, envelope = STILL.value_bytes, 2 * facts.ENVELOPE.value
    listed = of.load.memories * (1 + 2) * facts.KEY_BYTES.value if of.load.stores else 0
    each = ((of.calls + of.moved) * value + envelope + listed) * AWAY + of.copies * value
    vectors = WORKLOAD.vector_dimensions * 4 if of.load.stores else 0
    assert network.needs(WORKLOAD, of.load, 0, 2).zones == pytest.approx(7 * (each + vectors))


def test_every_replica_follows() -> None:
    two = WORKLOAD.model_copy(update={"zones": 5, "objectives": Objectives(zones_lost=2)})
    assert [network.needs(of, STILL, 1000, 2).zones for of in (WORKLOAD, two)] == [2000, 4000]
