"""Redis' masters and replicas over the zones, as the plan places them and the StatefulSets run them.

A replica is promoted by a majority of all masters, those that are lost among them, and a slot is served while its
shard has a node (redis.io, cluster specification: replica election, availability).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policies.checks.config_maps import PROGRAM
from policies.checks.groups import majority
from policies.checks.model import Kind, Minimums, Stack, Violation, Workload
from policies.checks.plans import ShardPlan
from policies.checks.presence import REDIS
from policies.checks.tokens import CONFIG_MAP, STATEFUL_SET


def placed(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """Every plan of shards in a stack; Redis without one is a violation, and so are two that differ.

    What a resource that cannot be read might have said is left to the rule that refuses it.
    """
    del minimums
    for plan in stack.shards:
        for fault in _faults(plan, _Pods.of(plan.namespace, stack)):
            yield Violation(plan.urn, f"the plan {plan.name}: {fault}")
    yield from _at_odds(stack)
    planned = {plan.namespace for plan in stack.shards}
    for server in [] if _unreadable(stack, CONFIG_MAP) else _servers(stack):
        if server.namespace not in planned:
            yield Violation(server.urn, f"{server.title}: no ConfigMap plans which pods hold a shard together")


@dataclass(frozen=True)
class _Pods:
    """The pods of a namespace's StatefulSets."""

    zones: Mapping[str, str]
    """Zone of each pod whose StatefulSet is in one zone."""
    elsewhere: Mapping[str, str]
    """Title of the StatefulSet of each other pod."""
    all_seen: bool
    """False where there may be more pods: of a StatefulSet that cannot be read."""

    @classmethod
    def of(cls, namespace: str, stack: Stack) -> "_Pods":
        zones: dict[str, str] = {}
        elsewhere: dict[str, str] = {}
        for server in (it for it in stack.workloads if it.kind is Kind.STATEFUL_SET and it.namespace == namespace):
            for pod in (f"{server.name}-{ordinal}" for ordinal in range(stack.replicas_of(server))):
                if server.pinned:
                    (zones[pod],) = server.nodes.zones.names
                else:
                    elsewhere[pod] = server.title
        return cls(zones, elsewhere, all_seen=not _unreadable(stack, STATEFUL_SET))


def _faults(plan: ShardPlan, pods: _Pods) -> Iterator[str]:
    yield from _misplanned(plan, pods)
    if not plan.shards:
        yield "has no shard"
    for number, shard in enumerate(plan.shards, 1):
        for fault in _unsafe(shard, pods.zones):
            yield f"shard {number} {fault}"
    masters = [shard[0] for shard in plan.shards if shard]
    by_zone = Counter(pods.zones[master] for master in masters if master in pods.zones)
    for zone, lost in sorted(by_zone.items()):
        if len(masters) - lost < majority(len(masters)):
            yield (
                f"{zone} has {lost} of {len(masters)} masters: without it the others are no majority and promote nobody"
            )


def _misplanned(plan: ShardPlan, pods: _Pods) -> Iterator[str]:
    """Pods that cannot do what is planned."""
    hosts = Counter([*(pod for shard in plan.shards for pod in shard), *plan.leaving])
    for pod, times in hosts.items():
        if times > 1:
            yield f"{pod} is named {times} times"
        if pods.all_seen and pod not in pods.zones and pod not in pods.elsewhere:
            yield f"{pod} is a pod of no StatefulSet of this stack"
    for title in sorted({pods.elsewhere[pod] for pod in hosts if pod in pods.elsewhere}):
        yield f"{title} is not held to one zone: where its nodes are, nobody knows"


def _unsafe(shard: tuple[str, ...], zones: Mapping[str, str]) -> Iterator[str]:
    """What a shard would not survive."""
    if len(shard) < 2:
        yield "has no replica: its slots go with the zone of its master" if shard else "has no node"
        return
    master, *replicas = shard
    for replica in replicas:
        if master in zones and zones.get(replica) == zones[master]:
            yield f"has its replica {replica} in {zones[master]}, with its master {master}"


def _at_odds(stack: Stack) -> Iterator[Violation]:
    """What forms the cluster and what heals it would undo each other's work."""
    first: dict[str, ShardPlan] = {}
    for plan in stack.shards:
        other = first.setdefault(plan.namespace, plan)
        if (plan.shards, plan.leaving) != (other.shards, other.leaving):
            yield Violation(plan.urn, f"the plan {plan.name} is another one than that of {other.name}")


def _servers(stack: Stack) -> Iterator[Workload]:
    for workload in stack.workloads:
        if workload.kind is Kind.STATEFUL_SET and workload.labels.get(PROGRAM) == REDIS:
            yield workload


def _unreadable(stack: Stack, token: str) -> bool:
    """Whether a resource of a type is among those that could not be read."""
    return any(f"{token}::" in problem.urn for problem in stack.unreadable)
