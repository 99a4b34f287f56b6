"""Where the scheduler may put pods: every placement over the zones that its rules allow, by enumeration.

The rules are those of PodTopologySpread (kube-scheduler, plugins/podtopologyspread/filtering.go): a pod may go to a
zone where, counted with it, there are at most `maxSkew` pods more than in the zone with the fewest; with fewer zones
than `minDomains` the fewest counts as none. Nodes are taken to have room. What an autoscaler's scale-in removes is not
chosen by zone: it may leave less even placements than these.
"""

from dataclasses import dataclass

MANY = 5_000
"""Placements that are followed at most."""

Placement = tuple[int, ...]
"""Pods in each zone."""


class TooManyError(Exception):
    """Pods may be placed in more ways than are followed."""


@dataclass(frozen=True)
class Limit:
    """A hard spread over the zones that counts the workload's own pods and no others."""

    max_skew: int
    min_domains: int | None
    leaves_out_tainted: bool
    """`nodeTaintsPolicy: Honor`: a zone all of whose nodes are tainted is none."""


@dataclass(frozen=True)
class Pods:
    """Pods of one template, interchangeable for the scheduler."""

    number: int
    zones: frozenset[int]
    """Where they may run."""
    limits: tuple[Limit, ...]
    apart: bool
    """One a zone at most: required anti-affinity."""
    bound: bool
    """Each keeps a volume, which lies in the zone where the pod ran first."""


@dataclass(frozen=True)
class Ground:
    """The zones that have nodes."""

    up: frozenset[int]
    tainted: frozenset[int] = frozenset()
    """All of whose nodes are tainted, as those that do not answer are: they take no pods, but may count as zones."""


def placed(pods: Pods, before: Placement, ground: Ground) -> frozenset[Placement]:
    """Every placement that may come about when those pods that `before` lacks are scheduled one after the other.

    It holds fewer pods than there are where the scheduler finds no place for the others. TooManyError beyond `MANY`.
    """
    full: set[Placement] = set()
    layer = {before}
    for _ in range(pods.number - sum(before)):
        further: set[Placement] = set()
        for placement in layer:
            more = _with_one_more(pods, placement, ground)
            further |= more
            if not more:
                full.add(placement)
        if len(further) + len(full) > MANY:
            raise TooManyError
        layer = further
    return frozenset(full | layer)


def replaced(pods: Pods, before: Placement, lost: int, ground: Ground) -> frozenset[Placement]:
    """Every placement that may come about when the pods of a lost zone go, one after the other, and are made again.

    One that is made again while others of the zone still count may find a place that it would not find after them.
    TooManyError beyond `MANY`.
    """
    seen, left, full = {before}, [before], set[Placement]()
    while left:
        placement = left.pop()
        further = _with_one_more(pods, placement, ground) if sum(placement) < pods.number else set[Placement]()
        if placement[lost]:
            further.add(_changed(placement, lost, -1))
        if not further:
            full.add(placement)
        left += further - seen
        seen |= further
        if len(seen) > MANY:
            raise TooManyError
    return frozenset(full)


def _with_one_more(pods: Pods, placement: Placement, ground: Ground) -> set[Placement]:
    """Where the scheduler may put the next pod."""
    bounds = [limit.max_skew + _fewest(limit, pods, placement, ground) for limit in pods.limits]
    most = min([*bounds, 1] if pods.apart else bounds, default=pods.number)
    return {_changed(placement, zone, 1) for zone in ground.up & pods.zones if placement[zone] < most}


def _fewest(limit: Limit, pods: Pods, placement: Placement, ground: Ground) -> int:
    """What a limit takes for the pods of the zone that has the fewest."""
    counted = (ground.up if limit.leaves_out_tainted else ground.up | ground.tainted) & pods.zones
    enough = len(counted) >= (limit.min_domains or 1)
    return min(placement[zone] for zone in counted) if enough else 0


def _changed(placement: Placement, zone: int, by: int) -> Placement:
    return (*placement[:zone], placement[zone] + by, *placement[zone + 1 :])
