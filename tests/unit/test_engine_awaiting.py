"""When an object counts as ready."""

from typing import Any

import pytest

from rehearsal.engine import awaiting

SEEN: dict[str, Any] = {
    "observedGeneration": 2,
    "replicas": 3,
    "updatedReplicas": 3,
    "availableReplicas": 3,
    "readyReplicas": 3,
    "desiredNumberScheduled": 3,
    "numberReady": 3,
    "currentRevision": "one",
    "updateRevision": "one",
}
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


def missing(kind: str, spec: dict[str, Any] | None = None, **status: Any) -> str | None:
    """What a workload of three replicas lacks whose status is as it should be, but for what is stated."""
    obj = {
        "metadata": {"generation": 2},
        "spec": {"replicas": 3, **(spec or {})},
        "status": {**SEEN, **status},
    }
    return awaiting.READY["apps", kind](obj)


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_workload_with_all_its_pods_is_ready(kind: str) -> None:
    assert missing(kind) is None


@pytest.mark.parametrize("kind", WORKLOADS)
def test_the_pods_of_the_former_generation_do_not_count(kind: str) -> None:
    assert missing(kind, observedGeneration=1) is not None


def test_a_stateful_set_that_its_controller_has_not_seen_is_not_ready() -> None:
    assert missing("StatefulSet", observedGeneration=1) == "its controller to see it"


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_pod_too_few_is_not_ready(kind: str) -> None:
    assert missing(kind, readyReplicas=2, availableReplicas=2, numberReady=2) is not None


def test_a_stateful_set_waits_for_its_new_revision_where_it_rolls_all_of_it_out() -> None:
    assert missing("StatefulSet", updateRevision="two") == "its pods to be of the new revision"
    assert missing("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, updateRevision="two") is None
    partitioned = {"updateStrategy": {"rollingUpdate": {"partition": 1}}}
    assert missing("StatefulSet", partitioned, updateRevision="two") is None
