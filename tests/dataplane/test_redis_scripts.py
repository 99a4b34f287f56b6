"""The scripts that start, form, probe and heal the Redis Cluster, on six real servers."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from components.redis_plan import plan
from tests.dataplane.conftest import FILES, Start, free_port, run_script, tool


class Servers:
    """Six nodes on loopback, started by the script that starts them in pods."""

    def __init__(self, folder: Path, start: Start) -> None:
        tool("valkey-server", "redis-server")
        self._cli = tool("valkey-cli", "redis-cli")
        self._folder, self._start = folder, start
        self.password = folder / "password"
        self.password.write_text("letters123\n")
        self.shards = plan(3, 3, 1)
        self.ports = {pod.name: free_port() for shard in self.shards for pod in shard.members}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._template = (FILES / "valkey.conf").read_text()
        self.plan = folder / "plan"
        lines = (
            " ".join([str(s.first_slot), str(s.last_slot), *(f"127.0.0.1:{self.ports[p.name]}" for p in s.members)])
            for s in self.shards
        )
        self.plan.write_text("\n".join(lines) + "\n")

    def run(self, name: str) -> None:
        home = self._folder / name
        for folder in (home / "data", home / "run"):
            folder.mkdir(parents=True, exist_ok=True)
        config = self._template.replace("port 6379", f"port {self.ports[name]}").replace("/data", str(home / "data"))
        (home / "conf").write_text(config)
        environment = {
            "POD_IP": "127.0.0.1",
            "POD_NAME": name,
            "HEADLESS": "redis-headless",
            "MAXMEMORY": "100000000",
            "PASSWORD_FILE": str(self.password),
            "CONFIG": str(home / "conf"),
            "RUN": str(home / "run"),
            "DATA": str(home / "data"),
        }
        self.running[name] = self._start(["sh", str(FILES / "redis-start.sh")], environment, home / "log")

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        self.running[name].send_signal(number)
        self.running[name].wait(20)

    def ask(self, name: str, *command: str) -> str:
        found = subprocess.run(
            [self._cli, "-p", str(self.ports[name]), *command],
            env={"REDISCLI_AUTH": "letters123"},
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return found.stdout.strip()

    def keep(self, script: str) -> str:
        """Runs the bootstrap or the healer."""
        done = run_script(
            script, {"PLAN": str(self.plan), "PASSWORD_FILE": str(self.password), "WAIT_SECONDS": "45"}, seconds=90
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def probe(self, name: str, kind: str) -> int:
        environment = {
            "PASSWORD_FILE": str(self.password),
            "RUN": str(self._folder / name / "run"),
            "PORT": str(self.ports[name]),
        }
        return run_script("redis-probe.sh", environment, kind).returncode

    def masters(self) -> set[str]:
        return {name for name in self.ports if "role:master" in self.ask(name, "INFO", "replication")}

    def ok(self) -> bool:
        return all("cluster_state:ok" in self.ask(name, "CLUSTER", "INFO") for name in self.ports)


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "gave up waiting"
        time.sleep(0.3)


@pytest.fixture
def servers(tmp_path: Path, start: Start) -> Servers:
    servers = Servers(tmp_path, start)
    for name in servers.ports:
        servers.run(name)
    eventually(lambda: all(servers.ask(name, "PING") == "PONG" for name in servers.ports))
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
