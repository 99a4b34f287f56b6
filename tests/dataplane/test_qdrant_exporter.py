"""The shard exporter before a cluster of Qdrant's stand-in, as the process that its container runs."""

import json
import re
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from observability.metrics import SOURCES
from rehearsal.ports import free_port
from tests.dataplane.conftest import Start
from tests.dataplane.qdrant_cluster import READ_ONLY_KEY, Cluster, eventually

ROOT = Path(__file__).parents[2]
POINTS, SHARDS, COPIES, NODES = 40, 4, 2, 3
_SAMPLE = re.compile(r'(\w+)\{collection="([^"]*)",shard="(\d+)",pod="([^"]*)"\} (\d+)')
Scrape = Callable[[], str]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path / "qdrant")
    try:
        made.run_all(NODES)
        made.create(shards=SHARDS, copies=COPIES)
        made.fill(POINTS)
        yield made
    finally:
        made.close()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Reads alone: the exporter needs no more."""
    file = tmp_path / "read-only-api-key"
    file.write_text(READ_ONLY_KEY)
    return file


@pytest.fixture
def scrape(cluster: Cluster, key: Path, tmp_path: Path, start: Start) -> Scrape:
    port = free_port()
    nodes = {f"qdrant-{node}": f"http://{cluster.address(node)}" for node in range(NODES)}
    environment = {"QDRANT_NODES": json.dumps(nodes), "QDRANT_API_KEY_FILE": str(key), "PORT": str(port)}
    command = [sys.executable, "-u", "-m", "components.files.qdrant_exporter"]
    start(command, {**environment, "PYTHONPATH": str(ROOT)}, tmp_path / "exporter.log")

    def ask(path: str = "/metrics") -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=15) as answer:
            return answer.read().decode()

    eventually(lambda: ask("/"))
    return ask


def told(text: str, metric: str) -> dict[tuple[str, str], int]:
    """Figures of a metric by pod and shard."""
    found = [_SAMPLE.fullmatch(line) for line in text.splitlines() if not line.startswith("#")]
    assert all(found)
    return {(one[4], one[3]): int(one[5]) for one in found if one is not None and one[1] == metric}


def held(cluster: Cluster) -> dict[tuple[str, str], int]:
    """Copies that serve, by pod and shard, as the cluster itself says."""
    pods = {cluster.peer_id(node): f"qdrant-{node}" for node in range(NODES)}
    return {
        (pods[peer], str(shard)): int(state == "Active")
        for shard, copies in cluster.copies().items()
        for peer, state in copies.items()
    }


def test_every_copy_is_told_by_the_node_that_holds_it(cluster: Cluster, scrape: Scrape) -> None:
    text = scrape()
    assert told(text, "qdrant_shard_active") == held(cluster)
    assert len(held(cluster)) == SHARDS * COPIES
    assert sum(told(text, "qdrant_shard_points").values()) == POINTS * COPIES


def test_a_node_that_is_lost_has_no_figures_and_the_others_have_theirs(cluster: Cluster, scrape: Scrape) -> None:
    cluster.end(2)
    pods = {pod for pod, _ in told(scrape(), "qdrant_shard_active")}
    assert pods == {"qdrant-0", "qdrant-1"}


def test_a_node_that_hangs_holds_nobody_up_for_long(cluster: Cluster, scrape: Scrape) -> None:
    """Prometheus waits ten seconds for an answer."""
    cluster.freeze(2)
    pods = {pod for pod, _ in told(scrape(), "qdrant_shard_active")}
    assert pods == {"qdrant-0", "qdrant-1"}


def test_another_key_is_taken_without_a_restart(scrape: Scrape, key: Path) -> None:
    key.write_text("not the key")
    assert told(scrape(), "qdrant_shard_active") == {}
    key.write_text(READ_ONLY_KEY)
    assert told(scrape(), "qdrant_shard_active") != {}


def test_the_stand_in_tells_what_rules_ask_of_qdrant(cluster: Cluster) -> None:
    vector = {"query": [1.0, 0.0, 0.0, 0.0], "limit": 1}
    cluster.ask(0, "POST", "/collections/default/points/query", vector)
    _, text = cluster.get(0, "/metrics")
    (qdrant,) = [source for source in SOURCES if source.name == "Qdrant"]
    names = {re.split("[{ ]", line)[0] for line in text.splitlines()}
    assert set(qdrant.metrics) <= names
    assert 'rest_responses_total{method="POST",endpoint="/collections/{name}/points/query",status="200"} 1' in text
