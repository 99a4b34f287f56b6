"""What `make calibrate` asks real servers, with few memories: that it finds what is there, not how much that is."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from capacity import facts, load, redis
from capacity.ledger import QUIET
from capacity.workload import Workload
from rehearsal.calibration import connections, postgresql, redis_server, service
from rehearsal.calibration.memories import memories
from rehearsal.errors import RehearsalError
from rehearsal.ports import free_port
from tests.dataplane.redis_servers import eventually

HELD = 20_000
"""Memories."""


@pytest.fixture(autouse=True)
def _own_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of servers of its own: a run that is up is left alone."""
    monkeypatch.setenv("SOMA_REHEARSAL_HOME", str(tmp_path))


def test_payloads_have_the_size_that_is_asked_for() -> None:
    short, long = (next(iter(memories(1, size))) for size in (256, 4096))
    assert len(long.data) - len(short.data) == pytest.approx(4096 - 256, abs=25)


def test_postgresql_is_measured_part_by_part() -> None:
    with postgresql.server() as server:
        stored, again = postgresql.stored_bytes(server, 400, 1024, 2, rewrites=1)
        costs = postgresql.statement_costs(server, 200, 1024, 2, tries=200)
    assert set(stored.parts) == set(postgresql.PARTS)
    assert all(stored.parts[part] > 0 for part in postgresql.PARTS)
    assert 1024 < stored.parts["heap"] < 4096
    assert again.parts["heap"] > 1.5 * stored.parts["heap"]
    assert costs.wal_bytes > 512 and costs.wal_images > 0
    assert min(costs.write_cpu, costs.read_cpu, costs.scan_cpu) > 0
    assert costs.scan_cpu < costs.read_cpu, "a row of a scan costs less than a statement"


def test_a_process_of_the_service_spends_on_each_call_and_on_each_memory_that_it_holds() -> None:
    with postgresql.server() as server, redis_server.server(redis_server.programs()[0]) as client:
        spent = service.costs(server, client, 300, 1024)
    assert spent.memories == 300
    assert 0 < spent.listed < spent.held < min(spent.store, spent.read, spent.search)


def test_connections_are_those_that_servers_count_while_all_calls_are_under_way() -> None:
    with postgresql.server() as server, redis_server.server(redis_server.programs()[0]) as client:
        found = [connections.held(server, client, *calls) for calls in ((0, 1), (1, 5))]
    assert [one.redis for one in found] == [1, 6]
    assert {one.postgresql for one in found} == {1}


def test_redis_is_measured_beyond_what_an_empty_node_takes() -> None:
    for program in redis_server.programs():
        with redis_server.server(program) as client:
            empty = redis_server.empty(client)
            stored = redis_server.stored(client, 2000, 1024)
        assert 2**20 < empty.memory < 2**23
        assert empty.server == stored.server
        assert 1024 < stored.memory < 2500
        assert stored.append_only_file > 1024


def test_a_server_that_was_built_without_jemalloc_counts_what_jemalloc_hands_out() -> None:
    """A value of 3,100 B is rounded up to 3,584 B by it, and to hardly more than itself by the C library."""
    allocator = redis_server.jemalloc()
    if allocator is None:
        pytest.skip("libjemalloc2 is not here")
    *_, carried = redis_server.programs()
    taken: list[float] = []
    for program in (carried, replace(carried, allocator=allocator)):
        with redis_server.server(program) as client:
            assert ("jemalloc" in redis_server.version(client)) == (program.allocator is not None)
            before = redis_server.used(client)
            for number in range(1000):
                client.set(f"{number:04}", "x" * 3100)
            taken.append((redis_server.used(client) - before) / 1000)
    assert 3100 < taken[0] < 3584 < taken[1] < 4096


def test_an_allocator_that_is_not_loaded_is_noticed() -> None:
    """The loader goes on without a library that it does not find."""
    lost = replace(redis_server.programs()[-1], allocator="libjemalloc.so.none")
    with pytest.raises(RehearsalError, match=r"was not given libjemalloc\.so\.none"), redis_server.server(lost):
        pass


def replica_state(client: Redis) -> str | None:
    said: Any = client.info("replication")
    return said.get("slave0", {}).get("state")


def fill_backlog(client: Redis, program: redis_server.Program, folder: Path) -> None:
    """A replica that was there once leaves a backlog behind, which all later writes go through."""
    port = client.get_connection_kwargs()["port"]
    own = ["--port", str(free_port()), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    copy = subprocess.Popen([program.command, *own, "--replicaof", "127.0.0.1", str(port)], stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: replica_state(client) == "online")
    finally:
        copy.terminate()
        copy.wait()
    for _ in range(70):
        client.set("filler", "x" * 2**20)


@pytest.mark.parametrize("program", redis_server.programs()[:2], ids=lambda program: program.name)
def test_nothing_is_evicted_at_the_memory_of_the_plan(program: redis_server.Program, tmp_path: Path) -> None:
    """By a real server that holds all memories of it, and what it keeps for replicas that come back; without the memory
    of half of their payloads they do not stay.
    """
    workload = Workload(memories_per_day=1, concurrent_users=1)
    day = load.load(workload, 0, QUIET)._replace(memories=HELD, value_bytes=1024)
    memory = redis.needs(workload, day, redis.Layout(masters=1, replicas=1)).memory
    evicted: list[int] = []
    with redis_server.server(program) as client:
        fill_backlog(client, program, tmp_path)
        for less in (0, HELD * 1024 / 2):
            client.config_set("maxmemory", int(memory * facts.MAXMEMORY_SHARE.value - less))
            client.config_resetstat()
            redis_server.stored(client, HELD, 1024)
            stats: Any = client.info("stats")
            evicted.append(stats["evicted_keys"])
    assert evicted[0] == 0 < evicted[1]
