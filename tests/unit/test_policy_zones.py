"""All zones used, by rules that count their own pods; quorums that outlive a zone."""

from typing import Any

import pytest

from tests.unit.policy_region import Region, settings, spread

FOUR = ["zone-a", "zone-b", "zone-c", "zone-d"]
SPREAD = "spec.template.spec.topologySpreadConstraints"
TERMS = "spec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"


@pytest.fixture
def region() -> Region:
    return Region()


@pytest.mark.parametrize("name", ["memory-service", "qdrant", "pooler"])
def test_pods_without_a_spread_are_refused(region: Region, name: str) -> None:
    region.set(name, SPREAD, None)
    region.refused("zone-spread", saying="has no spread over topology.kubernetes.io/zone")


def test_a_spread_over_hosts_only_is_refused(region: Region) -> None:
    region.set("memory-service", f"{SPREAD}.0.topologyKey", "kubernetes.io/hostname")
    region.refused("zone-spread", saying="has no spread over topology.kubernetes.io/zone")


def test_a_spread_that_is_only_a_wish_is_refused(region: Region) -> None:
    region.set("memory-service", f"{SPREAD}.0.whenUnsatisfiable", "ScheduleAnyway")
    region.refused("zone-spread", saying="is a wish (ScheduleAnyway)")


@pytest.mark.parametrize("skew", [2, 0, None])
def test_another_skew_than_one_is_refused(region: Region, skew: int | None) -> None:
    region.set("qdrant", f"{SPREAD}.0.maxSkew", skew)
    region.refused("zone-spread", saying=f"allows a skew of {skew or 0}, not 1")


def test_a_selector_that_matches_nobody_is_refused(region: Region) -> None:
    # The mistake of a published guide: pods labelled app: web-server, a spread that counts app: express-test.
    region.set("memory-service", f"{SPREAD}.0.labelSelector.matchLabels", {"app": "express-test"})
    region.refused("zone-spread", saying="does not select the workload's own pods, so it spreads nothing")


def test_a_selector_of_which_only_one_label_matches_is_refused(region: Region) -> None:
    region.set("memory-service", f"{SPREAD}.0.labelSelector.matchLabels.tier", "front")
    region.refused("zone-spread", saying="does not select the workload's own pods")


def test_a_spread_without_a_selector_is_refused(region: Region) -> None:
    region.set("memory-service", f"{SPREAD}.0.labelSelector", None)
    region.refused("zone-spread", saying="does not select the workload's own pods")


@pytest.mark.parametrize(
    ("key", "operator", "values", "accepted"),
    [
        ("app.kubernetes.io/name", "In", ["qdrant"], True),
        ("app.kubernetes.io/name", "In", ["redis"], False),
        ("tier", "In", ["redis"], False),
        ("app.kubernetes.io/name", "NotIn", ["redis"], True),
        ("app.kubernetes.io/name", "NotIn", ["qdrant"], False),
        ("tier", "NotIn", ["qdrant"], True),
        ("app.kubernetes.io/name", "Exists", [], True),
        ("tier", "Exists", [], False),
        ("app.kubernetes.io/name", "DoesNotExist", [], False),
        ("tier", "DoesNotExist", [], True),
        ("tier", "Matches", [], False),
    ],
)
def test_match_expressions_count(region: Region, key: str, operator: str, values: list[str], accepted: bool) -> None:
    expression = {"key": key, "operator": operator, "values": values}
    region.set("qdrant", f"{SPREAD}.0.labelSelector.matchExpressions", [expression])
    region.accepted() if accepted else region.refused("zone-spread", saying="spreads nothing")


def test_one_good_spread_among_others_is_enough(region: Region) -> None:
    hosts = spread("memory-service", topologyKey="kubernetes.io/hostname", whenUnsatisfiable="ScheduleAnyway")
    wish = spread("memory-service", whenUnsatisfiable="ScheduleAnyway")
    good = spread("memory-service", matchLabelKeys=["pod-template-hash"])
    region.set("memory-service", SPREAD, [*hosts, *wish, *good])
    region.accepted()


def test_counting_each_pod_apart_is_refused(region: Region) -> None:
    region.set("qdrant", f"{SPREAD}.0.matchLabelKeys", ["apps.kubernetes.io/pod-index"])
    region.refused("zone-spread", saying="counts pods apart by label apps.kubernetes.io/pod-index")


@pytest.mark.parametrize(("name", "key"), [("qdrant", "controller-revision-hash"), ("pooler", "pod-template-hash")])
def test_counting_each_revision_apart_is_accepted(region: Region, name: str, key: str) -> None:
    region.set(name, f"{SPREAD}.0.matchLabelKeys", [key])
    region.accepted()


def test_counting_apart_by_a_label_that_all_pods_have_is_accepted(region: Region) -> None:
    region.set("qdrant", f"{SPREAD}.0.matchLabelKeys", ["app.kubernetes.io/instance"])
    region.accepted()


def test_a_revision_label_of_another_kind_is_refused(region: Region) -> None:
    region.set("memory-service", f"{SPREAD}.0.matchLabelKeys", ["controller-revision-hash"])
    region.refused("zone-spread", saying="counts pods apart by label controller-revision-hash")


@pytest.mark.parametrize("name", ["memory-service", "pooler"])
def test_a_deployment_that_counts_the_pods_of_the_revision_before_is_refused(region: Region, name: str) -> None:
    region.set(name, f"{SPREAD}.0.matchLabelKeys", None)
    region.refused("zone-spread", saying="a rollout may leave them uneven: matchLabelKeys pod-template-hash")


@pytest.mark.parametrize("domains", [None, 2])
def test_a_quorum_set_that_may_crowd_into_two_zones_is_refused(region: Region, domains: int | None) -> None:
    region.set("qdrant", f"{SPREAD}.0.minDomains", domains)
    region.refused("zone-spread", saying="a quorum set needs 3")


def test_a_quorum_set_that_waits_for_zones_that_are_not_there_is_refused(region: Region) -> None:
    region.set("qdrant", f"{SPREAD}.0.minDomains", 4)
    region.refused("zone-spread", saying="minDomains 4, more than there are zones (3)")


def test_a_deployment_that_cannot_be_replaced_while_a_zone_is_away_is_refused(region: Region) -> None:
    region.set("memory-service", f"{SPREAD}.0.minDomains", 3)
    region.refused("zone-spread", saying="blocks the replacement of pods while one of the zones is away")


@pytest.mark.parametrize("policy", [None, "Ignore"])
def test_a_deployment_that_waits_for_the_nodes_of_a_lost_zone_is_refused(region: Region, policy: str | None) -> None:
    region.set("memory-service", f"{SPREAD}.0.nodeTaintsPolicy", policy)
    region.refused("zone-spread", saying="counts zones whose nodes are tainted")


def test_a_quorum_set_may_wait_for_its_zone(region: Region) -> None:
    region.set("qdrant", f"{SPREAD}.0.nodeTaintsPolicy", None)
    region.accepted()


def test_a_deployment_pinned_to_one_zone_is_refused(region: Region) -> None:
    region.set("memory-service", "spec.template.spec.nodeSelector", {"topology.kubernetes.io/zone": "zone-a"})
    region.refused("zone-spread", saying="may run in 1 of 3 zones only")


def test_a_quorum_set_kept_out_of_a_zone_is_refused(region: Region) -> None:
    two = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["zone-a", "zone-b"]}
    region.set("qdrant", TERMS, [{"matchExpressions": [two]}])
    region.refused("zone-spread", saying="may run in 2 of 3 zones only")


def test_alternative_terms_of_affinity_add_up(region: Region) -> None:
    terms = [
        {"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}]}
        for zone in ("zone-a", "zone-b", "zone-c")
    ]
    region.set("qdrant", TERMS, terms)
    region.accepted()
    region.set("qdrant", TERMS, [*terms[:1], {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}])
    region.accepted()


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"key": "disk", "operator": "In", "values": ["ssd"]},
        {"key": "topology.kubernetes.io/zone", "operator": "Exists"},
    ],
)
def test_affinity_that_names_no_zone_leaves_all_open(region: Region, elsewhere: dict[str, Any]) -> None:
    region.set("qdrant", TERMS, [{"matchExpressions": [elsewhere]}])
    region.accepted()


def test_expressions_of_one_term_must_all_hold(region: Region) -> None:
    both = [
        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["zone-a", "zone-b", "zone-c"]},
        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["zone-c", "zone-b"]},
    ]
    region.set("qdrant", TERMS, [{"matchExpressions": both}])
    region.refused("zone-spread", saying="may run in 2 of 3 zones only")


def test_a_node_selector_narrows_what_affinity_leaves(region: Region) -> None:
    region.set("redis-zone-a", "spec.template.spec.nodeSelector", {"topology.kubernetes.io/zone": "zone-b"})
    said = [r.message for r in region.refusals() if r.policy == "zone-spread"]
    assert said == [
        "StatefulSet redis-zone-a may run in 0 of 3 zones only",
        "StatefulSet redis-zone-a has no spread over topology.kubernetes.io/zone",
    ]


def test_statefulsets_of_a_data_set_that_leave_a_zone_out_are_refused(region: Region) -> None:
    region.set("redis-zone-c", f"{TERMS}.0.matchExpressions.0.values", ["zone-b"])
    region.refused(
        "zones-together", "redis-shards", saying="redis-zone-c have pods in 2 zones, at least 3 are required"
    )


def test_a_zone_of_a_data_set_without_pods_is_refused(region: Region) -> None:
    region.set("redis-zone-b", "spec.replicas", 0)
    region.refused("zones-together", "redis-shards", saying="have pods in 2 zones, at least 3 are required")


def test_three_zones_of_four_are_enough_for_a_data_set(region: Region) -> None:
    region.add("settings", "kubernetes:core/v1:ConfigMap", settings(FOUR))
    region.accepted({"zones": FOUR})


def test_statefulsets_with_most_of_their_pods_in_one_zone_are_refused(region: Region) -> None:
    region.set("redis-zone-a", "spec.replicas", 4)
    region.refused("zone-loss", saying="losing a zone leaves 4 of 8 pods, a majority is 5")


def test_four_members_over_three_zones_are_refused(region: Region) -> None:
    region.set("qdrant", "spec.replicas", 4)
    region.refused("zone-loss", saying="StatefulSet qdrant: losing a zone leaves 2 of 4 pods, a majority is 3")


@pytest.mark.parametrize(
    ("members", "survives"), [(3, True), (4, False), (5, True), (6, True), (7, True), (8, True), (9, True)]
)
def test_which_numbers_of_members_outlive_a_zone(region: Region, members: int, survives: bool) -> None:
    region.set("qdrant", "spec.replicas", members)
    policies = {refusal.policy for refusal in region.refusals()}
    assert ("zone-loss" not in policies) is survives


def test_a_spread_that_counts_another_workloads_pods_is_refused(region: Region) -> None:
    region.set("qdrant", f"{SPREAD}.0.labelSelector.matchLabels", {})
    region.refused("zones-together", saying="its spread also counts the pods of Deployment memory-service")


def test_the_same_labels_in_another_namespace_are_not_counted(region: Region) -> None:
    token, original = region.manifests["qdrant"]
    region.add("other", token, {**original, "metadata": {"name": "other", "namespace": "elsewhere"}})
    said = "no PodDisruptionBudget selects the pods of StatefulSet other"
    region.refused("disruption-budgets", "qdrant-replication", saying=said)


def test_the_zones_can_be_configured(region: Region) -> None:
    three = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["zone-a", "zone-b", "zone-c"]}
    region.set("memory-service", TERMS, [{"matchExpressions": [three]}])
    region.accepted({"zones": ["zone-c", "zone-b", "zone-a"]})
    region.add("settings", "kubernetes:core/v1:ConfigMap", settings(FOUR))
    region.refused("zone-spread", saying="may run in 3 of 4 zones only", config={"zones": FOUR})


def test_a_zone_that_the_cluster_has_not_does_not_count(region: Region) -> None:
    config = {"zones": ["zone-a", "zone-b", "zone-d"]}
    region.add("settings", "kubernetes:core/v1:ConfigMap", settings(config["zones"]))
    region.refused("zones-together", saying="have pods in 2 zones, at least 3 are required", config=config)
