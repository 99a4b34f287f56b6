"""The rebalancer before a cluster of the stand-in: nodes that come and go, a factor that changes, a run that is killed.

A watcher looks at the cluster all the time, and every look must show each shard with its copies in zones that differ.
"""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.dataplane.qdrant_cluster import Cluster, eventually
from tests.dataplane.qdrant_jobs import ZONES, Kubernetes, nodes, pod, start_job

POINTS = 200
TRANSFER_SECONDS = 0.3


@dataclass
class Watcher:
    """Polls where the active copies are; what breaks a rule is kept."""

    cluster: Cluster
    copies: int
    """No shard may have fewer."""
    violations: list[str] = field(default_factory=list[str])
    looks: int = 0
    most_transfers: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Watcher":
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._thread.is_alive(), "it saw only a part"
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.is_set():
            zones = {peer: self._zone(known["uri"]) for peer, known in self.cluster.peers().items()}
            seen = self.cluster.ask(0, "GET", "/collections/default/cluster")
            places = [(copy["shard_id"], seen["peer_id"], copy["state"]) for copy in seen["local_shards"]]
            places += [(copy["shard_id"], copy["peer_id"], copy["state"]) for copy in seen["remote_shards"]]
            for shard in range(seen["shard_count"]):
                active = [zones.get(str(p), "?") for number, p, state in places if (number, state) == (shard, "Active")]
                if len(active) < self.copies or len(set(active)) < len(active):
                    self.violations.append(f"shard {shard}: {active}")
            self.most_transfers = max(self.most_transfers, len(seen["shard_transfers"]))
            self.looks += 1
            time.sleep(0.02)

    @staticmethod
    def _zone(uri: str) -> str:
        """Node N has the address that ends on N + 1."""
        return ZONES[(int(uri.partition("://")[2].partition(":")[0].rpartition(".")[2]) - 1) % len(ZONES)]


@dataclass
class Rebalance:
    """Runs of the Job's file."""

    cluster: Cluster
    folder: Path
    kubernetes: Kubernetes

    def start(
        self, count: int, keep: int | None = None, factor: int = 2, moves: bool = True, wait: float = 60
    ) -> "subprocess.Popen[str]":
        plan: dict[str, Any] = {
            "nodes": nodes(self.cluster, count),
            "keep": keep or count,
            "replication_factor": factor,
            "collections": ["default"],
        }
        more = {"MOVES": str(moves).lower(), "WAIT_SECONDS": str(wait), "PAUSE_SECONDS": "0.1"}
        return start_job("rebalance", self.folder, plan, {**self.kubernetes.environment, **more})

    def run(self, count: int, **asked: Any) -> tuple[int, str]:
        process = self.start(count, **asked)
        said, _ = process.communicate(timeout=200)
        return process.returncode, said

    def loads(self, count: int) -> list[int]:
        """Copies on each node."""
        held = [peer for states in self.cluster.copies().values() for peer in states]
        return [held.count(self.cluster.peer_id(node)) for node in range(count)]


@pytest.fixture
def rebalance(tmp_path: Path) -> Iterator[Rebalance]:
    """Three nodes with a collection of 4 shards in 2 copies."""
    cluster = Cluster(tmp_path, {"STANDIN_TRANSFER_SECONDS": str(TRANSFER_SECONDS)})
    kubernetes = Kubernetes(tmp_path)
    try:
        cluster.run_all(3)
        cluster.create()
        cluster.fill(POINTS)
        yield Rebalance(cluster, tmp_path, kubernetes)
    finally:
        cluster.close()
        kubernetes.close()


def test_it_reports_and_moves_nothing_unless_told_to(rebalance: Rebalance) -> None:
    before = rebalance.cluster.copies()
    code, said = rebalance.run(3, moves=False)
    assert code == 0, said
    assert "3 nodes in 3 zones" in said
    assert f"collection default: 4 shards, 2 copies wanted, {POINTS} points" in said
    assert "zone-b  qdrant-1" in said
    rebalance.cluster.join(range(3, 5))
    code, said = rebalance.run(5, moves=False)
    assert code == 3, said
    assert "moves are off; 2 steps would put it right:" in said
    assert rebalance.cluster.copies() == before


@pytest.mark.timeout(300)
def test_from_three_nodes_to_five_and_back(rebalance: Rebalance, figure: Callable[[str], None]) -> None:
    cluster = rebalance.cluster
    with Watcher(cluster, copies=2) as watcher:
        cluster.join(range(3, 5))
        code, said = rebalance.run(5)
        assert code == 0, said
        assert sorted(rebalance.loads(5)) == [1, 1, 2, 2, 2]
        assert [cluster.count(node=node) for node in range(5)] == [POINTS] * 5
        code, said = rebalance.run(5, keep=3)
        assert code == 0, said
        assert sorted(rebalance.loads(3)) == [2, 3, 3]
        assert len(cluster.peers()) == 3
        assert "remove qdrant-3 from the cluster" in said
    assert not watcher.violations
    assert watcher.most_transfers == 1
    assert watcher.looks > 50
    figure(f"Qdrant 3 → 5 → 3 nodes: {watcher.looks} looks at the copies, no rule broken")
    for node in (3, 4):
        cluster.end(node)
    assert [cluster.count(node=node) for node in range(3)] == [POINTS] * 3
    assert rebalance.run(3)[0] == 0


def factor(cluster: Cluster) -> int:
    """What the collection says of itself."""
    return cluster.ask(0, "GET", "/collections/default")["config"]["params"]["replication_factor"]


@pytest.mark.timeout(300)
def test_from_two_copies_to_three_and_back(rebalance: Rebalance) -> None:
    cluster = rebalance.cluster
    with Watcher(cluster, copies=2) as watcher:
        code, said = rebalance.run(3, factor=3)
        assert code == 0, said
        assert rebalance.loads(3) == [4, 4, 4]
        assert cluster.all_active()
        eventually(lambda: factor(cluster) == 3)
        code, said = rebalance.run(3, factor=2)
        assert code == 0, said
        assert sorted(rebalance.loads(3)) == [2, 3, 3]
        eventually(lambda: factor(cluster) == 2)
    assert not watcher.violations
    assert cluster.count() == POINTS


@pytest.mark.timeout(300)
def test_a_run_that_is_killed_is_taken_up_by_the_next_one(rebalance: Rebalance) -> None:
    cluster = rebalance.cluster
    cluster.join(range(3, 5))
    with Watcher(cluster, copies=2) as watcher:
        killed = 0
        while True:
            process = rebalance.start(5, factor=3)
            try:
                process.communicate(timeout=TRANSFER_SECONDS * 2 + 1)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                killed += 1
                continue
            break
        code, said = rebalance.run(5, factor=3)
    assert code == 0, said
    assert killed >= 2, "it was to be killed half-way"
    assert not watcher.violations
    assert sum(rebalance.loads(5)) == 12
    assert cluster.count(node=4) == POINTS


@pytest.mark.timeout(300)
def test_it_does_nothing_to_a_cluster_that_is_not_sound(rebalance: Rebalance) -> None:
    cluster = rebalance.cluster
    cluster.end(2)
    code, said = rebalance.run(3, factor=3, wait=3)
    assert code == 1
    assert "qdrant-2 does not answer" in said
    assert "the cluster is not sound, so nothing is moved" in said
    cluster.fill(20, start=POINTS)  # marks the copies there as dead
    code, said = rebalance.run(3, factor=3, wait=3)
    assert code == 1
    assert "is Dead" in said
    cluster.end(1)
    code, said = rebalance.run(3, wait=3)
    assert code == 1
    for word in ("qdrant-1 does not answer", "qdrant-2 does not answer"):
        assert word in said
    cluster.run(1)
    cluster.run(2)
    eventually(lambda: cluster.all_active(), 60)
    assert rebalance.run(3)[0] == 0


def test_it_waits_for_a_node_that_is_only_late(rebalance: Rebalance) -> None:
    cluster = rebalance.cluster
    cluster.join(range(3, 4))
    process = rebalance.start(5)
    time.sleep(2)
    assert process.poll() is None
    cluster.run(4, bootstrap=1)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert f"waiting: {pod(4)} does not answer" in said


def test_more_copies_than_nodes_are_refused_in_words(rebalance: Rebalance) -> None:
    code, said = rebalance.run(3, factor=4)
    assert code == 1
    assert "default is to have 4 copies of each shard, and 3 nodes stay: add nodes" in said


def test_a_key_that_is_wrong_is_told_and_not_shown(rebalance: Rebalance) -> None:
    rebalance.cluster.more = {node: {"QDRANT__SERVICE__API_KEY": "other"} for node in range(3)}
    for node in range(3):
        rebalance.cluster.end(node)
        rebalance.cluster.run(node)
    for node in range(3):
        eventually(lambda n=node: rebalance.cluster.get(n, "/cluster")[0] == 401)
    code, said = rebalance.run(3, wait=2)
    assert code == 1
    assert "401 Invalid API key or JWT" in said
    assert "letters123" not in said
