"""The proof that losing any one zone is survived: every placement that may come about, with each zone lost in turn.

A component is what holds one data set or does one work together: see `groups`. `rehearsal/drills` tries the same on a
real scheduler, and must find what is told here.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from policies.checks.groups import Group, groups, majority
from policies.checks.model import ZONE_KEY, Budget, Database, Minimums, Spread, Stack, Violation, Workload, Zones
from policies.checks.placement import MANY, Ground, Limit, Placement, Pods, TooManyError, placed, replaced

Layout = tuple[Placement, ...]
"""The placement of each of a component's workloads."""


@dataclass(frozen=True)
class Component:
    """Pods that serve together."""

    urn: str
    kind: str
    """Of its workloads: a Kubernetes kind, or PostgreSQL."""
    title: str
    namespace: str
    pods: tuple[Pods, ...]
    """Of each of its workloads."""
    workloads: tuple[str, ...]
    """Names of those."""
    needed: int
    """Pods without which it does not serve."""
    wants: str
    """What needs them: a majority of those that vote, a commit; empty where one pod of any number does."""
    kept: int
    """Healthy pods that the budgets keep: an eviction that would leave fewer is denied."""
    behind: int = 0
    """Evictions more than that, which budgets that are behind may allow for a while after a loss."""

    @property
    def number(self) -> int:
        return sum(pods.number for pods in self.pods)

    def evictable(self, healthy: int) -> int:
        """Evictions that the budgets allow while so many pods are healthy."""
        return max(0, healthy - self.kept)


@dataclass(frozen=True)
class Case:
    """One placement with one zone lost."""

    component: Component
    layout: Layout
    lost: int

    @property
    def placed(self) -> int:
        """Pods before the loss: fewer than there should be where the scheduler had no place for all."""
        return sum(map(sum, self.layout))

    @property
    def left(self) -> int:
        """Pods that go on."""
        return sum(sum(placement) - placement[self.lost] for placement in self.layout)

    @property
    def serves(self) -> bool:
        return self.left >= self.component.needed

    @property
    def evictable(self) -> range:
        """How many evictions the budgets may allow without the zone."""
        least = self.component.evictable(self.left)
        return range(least, min(self.left, least + self.component.behind) + 1)

    @property
    def guarded(self) -> bool:
        """Evictions that may be allowed then leave enough."""
        return self.left - max(self.evictable) >= self.component.needed

    @property
    def evicted(self) -> int:
        """Pods of other zones that the budgets give up just before the loss, of one that is asked for."""
        return min(1, self.component.evictable(self.placed), self.left)

    @property
    def left_after_eviction(self) -> int:
        """Pods that go on where that one is not back."""
        return self.left - self.evicted

    @property
    def serves_after_eviction(self) -> bool:
        return self.left_after_eviction >= self.component.needed

    def back(self, *, tainted: bool) -> frozenset[int]:
        """How many pods there may be again, while the zone's nodes are tainted or once they are gone as well.

        TooManyError where there are more ways than can be followed.
        """
        parts = zip(self.component.pods, self.layout, strict=True)
        again = [_again(pods, placement, self.lost, gone=not tainted) for pods, placement in parts]
        return frozenset(sum(numbers) for numbers in product(*again))


@dataclass(frozen=True)
class Proof:
    """All cases of one component."""

    component: Component
    cases: tuple[Case, ...]

    @property
    def layouts(self) -> frozenset[Layout]:
        """Every placement that the scheduler may choose."""
        return frozenset(case.layout for case in self.cases)

    @property
    def left(self) -> int:
        """Pods that go on in the worst case."""
        return min(case.left for case in self.cases)

    @property
    def serves(self) -> bool:
        return all(case.serves for case in self.cases)

    @property
    def guarded(self) -> bool:
        return all(case.guarded for case in self.cases)

    @property
    def serves_after_eviction(self) -> bool:
        return all(case.serves_after_eviction for case in self.cases)

    def faults(self) -> Iterator[str]:
        """What the loss of a zone would break."""
        if self.serves:
            return
        part = self.component
        wanted = f"{part.wants} is {part.needed}" if part.wants else "the scheduler may put all into one"
        yield f"losing a zone leaves {self.left} of {part.number} pods, {wanted}"


def survives_a_zone(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """Every component of a stack, in every placement, without any one zone."""
    zones = zones_of(stack, minimums)
    for component in components(stack, zones):
        try:
            faults = list(prove(component, zones).faults())
        except TooManyError:
            faults = [f"its pods may be placed in more than {MANY} ways: spread them by a hard rule"]
        for fault in faults:
            yield Violation(component.urn, f"{component.title}: {fault}")


def prove(component: Component, zones: Sequence[str]) -> Proof:
    """Every case of a component. TooManyError where there are more than can be followed."""
    everywhere = Ground(frozenset(range(len(zones))))
    nowhere = (0,) * len(zones)
    each = [placed(pods, nowhere, everywhere) for pods in component.pods]
    if math.prod(map(len, each)) > MANY:
        raise TooManyError
    layouts = sorted(product(*each))
    return Proof(component, tuple(Case(component, layout, lost) for layout in layouts for lost in range(len(zones))))


def zones_of(stack: Stack, minimums: Minimums) -> tuple[str, ...]:
    """The cluster's zones: those configured, else three, of which the stack's own are named by it."""
    if minimums.zone_names:
        return minimums.zone_names
    named = {
        zone for workload in stack.workloads if not workload.nodes.zones.all_but for zone in workload.nodes.zones.names
    }
    others = (f"zone {number}" for number in range(1, minimums.zones + 1 - len(named)))
    return (*sorted(named), *others)


def components(stack: Stack, zones: Sequence[str]) -> Iterator[Component]:
    """Everything of a stack that runs always."""
    for group in groups(stack):
        yield _of_group(group, stack, zones)
    for database in stack.databases:
        yield _of_database(database, zones)


def _of_group(group: Group, stack: Stack, zones: Sequence[str]) -> Component:
    first = group.workloads[0]
    return Component(
        urn=first.urn,
        kind=first.kind.value,
        title=group.title,
        namespace=first.namespace,
        pods=tuple(
            Pods(
                number=stack.replicas_of(workload),
                zones=_open(workload.nodes.zones, zones),
                limits=tuple(_limits(workload, stack)),
                apart=False,
                bound=workload.keeps_volumes,
            )
            for workload in group.workloads
        ),
        workloads=tuple(workload.name for workload in group.workloads),
        needed=majority(group.replicas) if group.quorum else 1,
        wants="a majority" if group.quorum else "",
        kept=_kept(group, stack.budgets),
    )


def _of_database(database: Database, zones: Sequence[str]) -> Component:
    """Commits wait for standbys, and promotion for nothing else. The operator has a budget for the primary and one
    that keeps all replicas but one (pkg/specs/poddisruptionbudget.go), told apart by a label of the pods. When a
    replica becomes primary, nothing tells the replicas' budget, which counts it on until something befalls another
    replica (k8s.io/kubernetes, pkg/controller/disruption, updatePod: budgets are found by a pod's new labels)."""
    return Component(
        urn=database.urn,
        kind="PostgreSQL",
        title=f"PostgreSQL {database.name}",
        namespace=database.namespace,
        pods=(
            Pods(
                number=database.instances,
                zones=_open(database.nodes.zones, zones),
                limits=tuple(
                    _limit(spread)
                    for spread in database.spreads
                    if spread.key == ZONE_KEY and spread.hard and spread.counts(database.labels)
                ),
                apart=database.anti_affinity_required and database.anti_affinity_key == ZONE_KEY,
                bound=True,
            ),
        ),
        workloads=(database.name,),
        needed=1 + database.synchronous_standbys,
        wants="what a commit needs",
        kept=database.instances - 1 if database.budgets else 0,
        behind=1,
    )


def _open(allowed: Zones, zones: Sequence[str]) -> frozenset[int]:
    return frozenset(index for index, zone in enumerate(zones) if zone in allowed)


def _limits(workload: Workload, stack: Stack) -> Iterator[Limit]:
    """Spreads that hold the workload's pods. One that counts others, too, holds a sum: it is taken for none."""
    for spread in workload.spreads:
        apart = not all(map(workload.shares, spread.match_label_keys))
        alone = stack.counted(spread, workload.namespace) == [workload]
        if spread.key == ZONE_KEY and spread.hard and alone and not apart:
            yield _limit(spread)


def _limit(spread: Spread) -> Limit:
    return Limit(spread.max_skew, spread.min_domains, spread.leaves_out_tainted)


def _kept(group: Group, budgets: Sequence[Budget]) -> int:
    """By the strictest budget. With several for one pod none of it is evicted (registry/core/pod/storage/eviction)."""
    kept = 0
    for workload in group.workloads:
        covering = [budget for budget in budgets if budget.covers(workload.namespace, workload.labels)]
        if len(covering) > 1:
            return group.replicas
        for budget in covering:
            kept = max(kept, group.replicas - budget.allowed_evictions(group.replicas))
    return kept


def _again(pods: Pods, placement: Placement, lost: int, *, gone: bool) -> frozenset[int]:
    """How many of one workload's pods there may be once those that were lost are made again."""
    left = sum(placement) - placement[lost]
    if pods.bound and placement[lost]:
        # their volumes wait in the lost zone, and so do they; those that never found a place still find none there
        return frozenset({left})
    others = frozenset(range(len(placement))) - {lost}
    if not pods.limits and not pods.apart:
        return frozenset({pods.number if others & pods.zones else left})
    there = replaced(pods, placement, lost, Ground(others, tainted=frozenset({lost})))
    if gone:
        there = frozenset(each for one in there for each in placed(pods, one, Ground(others)))
    return frozenset(map(sum, there))
