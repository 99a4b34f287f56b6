"""A Redis Cluster of six real nodes on loopback, started, formed and healed by the scripts that do so in pods."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

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

    def signal(self, name: str, number: int) -> None:
        """To the server itself: freezing and waking it."""
        self.running[name].send_signal(number)

    def start_all(self) -> None:
        """Every node started and answering."""
        for name in self.ports:
            self.run(name)
        eventually(lambda: all(self.ask(name, "PING") == "PONG" for name in self.ports))

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
