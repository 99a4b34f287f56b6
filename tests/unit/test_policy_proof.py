"""The proof of a zone's loss: placements by hand, every case of a component, and what the pack refuses by it."""

from dataclasses import replace
from itertools import permutations

import pytest

from policies.checks.model import Minimums
from policies.checks.placement import MANY, Ground, Limit, Placement, Pods, TooManyError, placed
from policies.checks.proof import Case, Component, components, prove, zones_of
from tests.unit.policy_region import Region

ZONES = ("zone-a", "zone-b", "zone-c")
ALL = frozenset({0, 1, 2})
EVEN = Limit(max_skew=1, min_domains=None, leaves_out_tainted=True)
VOTERS = replace(EVEN, min_domains=3, leaves_out_tainted=False)
PODS = Pods(number=3, zones=ALL, limits=(EVEN,), apart=False, bound=False)
COMPONENT = Component("urn", "Deployment", "Deployment web", "soma", (PODS,), ("web",), needed=1, wants="", kept=2)


def orders(*placement: int) -> frozenset[Placement]:
    return frozenset(permutations(placement))


def first(pods: Pods) -> frozenset[Placement]:
    return placed(pods, (0, 0, 0), Ground(ALL))


def proof_of(number: int, *, needed: int = 1, kept: int | None = None, **pods: object) -> Component:
    changed = replace(PODS, number=number, **pods)
    return replace(COMPONENT, pods=(changed,), needed=needed, kept=number - 1 if kept is None else kept)


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        (replace(PODS, number=0), {(0, 0, 0)}),
        (PODS, {(1, 1, 1)}),
        (replace(PODS, number=4), orders(2, 1, 1)),
        (replace(PODS, number=5), orders(2, 2, 1)),
        (replace(PODS, limits=()), orders(3, 0, 0) | orders(2, 1, 0) | orders(1, 1, 1)),
        (replace(PODS, limits=(replace(EVEN, max_skew=2),)), orders(2, 1, 0) | orders(1, 1, 1)),
        (replace(PODS, zones=frozenset({0, 1})), {(2, 1, 0), (1, 2, 0)}),
        # the zone that is not open counts as none: fewer zones than minDomains
        (replace(PODS, zones=frozenset({0, 1}), limits=(VOTERS,)), {(1, 1, 0)}),
        (replace(PODS, zones=frozenset({1}), limits=()), {(0, 3, 0)}),
        (replace(PODS, zones=frozenset[int]()), {(0, 0, 0)}),
        (replace(PODS, limits=(), apart=True), {(1, 1, 1)}),
        (replace(PODS, number=5, limits=(), apart=True), {(1, 1, 1)}),
        (replace(PODS, number=2, limits=(), apart=True), orders(1, 1, 0)),
        # the stricter of two holds
        (replace(PODS, limits=(replace(EVEN, max_skew=3), EVEN)), {(1, 1, 1)}),
    ],
)
def test_where_pods_may_be_placed(pods: Pods, expected: set[Placement]) -> None:
    assert first(pods) == expected


def test_pods_that_are_there_already_count() -> None:
    assert placed(replace(PODS, number=5), (2, 0, 0), Ground(ALL)) == {(2, 1, 2), (2, 2, 1)}


@pytest.mark.parametrize(
    ("limit", "there"),
    [
        (EVEN, {(0, 2, 1), (0, 1, 2)}),
        (replace(EVEN, leaves_out_tainted=False), {(0, 1, 1)}),
        (replace(EVEN, min_domains=3), {(0, 1, 1)}),
        (replace(EVEN, min_domains=2), {(0, 2, 1), (0, 1, 2)}),
    ],
)
def test_a_zone_whose_nodes_are_tainted_counts_unless_the_spread_leaves_it_out(
    limit: Limit, there: set[Placement]
) -> None:
    ground = Ground(up=frozenset({1, 2}), tainted=frozenset({0}))
    assert placed(replace(PODS, limits=(limit,)), (0, 1, 1), ground) == there


def test_pods_that_may_go_anywhere_in_great_numbers_are_not_followed() -> None:
    most = next(number for number in range(MANY) if (number + 1) * (number + 2) // 2 > MANY)
    assert len(first(replace(PODS, number=most - 1, limits=()))) <= MANY
    with pytest.raises(TooManyError):
        first(replace(PODS, number=most, limits=()))


def test_a_spread_set_of_any_size_is_followed() -> None:
    assert len(first(replace(PODS, number=1_000))) == 3


def test_a_proof_has_a_case_for_each_placement_and_zone() -> None:
    proof = prove(proof_of(4), ZONES)
    assert {(case.layout, case.lost) for case in proof.cases} == {
        ((placement,), lost) for placement in orders(2, 1, 1) for lost in range(3)
    }
    assert proof.layouts == {(placement,) for placement in orders(2, 1, 1)}
    assert proof.left == 2


@pytest.mark.parametrize(
    ("members", "survives", "after_eviction"),
    [
        (3, True, False),
        (4, False, False),
        (5, True, False),
        (6, True, False),
        (7, True, False),
        (8, True, False),
        (9, True, True),
        (12, True, True),
    ],
)
def test_which_quorums_outlive_a_zone_and_an_eviction_before_it(
    members: int, survives: bool, after_eviction: bool
) -> None:
    proof = prove(proof_of(members, needed=members // 2 + 1, limits=(VOTERS,)), ZONES)
    assert (proof.serves, proof.serves_after_eviction) == (survives, after_eviction)
    assert (list(proof.faults()) == []) is survives


def test_five_members_over_five_zones_outlive_both() -> None:
    everywhere = frozenset(range(5))
    component = proof_of(5, needed=3, zones=everywhere, limits=(replace(VOTERS, min_domains=5),))
    assert prove(component, ["a", "b", "c", "d", "e"]).serves_after_eviction


@pytest.mark.parametrize(
    ("kept", "guarded"),
    [(2, True), (1, False), (3, True), (0, False)],
)
def test_a_budget_guards_what_a_lost_zone_left(kept: int, guarded: bool) -> None:
    """Three members, of which two are left: an eviction would take the majority."""
    assert prove(proof_of(3, needed=2, kept=kept), ZONES).guarded is guarded


def test_an_eviction_that_no_budget_allows_is_none_before_the_loss() -> None:
    allowed, denied = (prove(proof_of(3, needed=2, kept=kept), ZONES) for kept in (2, 3))
    assert (allowed.serves_after_eviction, denied.serves_after_eviction) == (False, True)


@pytest.mark.parametrize(
    ("limits", "bound", "tainted", "back"),
    [
        ((EVEN,), False, True, {3}),
        ((EVEN,), False, False, {3}),
        ((VOTERS,), False, True, {2}),
        ((VOTERS,), False, False, {2}),
        ((replace(EVEN, leaves_out_tainted=False),), False, True, {2}),
        ((replace(EVEN, leaves_out_tainted=False),), False, False, {3}),
        ((EVEN,), True, False, {2}),
    ],
)
def test_which_pods_come_back(limits: tuple[Limit, ...], bound: bool, tainted: bool, back: set[int]) -> None:
    component = proof_of(3, limits=limits, bound=bound)
    for case in prove(component, ZONES).cases:
        assert case.back(tainted=tainted) == back


def test_how_many_come_back_may_depend_on_where_they_go() -> None:
    """Two lost pods of four with two zones left, at most one more in one than in the other."""
    case = Case(proof_of(4, limits=(replace(EVEN, min_domains=3),)), ((2, 1, 1),), 0)
    assert case.back(tainted=False) == {2}
    loose = Case(proof_of(4, limits=(replace(EVEN, min_domains=3, max_skew=2),)), ((2, 1, 1),), 0)
    assert loose.back(tainted=False) == {4}


@pytest.fixture
def region() -> Region:
    return Region()


def test_a_pod_that_goes_before_the_others_of_its_zone_may_find_a_place_by_them() -> None:
    """Seen on a real scheduler: of two in the lost zone the one that is left counts, until it goes as well."""
    component = proof_of(5, limits=(VOTERS,))
    case = Case(component, ((1, 2, 2),), 1)
    assert case.back(tainted=True) == case.back(tainted=False) == {3, 4}
    assert Case(component, ((2, 1, 2),), 1).back(tainted=True) == {4}


def test_pods_that_no_rule_holds_all_come_back_where_they_may_run() -> None:
    anywhere = proof_of(200, limits=())
    assert Case(anywhere, ((100, 50, 50),), 0).back(tainted=True) == {200}
    assert Case(proof_of(2, limits=(), zones=frozenset({0})), ((2, 0, 0),), 0).back(tainted=False) == {0}


def test_a_great_many_ways_back_are_not_followed() -> None:
    with pytest.raises(TooManyError):
        Case(proof_of(900, limits=(EVEN,)), ((300, 300, 300),), 0).back(tainted=True)


class TestOfARegion:
    def component(self, region: Region, title: str) -> Component:
        stack = region.stack()
        (found,) = (one for one in components(stack, ZONES) if one.title.endswith(title))
        return found

    def test_every_component_is_there_once(self, region: Region) -> None:
        titles = [one.title for one in components(region.stack(), ZONES)]
        assert sorted(titles) == [
            "Deployment memory-service",
            "Pooler postgresql-pooler",
            "PostgreSQL postgresql-us-east",
            "StatefulSet qdrant",
            "the StatefulSets redis-zone-a, redis-zone-b, redis-zone-c",
        ]

    def test_pinned_sets_are_each_in_their_zone(self, region: Region) -> None:
        proof = prove(self.component(region, "redis-zone-c"), ZONES)
        assert proof.layouts == {((2, 0, 0), (0, 2, 0), (0, 0, 2))}
        assert (proof.left, proof.component.needed, proof.component.kept) == (4, 4, 5)

    def test_postgresql_is_one_a_zone_and_a_commit_needs_two(self, region: Region) -> None:
        proof = prove(self.component(region, "PostgreSQL postgresql-us-east"), ZONES)
        assert proof.layouts == {((1, 1, 1),)}
        assert (proof.left, proof.component.needed) == (2, 2)
        # the budget of the replicas may not have heard yet that one of them is the primary now
        assert ({case.evictable for case in proof.cases}, proof.guarded) == ({range(2)}, False)
        assert {number for case in proof.cases for number in case.back(tainted=False)} == {2}

    def test_a_pod_with_two_budgets_is_not_evicted(self, region: Region) -> None:
        token, first = region.manifests["qdrant-budget"]
        region.add("second", token, {**first, "metadata": {**first["metadata"], "name": "second"}})
        assert self.component(region, "qdrant").kept == 3

    def test_what_has_no_budget_may_be_evicted_whole(self, region: Region) -> None:
        region.drop("qdrant-budget")
        assert self.component(region, "qdrant").kept == 0

    def test_zones_are_those_configured_or_those_that_the_stack_names(self, region: Region) -> None:
        assert zones_of(region.stack(), Minimums(zone_names=("x", "y"))) == ("x", "y")
        assert zones_of(region.stack(), Minimums()) == ZONES
        for zone in ZONES[1:]:
            region.drop(f"redis-{zone}")
        assert zones_of(region.stack(), Minimums()) == ("zone-a", "zone 1", "zone 2")


SPREAD = "spec.template.spec.topologySpreadConstraints"


@pytest.mark.parametrize(
    ("name", "path", "value", "said"),
    [
        ("memory-service", SPREAD, [], "losing a zone leaves 0 of 3 pods, the scheduler may put all into one"),
        ("memory-service", f"{SPREAD}.0.whenUnsatisfiable", "ScheduleAnyway", "leaves 0 of 3 pods"),
        ("memory-service", f"{SPREAD}.0.labelSelector.matchLabels", {"app": "other"}, "leaves 0 of 3 pods"),
        ("memory-service", f"{SPREAD}.0.maxSkew", 3, "leaves 0 of 3 pods"),
        ("memory-service", f"{SPREAD}.0.topologyKey", "kubernetes.io/hostname", "leaves 0 of 3 pods"),
        ("memory-service", f"{SPREAD}.0.matchLabelKeys", ["pod"], "leaves 0 of 3 pods"),
        ("qdrant", SPREAD, [], "StatefulSet qdrant: losing a zone leaves 0 of 3 pods, a majority is 2"),
        # of a sum of both workloads' pods nothing is known of one's
        ("qdrant", f"{SPREAD}.0.labelSelector.matchLabels", {}, "leaves 0 of 3 pods, a majority is 2"),
        ("postgresql", "spec.affinity.podAntiAffinityType", "preferred", "of 3 pods, what a commit needs is 2"),
        ("postgresql", "spec.affinity.topologyKey", "kubernetes.io/hostname", "leaves 0 of 3 pods"),
        ("postgresql", "spec.postgresql.synchronous.number", 2, "leaves 2 of 3 pods, what a commit needs is 3"),
    ],
)
def test_what_a_lost_zone_may_break_is_refused(region: Region, name: str, path: str, value: object, said: str) -> None:
    region.set(name, path, value)
    (refusal,) = (one for one in region.refusals() if one.policy == "zone-loss")
    assert said in refusal.message


def test_skew_that_leaves_a_pod_is_refused_as_a_spread_and_no_loss(region: Region) -> None:
    region.set("memory-service", f"{SPREAD}.0.maxSkew", 2)
    assert {one.policy for one in region.refusals()} == {"zone-spread"}


def test_pods_that_may_be_placed_in_too_many_ways_are_refused(region: Region) -> None:
    region.drop("memory-service-autoscaler")
    region.set("memory-service", "spec.replicas", 500)
    region.set("memory-service", SPREAD, [])
    region.refused("zone-spread", "zone-loss", saying=f"its pods may be placed in more than {MANY} ways")
