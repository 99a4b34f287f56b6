"""Nodes of the cluster die, hang and come back while plain clients work through the gateway."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot
from redis.exceptions import RedisError

from tests.dataplane.conftest import Start, tool
from tests.dataplane.gateway import Gateway
from tests.dataplane.load import Account, writing
from tests.dataplane.redis_servers import Servers, eventually, kinds
from tests.dataplane.redis_stress import Stress

RESTORED_SECONDS = 15.0
"""How long a client may have to wait when a master is lost."""
Stand = tuple[Servers, Gateway]
Figure = Callable[[str], None]


@pytest.fixture(params=kinds())
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def figure(figure: Figure, kind: str) -> Figure:
    """Says of which servers it is."""
    return lambda line: figure(f"{kind}: {line}")


@pytest.fixture
def stand(kind: str, tmp_path: Path, start: Start) -> Stand:
    servers = Servers(tmp_path, start, kind).formed()
    return servers, Gateway.before(servers, tmp_path, start)


def _master(servers: Servers) -> str:
    return sorted(servers.masters())[0]


def _replicated(servers: Servers, client: Any) -> dict[str, str]:
    """Writes that were acknowledged, and are on the replicas, before anything happens."""
    kept = {f"before:{number}": f"value {number}" for number in range(1000)}
    pipeline = client.pipeline(transaction=False)
    for key, value in kept.items():
        pipeline.set(key, value)
    pipeline.execute()
    eventually(servers.replicated)
    return kept


def _lost(kept: dict[str, str], client: Any) -> list[str]:
    return [key for key, value in kept.items() if client.get(key) != value.encode()]


def _all_there(account: Account, client: Any) -> list[str]:
    return [key for key, value in account.acknowledged.items() if (client.get(key) or b"").decode() != value]


@pytest.mark.parametrize(("what", "fault"), [("killed", signal.SIGKILL), ("frozen", signal.SIGSTOP)])
def test_a_lost_master_costs_a_wait_and_no_answer(
    stand: Stand, what: str, fault: signal.Signals, figure: Figure
) -> None:
    servers, gateway = stand
    kept = _replicated(servers, gateway.client())
    with writing(gateway.client) as account:
        time.sleep(2)
        servers.signal(_master(servers), fault)
        account.await_all(RESTORED_SECONDS)
        before = account.answers
        time.sleep(1)
        served = account.answers - before
    figure(f"Redis master {what}: {account.answers} answers, the slowest took {account.longest:.1f} s")
    assert account.errors == []
    assert account.wrong == []
    assert served > 100
    assert account.longest <= RESTORED_SECONDS
    assert _lost(kept, gateway.client()) == []
    # What was acknowledged by a master that died before its replica had it can be gone, and has been written again.
    assert _all_there(account, gateway.client()) == []


def test_a_lost_zone_costs_a_wait_and_no_answer(stand: Stand, figure: Figure) -> None:
    servers, gateway = stand
    lost = [name for name in servers.ports if name.startswith("redis-zone-b")]
    assert len(lost) == 2
    kept = _replicated(servers, gateway.client())
    with writing(gateway.client) as account:
        time.sleep(2)
        for name in lost:
            servers.signal(name, signal.SIGSTOP)
        account.await_all(RESTORED_SECONDS)
        time.sleep(1)
    figure(f"Redis zone lost: {account.answers} answers, the slowest took {account.longest:.1f} s")
    assert account.errors == []
    assert account.wrong == []
    assert account.longest <= RESTORED_SECONDS
    assert _lost(kept, gateway.client()) == []
    assert _all_there(account, gateway.client()) == []


def test_all_nodes_killed_and_back_are_served_again_without_a_restart(stand: Stand) -> None:
    servers, gateway = stand
    client = gateway.client()
    client.set("kept", "yes")
    time.sleep(1.5)  # the append-only file is written every second
    for name in servers.ports:
        servers.stop(name, signal.SIGKILL)
    eventually(lambda: gateway.probe("ready") == 1)
    assert gateway.probe("alive") == 0
    waiting: list[Any] = []
    patient = threading.Thread(target=lambda: waiting.append(gateway.client().get("kept")))
    patient.start()
    servers.start_all()
    patient.join(30)
    assert waiting == [b"yes"]
    eventually(lambda: gateway.probe("ready") == 0)


def test_a_lock_is_taken_and_released_while_another_shard_is_lost(stand: Stand) -> None:
    """Its script, which no node has yet, does not wait for masters that will never run it."""
    servers, gateway = stand
    key = next(
        key for key in map("lock:{}".format, range(100)) if key_slot(key.encode()) < SLOTS // len(servers.shards)
    )
    first, *_, last = servers.shards
    for pod in last.members:
        servers.stop(pod.name, signal.SIGKILL)
    lock = gateway.client().lock(key, timeout=10, blocking_timeout=15)
    assert lock.acquire()
    assert servers.ask(first.master.name, "SCRIPT", "EXISTS", str(lock.lua_release.sha)) == "0"
    lock.release()
    assert gateway.client().get(key) is None


def test_it_listens_while_redis_is_down_and_serves_when_it_comes(tmp_path: Path, start: Start) -> None:
    servers = Servers(tmp_path, start)
    seeds = ",".join(servers.host(name) for name in servers.pods)
    gateway = Gateway(tmp_path, start, seeds, servers.password)
    assert gateway.probe("alive") == 0
    assert gateway.probe("ready") == 1
    assert gateway.raw(b"PING\r\n").startswith(b"-CLUSTERDOWN not reachable")
    servers.formed()
    eventually(lambda: gateway.probe("ready") == 0)
    assert gateway.client().set("a", "b")


def test_a_command_without_a_cluster_ends_with_an_error_after_its_patience(tmp_path: Path, start: Start) -> None:
    (tmp_path / "password").write_text("letters")
    gateway = Gateway(tmp_path, start, "127.0.0.1:1", tmp_path / "password", patience="1s")
    started = time.monotonic()
    with pytest.raises(RedisError, match="no answer within 1s"):
        gateway.client().get("a")
    assert 1 <= time.monotonic() - started < 5


def test_what_was_acknowledged_before_it_was_told_to_stop_is_there(stand: Stand, start: Start) -> None:
    servers, gateway = stand
    acknowledged: list[str] = []

    def write(number: int) -> None:
        client = gateway.client()
        for count in range(100_000):
            try:
                client.set(f"{number}:{count}", count)
            except RedisError:
                return
            acknowledged.append(f"{number}:{count}")

    workers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    time.sleep(2)
    gateway.process.send_signal(signal.SIGTERM)
    for worker in workers:
        worker.join(20)
    assert gateway.process.wait(20) == 0
    assert "drained and stopped" in gateway.log.read_text()
    again = Gateway.before(servers, gateway.log.parent, start).client()
    assert len(acknowledged) > 1000
    pipeline = again.pipeline(transaction=False)
    for key in acknowledged:
        pipeline.get(key)
    assert None not in pipeline.execute()


def test_scan_returns_every_key_while_slots_move(stand: Stand, figure: Figure) -> None:
    servers, gateway = stand
    client = gateway.client()
    pipeline = client.pipeline(transaction=False)
    keys = {f"default:({number}.0, 1.0):meta" for number in range(10_000)}
    for key in keys:
        pipeline.set(key, "x")
    pipeline.execute()
    found: list[set[str]] = []
    with _moving(servers) as mover:
        while mover.poll() is None:
            found.append({key.decode() for key in client.scan_iter(match="default:*:meta", count=200)})
    assert mover.returncode == 0
    figure(f"Redis gateway: {len(found)} scans of 10,000 keys while 1500 slots moved")
    assert len(found) >= 2
    assert [keys ^ scan for scan in found if scan != keys] == []
    assert {key.decode() for key in client.scan_iter(match="default:*:meta")} == keys


def test_many_clients_at_once_lose_nothing_through_failovers_and_moving_slots(
    stand: Stand, kind: str, figure: Figure
) -> None:
    """Twenty-four threads of four kinds with exact counts, while masters hand over and slots move.

    Both at the same moment with Valkey alone: a master of Redis 7 that takes over does not know which of its slots are
    on their way, and answers for keys that have gone as if they had never been (docs/redis.md).
    """
    servers, gateway = stand
    with Stress(gateway.client) as counted:
        for shard in servers.shards:
            with _moving(servers) as unbalancing:
                assert unbalancing.wait(240) == 0
            successor = shard.members[1].name
            with servers.bootstrapping() as mover:
                if kind.startswith("valkey"):
                    time.sleep(1)
                    servers.ask(successor, "CLUSTER", "FAILOVER")
                said, _ = mover.communicate(timeout=240)
            assert mover.returncode == 0, said
            assert "go from" in said, said
            if not kind.startswith("valkey"):
                servers.ask(successor, "CLUSTER", "FAILOVER")
                eventually(partial(_is_master, servers, successor))
                servers.bootstrap()
        time.sleep(2)
    figure(
        f"Redis gateway under failovers and moving slots: {counted.locked} turns under a lock, {counted.limited} "
        f"transactions, {counted.in_doubt} in doubt"
    )
    assert counted.wrong() == []
    assert counted.locked > 20


def _is_master(servers: Servers, name: str) -> bool:
    return name in servers.masters()


def _moving(servers: Servers) -> "subprocess.Popen[str]":
    """Moves 1,500 slots from one master to another, as a scale-out does; the tool wants nodes that agree."""
    eventually(servers.agreed)
    one, other = sorted(servers.masters())[:2]
    ids = [servers.ask(name, "CLUSTER", "MYID") for name in (one, other)]
    command = [tool("valkey-cli", "redis-cli"), "--cluster", "reshard", servers.host(one)]
    command += ["--cluster-from", ids[0], "--cluster-to", ids[1], "--cluster-slots", "1500", "--cluster-yes"]
    environment = {"REDISCLI_AUTH": servers.password.read_text().strip()}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, text=True)
