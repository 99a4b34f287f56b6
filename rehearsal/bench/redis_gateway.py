"""The Redis gateway beside a blind TCP pass-through and beside going straight to the node.

All reach the same master of a cluster of six real nodes, started by the script that starts them in pods: one key is
read, and all but the gateway are pointed at the node that holds it. The pass-through is HAProxy in mode tcp, which
reads nothing of what it passes on: no gateway can do less. Two in Python are there for the choice of the language: the
least that a gateway has to do (redis_relay.py), and one on redis-py (redis_python.py).
"""

import csv
import secrets
import socket
import statistics
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rehearsal import images
from rehearsal.bench import redis_python, redis_relay
from rehearsal.bench.measure import Measure, in_turns, ratio
from rehearsal.bench.stand import FILES, Stand, find, listens, missing, run, stand
from rehearsal.errors import RehearsalError
from rehearsal.ports import free_port
from rehearsal.progress import Progress

NEEDED = (
    ("valkey-server", "redis-server"),
    ("valkey-cli", "redis-cli"),
    ("valkey-benchmark", "redis-benchmark"),
    ("haproxy",),
)
LATENCY_ROUNDS, THROUGHPUT_ROUNDS = 120, 12
ROUND_REQUESTS, WARM_REQUESTS = 60, 20
"""Requests of one round at one connection, and those before them that do not count."""
CONNECTIONS = 50
DIRECT, PASSED, GATEWAY = "direct", "pass-through", "gateway"
RELAY, PYTHON = "relay in Python", "gateway on redis-py"
PIPELINES = {1: 20_000, 16: 160_000}
"""Commands that are sent at once, and how many of them make a round: about half a second, for a slow one an eighth."""
SLOW = (PYTHON,)
NODES, REPLICAS = 6, 1
KEY = "default:(1.0, 2.0):data"
VALUE = "xxx"
"""As redis-benchmark's own."""
REQUEST = f"*2\r\n$3\r\nGET\r\n${len(KEY)}\r\n{KEY}\r\n".encode()
OWN_WAY = (GATEWAY, PYTHON)
"""Whose clients show no password."""
READER = "bench"
"""User of the nodes without a password, for the others."""
_NAME = "redis"


def measure(
    progress: Progress, latency_rounds: int = LATENCY_ROUNDS, throughput_rounds: int = THROUGHPUT_ROUNDS
) -> list[Measure]:
    """Ratios to the pass-through, round by round on the same machine."""
    lacks = missing(*NEEDED)
    if lacks:
        return [Measure.missing("the Redis gateway", lacks)]
    program = images.redis_gateway(progress)
    with progress.step("Redis gateway beside a pass-through"), targets(program) as ports:
        # Each round of the first is a new connection, which may meet another processor.
        seconds = in_turns(latency_rounds, {name: partial(_one_connection, ports[name], name) for name in ports})
        rates = {
            pipeline: in_turns(throughput_rounds, {name: partial(_rate, ports[name], name, pipeline) for name in ports})
            for pipeline in PIPELINES
        }
    return [
        *latency_measures(seconds),
        *(one for pipeline in rates for one in rate_measures(rates[pipeline], pipeline)),
    ]


def latency_measures(seconds: Mapping[str, list[float]]) -> list[Measure]:
    """Of the medians of each round. A round in which the pass-through cost nothing says nothing about its cost."""
    return [
        Measure(f"Redis gateway: {_ADDED}", _added(seconds, GATEWAY), "ratio", 1.5),
        Measure("Redis gateway: p50 at one connection over direct", ratio(seconds[GATEWAY], seconds[DIRECT]), "ratio"),
        *(Measure(f"Redis {name}: {_ADDED}", _added(seconds, name), "ratio") for name in (RELAY, PYTHON)),
        *(
            Measure(f"Redis p50 at one connection, {name}", _median(seconds[name]) * 1e6, "µs")
            for name in (DIRECT, PASSED, GATEWAY, RELAY, PYTHON)
        ),
    ]


_ADDED = "added p50 at one connection over the pass-through's"


def _added(seconds: Mapping[str, list[float]], name: str) -> float:
    rounds = zip(seconds[DIRECT], seconds[PASSED], seconds[name], strict=True)
    ratios = [(other - direct) / (passed - direct) for direct, passed, other in rounds if passed > direct]
    if not ratios:
        raise RehearsalError("the pass-through is never slower than none: the machine is too busy to measure on")
    return _median(ratios)


def rate_measures(rates: Mapping[str, list[float]], pipeline: int) -> list[Measure]:
    """Of commands a second, round by round."""
    how = f"at {CONNECTIONS} connections" + (f" with pipelines of {pipeline}" if pipeline > 1 else "")
    passed = f"throughput {how} over the pass-through's"
    goal = 0.8 if pipeline == 1 else 0.6
    return [
        Measure(f"Redis gateway: {passed}", ratio(rates[GATEWAY], rates[PASSED]), "ratio", goal, at_least=True),
        Measure(f"Redis gateway: throughput {how} over direct", ratio(rates[GATEWAY], rates[DIRECT]), "ratio"),
        *(Measure(f"Redis {name}: {passed}", ratio(rates[name], rates[PASSED]), "ratio") for name in (RELAY, PYTHON)),
    ]


_median = statistics.median


@contextmanager
def targets(program: Path) -> Generator[dict[str, int]]:
    """The ports of the node, of the pass-through and the relay before it, and of the gateways before its cluster."""
    with stand(_NAME) as here:
        cluster = _Cluster.make(here)
        node = cluster.master_of(KEY)
        ports = {DIRECT: node, **{name: free_port() for name in (PASSED, GATEWAY, RELAY, PYTHON)}}
        _pass_through(here, ports[PASSED], node)
        _relay(here, ports[RELAY], node)
        _on_redis_py(here, ports[PYTHON], cluster)
        _gateway(here, program, ports[GATEWAY], cluster)
        with _connection(node, DIRECT) as client:
            client.sendall(f"SET '{KEY}' {VALUE}\r\n".encode())
            client.recv(64)
        yield ports


@dataclass
class _Cluster:
    here: Stand
    cli: str
    password: Path
    ports: list[int]

    @classmethod
    def make(cls, here: Stand) -> "_Cluster":
        password = here.folder / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(16))
        made = cls(here, find(*NEEDED[1]) or "", password, [free_port() for _ in range(NODES)])
        for port in made.ports:
            made._start(port)
        for port in made.ports:
            here.await_(lambda port=port: made._ask(port, "PING") == "PONG", f"Redis on port {port}", f"node-{port}")
        addresses = [f"127.0.0.1:{port}" for port in made.ports]
        made._ask(
            made.ports[0], "--cluster", "create", *addresses, "--cluster-replicas", f"{REPLICAS}", "--cluster-yes"
        )
        for port in made.ports:
            ready = lambda port=port: "cluster_state:ok" in made._ask(port, "CLUSTER", "INFO")  # noqa: E731
            here.await_(ready, "the Redis Cluster", f"node-{port}")
            # The benchmark program takes passwords on its command line alone: this user needs none.
            made._ask(port, "ACL", "SETUSER", READER, "on", "nopass", "allkeys", "+@all")
        return made

    def _start(self, port: int) -> None:
        home = self.here.folder / f"{port}"
        for folder in (home / "data", home / "run"):
            folder.mkdir(parents=True)
        config = (FILES / "valkey.conf").read_text().replace("port 6379", f"port {port}")
        (home / "conf").write_text(config.replace("dir /data", f"dir {home}/data").replace(" /data/", f" {home}/data/"))
        environment = {
            "POD_IP": "127.0.0.1",
            "POD_NAME": f"node-{port}",
            "HEADLESS": "redis-headless",
            "MAXMEMORY": "100000000",
            "PASSWORD_FILE": str(self.password),
            "CONFIG": str(home / "conf"),
            "RUN": str(home / "run"),
            "DATA": str(home / "data"),
        }
        self.here.start(f"node-{port}", ["sh", FILES / "redis-start.sh"], environment)

    def _ask(self, port: int, *command: str) -> str:
        try:
            asked = [self.cli, "-h", "127.0.0.1", "-p", str(port), *command]
            return run(asked, {"REDISCLI_AUTH": self.password.read_text()}).strip()
        except RehearsalError:
            if command[0] == "--cluster":
                raise
            return ""

    def master_of(self, key: str) -> int:
        """The port of the node that holds a key."""
        moved = self._ask(self.ports[0], "GET", key)
        return int(moved.rpartition(":")[2]) if moved.startswith("MOVED") else self.ports[0]


def _pass_through(here: Stand, port: int, node: int) -> None:
    config = here.folder / "pass-through.cfg"
    config.write_text(
        "global\n  maxconn 2000\n"
        "defaults\n  mode tcp\n  timeout connect 2s\n  timeout client 1h\n  timeout server 1h\n"
        f"listen redis\n  bind 127.0.0.1:{port}\n  server node 127.0.0.1:{node}\n"
    )
    here.start("pass-through", [find("haproxy") or "", "-f", config])
    here.await_(lambda: listens(port), "HAProxy", "pass-through")


def _relay(here: Stand, port: int, node: int) -> None:
    here.start("relay", [sys.executable, "-m", redis_relay.__name__, f"{port}", f"{node}"])
    here.await_(lambda: listens(port), "the relay in Python", "relay")


def _on_redis_py(here: Stand, port: int, cluster: _Cluster) -> None:
    command = [sys.executable, "-m", redis_python.__name__, f"{port}", f"{cluster.ports[0]}"]
    here.start("python", command, {"REDIS_PASSWORD_FILE": str(cluster.password)})
    here.await_(lambda: listens(port), "the gateway on redis-py", "python")


def _gateway(here: Stand, program: Path, port: int, cluster: _Cluster) -> None:
    environment = {
        "REDIS_SEEDS": ",".join(f"127.0.0.1:{seed}" for seed in cluster.ports),
        "REDIS_PASSWORD_FILE": str(cluster.password),
        "GATEWAY_PORT": str(port),
    }
    here.start("gateway", [program], environment)
    here.await_(lambda: _answers(port), "the gateway", "gateway")


def _answers(port: int) -> bool:
    try:
        with _connection(port, GATEWAY) as client:
            client.sendall(b"PING\r\n")
            return client.recv(64) == b"+PONG\r\n"
    except OSError:
        return False


@contextmanager
def _connection(port: int, name: str) -> Generator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if name not in OWN_WAY:
            client.sendall(f"AUTH {READER} none\r\n".encode())
            client.recv(64)
        yield client


def _one_connection(port: int, name: str) -> float:
    """The median of a round's times, in seconds."""
    times: list[int] = []
    now = time.perf_counter_ns
    with _connection(port, name) as client:
        for _ in range(WARM_REQUESTS + ROUND_REQUESTS):
            started = now()
            client.sendall(REQUEST)
            client.recv(4096)
            times.append(now() - started)
    return statistics.median(times[WARM_REQUESTS:]) / 1e9


def _rate(port: int, name: str, pipeline: int) -> float:
    """Commands a second."""
    command = [find(*NEEDED[2]) or "", "-h", "127.0.0.1", "-p", f"{port}", "-c", f"{CONNECTIONS}", "-P", f"{pipeline}"]
    if name not in OWN_WAY:
        command += ["--user", READER, "-a", "none"]
    number = PIPELINES[pipeline] // (8 if name in SLOW else 1)
    said = run([*command, "-n", f"{number}", "--csv", "GET", KEY])
    return read_rate(said)


def read_rate(said: str) -> float:
    """Requests a second in what redis-benchmark prints with --csv: a line of headings, a line of figures."""
    rows = [row for row in csv.reader(said.splitlines()) if len(row) > 1]
    if len(rows) < 2 or "rps" not in rows[-2]:
        raise RehearsalError(f"redis-benchmark prints no figures: {said.strip()[-200:]}")
    return float(rows[-1][rows[-2].index("rps")])
