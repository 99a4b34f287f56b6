"""Qdrant: nodes, shards, memory, CPU and disk for the points.

A point is never deleted: the service's DELETE fails on it, and neither retention nor `max_memories` reaches it
(core.py of 9d8f7f1). Every store, an overwriting one too, adds one.
"""

from typing import NamedTuple

from capacity import disks, facts, rounding
from capacity.ledger import QUIET, Ledger
from capacity.load import Load
from capacity.workload import Workload


class Layout(NamedTuple):
    """What cannot be changed in place."""

    nodes: int
    shards: int
    copies: int


class Needs(NamedTuple):
    """Of one node: bytes, cores and operations a second."""

    memory: float
    cpu: float
    storage: float
    iops: float
    throughput: float
    """Bytes a second of the volume."""


def layout(workload: Workload, load: Load, ledger: Ledger = QUIET) -> Layout:
    """Nodes in every zone alike, and shards that allow for growth: their number stays for ever."""
    copies = max(2, workload.objectives.zones_lost + 1)
    zones, note = workload.zones, ledger.note
    whole = _memory(workload, load, ledger) * copies
    nodes = rounding.multiple(max(1.0, whole / (facts.QDRANT_MOST.value - facts.QDRANT_BASE.value)), zones)
    if ledger.keeps:
        note(
            "qdrant.nodes",
            nodes,
            "nodes",
            "multiple(max(1, memory * copies / (most - base)), zones)",
            memory=whole / copies,
            copies=copies,
            most=facts.QDRANT_MOST,
            base=facts.QDRANT_BASE,
            zones=zones,
        )
    shards = shards_for(workload, nodes)
    if ledger.keeps and workload.growth_per_month > 0:
        note(
            "qdrant.shards",
            shards,
            "shards of a collection",
            "multiple(max(each * nodes, growing), nodes)",
            each=facts.SHARDS_A_NODE,
            nodes=nodes,
            growing=facts.GROWING_SHARDS,
        )
    elif ledger.keeps:
        note("qdrant.shards", shards, "shards of a collection", "each * nodes", each=facts.SHARDS_A_NODE, nodes=nodes)
    return Layout(nodes, shards, copies)


def shards_for(workload: Workload, nodes: int) -> int:
    """Shards of a collection that so many nodes share evenly, with room for more of them where the load grows."""
    least = facts.SHARDS_A_NODE.value * nodes
    if workload.growth_per_month > 0:
        return rounding.multiple(max(least, facts.GROWING_SHARDS.value), nodes)
    return rounding.whole(least)


def _memory(workload: Workload, load: Load, ledger: Ledger) -> float:
    """Bytes of one copy of all vectors in memory."""
    vectors = raw_bytes(load.points, workload.vector_dimensions) * facts.VECTOR_OVERHEAD.value
    if ledger.keeps:
        ledger.note(
            "qdrant.vectors",
            vectors,
            "B a copy",
            "points * dimensions * number * overhead",
            points=load.points,
            dimensions=workload.vector_dimensions,
            number=facts.FLOAT_BYTES,
            overhead=facts.VECTOR_OVERHEAD,
        )
    links = load.points * facts.HNSW_LINKS.value * facts.LINK_WIDTH.value
    if ledger.keeps:
        ledger.note(
            "qdrant.hnsw",
            links,
            "B a copy",
            "points * links * width",
            points=load.points,
            links=facts.HNSW_LINKS,
            width=facts.LINK_WIDTH,
        )
    return vectors + links


def raw_bytes(points: float, dimensions: float) -> float:
    """Bytes of the numbers alone."""
    return points * dimensions * facts.FLOAT_BYTES.value


def held_share(of: Layout) -> float:
    """Part of one copy of everything that the fullest node holds: whole copies of shards."""
    return rounding.whole(of.shards * of.copies / of.nodes) / of.shards


def needs(workload: Workload, load: Load, of: Layout, ledger: Ledger = QUIET) -> Needs:
    """What each node has to have."""
    share, note = held_share(of), ledger.note
    if ledger.keeps:
        note(
            "qdrant.share",
            share,
            "of a copy, on a node",
            "ceil(shards * copies / nodes) / shards",
            shards=of.shards,
            copies=of.copies,
            nodes=of.nodes,
        )
    copy = _memory(workload, load, QUIET)
    memory = copy * share + facts.QDRANT_BASE.value
    if ledger.keeps:
        note(
            "qdrant.memory",
            memory,
            "B a node",
            "copy * share + base",
            copy=copy,
            share=share,
            base=facts.QDRANT_BASE,
        )
    payload = load.points * load.value_bytes * facts.PAYLOAD_OVERHEAD.value
    storage = (copy + payload) * share / (1 - facts.FREE.value)
    if ledger.keeps:
        note(
            "qdrant.storage",
            storage,
            "B a node",
            "(copy + points * value * overhead) * share / (1 - free)",
            copy=copy,
            points=load.points,
            value=load.value_bytes,
            overhead=facts.PAYLOAD_OVERHEAD,
            share=share,
            free=facts.FREE,
        )
    return Needs(memory, _cpu(workload, load, of, ledger), storage, *disks.of_points(workload, load, share, ledger))


def _cpu(workload: Workload, load: Load, of: Layout, ledger: Ledger) -> float:
    """Cores of each node that is left when zones are lost: one of them may have to do all its part."""
    left = max(1, of.nodes - workload.objectives.zones_lost * rounding.whole(of.nodes / workload.zones))
    wide = max(1.0, workload.vector_dimensions / facts.BENCH_DIMENSIONS.value)
    work = (load.searches * facts.SEARCH_CPU.value + load.stores * of.copies * facts.INDEX_CPU.value) * wide
    cpu = work / left / facts.BUSY.value
    if ledger.keeps:
        ledger.note(
            "qdrant.cpu",
            cpu,
            "cores a node",
            "(searches * search + stores * copies * index) * max(1, dimensions / benchmark) / left / busy",
            searches=load.searches,
            search=facts.SEARCH_CPU,
            stores=load.stores,
            copies=of.copies,
            index=facts.INDEX_CPU,
            dimensions=workload.vector_dimensions,
            benchmark=facts.BENCH_DIMENSIONS,
            left=left,
            busy=facts.BUSY,
        )
    return cpu
