"""Rollouts that keep pods."""

import pytest

from tests.unit.policy_region import Region

STRATEGIES = [("memory-service", "spec.strategy"), ("pooler", "spec.deploymentStrategy")]
"""Where a Deployment states how it is rolled out, and a Pooler how its operator's Deployment is."""


@pytest.fixture
def region() -> Region:
    return Region()


@pytest.mark.parametrize(("name", "path"), STRATEGIES)
def test_a_rollout_that_ends_all_pods_first_is_refused(region: Region, name: str, path: str) -> None:
    region.set(name, path, {"type": "Recreate"})
    region.refused("rollouts", saying="ends all of its pods before it starts new ones: use RollingUpdate")


@pytest.mark.parametrize("amount", ["100%", "150%", 3, 4])
@pytest.mark.parametrize(("name", "path"), STRATEGIES)
def test_a_rollout_that_may_end_all_pods_at_once_is_refused(
    region: Region, name: str, path: str, amount: object
) -> None:
    region.set(name, path, {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": amount}})
    region.refused("rollouts", saying="may be without any of its 3 pods while it is rolled out: lower maxUnavailable")


@pytest.mark.parametrize("amount", [0, 1, "25%", "99%"])
@pytest.mark.parametrize(("name", "path"), STRATEGIES)
def test_a_rollout_that_keeps_pods_is_accepted(region: Region, name: str, path: str, amount: object) -> None:
    region.set(name, path, {"rollingUpdate": {"maxUnavailable": amount}})
    region.accepted()


def test_a_rollout_is_judged_by_the_fewest_pods_of_an_autoscaled_deployment(region: Region) -> None:
    region.set("memory-service", "spec.replicas", None)
    region.set("memory-service", "spec.strategy", {"rollingUpdate": {"maxUnavailable": 3}})
    region.refused("rollouts", saying="may be without any of its 3 pods")


@pytest.mark.parametrize("seconds", [None, 0, 9])
def test_a_store_whose_members_end_one_right_after_the_other_is_refused(region: Region, seconds: int | None) -> None:
    region.set("qdrant", "spec.volumeClaimTemplates", [{"metadata": {"name": "data"}}])
    region.set("qdrant", "spec.podManagementPolicy", "Parallel")
    region.set("qdrant", "spec.minReadySeconds", 10)
    assert "stateful-rollouts" not in {refusal.policy for refusal in region.refusals()}
    region.set("qdrant", "spec.minReadySeconds", seconds)
    said = [refusal.message for refusal in region.refusals() if refusal.policy == "stateful-rollouts"]
    assert said == ["qdrant: minReadySeconds is under 10: the next member ends before the last has caught up"]


def test_members_that_keep_nothing_need_not_wait(region: Region) -> None:
    region.set("qdrant", "spec.minReadySeconds", 0)
    region.accepted()


def test_a_strategy_that_cannot_be_read_is_refused(region: Region) -> None:
    region.set("memory-service", "spec.strategy", {"rollingUpdate": {"maxUnavailable": "some"}})
    said = {refusal.message for refusal in region.refusals() if refusal.policy == "readable"}
    assert said == {
        "memory-service: spec.strategy.rollingUpdate.maxUnavailable is neither a whole number nor a percentage"
    }
