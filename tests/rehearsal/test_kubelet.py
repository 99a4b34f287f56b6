"""The simulated kubelet: what pods, Jobs and claims come to."""

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.kube import Client, Manifest

SPREAD = {
    "maxSkew": 1,
    "topologyKey": "topology.kubernetes.io/zone",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "a"}},
}


@pytest.fixture
def namespace(admin: Client) -> Iterator[str]:
    name = f"kubelet-{secrets.token_hex(4)}"
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, "test")
    yield name
    admin.delete("v1", "Namespace", name)


def template(labels: dict[str, str] | None = None, **spec: Any) -> Manifest:
    metadata = {"labels": {"app": "a", **(labels or {})}}
    return {"metadata": metadata, "spec": {"containers": [{"name": "main", "image": "a:1"}], **spec}}


def eventually(client: Client, obj: Manifest, check: Callable[[Manifest], bool]) -> Manifest:
    found = client.wait(obj, lambda seen: seen is not None and check(seen), 20)
    assert found is not None
    return found


def workload(namespace: str, kind: str, pods: Manifest, **spec: Any) -> Manifest:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "a", "namespace": namespace},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "a"}}, "template": pods, **spec},
    }


def test_a_stateful_set_with_a_hard_spread_and_claims_gets_one_ready_pod_a_zone(admin: Client, namespace: str) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "50Gi"}}}
    claims = [{"metadata": {"name": "data"}, "spec": claim}]
    pods = template(topologySpreadConstraints=[SPREAD])
    declared = workload(namespace, "StatefulSet", pods, serviceName="a", volumeClaimTemplates=claims)
    admin.apply(declared, "test")
    eventually(admin, declared, lambda seen: (seen.get("status") or {}).get("readyReplicas") == 3)
    zones = {node["metadata"]["name"]: node["metadata"]["labels"] for node in admin.list("v1", "Node")}
    landed = [pod["spec"]["nodeName"] for pod in admin.list("v1", "Pod", namespace)]
    assert sorted(zones[node]["topology.kubernetes.io/zone"] for node in landed) == ["zone-a", "zone-b", "zone-c"]
    bound = admin.list("v1", "PersistentVolumeClaim", namespace)
    assert [found["status"]["phase"] for found in bound] == ["Bound"] * 3


def test_native_sidecars_keep_running_and_ordinary_init_containers_end(admin: Client, namespace: str) -> None:
    sidecar = {"name": "gateway", "image": "a:1", "restartPolicy": "Always"}
    pods = template(initContainers=[sidecar, {"name": "copy", "image": "a:1"}])
    declared = workload(namespace, "Deployment", pods, replicas=1)
    admin.apply(declared, "test")
    eventually(admin, declared, lambda seen: (seen.get("status") or {}).get("readyReplicas") == 1)
    gateway, copy = admin.list("v1", "Pod", namespace)[0]["status"]["initContainerStatuses"]
    assert (gateway["ready"], gateway["started"], list(gateway["state"])) == (True, True, ["running"])
    assert (copy["state"]["terminated"]["reason"], copy["state"]["terminated"]["exitCode"]) == ("Completed", 0)


def test_pods_of_a_standby_are_scheduled_and_held_in_their_first_ordinary_init_container(
    admin: Client, namespace: str
) -> None:
    sidecar = {"name": "gateway", "image": "a:1", "restartPolicy": "Always"}
    waiter, later = {"name": "await-primary", "image": "a:1"}, {"name": "later", "image": "a:1"}
    pods = template({"soma.io/region-role": "standby"}, initContainers=[sidecar, waiter, later])
    admin.apply(workload(namespace, "Deployment", pods, replicas=1), "test")
    deadline = time.monotonic() + 20
    while not (found := admin.list("v1", "Pod", namespace)) or not found[0]["status"].get("podIP"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1.5)  # longer than another pod takes to be ready
    status = admin.list("v1", "Pod", namespace)[0]["status"]
    assert status["phase"] == "Pending"
    states = {init["name"]: (next(iter(init["state"])), init["ready"]) for init in status["initContainerStatuses"]}
    assert states == {
        "gateway": ("running", True),
        "await-primary": ("running", False),
        "later": ("waiting", False),
    }


@pytest.mark.parametrize("sidecars", [[], [{"name": "gateway", "image": "a:1", "restartPolicy": "Always"}]])
def test_jobs_complete(admin: Client, namespace: str, sidecars: list[Manifest]) -> None:
    pods = template(restartPolicy="Never", initContainers=sidecars)
    job: Manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "a", "namespace": namespace},
        "spec": {"template": pods},
    }
    started = time.monotonic()
    admin.apply(job, "test")
    eventually(admin, job, lambda seen: (seen.get("status") or {}).get("succeeded") == 1)
    eventually(admin, job, lambda seen: any(c["type"] == "Complete" for c in seen["status"].get("conditions") or []))
    assert time.monotonic() - started < 10


def test_a_deleted_pod_goes_and_is_replaced(admin: Client, namespace: str) -> None:
    declared = workload(namespace, "Deployment", template(), replicas=1)
    admin.apply(declared, "test")
    eventually(admin, declared, lambda seen: (seen.get("status") or {}).get("readyReplicas") == 1)
    pod = admin.list("v1", "Pod", namespace)[0]
    admin.delete("v1", "Pod", pod["metadata"]["name"], namespace)
    assert admin.wait(pod, lambda seen: seen is None, 20) is None
    eventually(admin, declared, lambda seen: (seen.get("status") or {}).get("readyReplicas") == 1)
