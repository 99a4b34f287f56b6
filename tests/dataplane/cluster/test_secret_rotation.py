"""Another password for Redis, other API keys for Qdrant and other bearer tokens, by one update while all are used."""

import json
from collections.abc import Callable

import pytest

from tests.dataplane.cluster.faults import stopwatch
from tests.dataplane.cluster.redis_cluster import SELECTOR as REDIS
from tests.dataplane.cluster.redis_cluster import RedisNodes
from tests.dataplane.cluster.service_load import users
from tests.dataplane.cluster.stand import TOOLBOX, Stand, eventually
from tests.dataplane.cluster.store_load import apart, load
from tests.dataplane.cluster.test_qdrant import through_gateway

VERSIONS = {"redis.password_version": 2, "qdrant.api_key_version": 2, "memory.token_version": 2}
SERVICE = "memory-service-second"
"""Nobody else stores in its namespace."""
QDRANT = "app.kubernetes.io/name=qdrant"
KEYS = 500
MOUNTED_SECONDS = 180
"""Kubelet brings a changed Secret into a running pod within about two minutes."""

_QDRANT_TAKES = """
import json, sys, urllib.error, urllib.request
def status(node, key):
    request = urllib.request.Request(f"http://{node}.qdrant-headless:6333/collections", headers={"api-key": key})
    try:
        return urllib.request.urlopen(request, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
nodes, keys = json.load(sys.stdin)
print(json.dumps([[status(node, key) for node in nodes] for key in keys]))
"""
_REDIS_TAKES = """
import json, sys
import redis
def takes(node, password):
    try:
        return bool(redis.Redis(host=f"{node}.redis-headless", password=password, socket_timeout=5).ping())
    except redis.exceptions.AuthenticationError:
        return False
nodes, passwords = json.load(sys.stdin)
print(json.dumps([[takes(node, password) for node in nodes] for password in passwords]))
"""


def taken(stand: Stand, program: str, nodes: list[str], shown: list[str]) -> list[list[object]]:
    """How each node answers to each secret, which goes by standard input."""
    return json.loads(stand.tool("python3", "-c", program, text=json.dumps([nodes, shown])))


def of_pods(stand: Stand, selector: str) -> set[str]:
    return {pod.uid for pod in stand.pods(selector)}


@pytest.mark.timeout(1500)
def test_secrets_change_by_the_program_while_everything_is_used(cluster: Stand, figure: Callable[[str], None]) -> None:
    redis = RedisNodes(cluster)
    eventually("Redis is as planned", lambda: redis.works() and redis.masters() == redis.planned_masters, 180)
    redis.write(KEYS)
    before = {name: cluster.secret(name) for name in ("redis-auth", "qdrant-api-keys", f"{SERVICE}-token")}
    caches, peers = of_pods(cluster, REDIS), of_pods(cluster, QDRANT)
    points = through_gateway(cluster, "GET", "/collections/second")["points_count"]
    tokens = [before[f"{SERVICE}-token"][key] for key in ("token", "next")]
    since = stopwatch()
    with apart(cluster) as pod, load(cluster, pod, TOOLBOX) as stores, users(cluster, SERVICE, tokens) as told:
        cluster.up(VERSIONS)
        seconds = since()
        shown = cluster.secret("redis-auth")["password"]
        eventually(
            "the Secret is in the toolbox",
            lambda: cluster.tool("cat", "/run/secrets/redis/password") == shown,
            MOUNTED_SECONDS,
        )
    slowest = ", ".join(f"{store} {one.answers} answers, slowest {one.longest:.1f} s" for store, one in stores.items())
    figure(
        f"Redis password, Qdrant keys and tokens changed by one update, real nodes: {seconds:.0f} s; {slowest}; "
        f"{told.stored} memories stored, slowest {told.longest:.1f} s; {told.read} reads with the reader's token"
    )
    assert told.errors == []
    assert {store: (one.errors, one.wrong) for store, one in stores.items()} == {"redis": ([], []), "qdrant": ([], [])}
    assert told.stored > 50
    assert told.read > 50
    assert min(told.taken) > 20, "both tokens were in use while the pods were renewed"
    assert all(one.answers > 100 for one in stores.values())
    assert through_gateway(cluster, "GET", "/collections/second")["points_count"] == points + told.stored
    assert redis.wrong(KEYS) == []

    after = {name: cluster.secret(name) for name in before}
    assert of_pods(cluster, REDIS) == caches, "Redis restarts for no password"
    assert not of_pods(cluster, QDRANT) & peers
    assert after[f"{SERVICE}-token"]["token"] == before[f"{SERVICE}-token"]["next"]
    both = [one["redis-auth"]["password"] for one in (before, after)]
    assert both[0] != both[1]
    assert taken(cluster, _REDIS_TAKES, redis.names, both) == [[True] * len(redis.names)] * 2
    nodes = [pod.name for pod in cluster.pods(QDRANT)]
    keys = [one["qdrant-api-keys"][key] for one in (before, after) for key in ("api-key", "read-only-api-key")]
    assert len(set(keys)) == 4
    assert taken(cluster, _QDRANT_TAKES, nodes, keys) == [[200] * len(nodes)] * 4
    for name, key in (("redis-auth", "password"), ("qdrant-api-keys", "api-key"), (f"{SERVICE}-token", "token")):
        both = {one[name][key] for one in (before, after)}
        assert both <= cluster.ledger.wanted[f"{name}/{key}"], "old and new are looked for at the end (test_secrets.py)"
