"""Pods by zone: what a plan wants, and what counts as ready or held when they are there."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from rehearsal import pods
from rehearsal.engine.model import PlannedResource
from rehearsal.kube import Client, UnknownKind
from rehearsal.pods import ROLE_LABEL, ZONE_LABEL, ZonePods

ZONES = ("zone-a", "zone-b", "zone-c")


class Held:
    """An API server that holds these objects."""

    def __init__(self, **objects: list[dict[str, Any]]) -> None:
        self._objects = objects

    def list(self, _version: str, kind: str, _namespace: str | None = None) -> list[dict[str, Any]]:
        if kind not in self._objects:
            raise UnknownKind(404, "NotFound", kind)
        return self._objects[kind]


def _nodes() -> list[dict[str, Any]]:
    return [{"metadata": {"name": f"node-{zone}", "labels": {ZONE_LABEL: zone}}} for zone in ZONES]


def _pod(zone: str | None, ready: bool = False, role: str = "standby", **status: Any) -> dict[str, Any]:
    condition = {"type": "Ready", "status": str(ready)}
    return {
        "metadata": {"name": "a", "labels": {ROLE_LABEL: role}},
        "spec": {
            "nodeName": f"node-{zone}" if zone else "",
            "initContainers": [{"name": "await"}, {"name": "gateway", "restartPolicy": "Always"}],
        },
        "status": {"conditions": [condition], **status},
    }


def _init(name: str, restarts: int = 0, **state: Any) -> list[dict[str, Any]]:
    return [{"name": name, "restartCount": restarts, "state": state}]


def _live(*found: dict[str, Any], replicas: int | None = None) -> dict[str, ZonePods]:
    deployment = {"kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": replicas or len(found)}}
    return pods.live(cast(Client, Held(Node=_nodes(), Pod=list(found), Deployment=[deployment])), "space")


def test_ready_pods_count_in_their_zone() -> None:
    counted = _live(_pod("zone-a", ready=True), _pod("zone-b"))
    assert counted == {"zone-a": ZonePods(1, 1, 0), "zone-b": ZonePods(1, 0, 0), "zone-c": ZonePods(0, 0, 0)}
    assert counted["zone-a"].settled
    assert not counted["zone-b"].settled


def test_a_standby_pod_whose_init_container_waits_is_held() -> None:
    waiting = _pod("zone-a", initContainerStatuses=_init("await", running={}))
    assert _live(waiting)["zone-a"] == ZonePods(1, 0, 1)


@pytest.mark.parametrize(
    "pod",
    [
        _pod("zone-a", initContainerStatuses=_init("await", waiting={"reason": "CrashLoopBackOff"})),
        _pod("zone-a", initContainerStatuses=_init("await", restarts=3, running={})),
        _pod("zone-a", initContainerStatuses=_init("await", waiting={"reason": "ImagePullBackOff"})),
        _pod("zone-a", initContainerStatuses=_init("gateway", running={})),
        _pod("zone-a", role="home", initContainerStatuses=_init("await", running={})),
        _pod("zone-a"),
    ],
    ids=["crashes", "was restarted", "has no image", "only its sidecar runs", "is at home", "has not begun"],
)
def test_a_pod_that_does_not_wait_as_it_should_is_not_held(pod: dict[str, Any]) -> None:
    assert _live(pod)["zone-a"] == ZonePods(1, 0, 0)


def test_pods_that_do_not_exist_yet_are_wanted_somewhere() -> None:
    assert _live(_pod("zone-a", ready=True), replicas=3)[pods.UNSCHEDULED] == ZonePods(wanted=2)


def test_a_pod_without_a_node_is_unscheduled() -> None:
    assert _live(_pod(None))[pods.UNSCHEDULED] == ZonePods(wanted=1)


def test_pods_of_jobs_and_those_that_go_do_not_count() -> None:
    of_a_job, going = _pod("zone-a"), _pod("zone-a")
    of_a_job["metadata"]["ownerReferences"] = [{"kind": "Job"}]
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    held = Held(Node=_nodes(), Pod=[of_a_job, going])
    assert set(pods.live(cast(Client, held), "space").values()) == {ZonePods()}


def test_what_lags_is_named_with_its_reason() -> None:
    pod = _pod("zone-a", phase="Pending")
    pod["status"]["conditions"][0]["message"] = "containers with unready status: [service]"
    cluster = {"kind": "Cluster", "metadata": {"name": "pg"}, "spec": {"instances": 3}, "status": {"instances": 1}}
    held = Held(Node=_nodes(), Pod=[pod], Cluster=[cluster])
    assert pods.lagging(cast(Client, held), "space") == [
        "Pod a: Pending: containers with unready status: [service]",
        "Cluster pg: 1 of 3 pods exist",
    ]


class TestComponents:
    POOLER: Mapping[str, Any] = {
        "labels": {"app.kubernetes.io/name": "postgresql", "app.kubernetes.io/component": "pooler"}
    }

    def test_the_program_says_what_a_pod_is_of_and_a_pooler_is_told_from_its_database(self) -> None:
        database = {"app.kubernetes.io/name": "postgresql", "app.kubernetes.io/component": "database"}
        assert pods.component({"name": "a-1", "labels": database}) == "postgresql"
        assert pods.component(self.POOLER) == "postgresql pooler"
        assert pods.component({"name": "bare"}) == "bare"

    def test_planned_pods_keep_their_component_in_their_zone(self) -> None:
        pinned = {"spec": {"nodeSelector": {ZONE_LABEL: "zone-b"}}}
        resources = [
            PlannedResource(
                "kubernetes:apps/v1:Deployment", "d", "d", None, {"metadata": {"name": "web"}, "spec": {"replicas": 4}}
            ),
            PlannedResource(
                "kubernetes:apps/v1:StatefulSet", "s", "s", None,
                {"metadata": {"name": "db"}, "spec": {"replicas": 2, "template": pinned}},
            ),
            PlannedResource("kubernetes:core/v1:Service", "x", "x", None, {"metadata": {"name": "web"}}),
        ]  # fmt: skip
        there = pods.planned_components(resources, ZONES)
        assert there == {"zone-a": ["web", "web"], "zone-b": ["web", "db", "db"], "zone-c": ["web"]}
        assert {zone: one.wanted for zone, one in pods.planned(resources, ZONES).items()} == {
            "zone-a": 2, "zone-b": 3, "zone-c": 1,
        }  # fmt: skip

    def test_what_is_there_is_told_with_its_node(self) -> None:
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        nodes = [{**node, "status": ready if "zone-a" in str(node) else {}} for node in _nodes()]
        job = {**_pod("zone-a"), "metadata": {"name": "j", "ownerReferences": [{"kind": "Job"}]}}
        there = [_pod("zone-a", ready=True), _pod("zone-b", **_waiting()), _pod(None), job]
        placed = pods.placed(cast(Client, Held(Node=nodes, Pod=there)), "soma")
        assert [(node.name, node.zone, node.ready) for node in placed.nodes] == [
            ("node-zone-a", "zone-a", True), ("node-zone-b", "zone-b", False), ("node-zone-c", "zone-c", False),
        ]  # fmt: skip
        assert [(pod.node, pod.ready, pod.held) for pod in placed.pods] == [
            ("node-zone-a", True, False), ("node-zone-b", False, True), ("", False, False),
        ]  # fmt: skip


def _waiting() -> dict[str, Any]:
    return {"initContainerStatuses": _init("await", running={})}
