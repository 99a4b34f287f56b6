"""Enough pods, and autoscalers that keep them."""

import pytest

from tests.unit.policy_region import RESOURCES, Region, metadata, redis, template


@pytest.fixture
def region() -> Region:
    return Region()


def test_the_region_as_it_should_be_is_accepted(region: Region) -> None:
    region.accepted()


def test_a_deployment_of_two_replicas_is_refused(region: Region) -> None:
    region.set("memory-service", "spec.replicas", 2)
    region.refused("enough-replicas", saying="Deployment memory-service runs 2 pods, at least 3 are required")


def test_a_statefulset_of_two_replicas_is_refused(region: Region) -> None:
    region.set("qdrant", "spec.replicas", 2)
    region.refused("enough-replicas", "zone-loss", "disruption-budgets", saying="StatefulSet qdrant runs 2 pods")


def test_a_pooler_of_two_instances_is_refused(region: Region) -> None:
    region.set("pooler", "spec.instances", 2)
    region.refused("enough-replicas", saying="Pooler postgresql-pooler runs 2 pods, at least 3 are required")


def test_a_pooler_without_a_number_of_instances_runs_one_and_is_refused(region: Region) -> None:
    region.set("pooler", "spec.instances", None)
    region.refused("enough-replicas", "disruption-budgets", saying="runs 1 pods")


def test_the_minimum_can_be_raised(region: Region) -> None:
    config = {"min_replicas": 4.0}
    region.refused("enough-replicas", "autoscaler-minimum", saying="at least 4 are required", config=config)


def test_a_deployment_may_leave_the_number_to_its_autoscaler(region: Region) -> None:
    region.set("memory-service", "spec.replicas", None)
    region.accepted()


def test_a_deployment_without_replicas_and_without_autoscaler_is_refused(region: Region) -> None:
    region.set("memory-service", "spec.replicas", None)
    region.drop("memory-service-autoscaler")
    region.refused("enough-replicas-together", "disruption-budgets", saying="no autoscaler does: it runs 1 pod")


def test_an_autoscaler_of_another_namespace_does_not_count(region: Region) -> None:
    region.set("memory-service", "spec.replicas", None)
    region.set("memory-service-autoscaler", "metadata.namespace", "elsewhere")
    region.refused("enough-replicas-together", "disruption-budgets", "autoscaler-target")


def test_statefulsets_of_one_data_set_are_counted_together(region: Region) -> None:
    for zone in ("zone-a", "zone-b", "zone-c"):
        region.set(f"redis-{zone}", "spec.replicas", 1)
    region.refused("redis-shards", saying="redis-zone-b-1 is a pod of no StatefulSet")  # and by no rule of counts


def test_statefulsets_that_together_have_too_few_pods_are_refused(region: Region) -> None:
    for zone in ("zone-a", "zone-b", "zone-c"):
        region.set(f"redis-{zone}", "spec.replicas", 1)
    policies = {r.policy: r.message for r in region.refusals({"min_replicas": 4})}
    assert "redis-zone-a, redis-zone-b, redis-zone-c runs 3 pods" in policies["enough-replicas-together"]


def test_a_bare_pod_is_refused(region: Region) -> None:
    spec = {"containers": [{"name": "lone", "resources": RESOURCES}]}
    region.add("lone", "kubernetes:core/v1:Pod", {"metadata": metadata("lone"), "spec": spec})
    region.refused("enough-replicas", saying="lone has no controller")


def test_a_bare_replica_set_is_refused(region: Region) -> None:
    pods = template({"app": "lone"}, containers=[{"name": "lone", "resources": RESOURCES}])
    manifest = {"metadata": metadata("lone"), "spec": {"replicas": 3, "template": pods}}
    region.add("lone", "kubernetes:apps/v1:ReplicaSet", manifest)
    region.refused("enough-replicas", saying="lone has no controller")


def test_an_autoscaler_that_may_go_under_the_minimum_is_refused(region: Region) -> None:
    region.set("memory-service-autoscaler", "spec.minReplicas", 2)
    region.refused("autoscaler-minimum", saying="may scale down to 2, at least 3 are required")


@pytest.mark.parametrize("pods", [0, 2])
def test_an_autoscaler_that_may_not_reach_the_minimum_is_refused(region: Region, pods: int) -> None:
    region.set("memory-service-autoscaler", "spec.maxReplicas", pods)
    said = f"may scale up to {pods} only, at least 3 are required"
    region.refused("autoscaler-minimum", saying=said)


def test_an_autoscaler_whose_most_is_under_its_least_is_refused(region: Region) -> None:
    region.set("memory-service-autoscaler", "spec.minReplicas", 6)
    region.set("memory-service-autoscaler", "spec.maxReplicas", 5)
    region.refused("autoscaler-minimum", saying="may scale up to 5 only, at least 6 are required")


def test_an_autoscaler_that_may_not_reach_the_packs_own_minimum_is_refused(region: Region) -> None:
    region.set("memory-service-autoscaler", "spec.maxReplicas", 4)
    said = {refusal.message for refusal in region.refusals({"min_replicas": 5})}
    assert "memory-service may scale up to 4 only, at least 5 are required" in said


def test_an_autoscaler_that_states_no_most_is_refused(region: Region) -> None:
    region.set("memory-service-autoscaler", "spec.maxReplicas", None)
    region.refused("readable", "nothing-missing", saying="spec.maxReplicas is missing")


def test_an_autoscaler_without_a_minimum_has_kubernetes_default_of_one_and_is_refused(region: Region) -> None:
    region.set("memory-service-autoscaler", "spec.minReplicas", None)
    region.refused("autoscaler-minimum", "disruption-budgets", saying="may scale down to 1")


def test_an_autoscaler_of_a_quorum_set_is_refused(region: Region) -> None:
    region.set("memory-service-autoscaler", "spec.scaleTargetRef", {"kind": "StatefulSet", "name": "qdrant"})
    region.refused("autoscaler-minimum", saying="scales a quorum set")


def test_an_autoscaler_that_scales_nothing_is_refused(region: Region) -> None:
    region.set("memory-service-autoscaler", "spec.scaleTargetRef.name", "memory-servce")
    region.refused("autoscaler-target", saying="scales nothing of this stack")


def test_two_autoscalers_of_one_deployment_are_refused(region: Region) -> None:
    token, first = region.manifests["memory-service-autoscaler"]
    region.add("second", token, {**first, "metadata": metadata("second")})
    region.refused("autoscaler-target", saying="second scales what memory-service scales already")


def test_statefulsets_without_the_shared_labels_stand_alone(region: Region) -> None:
    for zone in ("zone-a", "zone-b", "zone-c"):
        alone = redis(zone)
        del alone["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]
        region.add(f"redis-{zone}", "kubernetes:apps/v1:StatefulSet", alone)
    region.refused("enough-replicas-together", "zones-together", "zone-loss", "disruption-budgets")
