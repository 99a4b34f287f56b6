"""Redis Cluster: masters, memory, CPU and disk for a copy of every memory, which nothing lets expire."""

from typing import NamedTuple

from capacity import facts, rounding
from capacity.calibration import Curve, fact
from capacity.ledger import QUIET, Ledger
from capacity.load import Load
from capacity.workload import Workload

MEMORY = Curve("redis", "memory_bytes", "B a memory")
FILE = Curve("redis", "file_bytes", "B a memory")
COMMAND = Curve("redis", "command_cpu_seconds", "core seconds a command")
NODE = fact("redis", "node_bytes", "B a node")


class Layout(NamedTuple):
    """What is changed by moving slots."""

    masters: int
    replicas: int

    @property
    def pods(self) -> int:
        return self.masters * (1 + self.replicas)


class Needs(NamedTuple):
    """Of one node: bytes and cores."""

    memory: float
    """Of its limit."""
    cpu: float
    storage: float


def commands(workload: Workload, load: Load, ledger: Ledger = QUIET) -> float:
    """Commands a second at peak. A store asks for each memory of its namespace, and scans the keys of all."""
    held, keys = load.memories / workload.namespaces, load.memories * facts.KEYS.value
    each = facts.HELD_TRIPS.value * held + keys / facts.SCAN_KEYS.value + facts.WRITES.value
    return ledger.note(
        "redis.commands",
        load.stores * each + load.reads * facts.READ_COMMANDS.value,
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


def layout(workload: Workload, load: Load, ledger: Ledger = QUIET) -> Layout:
    """Masters enough for the memory and for the commands, of which each has one thread."""
    memory = load.memories * MEMORY.at(load.value_bytes) * facts.SKEW.value
    by_memory = memory / (facts.REDIS_MOST.value * facts.MAXMEMORY_SHARE.value - NODE.value)
    asked = commands(workload, load, ledger)
    by_cpu = asked * COMMAND.at(load.value_bytes) * facts.SKEW.value / facts.BUSY.value
    masters = rounding.odd(max(3.0, by_memory, by_cpu))
    if ledger.keeps:
        ledger.note(
            "redis.masters",
            masters,
            "masters",
            "odd(max(3, memories * each * skew / (most * share - node), commands * command * skew / busy))",
            memories=load.memories,
            each=MEMORY.fact(load.value_bytes),
            skew=facts.SKEW,
            most=facts.REDIS_MOST,
            share=facts.MAXMEMORY_SHARE,
            node=NODE,
            commands=asked,
            command=COMMAND.fact(load.value_bytes),
            busy=facts.BUSY,
        )
    return Layout(masters, max(1, workload.objectives.zones_lost))


def needs(workload: Workload, load: Load, of: Layout, ledger: Ledger = QUIET) -> Needs:
    """What each node has to have so that nothing is evicted: a replica as much as its master."""
    size, note = load.value_bytes, ledger.note
    memory = load.memories * MEMORY.at(size) * facts.SKEW.value / of.masters + NODE.value
    memory /= facts.MAXMEMORY_SHARE.value
    if ledger.keeps:
        note(
            "redis.memory",
            memory,
            "B a node",
            "(memories * each * skew / masters + node) / share",
            memories=load.memories,
            each=MEMORY.fact(size),
            skew=facts.SKEW,
            masters=of.masters,
            node=NODE,
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
    return Needs(memory, cpu, storage)
