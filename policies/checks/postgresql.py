"""PostgreSQL survives a zone: instances in different zones, and no commit that only one zone has."""

from collections.abc import Iterator

from policies.checks import zones
from policies.checks.model import ZONE_KEY, Database, Item, Kind, Limits, Minimums, Resource, Stack, Violation
from policies.checks.plain import flag_at, text_at

_INSTANCES = 3
"""A primary and two replicas: with one instance away, a commit still finds a standby."""


def survives_a_zone(item: Item, minimums: Minimums) -> Iterator[Violation]:
    """Number, placement, synchronous replication and budgets of a Cluster."""
    if isinstance(item, Database):
        for fault in (*_placement_faults(item, minimums), *_commit_faults(item, minimums)):
            yield Violation(item.urn, f"PostgreSQL {item.name} {fault}")


def _placement_faults(database: Database, minimums: Minimums) -> Iterator[str]:
    if database.instances < _INSTANCES:
        yield f"has {database.instances} instances, at least {_INSTANCES} are required"
    if not zones.spreads_voters(database.spreads, database.labels, minimums):
        yield from _affinity_faults(database, minimums)
    yield from zones.bound(database.nodes)
    yield from zones.narrowed(database.nodes, minimums)
    if not database.budgets:
        yield "has its disruption budgets switched off"


def _affinity_faults(database: Database, minimums: Minimums) -> Iterator[str]:
    """Without a spread, anti-affinity must do: one instance a zone."""
    if database.anti_affinity_key != ZONE_KEY:
        yield f"does not keep its instances apart by {ZONE_KEY}"
    elif not database.anti_affinity_required:
        yield "only prefers to keep its instances in different zones"
    elif database.instances > minimums.zones:
        yield f"has {database.instances} instances for {minimums.zones} zones, one each: the others cannot be placed"


def _commit_faults(database: Database, minimums: Minimums) -> Iterator[str]:
    """A commit is on the primary and on `number` standbys: they must not fit into one zone, nor need a lost one."""
    in_a_zone = -(-database.instances // minimums.zones)
    standbys = database.synchronous_standbys
    if standbys < 1:
        yield "confirms commits that no standby has"
    elif standbys < in_a_zone:
        yield f"confirms commits that one zone alone may have: {in_a_zone} synchronous standbys are required"
    elif standbys > database.instances - 1 - in_a_zone:
        yield f"waits for {standbys} standbys: losing a zone stops all writes"
    elif not database.durability_required:
        yield "confirms commits without a standby while none is there"


def updated(resource: Resource, limits: Limits) -> Iterator[str]:
    """An update goes on by itself, and promotes a replica that has it already; by default the primary restarts in its
    place (cloudnative-pg.io/documentation, rolling updates)."""
    del limits
    if text_at(resource.inputs, "spec", "primaryUpdateMethod", default="restart") != "switchover":
        yield "primaryUpdateMethod is not switchover: writes wait until the primary has restarted"
    if text_at(resource.inputs, "spec", "primaryUpdateStrategy", default="unsupervised") != "unsupervised":
        yield "primaryUpdateStrategy is not unsupervised: an update stops half way until somebody comes"


def promoted(resource: Resource, limits: Limits) -> Iterator[str]:
    """A commit is on some of the standbys, and not on each: without a quorum of them the operator may promote one that
    lacks it (cloudnative-pg.io/documentation, failover: failover quorum)."""
    del limits
    if not flag_at(resource.inputs, "spec", "postgresql", "synchronous", "failoverQuorum", default=False):
        yield "may promote an instance that lacks commits: postgresql.synchronous.failoverQuorum is not true"


def present_with_pooler(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """The connection pooler that holds queries during a failover stands before a database of the stack."""
    del minimums
    names = {(database.namespace, database.name) for database in stack.databases}
    for workload in stack.workloads:
        cluster = workload.labels.get("cnpg.io/cluster", "")
        if workload.kind is Kind.POOLER and (workload.namespace, cluster) not in names:
            yield Violation(workload.urn, f"{workload.title} stands before no PostgreSQL of this stack")
