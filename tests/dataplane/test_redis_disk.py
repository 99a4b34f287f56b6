"""A disk that is full: said by name, writes go on elsewhere, and nothing that was there is touched."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.dataplane.conftest import FILES, Start, run_script
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


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind.startswith("valkey")])
def test_a_disk_that_takes_nothing_at_all_ends_no_node(kind: str, tmp_path: Path, start: Start) -> None:
    """Not even nodes.conf, which a node writes whenever the cluster changes. Redis, and Valkey before 9.1, end then."""
    servers = Servers(tmp_path, start, kind).formed()
    name = servers.shards[0].master.name
    before = servers.ask(name, "CLUSTER", "MYID")
    servers.fill_disk_to_its_end(name)
    servers.ask(name, "CLUSTER", "BUMPEPOCH")
    servers.ask(servers.shards[1].master.name, "CLUSTER", "BUMPEPOCH")
    time.sleep(2)
    assert servers.running[name].poll() is None
    assert servers.probe(name, "alive") == 0
    servers.free_disk(name)
    assert servers.ask(name, "CLUSTER", "MYID") == before
    with servers.healing():
        eventually(lambda: servers.ok() and servers.masters() == servers.planned(), 60)


def test_a_node_keeps_who_it_is_at_whatever_address_it_starts(tmp_path: Path, start: Start) -> None:
    """Its file is written in place, and only where its own address is another one."""
    servers = Servers(tmp_path, start).formed()
    name = servers.shards[0].master.name
    file = tmp_path / name / "data" / "nodes.conf"
    before, number, at = servers.ask(name, "CLUSTER", "MYID"), file.stat().st_ino, servers.addresses[name]
    servers.stop(name, signal.SIGKILL)
    written, changed = file.read_text(), file.stat().st_mtime_ns
    script = {"POD_IP": at, "POD_NAME": name, "HEADLESS": "h", "MAXMEMORY": "1", "PASSWORD_FILE": str(servers.password)}
    folders = {"CONFIG": str(FILES / "valkey.conf"), "DATA": str(file.parent), "RUN": str(tmp_path)}
    ends = {"SERVER": shutil.which("true") or "true"}
    assert run_script("redis-start.sh", {**script, **folders, **ends}).returncode == 0
    assert file.stat().st_mtime_ns == changed
    assert run_script("redis-start.sh", {**script, **folders, **ends, "POD_IP": "1.2.3.4"}).returncode == 0
    assert file.read_text() == written.replace(f"{before} {at}:", f"{before} 1.2.3.4:")
    assert file.stat().st_ino == number
