"""All zones used: pods are spread over the zones so that losing one is survived."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from policies.checks.groups import Group, groups
from policies.checks.model import ZONE_KEY, Item, Minimums, Nodes, Spread, Stack, Violation, Workload, Zones

QUORUM_ZONES = 3
"""Over two zones, losing the fuller one takes the majority."""
_REVISION = "pod-template-hash"
"""Label that tells a Deployment's revisions apart (kubernetes.io/docs/concepts/scheduling-eviction/
topology-spread-constraints: matchLabelKeys)."""


def used(zones: Zones, minimums: Minimums) -> int | None:
    """How many of the cluster's zones these are; a name that it has not counts for nothing.

    None where zones are left out by name and nobody says which there are.
    """
    if minimums.zone_names:
        return sum(zone in zones for zone in minimums.zone_names)
    if not zones.all_but:
        return len(zones.names)
    return None if zones.names else minimums.zones


def narrowed(nodes: Nodes, minimums: Minimums) -> Iterator[str]:
    """What keeps pods that must run in all zones out of some."""
    left = used(nodes.zones, minimums)
    if left is None:
        yield "is kept out of zones by name, and how many are left cannot be known: configure the pack's zones"
    elif left < minimums.zones:
        yield f"may run in {left} of {minimums.zones} zones only"


def bound(nodes: Nodes) -> Iterator[str]:
    """What keeps a pod on its node when that is drained or lost."""
    if nodes.named:
        yield "is bound to nodes by their names: its pods cannot be replaced on others"


def spread(item: Item, minimums: Minimums) -> Iterator[Violation]:
    """A hard spread over the zones that counts the workload's own pods.

    A StatefulSet in one zone needs none; `spread_together` judges it with its siblings.
    """
    if not isinstance(item, Workload) or not item.lasting:
        return
    for fault in (*bound(item.nodes), *(() if item.pinned else narrowed(item.nodes, minimums))):
        yield Violation(item.urn, f"{item.title} {fault}")
    if not item.pinned:
        yield from _own_spread(item, minimums)


def _own_spread(item: Workload, minimums: Minimums) -> Iterator[Violation]:
    faults = [
        [
            *_faults(constraint, item.labels, item.shares),
            *_domain_faults(constraint, item.quorum, minimums),
        ]
        for constraint in item.spreads
        if constraint.key == ZONE_KEY
    ]
    if not faults:
        yield Violation(item.urn, f"{item.title} has no spread over {ZONE_KEY}")
    elif all(faults):
        yield Violation(item.urn, f"{item.title}: its spread over {ZONE_KEY} {'; '.join(min(faults, key=len))}")


def spreads_voters(spreads: Iterable[Spread], labels: Mapping[str, str], minimums: Minimums) -> bool:
    """Whether one of the constraints holds pods with these labels evenly over the zones, as a quorum needs it."""
    return any(
        constraint.key == ZONE_KEY
        and not [
            *_faults(constraint, labels, labels.__contains__),
            *_domain_faults(constraint, True, minimums),
        ]
        for constraint in spreads
    )


def _faults(constraint: Spread, labels: Mapping[str, str], shared: Callable[[str], bool]) -> Iterator[str]:
    if not constraint.hard:
        yield "is a wish (ScheduleAnyway), not a rule (DoNotSchedule)"
    if constraint.max_skew != 1:
        yield f"allows a skew of {constraint.max_skew}, not 1"
    if not constraint.counts(labels):
        yield "does not select the workload's own pods, so it spreads nothing"
    for key in constraint.match_label_keys:
        if not shared(key):
            yield f"counts pods apart by label {key}, which its pods do not share"


def _domain_faults(constraint: Spread, quorum: bool, minimums: Minimums) -> Iterator[str]:
    """Voting pods wait for their zones; others must not, or a lost zone's pods could not be replaced elsewhere."""
    min_domains = constraint.min_domains
    least = min(QUORUM_ZONES, minimums.zones)
    if quorum and (min_domains is None or min_domains < least):
        yield f"has minDomains {min_domains or 'unset'}, a quorum set needs {least} or it may crowd into fewer zones"
    if quorum and min_domains is not None and min_domains > minimums.zones:
        yield f"has minDomains {min_domains}, more than there are zones ({minimums.zones})"
    if not quorum and not constraint.leaves_out_tainted:
        yield "counts zones whose nodes are tainted, which blocks the replacement of pods of a lost zone elsewhere"
    if not quorum and _REVISION not in constraint.match_label_keys:
        yield f"counts pods of the revision before, so that a rollout may leave them uneven: matchLabelKeys {_REVISION}"
    if not quorum and min_domains is not None and min_domains >= minimums.zones:
        yield f"has minDomains {min_domains}, which blocks the replacement of pods while one of the zones is away"


def spread_together(stack: Stack, minimums: Minimums) -> Iterator[Violation]:
    """What only the whole stack tells: StatefulSets that are pinned apart, and foreign pods in a spread."""
    for group in groups(stack):
        first = group.workloads[0]
        if first.pinned:
            yield from _uses_zones(group, minimums)
        if not first.pinned:
            yield from _counts_others(first, stack)


def _uses_zones(group: Group, minimums: Minimums) -> Iterator[Violation]:
    least = min(QUORUM_ZONES, minimums.zones)
    inhabited = len(group.by_zone.keys() & set(minimums.zone_names or group.by_zone))
    if inhabited < least:
        yield Violation(
            group.workloads[0].urn, f"{group.title} have pods in {inhabited} zones, at least {least} are required"
        )


def _counts_others(workload: Workload, stack: Stack) -> Iterator[Violation]:
    """A spread that counts somebody else's pods keeps their sum even, not the workload's."""
    for constraint in workload.spreads:
        if constraint.key != ZONE_KEY or not constraint.hard:
            continue
        counted = stack.counted(constraint, workload.namespace)
        others = [other.title for other in counted if other is not workload]
        if others:
            yield Violation(workload.urn, f"{workload.title}: its spread also counts the pods of {', '.join(others)}")
