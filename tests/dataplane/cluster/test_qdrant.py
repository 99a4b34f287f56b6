"""Qdrant on real nodes: its Jobs did their work, and the service's gateway carries calls over a node that is lost."""

import json
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from tests.dataplane.cluster.faults import Faults
from tests.dataplane.cluster.stand import Stand, eventually

SERVICE = "app.kubernetes.io/name=memory-service"
CALLER = "memory-service"
"""The container that calls: beside the gateway, and one whose image has Python on any cluster."""
LOAD_SECONDS = 20

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
@pytest.mark.parametrize("what", ["deleted", "frozen"])
def test_calls_go_on_without_a_node(cluster: Stand, faults: Faults, what: str) -> None:
    pod = cluster.pods(SERVICE)[0].name
    load = cluster.popen(pod, CALLER, "python3", "-c", _LOAD, str(LOAD_SECONDS))
    time.sleep(3)
    if what == "deleted":
        faults.delete("qdrant-1", grace=0)
    else:
        faults.freeze("qdrant-1", "qdrant")
    said, _ = load.communicate(timeout=LOAD_SECONDS + 60)
    seen = cast(dict[str, Any], json.loads(said))
    assert not seen["failed"], seen
    assert seen["done"] > 20
    if what == "frozen":
        faults.thaw("qdrant-1", "qdrant")
    eventually("the node is back", lambda: cluster.pod("qdrant-1").ready, 120)
