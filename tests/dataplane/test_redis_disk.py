"""A disk that is full: said by name, writes go on elsewhere, and nothing that was there is touched."""

import subprocess
from pathlib import Path

import pytest

from tests.dataplane.conftest import FILES, Start
from tests.dataplane.gateway import Gateway
from tests.dataplane.load import writing
from tests.dataplane.redis_servers import Servers, eventually, kinds


def probed(servers: Servers, name: str) -> str:
    """What the readiness probe prints."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "PASSWORD_FILE": str(servers.password),
        "RUN": str(servers.password.parent / name / "run"),
        "PORT": str(servers.ports[name]),
    }
    return subprocess.run(
        ["sh", str(FILES / "redis-probe.sh"), "ready"], env=environment, capture_output=True, text=True, check=False
    ).stdout


@pytest.mark.parametrize("kind", kinds())
def test_a_master_whose_disk_is_full_hands_over_and_takes_back(kind: str, tmp_path: Path, start: Start) -> None:
    servers = Servers(tmp_path, start, kind).formed()
    gateway = Gateway.before(servers, tmp_path, start)
    client = gateway.client()
    keys = {f"kept:{number}": f"{number}" for number in range(3000)}
    for key, value in keys.items():
        client.set(key, value)
    full = servers.shards[0].master.name
    with writing(gateway.client, threads=4) as account:
        servers.fill_disk(full)
        eventually(lambda: "MISCONF Errors writing to the AOF file" in probed(servers, full))
        assert servers.probe(full, "alive") == 0, "to start it again would not make room"
        with servers.healing() as log:
            eventually(lambda: f"takes over from {servers.host(full)}" in log.read_text())
            servers.free_disk(full)
            eventually(lambda: servers.ok() and servers.masters() == servers.planned(), 60)
    assert account.errors == []
    assert account.wrong == []
    assert [key for key, value in keys.items() if client.get(key) != value.encode()] == []


def test_the_bootstrap_moves_nothing_onto_a_full_disk_and_names_it(tmp_path: Path, start: Start) -> None:
    servers = Servers(tmp_path, start).formed()
    replica, master = servers.shards[0].members[1].name, servers.shards[0].master.name
    gateway = Gateway.before(servers, tmp_path, start)
    client = gateway.client()
    for number in range(3000):
        client.set(f"kept:{number}", number)
    for name in (master, replica):
        servers.fill_disk(name)
    for number in range(3000, 3200):  # over all shards, so that the full ones notice
        servers.ask(master, "SET", f"{{06S}}{number}", "x")
        servers.ask(replica, "PING")
    before = servers.slots()
    servers.size(5)
    servers.start_all()
    done = servers.keep("bootstrap", seconds=8)
    assert done.returncode == 1
    assert f"{servers.host(master)} cannot write its append-only file: is its disk full?" in done.stderr
    assert {name: count for name, count in servers.slots().items() if count} == before
