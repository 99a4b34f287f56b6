"""What volumes of Qdrant and Redis have to do: operations and bytes a second, as PostgreSQL's are told with its rows.

What is read is in memory, but for payloads that Qdrant's searches find. Redis' nodes and copies of a point all write.
"""

from typing import NamedTuple

from capacity import facts
from capacity.ledger import QUIET, Ledger
from capacity.load import Load
from capacity.workload import Workload


class Needs(NamedTuple):
    """Of one volume, at peak."""

    iops: float
    """Operations a second."""
    throughput: float
    """Bytes a second."""


def of_points(workload: Workload, load: Load, share: float, ledger: Ledger = QUIET) -> Needs:
    """Of the volume of the node of Qdrant that holds such a share of a copy: the optimizer writes each point again."""
    point = workload.vector_dimensions * facts.FLOAT_BYTES.value + facts.HNSW_LINKS.value * facts.LINK_WIDTH.value
    moved = load.stores * share * (point + load.value_bytes) * facts.POINT_WRITES.value
    found = load.searches * facts.FOUND.value
    iops = (load.stores * facts.POINT_PAGES.value + found) * share + moved / facts.OPERATION.value
    if ledger.keeps:
        ledger.note(
            "qdrant.throughput",
            moved,
            "B/s of a volume",
            "stores * share * (dimensions * number + links * width + value) * times",
            stores=load.stores,
            share=share,
            dimensions=workload.vector_dimensions,
            number=facts.FLOAT_BYTES,
            links=facts.HNSW_LINKS,
            width=facts.LINK_WIDTH,
            value=load.value_bytes,
            times=facts.POINT_WRITES,
        )
        ledger.note(
            "qdrant.iops",
            iops,
            "operations/s of a volume",
            "(stores * pages + searches * found) * share + throughput / operation",
            stores=load.stores,
            pages=facts.POINT_PAGES,
            searches=load.searches,
            found=facts.FOUND,
            share=share,
            throughput=moved,
            operation=facts.OPERATION,
        )
    return Needs(iops, moved)


def of_log(load: Load, each: float | facts.Fact, masters: int, ledger: Ledger = QUIET) -> Needs:
    """Of the volume of a node of Redis; `each` are the bytes that a memory takes in the append-only file. A read writes
    its memory again, as a store does.
    """
    size = each.value if isinstance(each, facts.Fact) else each
    writes = load.stores + load.reads
    moved = writes * size * facts.SKEW.value / masters * facts.AOF_WRITES.value
    iops = facts.AOF_SYNCS.value * facts.SYNC_WRITES.value + moved / facts.OPERATION.value
    if ledger.keeps:
        ledger.note(
            "redis.throughput",
            moved,
            "B/s of a volume",
            "(stores + reads) * each * skew / masters * times",
            stores=load.stores,
            reads=load.reads,
            each=each,
            skew=facts.SKEW,
            masters=masters,
            times=facts.AOF_WRITES,
        )
        ledger.note(
            "redis.iops",
            iops,
            "operations/s of a volume",
            "syncs * writes + throughput / operation",
            syncs=facts.AOF_SYNCS,
            writes=facts.SYNC_WRITES,
            throughput=moved,
            operation=facts.OPERATION,
        )
    return Needs(iops, moved)
