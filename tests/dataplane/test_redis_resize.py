"""More and fewer masters while plain clients work through the gateway: every key, at every moment."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot
from redis.exceptions import RedisError

from tests.dataplane.conftest import Start
from tests.dataplane.gateway import Gateway
from tests.dataplane.load import writing
from tests.dataplane.redis_servers import Servers, eventually, kinds

KEYS = 10_000
Figure = Callable[[str], None]
Stand = tuple[Servers, Gateway]


@pytest.fixture(params=kinds())
def stand(request: pytest.FixtureRequest, tmp_path: Path, start: Start) -> Stand:
    servers = Servers(tmp_path, start, request.param).formed()
    return servers, Gateway.before(servers, tmp_path, start)


@dataclass
class Scans:
    """Full scans of the keys that are there all the time."""

    keys: set[str]
    count: int = 0
    lacking: list[set[str]] = field(default_factory=list[set[str]])
    errors: list[str] = field(default_factory=list[str])


@contextmanager
def scanning(client: Any, keys: set[str]) -> Generator[Scans]:
    """Scans again and again."""
    scans, stop = Scans(keys), threading.Event()

    def work() -> None:
        while not stop.wait(0.1):
            try:
                found = {key.decode() for key in client.scan_iter(match="default:*:data", count=500)}
            except RedisError as error:
                scans.errors.append(f"{type(error).__name__}: {error}")
                continue
            scans.count += 1
            if keys - found:
                scans.lacking.append(keys - found)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield scans
    finally:
        stop.set()
        worker.join(60)


def fill(client: Any) -> dict[str, str]:
    keys = {f"default:({number}.0, 1.0):data": f"value {number}" for number in range(KEYS)}
    pipeline = client.pipeline(transaction=False)
    for key, value in keys.items():
        pipeline.set(key, value)
    pipeline.execute()
    return keys


def wrong(client: Any, keys: dict[str, str]) -> list[str]:
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.get(key)
    return [key for (key, value), got in zip(keys.items(), pipeline.execute(), strict=True) if got != value.encode()]


def bootstrap_killed_often(servers: Servers, seconds: float = 2.0) -> int:
    """Runs it, kills it after a moment, and so on until it comes to its end. How often it was killed."""
    killed = 0
    while True:
        with servers.bootstrapping() as run:
            try:
                assert run.wait(seconds) == 0, run.stdout and run.stdout.read()
            except subprocess.TimeoutExpired:
                run.kill()
                killed += 1
                seconds += 1.0  # each is killed at another point, and the last one has the time that it needs
            else:
                return killed


def test_masters_are_added_and_taken_away_without_losing_a_key(stand: Stand, figure: Figure) -> None:
    servers, gateway = stand
    client = gateway.client()
    keys = fill(client)
    with writing(gateway.client, threads=4) as account, scanning(gateway.client(), set(keys)) as scans:
        began = time.monotonic()
        servers.size(5)
        servers.start_all()
        killed = bootstrap_killed_often(servers)
        grown = time.monotonic() - began
        assert sorted(servers.slots().values()) == [3276, 3277, 3277, 3277, 3277]
        assert (servers.masters(), servers.ok()) == (servers.planned(), True)
        assert wrong(client, keys) == []
        servers.size(5, drain_to=3)
        killed += bootstrap_killed_often(servers)
    figure(
        f"{servers.kind} 3 → 5 → 3 masters, bootstrap killed {killed} times: {grown:.0f} s to grow, "
        f"{account.answers} answers, the slowest took {account.longest:.1f} s, {scans.count} scans of {KEYS} keys"
    )
    assert sorted(servers.slots().values()) == [5461, 5461, 5462]
    assert [servers.known(name) for name in servers.members] == [6] * 6
    assert [servers.known(name) for name in servers.pods if name not in servers.members] == [1] * 4
    assert killed >= 2, "once a way, however fast the machine is"
    assert account.errors == []
    assert account.wrong == []
    assert scans.errors == []
    assert scans.lacking == []
    assert scans.count >= 4
    assert wrong(client, keys) == []
    assert wrong(client, account.acknowledged) == []


def test_more_replicas_are_paired_anew_without_losing_a_key(stand: Stand) -> None:
    """The plan gives most pods another shard: they change over one after the other."""
    servers, gateway = stand
    keys = fill(gateway.client())
    servers.size(3, replicas=2)
    servers.start_all()
    with writing(gateway.client, threads=2) as account:
        servers.bootstrap()
    assert servers.masters() == servers.planned()
    for shard in servers.shards:
        replicas = servers.ask(shard.master.name, "INFO", "replication")
        assert "connected_slaves:2" in replicas, shard
    assert account.errors == []
    assert account.wrong == []
    assert wrong(gateway.client(), keys) == []


def test_a_drain_that_is_taken_back_half_way_leaves_all_masters(stand: Stand) -> None:
    servers, gateway = stand
    servers.size(5)
    servers.start_all()
    servers.bootstrap()
    keys = fill(gateway.client())
    servers.size(5, drain_to=3)
    with servers.bootstrapping() as run:
        assert run.stdout is not None
        for line in run.stdout:
            if "go from" in line:
                time.sleep(0.7)
                run.send_signal(signal.SIGKILL)
                break
    servers.size(5)
    servers.bootstrap()
    assert sorted(servers.slots().values()) == [3276, 3277, 3277, 3277, 3277]
    assert wrong(gateway.client(), keys) == []


def move_and_disturb(servers: Servers, disturb: Callable[[str, str], object]) -> None:
    """Three masters become five; each time when slots begin to go, something befalls one of the three: its name, and
    its replica's."""
    servers.size(5)
    servers.start_all()
    pairs = [(shard.master.name, shard.members[1].name) for shard in servers.shards[:3]]
    with servers.bootstrapping() as run:
        assert run.stdout is not None
        for line in run.stdout:
            if "go from" in line and pairs:
                disturb(*pairs.pop())
        run.wait(240)
    assert len(pairs) < 3


def assert_whole(servers: Servers, client: Any, keys: dict[str, str]) -> None:
    servers.bootstrap()  # as its Job is tried again, should it have lost patience
    assert sorted(servers.slots().values()) == [3276, 3277, 3277, 3277, 3277]
    assert (servers.masters(), servers.ok()) == (servers.planned(), True)
    assert wrong(client, keys) == []


@pytest.mark.timeout(400)
def test_a_master_that_dies_while_its_slots_move_loses_no_key(stand: Stand) -> None:
    servers, gateway = stand
    client = gateway.client()
    keys = fill(client)

    def die(master: str, replica: str) -> None:
        servers.stop(master, signal.SIGKILL)
        eventually(lambda: "role:master" in servers.ask(replica, "INFO", "replication"))
        servers.run(master)

    time.sleep(1.5)  # what a master has taken in within the last second, it may lose
    move_and_disturb(servers, die)
    assert_whole(servers, client, keys)


@pytest.mark.parametrize("stand", [kind for kind in kinds() if "valkey" in kind], indirect=True)
def test_a_master_that_hands_over_while_its_slots_move_loses_no_key(stand: Stand) -> None:
    """Redis may lose the keys of slots that had just gone when it was told to (docs/redis.md); nobody tells it."""
    servers, gateway = stand
    client = gateway.client()
    keys = fill(client)
    move_and_disturb(servers, lambda _, replica: servers.ask(replica, "CLUSTER", "FAILOVER"))
    assert_whole(servers, client, keys)


def test_a_master_that_misses_one_of_the_slots_its_heir_claims_takes_its_shard_back_whole(stand: Stand) -> None:
    """It must not delete its keys for that, or it follows the heir with an empty copy that is never filled."""
    servers, gateway = stand
    keys = fill(gateway.client())
    giver, heir = (pod.name for pod in servers.shards[0].members)
    held = {key_slot(key.encode()) for key in keys}
    slot = next(slot for slot in range(5000) if slot not in held)
    other = servers.ask(servers.shards[1].master.name, "CLUSTER", "MYID")
    assert servers.ask(giver, "CLUSTER", "SETSLOT", str(slot), "NODE", other) == "OK"
    servers.ask(heir, "CLUSTER", "FAILOVER")
    eventually(lambda: "role:master" in servers.ask(heir, "INFO", "replication"))
    servers.bootstrap()
    assert servers.masters() == servers.planned()
    assert wrong(gateway.client(), keys) == []


def test_a_slot_whose_giver_hands_over_half_way_goes_on_from_its_heir(stand: Stand) -> None:
    """The taker has forgotten whose the slot was when the heir claims it, and may not hear of it while it imports."""
    servers, gateway = stand
    keys = fill(gateway.client())
    giver, taker = (shard.master.name for shard in servers.shards[:2])
    heir = servers.shards[0].members[1].name
    slot = min(key_slot(key.encode()) for key in keys)
    servers.ask(taker, "CLUSTER", "SETSLOT", str(slot), "IMPORTING", servers.ask(giver, "CLUSTER", "MYID"))
    servers.ask(giver, "CLUSTER", "SETSLOT", str(slot), "MIGRATING", servers.ask(taker, "CLUSTER", "MYID"))
    heir_id = servers.ask(heir, "CLUSTER", "MYID")
    servers.ask(heir, "CLUSTER", "FAILOVER")
    eventually(lambda: "role:master" in servers.ask(heir, "INFO", "replication"))
    eventually(lambda: f"{servers.addresses[giver]}:" in servers.ask(taker, "CLUSTER", "REPLICAS", heir_id))
    assert f"slot {slot} was on its way" in servers.bootstrap()
    assert wrong(gateway.client(), keys) == []


def test_a_slot_that_each_of_two_masters_believes_to_be_the_others_is_served_again(stand: Stand) -> None:
    servers, gateway = stand
    one, other = (shard.master.name for shard in servers.shards[:2])
    key = "default:(1.0, 2.0):data"
    slot = servers.ask(one, "CLUSTER", "KEYSLOT", key)
    owner = one if servers.ask(one, "SET", key, "here") == "OK" else other
    servers.ask(owner, "DEL", key)
    believed = servers.ask(other if owner == one else one, "CLUSTER", "MYID")
    assert servers.ask(owner, "CLUSTER", "SETSLOT", slot, "NODE", believed) == "OK"
    assert f"gets slots {slot}" in servers.bootstrap()
    client = gateway.client()
    client.set(key, "here")
    assert client.get(key) == b"here"
