"""All pods of the Redis Cluster are lost at once and come back with other addresses, and gateways live through it."""

import json
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.dataplane.cluster.faults import Faults, stopwatch
from tests.dataplane.cluster.logs import statuses
from tests.dataplane.cluster.redis_cluster import SELECTOR, RedisNodes
from tests.dataplane.cluster.stand import TOOLBOX, Stand, eventually
from tests.dataplane.cluster.store_load import apart
from tests.dataplane.cluster.test_redis import PODS, SERVICE

KEYS = 2000
PROMISED_SECONDS = 60
FSYNC_SECONDS = 2
"""The append-only file is written to disk each second."""
GATEWAY = "redis-gateway"
NEW, WELL = "the cluster was not reached yet", "every slot has a master that answers"
"""What a gateway says of the cluster when it has just started, and when all is well."""

_READ = """
import json, sys, threading, time
import redis
from redis.exceptions import RedisError

told, stop = {"answers": 0, "errors": [], "wrong": []}, threading.Event()

def read(count):
    value = client.get(f"key-{count % 100}")
    told["answers"] += 1
    if value != f"value-{count % 100}".encode():
        told["wrong"].append(f"key-{count % 100}: {value}")

def work():
    count = 0
    while not stop.wait(0.1):
        try:
            read(count)
        except RedisError as error:
            told["errors"].append(f"{type(error).__name__}: {error}")
        count += 1

client = redis.Redis(host="127.0.0.1")
worker = threading.Thread(target=work)
worker.start()
sys.stdin.read()
stop.set()
worker.join(60)
read(7)
print(json.dumps(told))
"""
"""A plain client that reads what was there before, and once more when all is over."""


@dataclass
class Told:
    """What it was told; filled when it has ended."""

    answers: int = 0
    errors: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])


@contextmanager
def reading(stand: Stand, pod: str, container: str) -> Generator[Told]:
    """A client of the gateway of a pod, for as long as `with` lasts."""
    told = Told()
    with stand.beside(pod, container, _READ, 120) as said:
        yield told
    told.__dict__.update(said)


def restarts(stand: Stand) -> Mapping[str, int]:
    """Of each container of the service's pods, gateways among them."""
    return {
        f"{pod.uid}/{status['name']}": int(status["restartCount"])
        for pod in stand.pods(PODS)
        for status in statuses(pod)
    }


def troubles(stand: Stand, pod: str) -> list[str]:
    """What a gateway has said of the cluster, one after the other."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in stand.logs(pod, GATEWAY).splitlines()]
    return [str(line.get("trouble", WELL)) for line in lines if str(line["msg"]).startswith("redis cluster")]


@pytest.mark.timeout(600)
def test_all_pods_lost_at_once_come_back_with_every_key(
    cluster: Stand, faults: Faults, figure: Callable[[str], None]
) -> None:
    redis = RedisNodes(cluster)
    eventually("the cluster is as planned", lambda: redis.works() and redis.masters() == redis.planned_masters, 120)
    redis.write(KEYS)
    time.sleep(FSYNC_SECONDS)
    before = {pod.uid: pod.address for pod in cluster.pods(SELECTOR)}
    service, started = cluster.pods(PODS)[0].name, restarts(cluster)
    with reading(cluster, service, SERVICE) as told:
        since = stopwatch()
        faults.delete(*redis.names, grace=1)
        with apart(cluster, ready=False) as late, reading(cluster, late, TOOLBOX) as told_late:
            eventually("the old pods go", lambda: not before.keys() & {pod.uid for pod in cluster.pods(SELECTOR)}, 60)
            eventually("every node says that the cluster works", redis.works, 120, every=0.5)
            working = since()
            eventually("the late gateway is ready", lambda: cluster.pod(late).ready, 60)
            heard = troubles(cluster, late)
        eventually("the masters are where they are planned", lambda: redis.masters() == redis.planned_masters, 120)
    figure(
        f"Redis, all six pods deleted: cluster_state ok on every node after {working:.0f} s, "
        f"masters as planned after {since():.0f} s"
    )
    after = {pod.address for pod in cluster.pods(SELECTOR)}
    assert not after & set(before.values()), "the pods came back with their old addresses: nothing was tested"
    assert redis.wrong(KEYS) == []
    assert working <= PROMISED_SECONDS
    assert set(heard) - {NEW, WELL}, f"the late gateway was to start while Redis is away: {heard}"
    assert heard[-1] == WELL
    assert restarts(cluster) == started, "no gateway and no service was started anew for it"
    for client in (told, told_late):
        assert client.wrong == []
        assert client.answers > 0
        assert [error for error in client.errors if not error.startswith("ClusterDownError")] == []
