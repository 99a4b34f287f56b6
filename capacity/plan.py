"""From a workload to a plan: what each part has to have on the last day of the horizon, and when that is outgrown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from capacity import (
    beside,
    connections,
    edge,
    facts,
    network,
    nodes,
    postgresql,
    prices,
    qdrant,
    redis,
    requested,
    rounding,
    service,
)
from capacity.beside import EDGE, MORE_POOLERS, POOLER, POSTGRESQL, QDRANT, REDIS, SERVICE
from capacity.facts import MONTH_DAYS
from capacity.ledger import QUIET, Figure, Ledger
from capacity.load import Load, load
from capacity.nodes import Pod, Pool
from capacity.workload import Workload

COMPONENTS: Final = (SERVICE, QDRANT, POSTGRESQL, REDIS)
EDGE_POD: Final = Pod(EDGE, 1, beside.EDGE_POD.cpu.value, beside.EDGE_POD.memory.value)
"""What settings give a pod of the edge proxy."""
BESIDE_SERVICE: Final = nodes.Alike((*nodes.PLATFORM, EDGE_POD))
"""What runs on its nodes in a zone, whatever the workload."""
_PLATFORM: Final = nodes.Alike(nodes.PLATFORM)
UNITS: Final = {"pods": "pods", "cpu": "cores", "memory": "B", "storage": "B", "wal_storage": "B"}
"""What needs are counted in, by the last part of their name."""


class Beside(NamedTuple):
    """What the other containers of a pod request together."""

    cpu: float
    """Cores."""
    memory: float
    """Bytes."""


BESIDE: Final = dict.fromkeys(COMPONENTS, Beside(0, 0)) | {
    name: Beside(of.cpu.value, of.memory.value) for name, of in beside.CONTAINERS.items()
}
"""By component; PostgreSQL's is there where backups are taken."""


class Layout(NamedTuple):
    """The parts of a plan that cannot be changed in place, or only by moving data."""

    qdrant: qdrant.Layout
    postgresql: postgresql.Layout
    redis: redis.Layout


class Needs(NamedTuple):
    """What every component needs on a day."""

    service: service.Needs
    qdrant: qdrant.Needs
    postgresql: postgresql.Needs
    redis: redis.Needs
    network: network.Needs
    connections: connections.Needs
    edges: tuple[edge.Needs, ...]
    """By region; none where there is one."""

    def flat(self) -> dict[str, float]:
        """By component and what of it; of a pod, but for `pods`, which are those of a namespace."""
        return {
            f"{SERVICE}.pods": self.service.pods,
            f"{SERVICE}.memory": self.service.memory,
            f"{QDRANT}.cpu": self.qdrant.cpu,
            f"{QDRANT}.memory": self.qdrant.memory,
            f"{QDRANT}.storage": self.qdrant.storage,
            f"{POSTGRESQL}.cpu": self.postgresql.cpu,
            f"{POSTGRESQL}.memory": self.postgresql.memory,
            f"{POSTGRESQL}.storage": self.postgresql.storage,
            f"{POSTGRESQL}.wal_storage": self.postgresql.wal_storage,
            f"{REDIS}.cpu": self.redis.cpu,
            f"{REDIS}.memory": self.redis.memory,
            f"{REDIS}.storage": self.redis.storage,
        }


class Component(NamedTuple):
    """A component of a region as it is to be made."""

    name: str
    pods: int
    """In all, at peak."""
    cpu: float
    """Cores that a pod requests."""
    memory: float
    """Bytes that a pod requests."""
    storage: float
    """Bytes of its volumes."""
    notes: Mapping[str, float]
    """What else it is made with, such as shards."""


def layout_of(workload: Workload, at: Load, ledger: Ledger = QUIET) -> Layout:
    """What the load asks for where nothing stands yet."""
    return Layout(
        qdrant.layout(workload, at, ledger),
        postgresql.layout(workload, at, ledger),
        redis.layout(workload, at, ledger),
    )


def needs_of(workload: Workload, at: Load, of: Layout, ledger: Ledger = QUIET) -> Needs:
    """What the load asks of a layout."""
    serving = service.needs(workload, at, ledger)
    linked = connections.needs(workload, serving.pods, postgresql.under_way(workload, at, ledger), ledger)
    processes = serving.pods * workload.namespaces
    rows = postgresql.needs(workload, at, of.postgresql, processes, linked.max_connections, ledger)
    return Needs(
        serving,
        qdrant.needs(workload, at, of.qdrant, ledger),
        rows,
        redis.needs(workload, at, of.redis, ledger),
        network.needs(workload, at, rows.wal, of.qdrant.copies, ledger),
        linked,
        edge.needs(workload, at, ledger),
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a workload needs. `components` and `pools` are those of each region: a standby may have to take over."""

    workload: Workload
    load: Load
    layout: Layout
    needs: Needs
    components: tuple[Component, ...]
    table: prices.Prices
    """By which machines are chosen."""
    bought: tuple[Pool, ...] | None = None
    """Machines that are chosen already."""

    @property
    def pools(self) -> tuple[Pool, ...]:
        """Nodes of each use; chosen when somebody asks."""
        if self.bought is not None:
            return self.bought
        return _pools(self.workload, self.components, self.edge, self.table)

    @property
    def edges(self) -> dict[str, Pod]:
        """Edge proxies by region, whichever is home; none where there is one."""
        found = zip(self.workload.regions, self.needs.edges, strict=bool(self.needs.edges))
        return {region.name: Pod(EDGE, of.pods, _edge_cpu(of), facts.EDGE_BYTES.value) for region, of in found}

    @property
    def edge(self) -> Pod:
        """Those of a zone of the region that has most; nodes of all regions are alike."""
        if not self.needs.edges:
            return EDGE_POD
        most = max(self.edges.values(), key=lambda pod: (pod.number, pod.cpu))
        return most._replace(number=rounding.whole(most.number / self.workload.zones))

    @property
    def provided(self) -> dict[str, float]:
        """What the plan gives, by the names of `Needs.flat`."""
        found: dict[str, float] = {f"{SERVICE}.pods": self.needs.service.pods}
        for one in self.components:
            found |= {f"{one.name}.cpu": one.cpu, f"{one.name}.memory": one.memory}
            found |= {f"{one.name}.storage": one.storage} if one.storage else {}
        found[f"{POSTGRESQL}.wal_storage"] = self.component(POSTGRESQL).notes["wal_storage"]
        found[f"{POSTGRESQL}.storage"] -= found[f"{POSTGRESQL}.wal_storage"]
        found[f"{QDRANT}.storage"] /= 2
        known = self.needs.flat()
        return {name: value for name, value in found.items() if name in known}

    def component(self, name: str) -> Component:
        return next(one for one in self.components if one.name == name)

    @property
    def cores(self) -> float:
        """Requested by all pods of a region."""
        return sum(one.pods * one.cpu for one in self.components)

    @property
    def memory(self) -> float:
        """Bytes requested by all pods of a region."""
        return sum(one.pods * one.memory for one in self.components)

    @property
    def storage(self) -> float:
        """Bytes of all volumes of a region."""
        return sum(one.pods * one.storage for one in self.components)

    def explain(self) -> list[Figure]:
        """Every number with its arithmetic, computed anew by the same functions."""
        ledger = Ledger()
        at = load(self.workload, self.load.day, ledger)
        needs_of(self.workload, at, layout_of(self.workload, at, ledger), ledger)
        return ledger.figures + requested.figures(self)


def plan(workload: Workload, table: prices.Prices | None = None) -> Plan:
    """The plan that carries a workload to the end of its horizon; machines are chosen by a table of prices."""
    at = last_load(workload)
    return _planned(workload, at, layout_of(workload, at), table)


def last_load(workload: Workload) -> Load:
    """The load on the last day of the horizon."""
    return load(workload, workload.horizon_months * MONTH_DAYS, QUIET)


def plan_on(workload: Workload, layout: Layout, table: prices.Prices | None = None) -> Plan:
    """The same for a layout that is given."""
    return _planned(workload, last_load(workload), layout, table)


def _planned(workload: Workload, at: Load, layout: Layout, table: prices.Prices | None) -> Plan:
    needs = needs_of(workload, at, layout)
    components = (
        _service(workload, needs),
        _qdrant(needs, layout),
        _postgresql(needs, layout),
        _redis(needs, layout),
    )
    return Plan(workload, at, layout, needs, components, table or prices.own())


def _service(workload: Workload, needs: Needs) -> Component:
    of = needs.service
    return Component(
        SERVICE,
        of.pods * workload.namespaces,
        rounding.cores(of.cpu),
        rounding.memory(of.memory),
        0,
        {
            "namespaces": workload.namespaces,
            "min_replicas": of.least,
            "max_replicas": of.pods,
            "target_cpu": max(0.05, int(of.target * 100) / 100),
        },
    )


def _qdrant(needs: Needs, layout: Layout) -> Component:
    """Two volumes of a size: that of the snapshots holds one of everything."""
    storage = rounding.volume(needs.qdrant.storage)
    iops, throughput = _disk(needs.qdrant)
    notes = {
        "shards": layout.qdrant.shards,
        "replication_factor": layout.qdrant.copies,
        "iops": iops,
        "throughput": throughput,
    }
    memory = rounding.memory(needs.qdrant.memory)
    cpu = rounding.cores(max(requested.LEAST_CORES[QDRANT], needs.qdrant.cpu))
    return Component(QDRANT, layout.qdrant.nodes, cpu, memory, 2 * storage, notes)


def _postgresql(needs: Needs, layout: Layout) -> Component:
    of = needs.postgresql
    wal = rounding.volume(of.wal_storage)
    iops, throughput = _disk(of)
    notes = {
        "partitions": layout.postgresql.partitions,
        "wal_storage": wal,
        "iops": iops,
        "throughput": throughput,
        "poolers": needs.connections.poolers,
        "connections": needs.connections.clients,
        "server_connections": rounding.whole(needs.connections.server),
    }
    memory = max(requested.LEAST_MEMORY[POSTGRESQL], rounding.memory(of.memory))
    cpu = rounding.cores(max(requested.LEAST_CORES[POSTGRESQL], of.cpu))
    storage = rounding.volume(of.storage) + wal
    return Component(POSTGRESQL, layout.postgresql.instances, cpu, memory, storage, notes)


def _disk(of: qdrant.Needs | postgresql.Needs | redis.Needs) -> tuple[float, float]:
    """Operations and bytes a second, as a volume is made with them."""
    return rounding.up(of.iops, 100), rounding.up(of.throughput, facts.MIB)


def _redis(needs: Needs, layout: Layout) -> Component:
    memory = max(requested.LEAST_MEMORY[REDIS], rounding.memory(needs.redis.memory))
    iops, throughput = _disk(needs.redis)
    notes = {
        "masters": layout.redis.masters,
        "replicas": layout.redis.replicas,
        "iops": iops,
        "throughput": throughput,
    }
    cpu = rounding.cores(max(requested.LEAST_CORES[REDIS], needs.redis.cpu))
    return Component(REDIS, layout.redis.pods, cpu, memory, rounding.volume(needs.redis.storage), notes)


def _edge_cpu(of: edge.Needs) -> float:
    return max(facts.LEAST_EDGE_CPU.value, rounding.cores(of.cpu) if of.cpu > facts.LEAST_EDGE_CPU.value else 0)


def _pools(workload: Workload, components: tuple[Component, ...], edges: Pod, table: prices.Prices) -> tuple[Pool, ...]:
    """Nodes of a zone, the fullest one."""
    stores, serving = _of_components(workload.zones, workload.namespaces, components)
    more = _more_poolers(workload.zones, components)
    if edges == EDGE_POD:
        stateless = nodes.pool("stateless", (serving, *more), table.machines, BESIDE_SERVICE)
    else:
        stateless = nodes.pool("stateless", (serving, *more, edges), table.machines, _PLATFORM)
    return (nodes.pool("stateful", stores, table.machines), stateless)


def pods_of_zone(
    zones: int, namespaces: int, components: Sequence[Component], edges: Pod = EDGE_POD
) -> dict[str, tuple[Pod, ...]]:
    """By use of a node, the pods of the zone that has most of them; components in the order of a plan."""
    stores, serving = _of_components(zones, namespaces, components)
    others = (serving, *nodes.PLATFORM, *_more_poolers(zones, components), edges)
    return {"stateful": stores, "stateless": others}


def _of_components(zones: int, namespaces: int, components: Sequence[Component]) -> tuple[tuple[Pod, ...], Pod]:
    """Those of the stores, and those of the service."""
    serving, vectors, rows, keys = components

    stores = (
        _pod(vectors, -(-vectors.pods // zones), apart=True),
        _pod(rows, -(-rows.pods // zones), apart=True),
        _pod(keys, -(-keys.pods // zones)),
    )
    return stores, _pod(serving, namespaces * -(-serving.pods // (namespaces * zones)))


def _pod(of: Component, number: int, apart: bool = False) -> Pod:
    name, _, cpu, memory, _, _ = of
    beside_cpu, beside_memory = BESIDE[name]
    return Pod(name, number, cpu + beside_cpu, memory + beside_memory, apart)


def _more_poolers(zones: int, components: Sequence[Component]) -> tuple[Pod, ...]:
    """Those of a zone beside the one that every zone has."""
    more = rounding.whole(components[2].notes.get("poolers", 0) / zones) - 1
    of = beside.PODS[POOLER]
    return (Pod(MORE_POOLERS, more, of.cpu.value, of.memory.value),) if more > 0 else ()
