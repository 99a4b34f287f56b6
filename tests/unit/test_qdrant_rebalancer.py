"""The rebalancer as a region registers it: what it is told, what it may, when it runs and what waits for it."""

import json
from typing import Any

import pulumi
import pytest

from components.scale_in import OUTPUT
from settings import SettingsError, load
from tests.unit.recorded import PodTemplate, Recorded, Resource
from tests.unit.recorder import record_stack, stack_configuration


def job_of(run: Recorded) -> Resource:
    (job,) = [job for job in run.of("Job") if job.object_name.startswith("qdrant-rebalance-")]
    return job


def plan_of(run: Recorded, name: str) -> dict[str, Any]:
    return json.loads(run.one("ConfigMap", name).inputs["data"]["plan.json"])


def moves(pods: PodTemplate) -> str:
    (container,) = pods.containers
    return next(variable["value"] for variable in container["env"] if variable["name"] == "MOVES")


def qdrant(**values: Any) -> Recorded:
    return record_stack("us-east", overrides={"qdrant": values})


@pytest.fixture(scope="module")
def five() -> Recorded:
    return qdrant(replicas=5)


def test_it_is_told_every_node_by_its_own_name(us_east: Recorded) -> None:
    plan = plan_of(us_east, job_of(us_east).object_name)
    assert plan == {
        "nodes": {f"qdrant-{node}": f"http://qdrant-{node}.qdrant-headless:6333" for node in range(3)},
        "keep": 3,
        "replication_factor": 2,
        "collections": ["default"],
    }
    assert plan_of(us_east, "qdrant-report") == plan


def test_the_job_moves_and_the_report_does_not_unless_told_to(us_east: Recorded) -> None:
    assert moves(us_east.pods_of(job_of(us_east).object_name)) == "true"
    assert moves(us_east.pods_of("qdrant-report")) == "false"
    told = qdrant(rebalance={"moves": True, "schedule": "0 4 * * 0"})
    assert moves(told.pods_of("qdrant-report")) == "true"
    assert told.one("CronJob", "qdrant-report").spec["schedule"] == "0 4 * * 0"


def test_it_runs_again_for_nodes_copies_and_a_drain_and_for_nothing_else(us_east: Recorded, five: Recorded) -> None:
    names = {
        job_of(run).object_name
        for run in (
            us_east,
            five,
            qdrant(replicas=5, drain_to=3),
            record_stack("us-east", overrides={"sharding": {"replication_factor": 3}}),
        )
    }
    assert len(names) == 4
    assert job_of(qdrant(rebalance={"moves": True})).object_name == job_of(us_east).object_name


def test_it_runs_once_the_nodes_and_the_collections_are_there(us_east: Recorded) -> None:
    waits = job_of(us_east).depends_on
    assert us_east.one("StatefulSet", "qdrant").urn in waits
    assert any("qdrant-collections" in urn for urn in waits)
    assert any("ClusterRoleBinding" in urn for urn in waits)


def test_no_service_waits_for_shards_to_move(us_east: Recorded) -> None:
    assert job_of(us_east).urn not in us_east.one("Deployment", "memory-service").depends_on


def test_it_may_read_pods_here_and_nodes_and_nothing_else(us_east: Recorded) -> None:
    role = us_east.one("Role", "qdrant-rebalancer")
    (everywhere,) = us_east.of("ClusterRole")
    assert role.inputs["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    assert everywhere.inputs["rules"] == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}]
    assert everywhere.object_name == "somafractalmemory-qdrant-rebalancer"
    bindings = [us_east.one("RoleBinding", "qdrant-rebalancer"), *us_east.of("ClusterRoleBinding")]
    for binding in bindings:
        (subject,) = binding.inputs["subjects"]
        assert (subject["name"], subject["namespace"]) == ("qdrant-rebalancer", "somafractalmemory")
        assert us_east.pods_of("qdrant-report").spec["serviceAccountName"] == subject["name"]


def test_a_drain_keeps_the_pods_and_tells_which_nodes_stay() -> None:
    drained = qdrant(replicas=5, drain_to=3)
    assert drained.pods_of("qdrant").replicas == 5
    plan = plan_of(drained, job_of(drained).object_name)
    assert (len(plan["nodes"]), plan["keep"]) == (5, 3)
    assert drained.one("ConfigMap", "qdrant-scripts").inputs["data"]["peers"] == "5 3\n"


def test_fewer_nodes_are_refused_until_the_rest_is_empty(five: Recorded) -> None:
    with pytest.raises(
        pulumi.RunError, match=r"qdrant\.replicas = 3   5 are in use and hold data: set qdrant\.replicas"
    ):
        record_stack("us-east", stacks={"us-east": five.outputs})
    drained = record_stack(
        "us-east", overrides={"qdrant": {"replicas": 5, "drain_to": 3}}, stacks={"us-east": five.outputs}
    )
    lowered = record_stack("us-east", stacks={"us-east": drained.outputs})
    assert lowered.outputs[OUTPUT]["qdrant.replicas"] == 3


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"qdrant": {"replicas": 5, "drain_to": 5}}, "not under qdrant.replicas (5)"),
        ({"qdrant": {"replicas": 5, "drain_to": 2}}, "under high_availability.min_replicas (3)"),
        ({"qdrant": {"replicas": 5, "drain_to": 0}}, "qdrant.drain_to"),
        ({"qdrant": {"replicas": 6, "drain_to": 4}}, "without which no majority is left"),
        (
            {"qdrant": {"replicas": 5, "drain_to": 3}, "sharding": {"replication_factor": 4}},
            "fewer nodes than copies of each shard (4)",
        ),
        ({"qdrant": {"rebalance": {"schedule": "hourly"}}}, "not a cron expression of five fields"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({**stack_configuration("us-east"), **values}, "us-east")
    assert words in str(caught.value)
