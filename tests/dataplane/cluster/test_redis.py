"""Redis masters die, hang, and go with their zone, under a load through the gateway of the service's own pod."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.dataplane.cluster.faults import Faults
from tests.dataplane.cluster.redis_cluster import SELECTOR, RedisNodes
from tests.dataplane.cluster.stand import Stand, eventually

PODS = "app.kubernetes.io/instance=memory-service,app.kubernetes.io/name=memory-service"
SERVICE = "memory-service"
RESTORED_SECONDS = 15
"""How long a client may have to wait when masters are lost."""
KEYS = 1000
Figure = Callable[[str], None]

_LOAD = """
import json, sys, threading, time
import redis
from redis.exceptions import RedisError

told = {"answers": 0, "longest": 0.0, "errors": [], "wrong": []}
stop, guard = threading.Event(), threading.Lock()

def work(number):
    client, count = redis.Redis(host="127.0.0.1"), 0
    while not stop.wait(0.02):
        key, value = f"load:{number}:{count % 100}", f"{number}-{count}"
        began = time.monotonic()
        try:
            client.set(key, value)
            read = client.get(key)
        except RedisError as error:
            with guard:
                told["errors"].append(f"{type(error).__name__}: {error}")
            continue
        with guard:
            told["answers"] += 2
            told["longest"] = max(told["longest"], time.monotonic() - began)
            if read != value.encode():
                told["wrong"].append(f"{key}: read {read}, wrote {value}")
        count += 1

workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for worker in workers:
    worker.start()
sys.stdin.read()
stop.set()
for worker in workers:
    worker.join(60)
print(json.dumps(told))
"""
"""A plain client, as the service's; ends with its standard input and prints what it was told."""


@dataclass
class Told:
    """What the clients were told; filled when the load has ended."""

    answers: int = 0
    longest: float = 0.0
    errors: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])


@contextmanager
def load(stand: Stand, away: str = "") -> Generator[Told]:
    """A load from a pod of the service, outside the zone that is to be lost."""
    pod = next(pod.name for pod in stand.pods(PODS) if stand.zone_of(pod) != away)
    told = Told()
    with stand.beside(pod, SERVICE, _LOAD, 120) as said:
        yield told
    told.__dict__.update(said)


@pytest.fixture
def redis(cluster: Stand) -> RedisNodes:
    redis = RedisNodes(cluster)
    eventually("the cluster is as planned", lambda: redis.works() and redis.masters() == redis.planned_masters, 180)
    redis.write(KEYS)
    time.sleep(1)  # the replicas have them
    return redis


def assert_went_on(told: Told, redis: RedisNodes) -> None:
    assert told.errors == []
    assert told.wrong == []
    assert told.answers > 1000
    assert told.longest <= RESTORED_SECONDS
    assert redis.wrong(KEYS) == [], "acknowledged and replicated before"


def test_a_master_that_is_killed_costs_a_wait(
    cluster: Stand, faults: Faults, redis: RedisNodes, figure: Figure
) -> None:
    """Kubernetes starts it again within seconds; a failover may or may not come before."""
    with load(cluster) as told:
        time.sleep(3)
        faults.kill(sorted(redis.planned_masters)[0], "redis")
        time.sleep(RESTORED_SECONDS)
    figure(f"Redis master killed, real nodes: {told.answers} answers, the slowest took {told.longest:.1f} s")
    assert_went_on(told, redis)


def test_a_master_that_hangs_costs_a_wait(cluster: Stand, faults: Faults, redis: RedisNodes, figure: Figure) -> None:
    with load(cluster) as told:
        time.sleep(3)
        frozen = sorted(redis.planned_masters)[0]
        faults.freeze(frozen, "redis")
        time.sleep(RESTORED_SECONDS + 5)
        faults.thaw(frozen, "redis")
    figure(f"Redis master frozen, real nodes: {told.answers} answers, the slowest took {told.longest:.1f} s")
    assert_went_on(told, redis)


@pytest.mark.own_nodes
def test_a_lost_zone_costs_a_wait_and_roles_come_back_with_it(
    cluster: Stand, faults: Faults, redis: RedisNodes, figure: Figure
) -> None:
    zone = cluster.zone_of(cluster.pod(sorted(redis.planned_masters)[-1]))
    assert sum(cluster.zone_of(pod) == zone for pod in cluster.pods(SELECTOR)) == 2
    with load(cluster, away=zone) as told:
        time.sleep(3)
        faults.cut_zone(zone)
        time.sleep(RESTORED_SECONDS + 5)
    faults.heal_zone(zone)
    figure(f"Redis zone cut off, real nodes: {told.answers} answers, the slowest took {told.longest:.1f} s")
    eventually("roles are back", lambda: redis.works() and redis.masters() == redis.planned_masters, 180)
    assert_went_on(told, redis)
