"""Redis Cluster: masters, memory, CPU and disk for a copy of every memory, which nothing lets expire."""

from typing import NamedTuple

from capacity import disks, facts, rounding
from capacity.calibration import Curve, fact, servers
from capacity.facts import Fact
from capacity.ledger import QUIET, Ledger
from capacity.load import Load
from capacity.workload import Workload

FILE = Curve("redis", "file_bytes", "B a memory")
COMMAND = Curve("redis", "command_cpu_seconds", "core seconds a command")


class Server(NamedTuple):
    """What a server takes: of its memory, with the allocator of its image."""

    memory: Curve
    node: Fact

    def used(self, memories: float, value_bytes: float) -> float:
        """Bytes of a node that holds so many memories."""
        return memories * self.memory.at(value_bytes) + self.node.value


SERVERS = {
    name: Server(
        Curve("redis", "memory_bytes", "B a memory", name),
        fact("redis", "node_bytes", "B a node", name),
    )
    for name in servers()
}
"""Which of them runs is for the image of a stack to say: a plan takes the one that needs most."""


class Layout(NamedTuple):
    """What is changed by moving slots."""

    masters: int
    replicas: int

    @property
    def pods(self) -> int:
        return self.masters * (1 + self.replicas)


class Needs(NamedTuple):
    """Of one node: bytes, cores and operations a second."""

    memory: float
    """Of its limit."""
    cpu: float
    storage: float
    iops: float
    throughput: float
    """Bytes a second of the volume."""


def commands(workload: Workload, load: Load, ledger: Ledger = QUIET) -> float:
    """Commands a second at peak. A store asks for each memory of its namespace, and scans the keys of all."""
    held, keys = load.memories / workload.namespaces, load.memories * facts.KEYS.value
    each = facts.HELD_TRIPS.value * held + keys / facts.SCAN_KEYS.value + facts.WRITES.value
    asked = load.stores * each + load.reads * facts.READ_COMMANDS.value
    if ledger.keeps:
        ledger.note(
            "redis.commands",
            asked,
            "commands/s at peak",
            "stores * (trips * memories / namespaces + memories * keys / scan + writes) + reads * read",
            stores=load.stores,
            trips=facts.HELD_TRIPS,
            memories=load.memories,
            namespaces=workload.namespaces,
            keys=facts.KEYS,
            scan=facts.SCAN_KEYS,
            writes=facts.WRITES,
            reads=load.reads,
            read=facts.READ_COMMANDS,
        )
    return asked


def layout(workload: Workload, load: Load, ledger: Ledger = QUIET) -> Layout:
    """Masters enough for the memory and for the commands, of which each has one thread."""
    room = facts.REDIS_MOST.value * facts.MAXMEMORY_SHARE.value - facts.BACKLOG.value
    held, size = load.memories * facts.SKEW.value, load.value_bytes
    by_memory = max([held * one.memory.at(size) / (room - one.node.value) for one in SERVERS.values()])
    asked = commands(workload, load, ledger)
    by_cpu = asked * COMMAND.at(size) * facts.SKEW.value / facts.BUSY.value
    masters = rounding.odd(max(3.0, by_memory, by_cpu))
    if ledger.keeps:
        server = max(SERVERS.values(), key=lambda one: one.memory.at(size) / (room - one.node.value))
        ledger.note(
            "redis.masters",
            masters,
            "masters",
            "odd(max(3, memories * each * skew / (most * share - backlog - node), commands * command * skew / busy))",
            memories=load.memories,
            each=server.memory.fact(size),
            skew=facts.SKEW,
            most=facts.REDIS_MOST,
            share=facts.MAXMEMORY_SHARE,
            backlog=facts.BACKLOG,
            node=server.node,
            commands=asked,
            command=COMMAND.fact(size),
            busy=facts.BUSY,
        )
    return Layout(masters, max(1, workload.objectives.zones_lost))


def needs(workload: Workload, load: Load, of: Layout, ledger: Ledger = QUIET) -> Needs:
    """What each node has to have so that nothing is evicted: a replica as much as its master."""
    size, note = load.value_bytes, ledger.note
    held = load.memories * facts.SKEW.value / of.masters
    used = max([one.used(held, size) for one in SERVERS.values()])
    memory = (used + facts.BACKLOG.value) / facts.MAXMEMORY_SHARE.value
    if ledger.keeps:
        server = max(SERVERS.values(), key=lambda one: one.used(held, size))
        note(
            "redis.memory",
            memory,
            "B a node",
            "(memories * each * skew / masters + node + backlog) / share",
            memories=load.memories,
            each=server.memory.fact(size),
            skew=facts.SKEW,
            masters=of.masters,
            node=server.node,
            backlog=facts.BACKLOG,
            share=facts.MAXMEMORY_SHARE,
        )
    asked = commands(workload, load)
    cpu = asked * COMMAND.at(size) * facts.SKEW.value / of.masters / facts.BUSY.value
    if ledger.keeps:
        note(
            "redis.cpu",
            cpu,
            "cores a node",
            "commands * command * skew / masters / busy",
            commands=asked,
            command=COMMAND.fact(size),
            skew=facts.SKEW,
            masters=of.masters,
            busy=facts.BUSY,
        )
    storage = load.memories * FILE.at(size) * facts.SKEW.value * facts.AOF_COPIES.value / of.masters
    storage /= 1 - facts.FREE.value
    if ledger.keeps:
        note(
            "redis.storage",
            storage,
            "B a node",
            "memories * file * skew * times / masters / (1 - free)",
            memories=load.memories,
            file=FILE.fact(size),
            skew=facts.SKEW,
            times=facts.AOF_COPIES,
            masters=of.masters,
            free=facts.FREE,
        )
    appended = FILE.fact(size) if ledger.keeps else FILE.at(size)
    return Needs(memory, cpu, storage, *disks.of_log(load, appended, of.masters, ledger))
