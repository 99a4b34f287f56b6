"""A load on both stores through the gateways of the service's own pod, that notices whatever is lost."""

from collections.abc import Generator
from contextlib import contextmanager

from rehearsal.kube import Manifest
from tests.dataplane.cluster import toolbox
from tests.dataplane.cluster.stand import TOOLBOX, Stand, eventually
from tests.dataplane.cluster.test_redis import PODS, SERVICE, Told

APART = "store-load"
END_SECONDS = 180
"""For reading everything once more."""

_LOAD = """
import json, sys, threading, time, urllib.request
import redis

FIRST, SEEDED = 1_000_000, 200
told = {store: {"answers": 0, "longest": 0.0, "errors": [], "wrong": []} for store in ("redis", "qdrant")}
stop, guard, written, points = threading.Event(), threading.Lock(), {}, set()

def qdrant(method, path, body):
    address = "http://127.0.0.1:6333/collections/default/points" + path
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(address, json.dumps(body).encode(), headers, method=method)
    return json.load(urllib.request.urlopen(request, timeout=5))["result"]

def put(numbers):
    made = [{"id": n, "vector": [1.0] * 768, "payload": {"number": n}} for n in numbers]
    qdrant("PUT", "?wait=true", {"points": made})
    points.update(numbers)

def point(count):
    number = FIRST + SEEDED + count
    put([number])
    for wait in (0, 1):
        # A copy that misses a write is dead by consensus: a node that has not heard of it yet may still read there.
        time.sleep(wait)
        found = qdrant("POST", "/scroll", {"offset": number, "limit": 1, "with_payload": True})["points"]
        if found and found[0]["id"] == number:
            break
    return "" if [one["payload"] for one in found] == [{"number": number}] else f"point {number}: {found}"

def key(worker):
    client = redis.Redis(host="127.0.0.1")
    def act(count):
        name, value = f"scale:{worker}:{count % 500}", f"{worker}-{count}"
        client.set(name, value)
        written[name] = value
        read = client.get(name)
        return "" if read == value.encode() else f"{name}: read {read}, wrote {value}"
    return act

def work(store, act, pause):
    count, seen = 0, told[store]
    while not stop.is_set():
        began = time.monotonic()
        try:
            wrong = act(count)
        except Exception as error:
            with guard:
                seen["errors"].append(f"{time.strftime('%X')} {type(error).__name__}: {error}")
        else:
            with guard:
                seen["answers"] += 2
                seen["longest"] = max(seen["longest"], time.monotonic() - began)
                seen["wrong"] += [wrong] if wrong else []
        count += 1
        time.sleep(pause)

def kept():
    found, offset = set(), FIRST
    while offset is not None:
        page = qdrant("POST", "/scroll", {"offset": offset, "limit": 100, "with_payload": True})
        found |= {one["id"] for one in page["points"] if one["payload"] == {"number": one["id"]}}
        offset = page["next_page_offset"]
    return found

for first in range(FIRST, FIRST + SEEDED, 20):
    put(range(first, first + 20))
jobs = [("redis", key(0), 0.02), ("redis", key(1), 0.02), ("qdrant", point, 0.3)]
workers = [threading.Thread(target=work, args=job) for job in jobs]
for worker in workers:
    worker.start()
sys.stdin.read()
stop.set()
for worker in workers:
    worker.join(60)
client = redis.Redis(host="127.0.0.1")
told["redis"]["wrong"] += [f"{n} is not {v}" for n, v in written.items() if client.get(n) != v.encode()]
told["qdrant"]["wrong"] += [f"point {number} is lost" for number in points - kept()]
# Left there, they would be the nearest of every search that comes after.
qdrant("POST", "/delete?wait=true", {"points": sorted(points)})
print(json.dumps(told))
"""
"""Writes to both stores and reads it back, as the service's own clients would; at the end everything once more."""


@contextmanager
def load(stand: Stand, pod: str = "", container: str = SERVICE) -> Generator[dict[str, Told]]:
    """Clients in a pod of the service, or another one; what each store told them is there when they have ended."""
    told: dict[str, Told] = {}
    with stand.beside(pod or stand.pods(PODS)[0].name, container, _LOAD, END_SECONDS) as said:
        yield told
    told.update({store: Told(**seen) for store, seen in said.items()})


@contextmanager
def apart(stand: Stand, ready: bool = True) -> Generator[str]:
    """A pod with the service's gateways to both stores and no service: an update that renews the service's pods leaves
    it alone, with what its gateways read when they started. Its name; the load runs in its container TOOLBOX.

    Without `ready` it is not waited for until its gateways reach their stores, only until commands can run in it.
    """
    deployment = stand.client.get("apps/v1", "Deployment", SERVICE, stand.namespace)
    service: Manifest = deployment["spec"]["template"]["spec"]
    gateways = [one for one in service["initContainers"] if one["name"] in ("redis-gateway", "qdrant-gateway")]
    mounted = {mount["name"] for gateway in gateways for mount in gateway["volumeMounts"]}
    pod = toolbox.pod(stand.namespace, stand.pod(TOOLBOX).manifest["spec"]["containers"][0]["image"])
    (client,) = pod["spec"]["containers"]
    pod["metadata"]["name"] = APART
    pod["spec"] |= {
        "securityContext": service["securityContext"],
        "initContainers": gateways,
        "containers": [{**client, "volumeMounts": []}],
        "volumes": [volume for volume in service["volumes"] if volume["name"] in mounted],
    }
    stand.client.apply(pod, field_manager="data-tier")
    try:
        eventually(f"pod {APART} runs", lambda: _runs(stand, ready), END_SECONDS)
        yield APART
    finally:
        stand.logs_kept.keep(stand, [stand.pod(APART)])
        stand.client.delete("v1", "Pod", APART, stand.namespace, grace_seconds=0)


def _runs(stand: Stand, ready: bool) -> bool:
    pod = stand.pod(APART)
    return pod.ready if ready else bool(pod.container_id(TOOLBOX))
