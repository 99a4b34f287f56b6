"""The service's pods on the region's stores: when they start, what they do there, and that no hung store kills them."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pytest

from rehearsal.kube import Manifest
from tests.dataplane.cluster.faults import Faults
from tests.dataplane.cluster.stand import Pod, Stand, eventually

SERVICE = "memory-service"
REFUSED = "memory-service-refused"
PASSWORD = "/run/soma/mended/password"
"""Of the refused pod's gateway."""
PODS = "app.kubernetes.io/instance=memory-service,app.kubernetes.io/name=memory-service"
STORES = {
    "redis": ("app.kubernetes.io/name=redis", "redis"),
    "qdrant": ("app.kubernetes.io/name=qdrant", "qdrant"),
    "postgresql": ("cnpg.io/podRole=instance", "postgres"),
}
"""Label and container of the pods that hold a store."""
CALL_SECONDS = 60.0
EVERY = 10_000
"""More than other tests leave behind: what the stand-in's vectors find first, nobody can say."""
HUNG_SECONDS = 60
AGAIN_SECONDS = 180
"""For everything to be ready after a store came back: the pooler's and Kubernetes' waits, on a busy machine."""

_CALL = """
import json, sys, urllib.error, urllib.request
asked = json.load(sys.stdin)
body = json.dumps(asked["body"]).encode() if asked["body"] is not None else None
headers = {"Authorization": "Bearer " + asked["token"], "Content-Type": "application/json"}
request = urllib.request.Request(asked["url"], body, headers, method=asked["method"])
try:
    with urllib.request.urlopen(request, timeout=asked["seconds"]) as answer:
        print(json.dumps([answer.status, json.load(answer)]))
except urllib.error.HTTPError as error:
    print(json.dumps([error.code, error.read().decode()]))
except OSError as error:
    print(json.dumps([0, str(error)]))
"""
"""A call from the toolbox; the token comes by standard input, for command lines can be read by others."""


@dataclass(frozen=True)
class Memory:
    """The service of a memory namespace, as users reach it inside the cluster."""

    stand: Stand
    name: str = SERVICE

    def call(self, method: str, path: str, body: object = None, seconds: float = CALL_SECONDS) -> tuple[int, Any]:
        asked = {
            "url": f"http://{self.name}{path}",
            "method": method,
            "body": body,
            "token": self.stand.secret(f"{self.name}-token")["token"],
            "seconds": seconds,
        }
        said = self.stand.tool("python3", "-c", _CALL, text=json.dumps(asked), seconds=seconds + CALL_SECONDS)
        status, answer = json.loads(said)
        return int(status), answer

    def store(self, coordinate: str, seconds: float = CALL_SECONDS, **payload: str) -> int:
        return self.call("POST", "/memories", {"coord": coordinate, "payload": payload}, seconds)[0]

    def read(self, coordinate: str) -> tuple[int, Any]:
        return self.call("GET", f"/memories/{coordinate}")


@pytest.fixture
def memory(cluster: Stand) -> Memory:
    return Memory(cluster)


def pods(stand: Stand) -> list[Pod]:
    """The pods of the first namespace, without those that are going."""
    return [pod for pod in stand.pods(PODS) if "deletionTimestamp" not in pod.manifest["metadata"]]


def restarts(pod: Pod) -> int:
    statuses: list[Manifest] = pod.manifest["status"].get("containerStatuses") or []
    return sum(int(one["restartCount"]) for one in statuses if one["name"] == SERVICE)


def all_ready(stand: Stand) -> bool:
    found = pods(stand)
    return len(found) == stand.settings.memory.replicas and all(pod.ready for pod in found)


def test_a_memory_is_stored_read_and_found_through_the_service(cluster: Stand, memory: Memory) -> None:
    assert memory.store("11,1", text="a walk in the rain") == 200
    status, found = memory.read("11,1")
    assert (status, found["memory"]["text"]) == (200, "a walk in the rain")
    # Another pod may answer: what it knows is in the stores.
    for _ in range(6):
        assert memory.read("11,1")[0] == 200
    status, found = memory.call("POST", "/memories/search", {"query": "rain", "top_k": EVERY})
    assert status == 200
    assert "a walk in the rain" in [one.get("text") for one in found["memories"]]


def test_another_memory_namespace_knows_nothing_of_it(cluster: Stand, memory: Memory) -> None:
    other = Memory(cluster, f"{SERVICE}-second")
    assert memory.store("12,1", text="ours alone") == 200
    assert other.read("12,1")[0] == 404
    assert other.store("12,1", text="theirs") == 200
    assert memory.read("12,1")[1]["memory"]["text"] == "ours alone"
    _, found = other.call("POST", "/memories/search", {"query": "ours alone", "top_k": EVERY})
    assert "ours alone" not in [one.get("text") for one in found["memories"]]


def test_every_pod_waited_for_each_store_and_says_so(cluster: Stand) -> None:
    for pod in pods(cluster):
        assert "PostgreSQL is writable" in cluster.logs(pod.name, "await-primary")
        waited = cluster.logs(pod.name, "await-stores")
        assert "every slot of the Redis cluster has a master" in waited
        assert "collection 'default' is there, 768 numbers a vector" in waited


@pytest.mark.timeout(600)
@pytest.mark.parametrize("store", STORES)
def test_a_store_that_hangs_for_a_minute_kills_no_pod_and_lets_none_start(
    cluster: Stand, memory: Memory, faults: Faults, store: str
) -> None:
    eventually("the service is whole", lambda: all_ready(cluster), AGAIN_SECONDS)
    before = {pod.uid: restarts(pod) for pod in pods(cluster)}
    selector, container = STORES[store]
    held = cluster.pods(selector)
    for pod in held:
        faults.freeze(pod.name, container)
    started = time.monotonic()
    # Each pod has something to wait for.
    for number in range(cluster.settings.memory.replicas):
        memory.store(f"13,{number}", seconds=2, text="while it hangs")
    gone = pods(cluster)[0]
    faults.delete(gone.name, grace=0)

    def newcomer() -> Pod | None:
        return next((pod for pod in pods(cluster) if pod.uid not in before), None)

    eventually("a new pod is made", newcomer, HUNG_SECONDS)
    while time.monotonic() < started + HUNG_SECONDS:
        new = newcomer()
        assert new is None or not new.ready, "it started on a store that hangs"
        time.sleep(2)
    for pod in held:
        faults.thaw(pod.name, container)
    eventually("every pod is ready again", lambda: all_ready(cluster), AGAIN_SECONDS)
    assert {pod.uid: restarts(pod) for pod in pods(cluster) if pod.uid in before} == {
        uid: count for uid, count in before.items() if uid != gone.uid
    }
    eventually("it stores again", lambda: memory.store("14,1", text=store) == 200, AGAIN_SECONDS)
    eventually("and reads it", lambda: memory.read("14,1")[0] == 200, AGAIN_SECONDS)


def refused(stand: Stand) -> Manifest:
    """A pod of the service whose PostgreSQL refuses it: a wrong password, until `mender` puts the right one there.

    It skips the wait that would hold it back, its gateway is impatient, and its startup probe gives up sooner than the
    service's own: what is tested is who is found, not how long the gateway waits and the kubelet counts.
    """
    deployment = stand.client.get("apps/v1", "Deployment", SERVICE, stand.namespace)
    template: Manifest = deployment["spec"]["template"]
    spec: Manifest = json.loads(json.dumps(template["spec"]))
    service = next(one for one in spec["containers"] if one["name"] == SERVICE)
    service["startupProbe"].update(periodSeconds=3, failureThreshold=8)
    starting: dict[str, Manifest] = {one["name"]: one for one in spec["initContainers"]}
    waits = starting.pop("await-primary")
    gateway = starting.pop("postgresql-gateway")
    changed = {"POSTGRES_PASSWORD_FILE": PASSWORD, "PATIENCE": "2s"}
    gateway["env"] = [{**one, "value": changed.get(one["name"], one.get("value"))} for one in gateway["env"]]
    mended = {"name": "mended", "mountPath": str(PurePosixPath(PASSWORD).parent)}
    gateway["volumeMounts"].append(mended)
    mender = {
        "name": "mender",
        "image": waits["image"],
        "command": ["sh", "-c", f"echo wrong > {PASSWORD}"],
        "securityContext": waits["securityContext"],
        "volumeMounts": gateway["volumeMounts"],
    }
    spec["initContainers"] = [{**mender, "name": "spoiler"}, gateway, *starting.values()]
    spec["containers"].append({**mender, "command": ["sleep", "infinity"]})
    spec["volumes"].append({"name": "mended", "emptyDir": {"medium": "Memory"}})
    spec.pop("topologySpreadConstraints", None)
    # Not the Service's: users shall not notice.
    labels = {**template["metadata"]["labels"], "app.kubernetes.io/instance": REFUSED}
    metadata = {"name": REFUSED, "namespace": stand.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {**spec, "restartPolicy": "Always"}}


@pytest.fixture
def unwanted(cluster: Stand) -> Iterator[Callable[[], Pod]]:
    """The refused pod, as it is now."""
    cluster.client.apply(refused(cluster), field_manager="data-tier")
    yield lambda: cluster.pod(REFUSED)
    cluster.client.delete("v1", "Pod", REFUSED, cluster.namespace, grace_seconds=0)


@pytest.mark.timeout(600)
def test_a_pod_that_postgresql_refused_at_its_start_is_found_and_started_again(
    cluster: Stand, unwanted: Callable[[], Pod]
) -> None:
    """By itself it says that all is well, and answers 200 to what it loses."""
    said = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9595/readyz').read().decode())"
    answer = eventually(
        "it listens, without PostgreSQL", lambda: cluster.exec(REFUSED, SERVICE, "python3", "-c", said), AGAIN_SECONDS
    )
    assert json.loads(answer) == {"kv_store": True, "vector_store": True, "graph_store": True}
    assert not unwanted().ready
    eventually("the kubelet starts it again", lambda: restarts(unwanted()) >= 1, AGAIN_SECONDS)
    events = cluster.client.list("v1", "Event", cluster.namespace, field_selector=f"involvedObject.name={REFUSED}")
    assert any("runs without a connection to PostgreSQL" in event["message"] for event in events)

    cluster.exec(REFUSED, "mender", "cp", "/run/soma/postgresql/password", PASSWORD)
    eventually("it starts with PostgreSQL", lambda: unwanted().ready, AGAIN_SECONDS)
