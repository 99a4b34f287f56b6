"""A cluster of the Qdrant stand-in on loopback: each node has an address of its own, as pods have."""

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

STANDINS = Path(__file__).parents[2] / "rehearsal" / "standins"
KEY, READ_ONLY_KEY = "letters123", "letters456"
HTTP, P2P = 6333, 6335

Json = dict[str, Any]


def eventually(check: Callable[[], object], seconds: float = 30) -> None:
    """Waits until something holds; what it raised last is told when it never does."""
    end, problem = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            if check():
                return
            problem = None
        except (OSError, KeyError, AssertionError, http.client.HTTPException) as error:
            problem = error
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s; last: {problem!r}")


def call(
    address: str, method: str, path: str, body: object = None, key: str | None = KEY, seconds: float = 30
) -> tuple[int, Any]:
    """Status and JSON (or text) of an answer."""
    host, _, port = address.rpartition(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=seconds)) as connection:
        headers = {"content-type": "application/json"} | ({"api-key": key} if key else {})
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        text = response.read().decode()
    return response.status, json.loads(text) if text.startswith("{") else text


def _network() -> str:
    """Three numbers of 127.a.b.0/24 that nobody else has taken."""
    while True:
        prefix = f"127.{random.randint(1, 250)}.{random.randint(1, 250)}"
        with closing(socket.socket()) as probe:
            try:
                probe.bind((f"{prefix}.1", P2P))
            except OSError:
                continue
            return prefix


class Cluster:
    """Nodes by ordinal. Ends its processes by their ids."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder, self._environment = folder, dict(environment or {})
        self._network = _network()
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.more: dict[int, dict[str, str]] = {}
        """More of the environment for single nodes."""

    def host(self, node: int) -> str:
        return f"{self._network}.{node + 1}"

    def address(self, node: int) -> str:
        """Of the REST interface."""
        return f"{self.host(node)}:{HTTP}"

    def uri(self, node: int) -> str:
        """Of the peer."""
        return f"http://{self.host(node)}:{P2P}"

    def environment(self, node: int) -> dict[str, str]:
        folder = self.folder / str(node)
        folder.mkdir(parents=True, exist_ok=True)
        return {
            **os.environ,
            "PYTHONPATH": str(STANDINS),
            "QDRANT__SERVICE__HOST": self.host(node),
            "QDRANT__SERVICE__API_KEY": KEY,
            "QDRANT__SERVICE__READ_ONLY_API_KEY": READ_ONLY_KEY,
            "QDRANT__STORAGE__STORAGE_PATH": str(folder / "storage"),
            "QDRANT_INIT_FILE_PATH": str(folder / "initialized"),
            **self._environment,
            **self.more.get(node, {}),
        }

    def run(self, node: int, bootstrap: int | None = None) -> None:
        """Starts one node; without another to join it founds a cluster, or comes back to its own."""
        command = [sys.executable, "-m", "qdrant", "--uri", self.uri(node)]
        if bootstrap is not None:
            command += ["--bootstrap", self.uri(bootstrap)]
        self.start(node, command)

    def start(self, node: int, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        """Starts a command as a node's process."""
        whole = {**self.environment(node), **(environment or {})}
        with (self.folder / f"{node}.log").open("ab") as log:
            self.processes[node] = subprocess.Popen(
                command, cwd=self.folder / str(node), env=whole, stdout=log, stderr=log, start_new_session=True
            )

    def run_all(self, nodes: int) -> None:
        """Starts so many nodes and waits until they are one cluster."""
        self.run(0)
        eventually(lambda: self.get(0, "/readyz")[0] == 200)
        self.join(range(1, nodes))

    def join(self, nodes: range) -> None:
        for node in nodes:
            self.run(node, bootstrap=0)
        for node in nodes:
            eventually(lambda n=node: self.get(n, "/readyz")[0] == 200)
        for node in range(nodes.stop):
            eventually(lambda n=node: len(self.peers(n)) == nodes.stop)

    def end(self, node: int, how: signal.Signals = signal.SIGKILL) -> None:
        process = self.processes.pop(node)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGCONT)
            os.killpg(process.pid, how)
        process.wait(10)

    def freeze(self, node: int) -> None:
        os.killpg(self.processes[node].pid, signal.SIGSTOP)

    def thaw(self, node: int) -> None:
        os.killpg(self.processes[node].pid, signal.SIGCONT)

    def close(self) -> None:
        for node in list(self.processes):
            self.end(node)

    def log(self, node: int) -> str:
        return (self.folder / f"{node}.log").read_text(encoding="utf-8")

    # What the nodes say.

    def get(self, node: int, path: str) -> tuple[int, Any]:
        return call(self.address(node), "GET", path)

    def ask(self, node: int, method: str, path: str, body: object = None) -> Any:
        """`result` of an answer that must be good."""
        status, answer = call(self.address(node), method, path, body)
        assert status == 200, (status, answer)
        return answer["result"]

    def peers(self, node: int = 0) -> dict[str, Json]:
        return self.ask(node, "GET", "/cluster")["peers"]

    def peer_id(self, node: int) -> int:
        return self.ask(node, "GET", "/cluster")["peer_id"]

    def create(self, name: str = "default", size: int = 4, shards: int = 4, copies: int = 2) -> None:
        body = {
            "vectors": {"size": size, "distance": "Cosine"},
            "shard_number": shards,
            "replication_factor": copies,
            "write_consistency_factor": 1,
        }
        self.ask(0, "PUT", f"/collections/{name}?timeout=60", body)

    def copies(self, name: str = "default", node: int = 0) -> dict[int, dict[int, str]]:
        """State of each copy by shard and peer, as one node sees it."""
        seen = self.ask(node, "GET", f"/collections/{name}/cluster")
        found: dict[int, dict[int, str]] = {}
        for shard in seen["local_shards"]:
            found.setdefault(shard["shard_id"], {})[seen["peer_id"]] = shard["state"]
        for shard in seen["remote_shards"]:
            found.setdefault(shard["shard_id"], {})[shard["peer_id"]] = shard["state"]
        return found

    def all_active(self, name: str = "default", node: int = 0) -> bool:
        return all(state == "Active" for copies in self.copies(name, node).values() for state in copies.values())

    def count(self, name: str = "default", node: int = 0) -> int:
        return self.ask(node, "POST", f"/collections/{name}/points/count", {})["count"]

    def fill(self, points: int, name: str = "default", node: int = 0, start: int = 0) -> None:
        """Points 0, 1, 2, … with their number as the payload."""
        body = {"points": [point(number) for number in range(start, start + points)]}
        self.ask(node, "PUT", f"/collections/{name}/points?wait=true", body)

    def fault(self, node: int, method: str, path: str, status: int = 503, times: int = 1) -> None:
        """Has a node fail the next calls of this kind."""
        fault = {"method": method, "path": path, "status": status, "times": times}
        status, _ = call(f"{self.host(node)}:{P2P}", "POST", "/standin/fault", fault)
        assert status == 200


def point(number: int) -> Json:
    return {"id": number, "vector": [1.0, number % 7, number % 5, number % 3], "payload": {"number": number}}
