"""Connections: those that the service's processes hold at most, and those that poolers, PostgreSQL and Redis take.

Each process of the service has one to PostgreSQL, through its gateway and a pooler, which lends it one of the few to
the primary for as long as a transaction takes. Its other gateway has some to each node of Redis.
"""

from typing import NamedTuple

from capacity import facts, spread
from capacity.calibration import fact
from capacity.ledger import QUIET, Ledger
from capacity.workload import Workload

HELD = fact("service", "postgresql_connections", "connections a process")


class Needs(NamedTuple):
    """At peak, while pods are being replaced."""

    clients: float
    """Connections to all poolers together."""
    poolers: int
    """With those of lost zones."""
    server: float
    """Connections to the primary that are at work at the same time."""
    max_connections: float
    """Of PostgreSQL, so that poolers that are left have so many."""
    redis: float
    """Connections to each node of Redis."""


def at_poolers(processes: float) -> float:
    """Connections that so many processes of the service hold to the poolers."""
    return processes * (HELD.value + facts.GATEWAY_CLIENTS.value)


def at_redis(processes: float) -> float:
    """Connections to each node of Redis, where there are so many processes of the service."""
    return processes * facts.REDIS_A_PROCESS.value + facts.REDIS_OTHERS.value


def needs(workload: Workload, pods: int, server: float, ledger: Ledger = QUIET) -> Needs:
    """`pods` are those of a namespace at peak, `server` the transactions that are under way at the same time."""
    processes = (pods + facts.SURGE.value) * workload.namespaces
    clients = at_poolers(processes)
    busy = min(server, processes)
    wanted = max(clients / facts.POOLER_CLIENTS.value, min(busy, facts.POOLED.value) / facts.POOL.value)
    least, lost = int(facts.LEAST_POOLERS.value), workload.objectives.zones_lost
    poolers, spare = spread.pods(wanted, least, workload.zones, lost)
    most = max(busy * spare, poolers * facts.LEAST_POOL.value) / facts.POOLED_SHARE.value
    found = Needs(clients, poolers, busy, most, at_redis(processes))
    if ledger.keeps:
        _tell(workload, found, (pods, server, processes, wanted), ledger)
    return found


def _tell(workload: Workload, of: Needs, by: tuple[float, float, float, float], ledger: Ledger) -> None:
    pods, server, processes, wanted = by
    note = ledger.note
    note(
        "connections.processes",
        processes,
        "processes at most",
        "(pods + surge) * namespaces",
        pods=pods,
        surge=facts.SURGE,
        namespaces=workload.namespaces,
    )
    note(
        "connections.clients",
        of.clients,
        "connections to the poolers",
        "processes * (held + gateway)",
        processes=processes,
        held=HELD,
        gateway=facts.GATEWAY_CLIENTS,
    )
    note(
        "connections.server",
        of.server,
        "connections to the primary at work",
        "min(server, processes)",
        server=server,
        processes=processes,
    )
    note(
        "connections.ready_poolers",
        wanted,
        "poolers, zones being lost",
        "max(clients / pooler, min(busy, pooled) / pool)",
        clients=of.clients,
        pooler=facts.POOLER_CLIENTS,
        busy=of.server,
        pooled=facts.POOLED,
        pool=facts.POOL,
    )
    zones, lost = workload.zones, workload.objectives.zones_lost
    note(
        "connections.poolers",
        of.poolers,
        "poolers",
        "evenly(ready, least, zones, lost)",
        ready=wanted,
        least=facts.LEAST_POOLERS,
        zones=zones,
        lost=lost,
    )
    note(
        "connections.max_connections",
        of.max_connections,
        "connections to PostgreSQL",
        "max(busy * even_spare(fewest, zones, lost), poolers * least) / share",
        busy=of.server,
        fewest=facts.LEAST_POOLERS,
        zones=zones,
        lost=lost,
        poolers=of.poolers,
        least=facts.LEAST_POOL,
        share=facts.POOLED_SHARE,
    )
    note(
        "connections.redis",
        of.redis,
        "connections to a node of Redis",
        "processes * each + others",
        processes=processes,
        each=facts.REDIS_A_PROCESS,
        others=facts.REDIS_OTHERS,
    )
