"""What the service's client sends, through the gateway of a pod of the service: as one Redis answers it."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import redis

from tests.dataplane.cluster.redis_cluster import RedisNodes
from tests.dataplane.cluster.stand import Stand, eventually
from tests.dataplane.cluster.test_redis import PODS
from tests.dataplane.conftest import Start
from tests.dataplane.newest_client import differences
from tests.dataplane.redis_servers import kinds, single
from tests.dataplane.test_redis_gateway import KEY, SAME
from tests.dataplane.test_redis_resize import fill, scanning, wrong

GATEWAY_PORT = 6379
"""On the loopback of the pod."""
SLOTS, MOVE_SECONDS = 1500, 180
Figure = Callable[[str], None]


@dataclass
class Emptied:
    """The region's Redis: its keys go one by one, for the gateway carries no FLUSHALL."""

    client: redis.Redis

    def flushall(self) -> None:
        pipeline = self.client.pipeline(transaction=False)
        for key in self.client.scan_iter(count=1000):
            pipeline.delete(key)
        pipeline.execute()


@pytest.fixture(scope="module")
def client(cluster: Stand) -> Iterator[redis.Redis]:
    """A plain client of the gateway of a pod, as the service's own."""
    with cluster.forwarded(cluster.pods(PODS)[0].name, GATEWAY_PORT) as port:
        made = redis.Redis(port=port)
        eventually("the gateway answers", made.ping)
        yield made
        Emptied(made).flushall()


@pytest.fixture(scope="module")
def nodes(cluster: Stand) -> RedisNodes:
    nodes = RedisNodes(cluster)
    eventually("the cluster is as planned", lambda: nodes.works() and nodes.masters() == nodes.planned_masters, 180)
    return nodes


@pytest.mark.usefixtures("nodes")
def test_the_gateway_of_a_pod_answers_as_a_single_redis_does(
    client: redis.Redis, tmp_path_factory: pytest.TempPathFactory, start_module: Start, figure: Figure
) -> None:
    kind = next(iter(kinds()))
    alone = single(kind, tmp_path_factory.mktemp("alone"), start_module)
    found = differences(client, alone, [Emptied(client)])
    figure(f"Redis gateway of a pod beside {kind}: {len(SAME)} checks, {len(found)} differences")
    assert found == []


def test_a_lock_is_released_when_no_node_knows_its_script(client: redis.Redis, nodes: RedisNodes) -> None:
    """As after a failover: scripts are not replicated."""
    for _ in range(2):
        lock = client.lock(KEY, timeout=10)
        assert lock.acquire()
        for name in nodes.names:
            assert nodes.tell(name, "SCRIPT", "FLUSH") == "OK"
        lock.release()
        assert client.get(KEY) is None


def test_a_scan_through_the_gateway_of_a_pod_returns_every_key_while_slots_move(
    client: redis.Redis, nodes: RedisNodes, figure: Figure
) -> None:
    keys = fill(client)
    one, other, *_ = sorted(nodes.planned_masters)
    with scanning(client, set(keys)) as scans:
        for source, target in ((one, other), (other, one)):
            before = nodes.slots()
            moving = nodes.move(SLOTS, source, target)
            try:
                _, said = moving.communicate(timeout=MOVE_SECONDS)
            except subprocess.TimeoutExpired:
                moving.kill()
                raise
            assert moving.returncode == 0, said
            assert nodes.slots()[target] == before[target] + SLOTS
    figure(f"Redis gateway of a pod: {scans.count} scans of {len(keys)} keys while {2 * SLOTS} slots moved")
    assert (scans.errors, scans.lacking) == ([], [])
    assert scans.count >= 2
    assert wrong(client, keys) == []
