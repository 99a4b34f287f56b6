"""The very program grows to five masters and five Qdrant nodes and back to three, while both stores are used.

Qdrant wants a Kubernetes node for each of its pods, so two zones have a second one for as long as this lasts.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace

import pytest

from rehearsal.errors import RehearsalError
from rehearsal.progress import Progress
from rehearsal.real.cluster import Cluster
from tests.dataplane.cluster import bringing
from tests.dataplane.cluster.faults import stopwatch
from tests.dataplane.cluster.qdrant_copies import assert_spread, watching
from tests.dataplane.cluster.redis_cluster import SELECTOR as REDIS
from tests.dataplane.cluster.redis_cluster import RedisNodes
from tests.dataplane.cluster.stand import Stand, eventually
from tests.dataplane.cluster.store_load import load
from tests.dataplane.cluster.test_redis import KEYS, RESTORED_SECONDS

FIVE = {"redis.cluster.nodes": 5, "qdrant.replicas": 5}
DRAINED = {**FIVE, "redis.cluster.drain_to": 3, "qdrant.drain_to": 3}
SLOTS = {3: [5461, 5461, 5462], 5: [3276, 3277, 3277, 3277, 3277]}
QDRANT, SERVICE = "app.kubernetes.io/name=qdrant", "app.kubernetes.io/name=memory-service"
BOOTSTRAP, REBALANCE = "redis-bootstrap", "qdrant-rebalance"
"""The Jobs; the second is also the name of the container in it."""
READY_SECONDS = 180
ANSWERS = 200
"""Fewer than that of a store would mean that it was hardly used."""
LOOKS = 50
Restarts = Mapping[tuple[str, str], int]


@pytest.fixture
def room(cluster: Stand) -> Iterator[None]:
    """A second node in two of the zones; afterwards all is as it was, also when the test has failed half-way."""
    own, claims = cluster.own, claims_of(cluster)
    assert own is not None
    eventually("every pod is ready", lambda: not bringing.unready(cluster), READY_SECONDS)
    with ExitStack() as stack:
        stack.callback(lambda: remove_claims(cluster, claims_of(cluster) - claims))
        for zone in own.zones[:2]:
            stack.callback(own.remove_node, own.add_node(zone, Progress(io.StringIO())))
        stack.callback(lower, cluster, own)
        yield


def lower(stand: Stand, own: Cluster) -> None:
    """Back to three what a failed test has left grown."""
    pods = len(RedisNodes(stand).names) + stand.settings.qdrant.replicas
    if len(stand.pods(REDIS)) + len(stand.pods(QDRANT)) > pods:
        close_added(stand, own)
        stand.up(DRAINED)
        stand.up({})


def close_added(stand: Stand, own: Cluster) -> None:
    """What begins from now on begins on the nodes that stay."""
    for node in own.machines.keys() - set(own.zones):
        stand.client.patch("v1", "Node", node, {"spec": {"unschedulable": True}})


def claims_of(stand: Stand) -> set[str]:
    claims = stand.client.list("v1", "PersistentVolumeClaim", stand.namespace)
    return {claim["metadata"]["name"] for claim in claims}


def remove_claims(stand: Stand, names: set[str]) -> None:
    """With their volumes, which the program keeps, and so does the storage class."""
    for name in names:
        stand.client.delete("v1", "PersistentVolumeClaim", name, stand.namespace)
    for volume in stand.client.list("v1", "PersistentVolume"):
        if volume["spec"]["claimRef"]["name"] in names:
            stand.client.delete("v1", "PersistentVolume", volume["metadata"]["name"])


def restarts(stand: Stand) -> Restarts:
    """Of every pod of the stores and of the service, by its name and uid."""
    return {
        (pod.name, pod.uid): sum(
            int(one["restartCount"]) for one in pod.manifest["status"].get("containerStatuses") or []
        )
        for selector in (REDIS, QDRANT, SERVICE)
        for pod in stand.pods(selector)
    }


def jobs(stand: Stand) -> dict[str, str]:
    """The Jobs that set the stores up, by kind: an update leaves one of each. Each has ended well."""
    found: dict[str, str] = {}
    for job in stand.client.list("batch/v1", "Job", stand.namespace):
        name = job["metadata"]["name"]
        kind = name.rpartition("-")[0]
        if kind in (BOOTSTRAP, REBALANCE) and "deletionTimestamp" not in job["metadata"]:
            assert kind not in found, (name, found)
            assert job["status"].get("succeeded") == 1, job["status"]
            found[kind] = name
    assert set(found) == {BOOTSTRAP, REBALANCE}
    return found


def rebalanced(stand: Stand) -> str:
    """What the rebalancer's Job said, in the try that succeeded."""
    pods = stand.pods(f"batch.kubernetes.io/job-name={jobs(stand)[REBALANCE]}")
    (pod,) = [pod for pod in pods if pod.manifest["status"].get("phase") == "Succeeded"]
    return stand.logs(pod.name, REBALANCE)


def update(stand: Stand, numbers: Mapping[str, int]) -> Stand:
    """The program's next `up`, for which both Jobs run again; the stand with the settings of then."""
    former = jobs(stand)
    settings = stand.up(numbers)
    assert not set(jobs(stand).values()) & set(former.values()), "a Job did not run again"
    assert "everything is in its place after" in rebalanced(stand)
    return replace(stand, settings=settings)


def assert_shares(stand: Stand, masters: int) -> None:
    """The planned masters have the slots, each its fair share; where a busy machine made another one master, soon."""
    redis = RedisNodes(stand)

    def shared() -> bool:
        slots = redis.slots()
        assert set(slots) == redis.planned_masters, slots
        assert sorted(slots.values()) == SLOTS[masters], slots
        return True

    eventually(f"{masters} masters have their shares", shared, READY_SECONDS)


def assert_whole(stand: Stand) -> None:
    """Everybody reaches everybody, the masters are the planned ones, and no zone holds a shard twice."""
    redis = RedisNodes(stand)
    eventually(
        "the Redis Cluster is as planned",
        lambda: redis.works() and redis.masters() == redis.planned_masters,
        READY_SECONDS,
    )
    for shard in redis.shards:
        zones = {stand.zone_of(stand.pod(member.name)) for member in shard.members}
        assert len(zones) == len(shard.members), shard


def grow(stand: Stand) -> Stand:
    """To five of each; no pod that runs is touched for it."""
    before = restarts(stand)
    grown = update(stand, FIVE)
    assert restarts(stand).items() >= before.items()
    assert_whole(grown)
    assert_shares(grown, 5)
    assert_spread(grown, 5)
    assert "5 nodes in 3 zones" in rebalanced(stand)
    return grown


def drain(stand: Stand) -> None:
    """Three of each hold everything, while all pods still run; before that, lower numbers are refused."""
    with pytest.raises(RehearsalError, match=r"redis\.cluster\.nodes = 3   5 are in use and hold data"):
        stand.up({})
    before = restarts(stand)
    update(stand, DRAINED)
    assert restarts(stand) == before


def shrink(stand: Stand, before: Restarts) -> None:
    """To what was."""
    shrunk = update(stand, {})
    assert shrunk.settings == stand.settings

    def is_as_before() -> bool:
        assert restarts(stand) == before
        assert not bringing.unready(stand)
        return True

    eventually("the pods beyond are gone", is_as_before, READY_SECONDS)
    assert_whole(stand)


@pytest.mark.own_nodes
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("room")
def test_stores_grow_and_shrink_by_the_program_while_they_are_used(
    cluster: Stand, figure: Callable[[str], None]
) -> None:
    assert cluster.own is not None
    assert_whole(cluster)
    redis, before = RedisNodes(cluster), restarts(cluster)
    redis.write(KEYS)
    since = stopwatch()
    with load(cluster) as told, watching(cluster) as watched:
        grown = grow(cluster)
        zones = {pod.name: cluster.zone_of(pod) for pod in cluster.pods(QDRANT)}
        growing = since()
        close_added(cluster, cluster.own)
        drain(grown)
        assert_shares(cluster, 3)
        assert_spread(cluster, 3)
        draining = since() - growing
        shrink(cluster, before)
        shrinking = since() - growing - draining
        assert_shares(cluster, 3)
        assert_spread(cluster, 3)
    slowest = ", ".join(f"{store} {one.answers} answers, slowest {one.longest:.1f} s" for store, one in told.items())
    figure(
        f"3 → 5 → 3 Redis masters and Qdrant nodes by the program, real nodes: {growing:.0f} s to grow, "
        f"{draining:.0f} s to drain, {shrinking:.0f} s to lower the numbers; {slowest}; {watched.looks} looks at the "
        "copies of Qdrant's shards"
    )
    assert watched.wrong(zones, cluster.settings.sharding.replication_factor) == []
    assert watched.looks > LOOKS
    assert {store: one.errors for store, one in told.items()} == {"redis": [], "qdrant": []}
    lost = {**{store: one.wrong for store, one in told.items()}, "before": redis.wrong(KEYS)}
    assert lost == {"redis": [], "qdrant": [], "before": []}
    assert all(one.answers > ANSWERS for one in told.values())
    assert all(one.longest <= RESTORED_SECONDS for one in told.values())
