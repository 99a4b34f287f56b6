"""Pods that may not run in all zones, in whatever way their nodes are chosen."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.checks.model import Zones
from tests.unit.policy_region import ZONES, Region

ZONE, OLD_ZONE, HOST = (
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/hostname",
)
REQUIRED = "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
POD = "spec.template.spec"
NAMED: dict[str, Any] = {"zones": list(ZONES)}
"""A pack that knows the zones by name."""

WORKLOADS = ["memory-service", "qdrant", "pooler"]


@pytest.fixture
def region() -> Region:
    return Region()


def expression(operator: str, *values: str, key: str = ZONE) -> Mapping[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


def choose(region: Region, name: str, *terms: Sequence[Mapping[str, Any]]) -> None:
    """Give the pods of a resource a required node affinity; terms are alternatives."""
    place = "spec.affinity" if name == "postgresql" else f"{POD}.affinity"
    region.set(name, f"{place}.{REQUIRED}", [{"matchExpressions": list(term)} for term in terms])


@pytest.mark.parametrize("name", WORKLOADS)
def test_zones_that_are_left_out_are_refused(region: Region, name: str) -> None:
    choose(region, name, [expression("NotIn", "zone-b")])
    region.refused("zone-spread", saying="may run in 2 of 3 zones only", config=NAMED)


def test_zones_that_are_left_out_by_two_expressions_add_up(region: Region) -> None:
    choose(region, "qdrant", [expression("NotIn", "zone-b"), expression("NotIn", "zone-c")])
    region.refused("zone-spread", saying="may run in 1 of 3 zones only", config=NAMED)


def test_zones_that_are_left_out_of_named_ones_are_refused_without_the_packs_zones(region: Region) -> None:
    choose(region, "qdrant", [expression("In", *ZONES), expression("NotIn", "zone-b")])
    region.refused("zone-spread", saying="may run in 2 of 3 zones only")


def test_zones_that_another_term_lets_in_are_not_left_out(region: Region) -> None:
    choose(region, "qdrant", [expression("NotIn", "zone-b")], [expression("In", "zone-b")])
    region.accepted()


def test_a_zone_that_the_cluster_has_not_may_be_left_out(region: Region) -> None:
    choose(region, "qdrant", [expression("NotIn", "zone-x")])
    region.accepted(NAMED)


def test_zones_that_are_left_out_of_unnamed_ones_are_refused(region: Region) -> None:
    choose(region, "qdrant", [expression("NotIn", "zone-b")])
    region.refused("zone-spread", saying="how many are left cannot be known: configure the pack's zones")


def test_a_statefulset_that_is_held_in_one_zone_by_leaving_out_the_others_is_refused(region: Region) -> None:
    choose(region, "redis-zone-a", [expression("NotIn", "zone-b", "zone-c")])
    assert "StatefulSet redis-zone-a may run in 1 of 3 zones only" in {r.message for r in region.refusals(NAMED)}


def test_nodes_without_a_zone_are_no_zone(region: Region) -> None:
    choose(region, "qdrant", [expression("DoesNotExist")])
    region.refused("zone-spread", saying="may run in 0 of 3 zones only")


@pytest.mark.parametrize("operator", ["Exists", "Gt", "Lt"])
def test_other_operators_leave_all_zones_open(region: Region, operator: str) -> None:
    choose(region, "qdrant", [expression(operator)])
    region.accepted()


@pytest.mark.parametrize("terms", [[], [[]]])
def test_affinity_that_no_node_meets_is_refused(region: Region, terms: list[list[Mapping[str, Any]]]) -> None:
    choose(region, "qdrant", *terms)
    region.refused("zone-spread", saying="may run in 0 of 3 zones only")


@pytest.mark.parametrize("name", ["memory-service", "pooler"])
def test_a_node_selector_by_the_zones_former_label_is_refused(region: Region, name: str) -> None:
    region.set(name, f"{POD}.nodeSelector", {OLD_ZONE: "zone-a"})
    region.refused("zone-spread", saying="may run in 1 of 3 zones only")


def test_a_quorum_set_in_one_zone_by_its_former_label_is_refused(region: Region) -> None:
    region.set("qdrant", f"{POD}.nodeSelector", {OLD_ZONE: "zone-a"})
    region.refused("zones-together", saying="StatefulSet qdrant have pods in 1 zones, at least 3 are required")


def test_affinity_by_the_zones_former_label_is_refused(region: Region) -> None:
    choose(region, "qdrant", [expression("In", "zone-a", "zone-b", key=OLD_ZONE)])
    region.refused("zone-spread", saying="may run in 2 of 3 zones only")


@pytest.mark.parametrize("name", [*WORKLOADS, "redis-zone-a"])
def test_a_node_selector_by_host_is_refused(region: Region, name: str) -> None:
    region.set(name, f"{POD}.nodeSelector", {HOST: "node-1"})
    region.refused("zone-spread", saying="is bound to nodes by their names")


@pytest.mark.parametrize("name", [*WORKLOADS, "redis-zone-a"])
def test_a_node_named_by_the_template_is_refused(region: Region, name: str) -> None:
    region.set(name, f"{POD}.nodeName", "node-1")
    region.refused("zone-spread", saying="is bound to nodes by their names")


@pytest.mark.parametrize(
    "term",
    [
        {"matchExpressions": [expression("In", "node-1", key=HOST)]},
        {"matchFields": [expression("In", "node-1", key="metadata.name")]},
    ],
)
def test_affinity_by_host_is_refused_unless_another_term_lets_other_nodes_in(
    region: Region, term: Mapping[str, Any]
) -> None:
    region.set("qdrant", f"{POD}.affinity.{REQUIRED}", [term])
    region.refused("zone-spread", saying="is bound to nodes by their names")
    region.set("qdrant", f"{POD}.affinity.{REQUIRED}", [term, {"matchExpressions": [expression("Exists")]}])
    region.accepted()


def test_one_node_may_be_left_out(region: Region) -> None:
    choose(region, "qdrant", [expression("NotIn", "node-1", key=HOST)])
    region.accepted()


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ({ZONE: "zone-a"}, "may run in 1 of 3 zones only"),
        ({OLD_ZONE: "zone-a"}, "may run in 1 of 3 zones only"),
        ({HOST: "node-1"}, "is bound to nodes by their names"),
    ],
)
def test_a_database_whose_node_selector_keeps_it_out_of_zones_is_refused(
    region: Region, selector: Mapping[str, str], said: str
) -> None:
    region.set("postgresql", "spec.affinity.nodeSelector", selector)
    region.refused("postgresql-zones", saying=f"PostgreSQL postgresql-us-east {said}")


@pytest.mark.parametrize("term", [expression("In", "zone-a", "zone-b"), expression("NotIn", "zone-c")])
def test_a_database_whose_affinity_keeps_it_out_of_a_zone_is_refused(region: Region, term: Mapping[str, Any]) -> None:
    choose(region, "postgresql", [term])
    region.refused("postgresql-zones", saying="may run in 2 of 3 zones only", config=NAMED)


def test_a_database_that_may_run_in_all_zones_is_accepted(region: Region) -> None:
    choose(region, "postgresql", [expression("In", *ZONES), expression("In", "ssd", key="disk")])
    region.set("postgresql", "spec.affinity.nodeSelector", {"disk": "ssd"})
    region.accepted()


SETS = st.builds(Zones, st.frozensets(st.sampled_from(ZONES)), st.booleans())


@given(SETS, SETS, st.sampled_from([*ZONES, "elsewhere"]))
def test_sets_of_zones_are_sets(one: Zones, other: Zones, zone: str) -> None:
    assert (zone in (one & other)) is (zone in one and zone in other)
    assert (zone in (one | other)) is (zone in one or zone in other)
