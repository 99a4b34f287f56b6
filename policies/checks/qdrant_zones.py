"""Qdrant without a zone: what copies of a shard are left, whether a write may go on, and what each node serves.

Qdrant puts the copies of a shard on different nodes and knows nothing of zones (qdrant.tech, documentation,
distributed_deployment). The rebalancer does: components/files/rebalance_plan.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from policies.checks.config_maps import PROGRAM, REBALANCER
from policies.checks.model import Kind, Minimums, Stack, Violation, Workload
from policies.checks.placement import TooManyError
from policies.checks.plain import Unknown
from policies.checks.proof import components, prove, zones_of
from policies.checks.qdrant import FACTOR, LEAST, Environment, servers

WRITES = "QDRANT__STORAGE__COLLECTION__WRITE_CONSISTENCY_FACTOR"
"""Qdrant's own setting: the factor of a collection that is made without one, by default 1 (config/config.yaml)."""

MOVES = "MOVES"
"""Variable of the rebalancer's container: whether it moves what it finds, or only tells."""


@dataclass(frozen=True)
class _Stated:
    """Copies that something of the stack asks for."""

    urn: str
    title: str
    copies: int
    waits_for: int
    """Copies that must have a write before its client hears of it."""


def survived(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """What is stated in the environment, in plans of collections and to the rebalancer, in every placement of nodes.

    A number of copies that fits no zone or no cluster is left to `qdrant.replicated`.
    """
    zones = zones_of(stack, minimums)
    for server, settings in servers(stack):
        yield from _misstated(server, settings)
        placements, rebalanced = _placements(server, stack, zones), _rebalanced(server.namespace, stack)
        for stated in _all_stated(server, settings, stack):
            if LEAST <= stated.copies <= stack.replicas_of(server):
                for fault in _faults(stated, _together(stated.copies, placements, rebalanced=rebalanced)):
                    yield Violation(stated.urn, f"{stated.title}: {fault}")


def sharded(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """Every plan of collections. Without a number Qdrant makes one shard a node (its API's `CreateCollection`)."""
    del minimums
    wanted = {record.shards for record in stack.records}
    for server, _ in servers(stack):
        nodes = stack.replicas_of(server)
        for plan in (plan for plan in stack.collections if plan.namespace == server.namespace):
            number = plan.shard_number
            if number is not None and number < nodes and number not in wanted:
                yield Violation(
                    plan.urn,
                    f"the collections of {plan.name}: shard_number is {number}, not what the settings say, and fewer "
                    f"than there are nodes ({nodes})",
                )


def _misstated(server: Workload, settings: Environment) -> Iterator[Violation]:
    stated = settings.get(WRITES)
    if WRITES in settings and (not isinstance(stated, str) or not stated.isdecimal()):
        why = "cannot be known yet" if isinstance(stated, Unknown) else "is not a whole number"
        yield Violation(server.urn, f"{server.title}: {WRITES} {why}")


def _all_stated(server: Workload, settings: Environment, stack: Stack) -> Iterator[_Stated]:
    copies, writes = settings.get(FACTOR), settings.get(WRITES, "1")
    if isinstance(copies, str) and copies.isdecimal() and isinstance(writes, str) and writes.isdecimal():
        yield _Stated(server.urn, server.title, int(copies), int(writes))
    plans = [plan for plan in stack.collections if plan.namespace == server.namespace]
    waits_for = [1 if plan.write_consistency_factor is None else plan.write_consistency_factor for plan in plans]
    for plan, writes in zip(plans, waits_for, strict=True):
        if plan.replication_factor is not None:
            yield _Stated(plan.urn, f"the collections of {plan.name}", plan.replication_factor, writes)
    for goal in (goal for goal in stack.copies if goal.namespace == server.namespace):
        # what it brings about is what the collections have in the end
        yield _Stated(goal.urn, f"the rebalancer's {goal.name}", goal.replication_factor, max(waits_for, default=1))


def _faults(stated: _Stated, together: int) -> Iterator[str]:
    left = stated.copies - together
    if stated.waits_for < 1:
        yield f"write_consistency_factor is {stated.waits_for}, at least 1 is required"
    elif not left:
        yield f"all {stated.copies} copies of a shard may be in one zone"
    elif stated.waits_for > left:
        yield f"losing a zone may leave {left} of {stated.copies} copies, and a write waits for {stated.waits_for}"


def _placements(server: Workload, stack: Stack, zones: tuple[str, ...]) -> list[list[int]]:
    """Nodes in each zone, in every placement that may come about."""
    (component,) = (
        it
        for it in components(stack, zones)
        if it.namespace == server.namespace and it.kind == server.kind.value and server.name in it.workloads
    )
    try:
        layouts = prove(component, zones).layouts
    except TooManyError:
        return [[stack.replicas_of(server)]]  # refused by the proof of a zone's loss
    return [[sum(placement[zone] for placement in layout) for zone in range(len(zones))] for layout in layouts]


def _together(copies: int, placements: list[list[int]], *, rebalanced: bool) -> int:
    """Copies of a shard that may be in one zone, in the worst placement of the nodes: no two are on one node, and as
    few as can be in one zone where something sees to that."""
    most = 0
    for nodes in placements:
        used = sum(number > 0 for number in nodes)
        room = -(-copies // used) if rebalanced and used else copies
        most = max(most, min(room, max(nodes)))
    return most


def _rebalanced(namespace: str, stack: Stack) -> bool:
    """Whether something puts the copies of each shard into different zones."""
    return any(
        workload.kind in (Kind.JOB, Kind.CRON_JOB)
        and workload.namespace == namespace
        and workload.labels.get(PROGRAM) == REBALANCER
        and any(container.environment.get(MOVES) == "true" for container in workload.containers)
        for workload in stack.workloads
    )
