"""Qdrant on real nodes: its Jobs did their work, and the service's gateway carries calls over a node that is lost."""

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.dataplane.cluster.faults import Faults, stopwatch
from tests.dataplane.cluster.logs import statuses
from tests.dataplane.cluster.qdrant_copies import assert_spread, copies
from tests.dataplane.cluster.stand import Stand, eventually

SERVICE = "app.kubernetes.io/name=memory-service"
CALLER = "memory-service"
"""The container that calls: beside the gateway, and one whose image has Python on any cluster."""
LOAD_SECONDS = 20
COLLECTION, REPORT, INSTANCE = "/collections/default", "qdrant-report", "app.kubernetes.io/instance"

_CALL = """
import json, sys, urllib.request
method, path, body = sys.argv[1:4]
json_type = {"content-type": "application/json"}
request = urllib.request.Request("http://127.0.0.1:6333" + path, body.encode() or None, json_type, method=method)
print(json.dumps(json.load(urllib.request.urlopen(request, timeout=5))["result"]))
"""

_LOAD = """
import json, sys, time, urllib.request, uuid
json_type = {"content-type": "application/json"}
end, done, failed, longest = time.monotonic() + float(sys.argv[1]), 0, [], 0.0
while time.monotonic() < end:
    point = {"id": str(uuid.uuid4()), "vector": [1.0] * 768, "payload": {}}
    for method, path, body in (
        ("PUT", "/collections/default/points?wait=true", {"points": [point]}),
        ("POST", "/collections/default/points/query", {"query": [1.0] * 768, "limit": 1}),
    ):
        since = time.monotonic()
        request = urllib.request.Request(
            "http://127.0.0.1:6333" + path, json.dumps(body).encode(), json_type, method=method
        )
        try:
            urllib.request.urlopen(request, timeout=5).read()
            done += 1
        except Exception as error:
            failed.append(f"{method} {error}")
        longest = max(longest, time.monotonic() - since)
print(json.dumps({"done": done, "failed": failed, "longest": longest}))
"""

_STARTS = """
import collections, json, sys, urllib.error, urllib.request
json_type = {"content-type": "application/json"}
body = json.dumps({"vectors": {"size": 768, "distance": "Cosine"}}).encode()
seen = collections.Counter()
for _ in range(int(sys.argv[1])):
    for method in ("PUT", "DELETE", "PUT"):
        request = urllib.request.Request(
            "http://127.0.0.1:6333/collections/default", body if method == "PUT" else None, json_type, method=method
        )
        try:
            status = urllib.request.urlopen(request, timeout=5).status
        except urllib.error.HTTPError as error:
            status = error.code
        seen[f"{method} {status}"] += 1
print(json.dumps(seen))
"""
"""What a starting service does to its collection at worst: its check has failed, so it makes it, and then anew."""

_KEYS = """
import json, sys, urllib.error, urllib.request
def ask(url, method="GET", key=None, body=None):
    headers = {"content-type": "application/json"}
    if key:
        headers["api-key"] = open(f"/run/secrets/qdrant/{key}").read()
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=5)
    except urllib.error.HTTPError as error:
        return error.code, ""
    return answer.status, answer.read().decode()
node = "http://qdrant-1.qdrant-headless"
points = f"{node}:6333/collections/default/points"
print(json.dumps({
    "metrics": ask(f"{node}:6336/metrics"),
    "no key": ask(f"{node}:6333/collections")[0],
    "reads": ask(f"{node}:6333/collections", key="read-only-api-key")[0],
    "writes": ask(points, "PUT", "read-only-api-key", b'{"points": []}')[0],
}))
"""


_ASK = """
import json, sys, urllib.request
headers = {"api-key": open("/run/secrets/qdrant/api-key").read()}
method, path = sys.argv[1:3]
request = urllib.request.Request("http://qdrant-1.qdrant-headless:6333" + path, headers=headers, method=method)
print(json.dumps(json.load(urllib.request.urlopen(request, timeout=10))["result"]))
"""


def through_gateway(cluster: Stand, method: str, path: str, body: str = "") -> Any:
    pod = cluster.pods(SERVICE)[0].name
    return json.loads(cluster.exec(pod, CALLER, "python3", "-c", _CALL, method, path, body))


def test_the_job_made_the_collection(cluster: Stand) -> None:
    params = through_gateway(cluster, "GET", "/collections/default")["config"]["params"]
    assert (params["shard_number"], params["replication_factor"]) == (4, 2)
    assert params["vectors"] == {"size": 768, "distance": "Cosine"}


def test_a_hundred_start_ups_leave_the_collection_and_its_points(cluster: Stand, figure: Callable[[str], None]) -> None:
    before = through_gateway(cluster, "GET", "/collections/default")
    pod = cluster.pods(SERVICE)[0].name
    seen = json.loads(cluster.exec(pod, CALLER, "python3", "-c", _STARTS, "100", seconds=120))
    after = through_gateway(cluster, "GET", "/collections/default")
    figure(f"Qdrant: {seen} through a pod's gateway; the collection is as it was")
    assert seen == {"PUT 200": 200, "DELETE 403": 100}
    assert after["config"] == before["config"]
    assert after["points_count"] >= before["points_count"]


def test_metrics_are_open_to_monitoring_and_the_second_key_reads_alone(cluster: Stand) -> None:
    said = json.loads(cluster.tool("python3", "-c", _KEYS))
    status, text = said["metrics"]
    assert status == 200
    assert "cluster_peers_total" in text
    assert (said["no key"], said["reads"], said["writes"]) == (401, 200, 403)


def test_the_rebalancer_reports_each_node_with_its_zone(cluster: Stand) -> None:
    (pod,) = [pod for pod in cluster.pods("app.kubernetes.io/instance=qdrant-rebalance") if not pod.ready]
    said = cluster.logs(pod.name, "qdrant-rebalance")
    assert "3 nodes in 3 zones" in said
    for qdrant in cluster.pods("app.kubernetes.io/name=qdrant"):
        assert f"{cluster.zone_of(qdrant)}  {qdrant.name}" in said
    assert "everything is in its place" in said


@pytest.mark.timeout(400)
def test_calls_go_on_while_a_node_hangs(cluster: Stand, faults: Faults) -> None:
    with calling(cluster) as seen:
        time.sleep(3)
        faults.freeze("qdrant-1", "qdrant")
    assert_went_on(seen)
    faults.thaw("qdrant-1", "qdrant")
    eventually("the node is back", lambda: cluster.pod("qdrant-1").ready, 120)


@pytest.mark.timeout(600)
def test_a_first_node_that_lost_its_volume_comes_back_by_its_runbook(
    cluster: Stand, faults: Faults, figure: Callable[[str], None]
) -> None:
    """It founds no second cluster, waits until its former peer is given up, and then gets copies again: the report says
    what is missing, node by node, and moves nothing; the Job does (docs/runbooks/alerts/qdrant.md)."""
    eventually("all copies are in their places", lambda: spread(cluster), 120)
    lost, before = peers(cluster)["qdrant-0"], through_gateway(cluster, "GET", COLLECTION)["points_count"]
    with calling(cluster) as seen:
        time.sleep(3)
        cluster.client.delete("v1", "PersistentVolumeClaim", "storage-qdrant-0", cluster.namespace)
        faults.delete("qdrant-0", grace=0)
        eventually("it is refused", lambda: f"already used by peer {lost}" in said_by(cluster, "qdrant-0"), 120)
        alone = peers(cluster)
    assert_went_on(seen)
    assert alone == {**alone, "qdrant-0": lost}, "nobody has joined in its place"
    assert "joining through" in said_by(cluster, "qdrant-0")

    ask(cluster, "DELETE", f"/cluster/peer/{lost}?force=true")
    faults.delete("qdrant-0", grace=0)
    eventually("it is a peer again", lambda: peers(cluster).get("qdrant-0", lost) != lost, 60)
    eventually("it is ready", lambda: cluster.pod("qdrant-0").ready, 60)
    missing = copies(cluster).copies
    report = reported(cluster)
    for qdrant in cluster.pods("app.kubernetes.io/name=qdrant"):
        assert f"{cluster.zone_of(qdrant)}  {qdrant.name}" in report
    assert "moves are off; " in report
    assert copies(cluster).copies == missing, "moves are off unless the settings say otherwise"
    since = stopwatch()
    for job in cluster.client.list("batch/v1", "Job", cluster.namespace, label_selector=f"{INSTANCE}=qdrant-rebalance"):
        cluster.client.delete("batch/v1", "Job", job["metadata"]["name"], cluster.namespace)
    cluster.up({})
    figure(f"Qdrant node with a lost volume, real nodes: has its copies again {since():.0f} s after `pulumi up` began")
    assert spread(cluster)
    assert through_gateway(cluster, "GET", COLLECTION)["points_count"] == before + seen["done"] // 2


@contextmanager
def calling(cluster: Stand) -> Generator[dict[str, Any]]:
    """Writes and searches from a pod of the service, for a while; what came of them is there when they have ended."""
    pod = cluster.pods(SERVICE)[0].name
    with cluster.beside(pod, CALLER, _LOAD, LOAD_SECONDS + 60, str(LOAD_SECONDS)) as seen:
        yield seen


def assert_went_on(seen: dict[str, Any]) -> None:
    assert not seen["failed"], seen
    assert seen["done"] > 20


def ask(cluster: Stand, method: str, path: str) -> Any:
    """What another node answers than the one that is lost."""
    return json.loads(cluster.tool("python3", "-c", _ASK, method, path))


def peers(cluster: Stand) -> dict[str, int]:
    """Who is in the cluster, by the names of the pods. AssertionError where one is there twice."""
    known = [(each["uri"].split("//")[1].split(".")[0], int(peer)) for peer, each in ask_peers(cluster).items()]
    found = dict(known)
    assert len(found) == len(known), known
    return found


def ask_peers(cluster: Stand) -> dict[str, Any]:
    return ask(cluster, "GET", "/cluster")["peers"]


def said_by(cluster: Stand, pod: str) -> str:
    """What Qdrant's container has written, in the start before too."""
    again = next((one for one in statuses(cluster.pod(pod)) if one["name"] == "qdrant" and one["restartCount"]), None)
    return "".join(cluster.logs(pod, "qdrant", previous) for previous in ((True, False) if again else (False,)))


def spread(cluster: Stand) -> bool:
    assert_spread(cluster, cluster.settings.qdrant.replicas)
    return True


def reported(cluster: Stand) -> str:
    """What a run of the CronJob says that reports, as the runbooks make it."""
    cron = cluster.client.get("batch/v1", "CronJob", REPORT, cluster.namespace)
    metadata = {"name": "look-after-a-loss", "namespace": cluster.namespace}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": cron["spec"]["jobTemplate"]["spec"]}
    cluster.client.create(job)

    def ended() -> bool:
        status = cluster.client.get("batch/v1", "Job", metadata["name"], cluster.namespace)["status"]
        assert not status.get("succeeded"), "it has something to say"
        return bool(status.get("failed"))

    try:
        eventually("the report has ended", ended, 120)
        (pod,) = cluster.pods(f"batch.kubernetes.io/job-name={metadata['name']}")
        return cluster.logs(pod.name, REPORT)
    finally:
        cluster.logs_kept.keep(cluster, cluster.pods(f"batch.kubernetes.io/job-name={metadata['name']}"))
        cluster.client.delete("batch/v1", "Job", metadata["name"], cluster.namespace)
