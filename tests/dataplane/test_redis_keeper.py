"""The scripts that start, form, probe and heal the Redis Cluster, on real servers of both kinds."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tests.dataplane.conftest import FILES, Start, run_script
from tests.dataplane.redis_servers import Servers, eventually, kinds

Figure = Callable[[str], None]
BACK_SECONDS = 60.0
"""How long the cluster may be away when all pods come back at other addresses."""


@pytest.fixture(params=kinds())
def servers(request: pytest.FixtureRequest, tmp_path: Path, start: Start) -> Servers:
    servers = Servers(tmp_path, start, request.param)
    servers.start_all()
    return servers


def cluster_client(servers: Servers) -> redis.RedisCluster:
    """An authorised client that knows of clusters."""
    name = servers.members[0]
    password = servers.password.read_text().strip()
    return redis.RedisCluster(host=servers.addresses[name], port=servers.ports[name], password=password)


def fill(servers: Servers, count: int = 1000) -> dict[str, str]:
    client = cluster_client(servers)
    keys = {f"default:({number}.0, 1.0):data": f"value {number}" for number in range(count)}
    for key, value in keys.items():
        client.set(key, value)
    client.close()
    return keys


def missing(servers: Servers, keys: dict[str, str]) -> list[str]:
    client = cluster_client(servers)
    wrong = [key for key, value in keys.items() if client.get(key) != value.encode()]
    client.close()
    return wrong


def as_planned(servers: Servers) -> bool:
    return servers.ok() and servers.masters() == servers.planned()


def test_a_cluster_is_formed_as_planned_and_forming_it_again_changes_nothing(servers: Servers) -> None:
    one = servers.shards[0].master.name
    assert servers.probe(one, "ready") == 0, "a node that never met another waits for the bootstrap, ready"
    servers.bootstrap()
    assert as_planned(servers)
    before = servers.ask(one, "CLUSTER", "SHARDS"), servers.slots()
    log = servers.bootstrap().splitlines()
    assert log == ["the cluster is as planned: 6 nodes, 3 masters"]
    assert servers.slots() == before[1]


def test_a_bootstrap_that_is_killed_after_each_of_its_steps_is_taken_up_by_the_next(servers: Servers) -> None:
    steps: list[str] = []
    while True:
        with servers.bootstrapping() as run:
            assert run.stdout is not None
            for line in run.stdout:
                if not line.startswith("waiting") and line not in steps:
                    steps.append(line)
                    run.kill()
                    break
        if run.returncode == 0:
            break
        assert run.returncode == -signal.SIGKILL, steps
    # Of commands that follow each other at once, more than the one that was read may have gone out before the kill.
    for step in ("gets slots", "meets", "becomes a replica"):
        assert any(step in line for line in steps), steps
    assert as_planned(servers)
    assert sorted(servers.slots().values()) == [5461, 5461, 5462]


def test_all_pods_restart_at_other_addresses(servers: Servers, figure: Figure) -> None:
    servers.bootstrap()
    keys = fill(servers)
    time.sleep(1.5)  # the append-only file is written every second
    for name in servers.pods:
        servers.stop(name, signal.SIGKILL)
    began = time.monotonic()
    for name in servers.pods:
        servers.move(name)
        servers.run(name)
    with servers.healing() as log:
        eventually(lambda: servers.linked() and servers.ok(), BACK_SECONDS)
        back = time.monotonic() - began
        eventually(lambda: as_planned(servers), BACK_SECONDS)
        placed = time.monotonic() - began
    figure(
        f"{servers.kind}, all six at other addresses: cluster_state ok after {back:.1f} s, "
        f"as planned after {placed:.1f} s"
    )
    assert back <= BACK_SECONDS
    assert missing(servers, keys) == [], log.read_text()
    assert all(servers.known(name) == 6 for name in servers.pods)


def test_a_master_that_was_away_takes_its_shard_back(servers: Servers) -> None:
    servers.bootstrap()
    one = servers.shards[0].master.name
    servers.stop(one, signal.SIGKILL)
    eventually(lambda: len(servers.masters() - {one}) == 3)
    assert "does not answer" in servers.heal()
    servers.run(one)
    eventually(lambda: servers.probe(one, "ready") == 0)
    assert not as_planned(servers)
    with servers.healing():
        eventually(lambda: as_planned(servers))


@pytest.mark.parametrize("place", [0, 1], ids=["master", "replica"])
def test_a_node_that_lost_its_disk_is_a_member_again_and_its_former_id_forgotten(servers: Servers, place: int) -> None:
    servers.bootstrap()
    keys = fill(servers)
    lost = servers.shards[0].members[place].name
    former = servers.ask(lost, "CLUSTER", "MYID")
    servers.lose_disk(lost)
    if place == 0:
        eventually(lambda: len(servers.masters() - {lost}) == 3)
    servers.move(lost)
    servers.run(lost)
    with servers.healing() as log:
        eventually(lambda: as_planned(servers), 60)
        eventually(lambda: all(servers.known(name) == 6 for name in servers.pods), 60)
    assert all(former not in servers.ask(name, "CLUSTER", "NODES") for name in servers.pods)
    assert missing(servers, keys) == [], log.read_text()


def test_a_replica_that_follows_another_shard_is_paired_again(servers: Servers) -> None:
    servers.bootstrap()
    replica, other = servers.shards[0].members[1].name, servers.shards[1].master.name
    servers.ask(replica, "CLUSTER", "REPLICATE", servers.ask(other, "CLUSTER", "MYID"))
    with servers.healing():
        master = servers.ask(servers.shards[0].master.name, "CLUSTER", "MYID")
        eventually(lambda: f"slave {master}" in servers.ask(replica, "CLUSTER", "NODES"))


def test_a_formed_cluster_passes_the_bootstrap_while_a_node_is_away(servers: Servers) -> None:
    """An update during an outage must not wait for its end."""
    servers.bootstrap()
    away = servers.shards[0].members[1].name
    servers.stop(away, signal.SIGKILL)
    log = servers.bootstrap()
    assert "left to the healer" in log
    assert servers.host(away) in log


@pytest.mark.parametrize(
    ("password", "limit", "said"),
    [
        ("", "max", "is empty"),
        ("secret-7", "1000000", "maxmemory 1000000 is not under the container's limit of 1000000 bytes"),
        ("secret-7", "999999", "raise redis.resources.limits.memory"),
    ],
)
def test_a_node_without_a_password_or_room_is_not_started(tmp_path: Path, password: str, limit: str, said: str) -> None:
    (tmp_path / "password").write_text(password)
    (tmp_path / "limit").write_text(limit)
    environment = {
        "PASSWORD_FILE": str(tmp_path / "password"),
        "LIMIT_FILE": str(tmp_path / "limit"),
        "CONFIG": str(FILES / "valkey.conf"),
        "RUN": str(tmp_path),
        "MAXMEMORY": "1000000",
        "POD_IP": "127.0.0.1",
        "POD_NAME": "redis-zone-a-0",
        "HEADLESS": "redis-headless",
        "SERVER": next(iter(kinds().values())),
    }
    done = run_script("redis-start.sh", environment)
    assert done.returncode == 1
    assert said in done.stderr
    assert "secret-7" not in done.stderr


def test_the_bootstrap_says_whom_it_waits_for_and_gives_up(tmp_path: Path, start: Start) -> None:
    servers = Servers(tmp_path, start)
    away, *others = servers.pods
    for name in others:
        servers.run(name)
    done = servers.keep("bootstrap", seconds=3)
    assert done.returncode == 1
    assert f"gave up after 3 s without progress: {servers.host(away)} does not answer" in done.stderr
    assert servers.slots() == {}, "a cluster that lacks a node is not begun"


def test_the_bootstrap_names_a_password_that_the_nodes_refuse(tmp_path: Path, start: Start) -> None:
    servers = Servers(tmp_path, start)
    servers.start_all()
    servers.password.write_text("another")
    done = servers.keep("bootstrap", seconds=2)
    assert done.returncode == 1
    assert f"refuses the password of {servers.password}" in done.stderr
    healed = servers.keep("heal")
    assert healed.returncode == 1
    assert "no node takes the password" in healed.stderr
    assert "another" not in done.stdout + done.stderr + healed.stdout + healed.stderr
