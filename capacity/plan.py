"""From a workload to a plan: what each part has to have on the last day of the horizon, and when that is outgrown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from capacity import facts, network, nodes, postgresql, prices, qdrant, redis, rounding, service
from capacity.facts import MONTH_DAYS
from capacity.ledger import QUIET, Figure, Ledger
from capacity.load import Load, load
from capacity.nodes import Pod, Pool
from capacity.workload import Workload

SERVICE: Final = "memory-service"
QDRANT: Final = "qdrant"
POSTGRESQL: Final = "postgresql"
REDIS: Final = "redis"
EDGE: Final = "edge"
COMPONENTS: Final = (SERVICE, QDRANT, POSTGRESQL, REDIS)
EDGE_POD: Final = Pod(EDGE, 1, 0.1, 256 * facts.MIB)
"""What settings give a pod of the edge proxy."""
UNITS: Final = {"pods": "pods", "cpu": "cores", "memory": "B", "storage": "B", "wal_storage": "B"}
"""What needs are counted in, by the last part of their name."""


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
    rows = postgresql.needs(workload, at, of.postgresql, serving.pods * workload.namespaces, ledger)
    return Needs(
        serving,
        qdrant.needs(workload, at, of.qdrant, ledger),
        rows,
        redis.needs(workload, at, of.redis, ledger),
        network.needs(workload, at, rows.wal, of.qdrant.copies, ledger),
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
        """Nodes of each use; chosen anew each time that somebody asks."""
        if self.bought is not None:
            return self.bought
        return _pools(self.workload, self.components, self.table)

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
        return ledger.figures


def plan(workload: Workload, table: prices.Prices | None = None) -> Plan:
    """The plan that carries a workload to the end of its horizon; machines are chosen by a table of prices."""
    at = last_load(workload)
    return plan_on(workload, layout_of(workload, at), table)


def last_load(workload: Workload) -> Load:
    """The load on the last day of the horizon."""
    return load(workload, workload.horizon_months * MONTH_DAYS, QUIET)


def plan_on(workload: Workload, layout: Layout, table: prices.Prices | None = None) -> Plan:
    """The same for a layout that is given."""
    at = last_load(workload)
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
    notes = {"shards": layout.qdrant.shards, "replication_factor": layout.qdrant.copies}
    memory, cpu = rounding.memory(needs.qdrant.memory), rounding.cores(max(1.0, needs.qdrant.cpu))
    return Component(QDRANT, layout.qdrant.nodes, cpu, memory, 2 * storage, notes)


def _postgresql(needs: Needs, layout: Layout) -> Component:
    of = needs.postgresql
    wal = max(10 * facts.GIB, rounding.volume(of.wal_storage))
    notes = {
        "partitions": layout.postgresql.partitions,
        "wal_storage": wal,
        "iops": rounding.up(of.iops, 100),
        "throughput": rounding.up(of.throughput, facts.MIB),
        "connections": of.connections,
    }
    memory = max(2 * facts.GIB, rounding.memory(of.memory))
    cpu = rounding.cores(max(1.0, of.cpu))
    storage = rounding.volume(of.storage) + wal
    return Component(POSTGRESQL, layout.postgresql.instances, cpu, memory, storage, notes)


def _redis(needs: Needs, layout: Layout) -> Component:
    memory = max(facts.GIB, rounding.memory(needs.redis.memory))
    notes = {"masters": layout.redis.masters, "replicas": layout.redis.replicas}
    cpu = rounding.cores(max(0.25, needs.redis.cpu))
    return Component(REDIS, layout.redis.pods, cpu, memory, rounding.volume(needs.redis.storage), notes)


def _pools(workload: Workload, components: tuple[Component, ...], table: prices.Prices) -> tuple[Pool, ...]:
    """Nodes of a zone, the fullest one."""
    zones = workload.zones
    serving, vectors, rows, keys = components
    stores = (
        Pod(QDRANT, rounding.whole(vectors.pods / zones), vectors.cpu, vectors.memory, apart=True),
        Pod(
            POSTGRESQL,
            rounding.whole(rows.pods / zones),
            rows.cpu + facts.BACKUP_CPU.value,
            rows.memory + facts.BACKUP_BYTES.value,
            apart=True,
        ),
        Pod(
            REDIS,
            rounding.whole(keys.pods / zones),
            keys.cpu + facts.REDIS_EXPORTER_CPU.value,
            keys.memory + facts.REDIS_EXPORTER_BYTES.value,
        ),
    )
    others = (
        Pod(
            SERVICE,
            workload.namespaces * rounding.whole(serving.pods / workload.namespaces / zones),
            serving.cpu + facts.GATEWAYS_CPU.value,
            serving.memory + facts.GATEWAYS_BYTES.value,
        ),
        *nodes.PLATFORM,
        EDGE_POD,
    )
    hours = table.instance_hour
    return (nodes.pool("stateful", stores, hours), nodes.pool("stateless", others, hours))
