"""All pods of the Redis Cluster are lost at once and come back with other addresses."""

import time
from collections.abc import Callable

from tests.dataplane.cluster.faults import Faults, stopwatch
from tests.dataplane.cluster.redis_cluster import SELECTOR, RedisNodes
from tests.dataplane.cluster.stand import Stand, eventually

KEYS = 2000
PROMISED_SECONDS = 60
FSYNC_SECONDS = 2
"""The append-only file is written to disk each second."""


def test_all_pods_lost_at_once_come_back_with_every_key(
    cluster: Stand, faults: Faults, figure: Callable[[str], None]
) -> None:
    redis = RedisNodes(cluster)
    eventually("the cluster is as planned", lambda: redis.works() and redis.masters() == redis.planned_masters, 120)
    redis.write(KEYS)
    time.sleep(FSYNC_SECONDS)
    before = {pod.uid: pod.address for pod in cluster.pods(SELECTOR)}
    since = stopwatch()
    faults.delete(*redis.names, grace=1)
    eventually("the old pods are gone", lambda: not before.keys() & {pod.uid for pod in cluster.pods(SELECTOR)}, 60)
    eventually("every node says that the cluster works", redis.works, 120, every=0.5)
    working = since()
    eventually("the masters are where they are planned", lambda: redis.masters() == redis.planned_masters, 120)
    figure(
        f"Redis, all six pods deleted: cluster_state ok on every node after {working:.0f} s, "
        f"masters as planned after {since():.0f} s"
    )
    after = {pod.address for pod in cluster.pods(SELECTOR)}
    assert not after & set(before.values()), "the pods came back with their old addresses: nothing was tested"
    assert redis.wrong(KEYS) == []
    assert working <= PROMISED_SECONDS
