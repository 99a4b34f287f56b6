"""What the service's client sends, through the gateway of a pod of the service: as one Redis answers it."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from tests.dataplane import newest
from tests.dataplane.cluster.faults import Faults
from tests.dataplane.cluster.logs import statuses
from tests.dataplane.cluster.redis_cluster import RedisNodes
from tests.dataplane.cluster.redis_stress import stress
from tests.dataplane.cluster.stand import TOOLBOX, Stand, eventually
from tests.dataplane.cluster.store_load import apart
from tests.dataplane.cluster.test_redis import PODS
from tests.dataplane.conftest import Start
from tests.dataplane.newest_client import Emptied, differences
from tests.dataplane.redis_servers import kinds, single
from tests.dataplane.test_redis_gateway import KEY, SAME
from tests.dataplane.test_redis_resize import fill, scanning, wrong

GATEWAY_PORT = 6379
"""On the loopback of the pod."""
SLOTS, MOVE_SECONDS = 1000, 180
GATEWAY = "redis-gateway"
Figure = Callable[[str], None]

_WRITE = """
import json, sys, threading, time
import redis
from redis.exceptions import RedisError

stop, acknowledged, told = threading.Event(), [], {"errors": 0}

def work(number):
    client, count = redis.Redis(host="127.0.0.1"), 0
    while not stop.wait(0.002):
        key, count = f"ended:{number}:{count}", count + 1
        try:
            client.set(key, number, ex=600)
        except RedisError:
            told["errors"] += 1
        else:
            acknowledged.append(key)

workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for worker in workers:
    worker.start()
sys.stdin.read()
stop.set()
for worker in workers:
    worker.join(60)
pipeline = redis.Redis(host="127.0.0.1").pipeline(transaction=False)
for key in acknowledged:
    pipeline.get(key)
told["missing"] = [key for key, value in zip(acknowledged, pipeline.execute()) if value is None]
print(json.dumps({**told, "acknowledged": len(acknowledged)}))
"""
"""Writes until its standard input ends, and counts what was acknowledged and is not there."""


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


@pytest.fixture(scope="module")
def apart_pod(cluster: Stand) -> Iterator[str]:
    """A pod with the service's gateways, whose clients take nothing from the service."""
    with apart(cluster) as pod:
        yield pod


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, start_module: Start) -> redis.Redis:
    """A single server, the baseline."""
    return single(next(iter(kinds())), tmp_path_factory.mktemp("alone"), start_module)


def port_of(client: redis.Redis) -> int:
    return int(client.connection_pool.connection_kwargs["port"])


@pytest.mark.usefixtures("nodes")
def test_the_gateway_of_a_pod_answers_as_a_single_redis_does(
    client: redis.Redis, alone: redis.Redis, figure: Figure
) -> None:
    found = differences(client, alone, [Emptied(client)])
    figure(f"Redis gateway of a pod beside {next(iter(kinds()))}: {len(SAME)} checks, {len(found)} differences")
    assert found == []


@pytest.mark.usefixtures("nodes")
def test_the_newest_client_before_the_gateway_of_a_pod(client: redis.Redis, alone: redis.Redis, figure: Figure) -> None:
    """The same answers with protocol 2; its default fails at connect, and says why."""
    first, found, default = newest.ask(port_of(client), port_of(alone))
    figure(f"Redis gateway of a pod: {first}; its default protocol: {default}")
    assert first.startswith(f"redis-py {newest.NEWEST}: {len(SAME)} checks")
    assert found == []
    assert "RESP2" in default
    assert "answered" not in default


def test_a_lock_is_released_when_no_node_knows_its_script(client: redis.Redis, nodes: RedisNodes) -> None:
    """As after a failover: scripts are not replicated."""
    for _ in range(2):
        lock = client.lock(KEY, timeout=10)
        assert lock.acquire()
        for name in nodes.names:
            assert nodes.tell(name, "SCRIPT", "FLUSH") == "OK"
        lock.release()
        assert client.get(KEY) is None


@pytest.mark.timeout(600)
def test_many_clients_of_a_pod_lose_nothing_while_slots_move_and_a_master_hands_over(
    cluster: Stand, client: redis.Redis, apart_pod: str, nodes: RedisNodes, figure: Figure
) -> None:
    """Twenty-four of four kinds with exact counts, and one that scans and finds every key each time."""
    keys = fill(client)
    one, other, third, *_ = sorted(nodes.planned_masters)
    with stress(cluster, apart_pod, TOOLBOX) as counted, scanning(client, set(keys)) as scans:
        move(nodes, one, other)
        hand_over_and_back(nodes, third)
        move(nodes, other, one)
    figure(
        f"Redis gateway of a pod, {2 * SLOTS} slots moved and a master changed twice: {counted.locked} turns under a "
        f"lock, {counted.limited} transactions, {counted.in_doubt} in doubt, {scans.count} scans of {len(keys)} keys"
    )
    assert counted.wrong() == []
    assert counted.locked > 20
    assert (scans.errors, scans.lacking) == ([], [])
    assert scans.count >= 2
    assert wrong(client, keys) == []


def move(nodes: RedisNodes, source: str, target: str) -> None:
    before = nodes.slots()
    moving = nodes.move(SLOTS, source, target)
    try:
        _, said = moving.communicate(timeout=MOVE_SECONDS)
    except subprocess.TimeoutExpired:
        moving.kill()
        raise
    assert moving.returncode == 0, said
    assert nodes.slots()[target] == before[target] + SLOTS


def hand_over_and_back(nodes: RedisNodes, master: str) -> None:
    """As an operator would have it for a while; the healer gives the zone its master back."""
    (shard,) = (shard for shard in nodes.shards if shard.master.name == master)
    heir = next(member.name for member in shard.members if member.name != master)
    assert nodes.tell(heir, "CLUSTER", "FAILOVER") == "OK"
    eventually(f"{heir} is master", lambda: nodes.tell(heir, "ROLE").startswith("master"), 30)
    eventually("roles are back", lambda: nodes.works() and nodes.masters() == nodes.planned_masters, 120)


@pytest.mark.usefixtures("nodes")
def test_what_a_gateway_acknowledged_before_it_was_told_to_stop_is_there(
    cluster: Stand, faults: Faults, apart_pod: str, figure: Figure
) -> None:
    """It lets what is under way end, and kubelet starts it again beside its clients."""
    writer = cluster.popen(apart_pod, TOOLBOX, "python3", "-c", _WRITE)
    try:
        time.sleep(2)
        faults.end(apart_pod, GATEWAY)
        ended = eventually("the gateway was started again", lambda: exit_codes(cluster, apart_pod), 60)
        eventually("it serves", lambda: cluster.pod(apart_pod).ready, 60)
        said, errors = writer.communicate("", timeout=60)
    finally:
        writer.kill()
        writer.wait(10)
    assert writer.returncode == 0, errors
    told = json.loads(said)
    figure(
        f"Redis gateway of a pod told to stop: {told['acknowledged']} writes acknowledged, {told['missing']} missing"
    )
    assert ended == [0]
    assert "drained and stopped" in cluster.logs(apart_pod, GATEWAY, previous=True)
    assert told["missing"] == []
    assert told["acknowledged"] > 1000


def exit_codes(stand: Stand, pod: str) -> list[int]:
    """How the gateway has ended, once it runs again."""
    (status,) = (status for status in statuses(stand.pod(pod)) if status["name"] == GATEWAY)
    former = status["lastState"].get("terminated")
    return [former["exitCode"]] if former and "running" in status["state"] else []
