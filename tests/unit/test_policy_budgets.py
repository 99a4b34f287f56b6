"""Disruption budgets that fit."""

import pytest

from policies.checks.model import Amount, Budget
from tests.unit.policy_region import RESOURCES, Region, budget, instance, labels, metadata, template

TOKEN = "kubernetes:policy/v1:PodDisruptionBudget"


@pytest.fixture
def region() -> Region:
    return Region()


def allow(region: Region, name: str, **amount: object) -> None:
    region.set(name, "spec.maxUnavailable", None)
    for key, value in amount.items():
        region.set(name, f"spec.{key}", value)


@pytest.mark.parametrize("name", ["memory-service", "qdrant"])
def test_pods_without_a_budget_are_refused(region: Region, name: str) -> None:
    region.drop(f"{name}-budget")
    region.refused("disruption-budgets", saying="no PodDisruptionBudget selects the pods of")


def test_a_pooler_without_a_budget_is_refused_for_the_operator_makes_none(region: Region) -> None:
    region.drop("pooler-budget")
    region.refused("disruption-budgets", saying="no PodDisruptionBudget selects the pods of Pooler postgresql-pooler")


def test_a_budget_that_allows_two_evictions_of_three_is_refused(region: Region) -> None:
    region.set("qdrant-budget", "spec.maxUnavailable", 2)
    region.refused("disruption-budgets", saying="lets StatefulSet qdrant fall to 1 of 3 pods; a majority is 2")


def test_a_budget_that_allows_all_pods_of_a_deployment_is_refused(region: Region) -> None:
    region.set("memory-service-budget", "spec.maxUnavailable", "100%")
    region.refused("disruption-budgets", saying="fall to 0 of 3 pods; the least is 2")


@pytest.mark.parametrize("amount", [{"maxUnavailable": 2}, {"maxUnavailable": "34%"}, {"minAvailable": 1}])
@pytest.mark.parametrize("name", ["memory-service", "pooler"])
def test_a_budget_that_keeps_but_one_pod_of_three_is_refused(
    region: Region, name: str, amount: dict[str, object]
) -> None:
    allow(region, f"{name}-budget", **amount)
    region.refused("disruption-budgets", saying="fall to 1 of 3 pods; the least is 2")


def test_a_budget_keeps_all_but_one_of_the_fewest_pods(region: Region) -> None:
    five = {"min_replicas": 5}
    region.set("memory-service-autoscaler", "spec.minReplicas", 5)
    region.set("memory-service-budget", "spec.maxUnavailable", 2)
    said = {r.message for r in region.refusals(five) if r.policy == "disruption-budgets"}
    assert said == {"memory-service lets Deployment memory-service fall to 3 of 5 pods; the least is 4"}
    assert {r.policy for r in region.refusals()} == set()


def test_a_budget_that_states_nothing_allows_everything_and_is_refused(region: Region) -> None:
    allow(region, "memory-service-budget")
    region.refused("disruption-budgets", saying="fall to 0 of 3 pods")


@pytest.mark.parametrize("amount", [{"minAvailable": 3}, {"minAvailable": "70%"}, {"maxUnavailable": 0}])
def test_a_budget_that_never_allows_an_eviction_is_refused(region: Region, amount: dict[str, object]) -> None:
    allow(region, "qdrant-budget", **amount)
    region.refused("disruption-budgets", saying="allows no eviction of StatefulSet qdrant (3 pods)")


@pytest.mark.parametrize("amount", [{"minAvailable": 2}, {"minAvailable": "60%"}, {"maxUnavailable": "5%"}])
def test_a_budget_that_keeps_two_of_three_is_accepted(region: Region, amount: dict[str, object]) -> None:
    allow(region, "qdrant-budget", **amount)
    region.accepted()


def test_a_budget_is_judged_by_the_fewest_pods_of_an_autoscaled_deployment(region: Region) -> None:
    region.set("memory-service", "spec.replicas", 12)
    allow(region, "memory-service-budget", minAvailable=3)
    region.refused("disruption-budgets", saying="allows no eviction of Deployment memory-service (3 pods)")


def test_a_budget_with_both_numbers_is_refused(region: Region) -> None:
    region.set("qdrant-budget", "spec.minAvailable", 2)
    region.refused("disruption-budgets", saying="only one of them may be")


def test_a_budget_sharing_one_label_of_two_covers_nothing(region: Region) -> None:
    region.manifests["qdrant-budget"][1]["spec"]["selector"]["matchLabels"]["tier"] = "data"
    region.refused("disruption-budgets", saying="no PodDisruptionBudget selects the pods of StatefulSet qdrant")
    assert any(refusal.message == "qdrant selects no pods of this stack" for refusal in region.refusals())


def test_a_budget_of_another_namespace_covers_nothing(region: Region) -> None:
    region.set("qdrant-budget", "metadata.namespace", "elsewhere")
    region.refused("disruption-budgets", saying="qdrant selects no pods of this stack")


def test_a_budget_without_a_selector_covers_nothing(region: Region) -> None:
    region.set("qdrant-budget", "spec.selector", None)
    region.refused("disruption-budgets", saying="qdrant selects no pods of this stack")


def test_an_empty_selector_covers_every_pod_of_the_namespace(region: Region) -> None:
    region.add("all", TOKEN, budget("all", {}))
    region.refused("disruption-budgets", saying="all is shared by")


def test_pods_with_two_budgets_are_refused(region: Region) -> None:
    region.add("second", TOKEN, budget("second", instance("qdrant")))
    region.refused("disruption-budgets", saying="StatefulSet qdrant has 2 PodDisruptionBudgets (qdrant, second)")
    assert len(region.refusals()) == 1


def test_a_budget_shared_by_two_workloads_is_refused(region: Region) -> None:
    region.drop("qdrant-budget")
    region.set("memory-service-budget", "spec.selector", {"matchExpressions": [
        {"key": "app.kubernetes.io/name", "operator": "In", "values": ["memory-service", "qdrant"]}
    ]})  # fmt: skip
    region.refused("disruption-budgets", saying="is shared by Deployment memory-service and StatefulSet qdrant")


def test_a_budget_for_each_statefulset_of_a_data_set_is_refused(region: Region) -> None:
    region.drop("redis-budget")
    for zone in ("zone-a", "zone-b", "zone-c"):
        region.add(f"budget-{zone}", TOKEN, budget(f"redis-{zone}", instance(f"redis-{zone}")))
    region.refused("disruption-budgets", saying="have 3 budgets, which together allow more than one does")
    assert len(region.refusals()) == 1


def test_one_budget_of_a_data_set_is_judged_by_all_of_its_pods(region: Region) -> None:
    region.set("redis-budget", "spec.maxUnavailable", 2)
    region.accepted()
    region.set("redis-budget", "spec.maxUnavailable", 3)
    region.refused("disruption-budgets", saying="fall to 3 of 6 pods; a majority is 4")


def test_a_budget_that_also_selects_a_jobs_pods_is_refused(region: Region) -> None:
    once = template(labels("redis", "setup"), containers=[{"name": "bootstrap", "resources": RESOURCES}])
    region.add("bootstrap", "kubernetes:batch/v1:Job", {"metadata": metadata("bootstrap"), "spec": {"template": once}})
    region.refused("disruption-budgets", saying="redis also selects the pods of Job bootstrap")


def test_a_budget_that_also_selects_a_cron_jobs_pods_is_refused(region: Region) -> None:
    once = template(labels("redis", "setup"), containers=[{"name": "backup", "resources": RESOURCES}])
    spec = {"schedule": "@daily", "jobTemplate": {"spec": {"template": once}}}
    region.add("backup", "kubernetes:batch/v1:CronJob", {"metadata": metadata("backup"), "spec": spec})
    region.refused("disruption-budgets", saying="redis also selects the pods of CronJob backup")


def test_a_second_budget_beside_the_operators_is_refused(region: Region) -> None:
    selector = {"cnpg.io/cluster": "postgresql-us-east", "cnpg.io/podRole": "instance"}
    region.add("database", TOKEN, budget("database", selector))
    region.refused("disruption-budgets", saying="also selects the pods of PostgreSQL postgresql-us-east")


def test_a_budget_for_the_pooler_by_labels_that_the_operator_overwrites_covers_nothing(region: Region) -> None:
    region.manifests["pooler"][1]["spec"]["template"]["metadata"] = {"labels": {"app.kubernetes.io/name": "pooler"}}
    region.set("pooler-budget", "spec.selector.matchLabels", {"app.kubernetes.io/name": "pooler"})
    region.refused("disruption-budgets", saying="postgresql-pooler selects no pods of this stack")


@pytest.mark.parametrize("policy", [None, "IfHealthyBudget"])
def test_a_budget_by_which_a_broken_pod_blocks_a_drain_is_refused(region: Region, policy: str | None) -> None:
    region.set("qdrant-budget", "spec.unhealthyPodEvictionPolicy", policy)
    region.refused("disruption-budgets", saying="state AlwaysAllow")


@pytest.mark.parametrize(
    ("least", "most", "pods", "allowed"),
    [
        (Amount(2), None, 3, 1),
        (Amount(50, percent=True), None, 3, 1),
        (Amount(34, percent=True), None, 3, 1),
        (Amount(5), None, 3, 0),
        (None, Amount(1), 3, 1),
        (None, Amount(1, percent=True), 3, 1),
        (None, Amount(34, percent=True), 3, 2),
        (None, Amount(9), 3, 3),
        (None, Amount(100, percent=True), 200, 200),
        (None, None, 3, 3),
    ],
)
def test_how_many_evictions_a_budget_allows(least: Amount | None, most: Amount | None, pods: int, allowed: int) -> None:
    """As the disruption controller counts: percentages round up, of what must stay and of what may go."""
    assert Budget("", "", "", None, least, most, True).allowed_evictions(pods) == allowed
