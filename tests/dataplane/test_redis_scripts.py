"""The scripts that start, form, probe and heal the Redis Cluster, on six real servers."""

import signal
from pathlib import Path

import pytest

from tests.dataplane.conftest import FILES, Start, run_script, tool
from tests.dataplane.redis_servers import Servers, eventually


@pytest.fixture
def servers(tmp_path: Path, start: Start) -> Servers:
    servers = Servers(tmp_path, start)
    servers.start_all()
    return servers


def test_a_cluster_is_formed_as_planned_survives_and_is_healed(servers: Servers) -> None:
    """One story, since forming a cluster takes a while: formed, repeated, one node stopped, all moved, one emptied."""
    planned = {shard.master.name for shard in servers.shards}
    one = servers.shards[0].master.name
    assert servers.probe(one, "ready") == 0, "a node that never met another waits for the bootstrap, ready"

    servers.keep("redis-bootstrap.sh")
    assert servers.ok()
    assert servers.masters() == planned
    assert "is formed" in servers.keep("redis-bootstrap.sh")

    servers.stop(one)
    eventually(lambda: len(servers.masters() - {one}) == 3)
    servers.run(one)
    eventually(lambda: servers.probe(one, "ready") == 0)
    assert servers.masters() != planned
    servers.keep("redis-healer.sh")
    eventually(lambda: servers.masters() == planned)

    for name in servers.ports:
        servers.stop(name, signal.SIGKILL)
        nodes = next(servers.plan.parent.glob(f"{name}/data/nodes.conf"))
        # An address of the documentation block: nobody answers there.
        nodes.write_text(nodes.read_text().replace(" 127.0.0.1:", " 192.0.2.7:"))
    for name in servers.ports:
        servers.run(name)
    eventually(lambda: all(servers.ask(name, "PING") == "PONG" for name in servers.ports))
    servers.keep("redis-healer.sh")
    eventually(servers.ok)

    emptied = servers.shards[0].members[1].name
    servers.stop(emptied, signal.SIGKILL)
    for file in (servers.plan.parent / emptied / "data").glob("nodes.conf"):
        file.unlink()
    servers.run(emptied)
    eventually(lambda: servers.ask(emptied, "PING") == "PONG")
    eventually(
        lambda: bool(servers.keep("redis-healer.sh")) or "role:slave" in servers.ask(emptied, "INFO", "replication")
    )
    eventually(lambda: "master_link_status:up" in servers.ask(emptied, "INFO", "replication"))


def test_a_node_without_a_password_is_not_started(tmp_path: Path) -> None:
    tool("valkey-server", "redis-server")
    (tmp_path / "password").write_text("")
    environment = {
        "PASSWORD_FILE": str(tmp_path / "password"),
        "CONFIG": str(FILES / "valkey.conf"),
        "RUN": str(tmp_path),
        "MAXMEMORY": "1",
        "POD_IP": "127.0.0.1",
        "POD_NAME": "redis-zone-a-0",
        "HEADLESS": "redis-headless",
    }
    done = run_script("redis-start.sh", environment)
    assert done.returncode == 1
    assert "is empty" in done.stderr


def test_the_bootstrap_says_whom_it_waits_for_and_gives_up(tmp_path: Path) -> None:
    tool("valkey-cli", "redis-cli")
    (tmp_path / "password").write_text("x")
    (tmp_path / "plan").write_text("0 16383 127.0.0.1:1\n")
    environment = {"PLAN": str(tmp_path / "plan"), "PASSWORD_FILE": str(tmp_path / "password"), "WAIT_SECONDS": "2"}
    done = run_script("redis-bootstrap.sh", environment)
    assert done.returncode == 1
    assert "127.0.0.1:1 does not answer" in done.stderr
