"""PostgreSQL: instances, partitions, memory, CPU and disks for the rows, and the transactions on them.

Writes go to the primary alone, and each instance is of its size, since it may have to take over.
"""

from typing import NamedTuple

from capacity import facts, rounding
from capacity.calibration import Curve, fact
from capacity.ledger import QUIET, Ledger
from capacity.load import Load
from capacity.workload import Workload

STORED = Curve("postgresql", "rewritten_bytes", "B a memory")
"""As it is once every memory was written again: reads do so, and each of the service's processes at its start."""
CACHED = Curve("postgresql", "cached_bytes", "B a memory")
WRITE = Curve("postgresql", "write_cpu_seconds", "core seconds a row")
WAL = Curve("postgresql", "wal_bytes", "B a row")
IMAGES = Curve("postgresql", "wal_images", "pages a row")
SCAN = fact("postgresql", "scan_cpu_seconds", "core seconds a key")
PARTITION = fact("postgresql", "partition_bytes", "B a partition")


class Layout(NamedTuple):
    """What cannot be changed in place."""

    instances: int
    partitions: int


class Needs(NamedTuple):
    """Of one instance: bytes, cores and operations."""

    memory: float
    cpu: float
    storage: float
    wal_storage: float
    iops: float
    throughput: float
    """Bytes a second of the disks."""
    wal: float
    """Bytes a second, at peak."""


def layout(workload: Workload, load: Load, ledger: Ledger = QUIET) -> Layout:
    """Instances that keep a quorum, and partitions that a vacuum ends with soon."""
    instances = max(3, 2 * workload.objectives.zones_lost + 1)
    if ledger.keeps:
        ledger.note(
            "postgresql.instances", instances, "instances", "max(3, 2 * lost + 1)", lost=workload.objectives.zones_lost
        )
    rows = load.memories * STORED.at(load.value_bytes)
    partitions = min(1024, max(8, rounding.power_of_two(rows / facts.PARTITION_MOST.value)))
    if ledger.keeps:
        ledger.note(
            "postgresql.partitions",
            partitions,
            "partitions",
            "min(1024, max(8, power_of_two(memories * each / most)))",
            memories=load.memories,
            each=STORED.fact(load.value_bytes),
            most=facts.PARTITION_MOST,
        )
    return Layout(instances, partitions)


def stored_bytes(memories: float, value_bytes: float, partitions: int) -> float:
    """Bytes on disk of memories that were each written twice."""
    return memories * STORED.at(value_bytes) + partitions * PARTITION.value


def under_way(workload: Workload, load: Load, ledger: Ledger = QUIET) -> float:
    """Transactions at the same time at peak, each of which holds a connection (Little's law): a store lists the keys of
    its namespace, and each row is committed by itself, on two servers before the client hears of it.
    """
    rows, listed = (load.stores + load.reads) * facts.WRITES.value, load.memories / workload.namespaces
    trip, size = workload.round_trip_ms / 1000, load.value_bytes
    each = WRITE.at(size) + facts.COMMIT.value + facts.COMMIT_TRIPS.value * trip
    value = (rows * each + load.stores * listed * SCAN.value) / facts.BUSY.value
    if ledger.keeps:
        ledger.note(
            "postgresql.under_way",
            value,
            "transactions at the same time",
            "((stores + reads) * rows * (write + commit + trips * trip)"
            " + stores * memories / namespaces * scan) / busy",
            stores=load.stores,
            reads=load.reads,
            rows=facts.WRITES,
            write=WRITE.fact(size),
            commit=facts.COMMIT,
            trips=facts.COMMIT_TRIPS,
            trip=trip,
            memories=load.memories,
            namespaces=workload.namespaces,
            scan=SCAN,
            busy=facts.BUSY,
        )
    return value


def needs(
    workload: Workload, load: Load, of: Layout, processes: float, connections: float, ledger: Ledger = QUIET
) -> Needs:
    """What each instance has to have for so many processes of the service, and connections of its own."""
    size, note = load.value_bytes, ledger.note
    memory = _memory(load, processes, connections, ledger)
    storage = stored_bytes(load.memories, size, of.partitions) / (1 - facts.FREE.value)
    if ledger.keeps:
        note(
            "postgresql.storage",
            storage,
            "B an instance",
            "(memories * each + partitions * empty) / (1 - free)",
            memories=load.memories,
            each=STORED.fact(size),
            partitions=of.partitions,
            empty=PARTITION,
            free=facts.FREE,
        )
    rows = (load.stores + load.reads) * facts.WRITES.value
    if ledger.keeps:
        note(
            "postgresql.rows",
            rows,
            "rows/s written",
            "(stores + reads) * rows",
            stores=load.stores,
            reads=load.reads,
            rows=facts.WRITES,
        )
    wal = rows * (WAL.at(size) + IMAGES.at(size) * facts.PAGE.value)
    if ledger.keeps:
        note(
            "postgresql.wal",
            wal,
            "B/s",
            "rows * (record + images * page)",
            rows=rows,
            record=WAL.fact(size),
            images=IMAGES.fact(size),
            page=facts.PAGE,
        )
    kept = wal * facts.AWAY.value / facts.SLOT_SHARE.value
    if ledger.keeps:
        note(
            "postgresql.wal_storage",
            kept,
            "B an instance",
            "wal * away / share",
            wal=wal,
            away=facts.AWAY,
            share=facts.SLOT_SHARE,
        )
    iops = rows * (1 + facts.PAGES_A_WRITE.value)
    if ledger.keeps:
        note("postgresql.iops", iops, "operations/s", "rows * (1 + pages)", rows=rows, pages=facts.PAGES_A_WRITE)
    moved = wal + rows * facts.PAGES_A_WRITE.value * facts.PAGE.value
    if ledger.keeps:
        note(
            "postgresql.throughput",
            moved,
            "B/s",
            "wal + rows * pages * page",
            wal=wal,
            rows=rows,
            pages=facts.PAGES_A_WRITE,
            page=facts.PAGE,
        )
    return Needs(memory, _cpu(workload, load, rows, ledger), storage, kept, iops, moved, wal)


def _memory(load: Load, processes: float, connections: float, ledger: Ledger) -> float:
    """Rows that are read again and again, beside what connections sort with: the least each, or a share of the memory.

    So much that both fit into what the planner counts on, and that `max_connections`, which follows it, is enough.
    """
    cached, share = load.memories * CACHED.at(load.value_bytes), facts.CACHE_SHARE.value
    sorting = min(processes, facts.POOLED.value)
    memory = max(
        (cached + sorting * facts.WORK_MEM.value) / share,
        cached / (share - sorting * facts.WORK.value / facts.CONNECTIONS.value),
        min(connections, facts.CONNECTIONS.value) * facts.CONNECTION_BYTES.value,
    )
    if ledger.keeps:
        ledger.note(
            "postgresql.memory",
            memory,
            "B an instance",
            "max((memories * cached + min(processes, pooled) * least) / share,"
            " memories * cached / (share - min(processes, pooled) * work / most), min(connections, most) * each)",
            memories=load.memories,
            cached=CACHED.fact(load.value_bytes),
            processes=processes,
            pooled=facts.POOLED,
            least=facts.WORK_MEM,
            share=facts.CACHE_SHARE,
            work=facts.WORK,
            connections=connections,
            most=facts.CONNECTIONS,
            each=facts.CONNECTION_BYTES,
        )
    return memory


def _cpu(workload: Workload, load: Load, rows: float, ledger: Ledger) -> float:
    """Every store also lists all keys of its namespace."""
    listed = load.memories / workload.namespaces
    cpu = (rows * WRITE.at(load.value_bytes) + load.stores * listed * SCAN.value) / facts.BUSY.value
    if ledger.keeps:
        ledger.note(
            "postgresql.cpu",
            cpu,
            "cores an instance",
            "(rows * write + stores * memories / namespaces * scan) / busy",
            rows=rows,
            write=WRITE.fact(load.value_bytes),
            stores=load.stores,
            memories=load.memories,
            namespaces=workload.namespaces,
            scan=SCAN,
            busy=facts.BUSY,
        )
    return cpu
