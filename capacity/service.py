"""The service: what a request costs a process, how many processes that takes, and where no number of them helps.

A store reads every memory of its namespace in Redis, one after the other, and lists the keys of all namespaces; until
it is done its process does nothing else. So the cost of a store grows with what is held, and more pods do not lower it.
"""

from typing import NamedTuple

from capacity import facts, rounding, spread
from capacity.calibration import Curve, fact
from capacity.ledger import QUIET, Ledger
from capacity.load import Load
from capacity.workload import Workload

STORE = Curve("service", "store_cpu_seconds", "core seconds a store")
HELD = Curve("service", "held_cpu_seconds", "core seconds a memory held")
READ = Curve("service", "read_cpu_seconds", "core seconds a read")
SEARCH = Curve("service", "search_cpu_seconds", "core seconds a search")
LISTED = fact("service", "listed_cpu_seconds", "core seconds a key listed")
LEAST_TARGET = facts.LEAST_TARGET.value
_LEAST_PODS = int(facts.LEAST_PODS.value)


class Costs(NamedTuple):
    """Seconds for which a call keeps a process busy, and those of them that are CPU."""

    store: float
    store_cpu: float
    read: float
    read_cpu: float
    search: float
    search_cpu: float


class Needs(NamedTuple):
    """Of one namespace."""

    pods: int
    """At peak, with those of lost zones."""
    least: int
    """The same at the mean load."""
    busy: float
    """Part of its time that a process may be busy, so that requests are answered in time."""
    store_seconds: float
    held: float
    """Memories of the namespace."""
    cpu: float
    """Cores of a pod: those that are left have together what all requests take."""
    target: float
    """Cores that a pod uses when it is as busy as it may be: more have the autoscaler add one."""
    memory: float
    """Bytes of a pod."""
    in_time: bool
    """Whether any number of pods answers in time."""


def costs(workload: Workload, load: Load, ledger: Ledger = QUIET) -> Costs:
    """What calls cost on this day."""
    size, trip, note = load.value_bytes, workload.round_trip_ms / 1000, ledger.note
    held, keys = load.memories / workload.namespaces, load.memories * facts.KEYS.value
    shared: dict[str, float | facts.Fact] = {}
    if ledger.keeps:
        shared = {"memories": load.memories, "namespaces": workload.namespaces, "keys": facts.KEYS}
    store_cpu = STORE.at(size) + held * HELD.at(size) + keys * LISTED.value
    if ledger.keeps:
        note(
            "service.store_cpu",
            store_cpu,
            "core seconds a store",
            "store + memories / namespaces * held + memories * keys * listed",
            store=STORE.fact(size),
            held=HELD.fact(size),
            listed=LISTED,
            **shared,
        )
    trips = facts.STORE_TRIPS.value + facts.HELD_TRIPS.value * held + keys / facts.SCAN_KEYS.value
    store = store_cpu + trips * trip
    if ledger.keeps:
        note(
            "service.store",
            store,
            "s a store",
            "cpu + (trips + each * memories / namespaces + memories * keys / scan) * trip",
            cpu=store_cpu,
            trips=facts.STORE_TRIPS,
            each=facts.HELD_TRIPS,
            scan=facts.SCAN_KEYS,
            trip=trip,
            **shared,
        )
    read_cpu = READ.at(size)
    read = read_cpu + facts.READ_TRIPS.value * trip
    if ledger.keeps:
        note(
            "service.read",
            read,
            "s a read",
            "cpu + trips * trip",
            cpu=READ.fact(size),
            trips=facts.READ_TRIPS,
            trip=trip,
        )
    search_cpu = SEARCH.at(size)
    if ledger.keeps:
        note("service.search", search_cpu, "s a search", "cpu", cpu=SEARCH.fact(size))
    return Costs(store, store_cpu, read, read_cpu, search_cpu, search_cpu)


def busy_share(of: Costs, load: Load, latency: float, ledger: Ledger = QUIET) -> float:
    """Part of its time that a process may be busy so that a store that waits its turn is answered in time.

    Under `facts.LEAST_BUSY` it is not: more processes would hardly help. Pollaczek and Khinchine: the mean wait is
    busy × mean square / (2 × mean × (1 - busy)).
    """
    total = load.requests
    mean = (load.stores * of.store + load.reads * of.read + load.searches * of.search) / total
    square = (load.stores * of.store**2 + load.reads * of.read**2 + load.searches * of.search**2) / total
    room = max(0.0, latency - of.store) * 2 * mean / (facts.TAIL.value * square)
    if ledger.keeps:
        ledger.note(
            "service.room",
            room,
            "times",
            "max(0, latency - store) * 2 * mean / (tail * square)",
            latency=latency,
            store=of.store,
            mean=mean,
            tail=facts.TAIL,
            square=square,
        )
    busy = min(facts.BUSY.value, room / (1 + room))
    if ledger.keeps:
        ledger.note(
            "service.busy", busy, "of a process's time", "min(most, room / (1 + room))", most=facts.BUSY, room=room
        )
    return busy


def pods(workload: Workload, busy_processes: float, ledger: Ledger = QUIET, name: str = "service.pods") -> int:
    """Pods of which so many are left when zones are lost."""
    zones, lost = workload.zones, workload.objectives.zones_lost
    number = spread.fewest(max(1, rounding.whole(busy_processes)), _LEAST_PODS, zones, lost)
    if ledger.keeps:
        ledger.note(
            name,
            number,
            "pods a namespace",
            "fewest(max(1, ceil(processes)), least, zones, lost)",
            processes=busy_processes,
            least=facts.LEAST_PODS,
            zones=zones,
            lost=lost,
        )
    return number


def needs(workload: Workload, load: Load, ledger: Ledger = QUIET) -> Needs:
    """What each namespace has to have."""
    of = costs(workload, load, ledger)
    latency = workload.objectives.latency_ms / 1000
    share = busy_share(of, load, latency, ledger)
    work = load.stores * of.store + load.reads * of.read + load.searches * of.search
    cpu = load.stores * of.store_cpu + load.reads * of.read_cpu + load.searches * of.search_cpu
    busy = max(share, facts.LEAST_BUSY.value)
    processes = work / workload.namespaces / busy
    if ledger.keeps:
        ledger.note(
            "service.processes",
            processes,
            "processes a namespace at peak",
            "(stores * store + reads * read + searches * search) / namespaces / max(busy, least)",
            stores=load.stores,
            store=of.store,
            reads=load.reads,
            read=of.read,
            searches=load.searches,
            search=of.search,
            namespaces=workload.namespaces,
            busy=share,
            least=facts.LEAST_BUSY,
        )
    number = pods(workload, processes, ledger)
    spare = spread.spare(_LEAST_PODS, workload.zones, workload.objectives.zones_lost)
    each, target = cpu / workload.namespaces * spare / number, max(busy * cpu / work, LEAST_TARGET)
    if ledger.keeps:
        _tell_cpu(workload, load, of, (number, share, each, target), ledger)
    return Needs(
        pods=number,
        least=pods(workload, processes / load.peak, ledger, "service.least_pods"),
        busy=share,
        store_seconds=of.store,
        held=load.memories / workload.namespaces,
        cpu=max(each, facts.LEAST_SERVICE_CPU.value),
        target=target,
        memory=_memory(workload, load, ledger),
        in_time=share >= facts.LEAST_BUSY.value,
    )


def _tell_cpu(workload: Workload, load: Load, of: Costs, by: tuple[int, float, float, float], ledger: Ledger) -> None:
    """The longer a process waits for its stores, the less CPU it uses, and the more of them there are: all of them
    together use what the calls take.
    """
    number, share, each, target = by
    taken: dict[str, float | facts.Fact] = {
        "stores": load.stores,
        "reads": load.reads,
        "searches": load.searches,
        "store_cpu": of.store_cpu,
        "read_cpu": of.read_cpu,
        "search_cpu": of.search_cpu,
    }
    cpu = "(stores * store_cpu + reads * read_cpu + searches * search_cpu)"
    ledger.note(
        "service.cpu",
        max(each, facts.LEAST_SERVICE_CPU.value),
        "cores a pod",
        f"max(least, {cpu} / namespaces * spare(fewest, zones, lost) / pods)",
        least=facts.LEAST_SERVICE_CPU,
        namespaces=workload.namespaces,
        fewest=facts.LEAST_PODS,
        zones=workload.zones,
        lost=workload.objectives.zones_lost,
        pods=number,
        **taken,
    )
    ledger.note(
        "service.target",
        target,
        "cores a pod",
        f"max(least, max(busy, waiting) * {cpu} / (stores * store + reads * read + searches * search))",
        least=facts.LEAST_TARGET,
        busy=share,
        waiting=facts.LEAST_BUSY,
        store=of.store,
        read=of.read,
        search=of.search,
        **taken,
    )


def _memory(workload: Workload, load: Load, ledger: Ledger) -> float:
    """A process lists its namespace on every store, and keeps in its graph what it stored itself, at worst all."""
    held = load.memories / workload.namespaces
    value = facts.PROCESS_BYTES.value + held * (facts.LISTED_BYTES.value + facts.GRAPH_BYTES.value + load.value_bytes)
    if ledger.keeps:
        ledger.note(
            "service.memory",
            value,
            "B a pod",
            "process + memories / namespaces * (listed + graph + value)",
            process=facts.PROCESS_BYTES,
            memories=load.memories,
            namespaces=workload.namespaces,
            listed=facts.LISTED_BYTES,
            graph=facts.GRAPH_BYTES,
            value=load.value_bytes,
        )
    return value
