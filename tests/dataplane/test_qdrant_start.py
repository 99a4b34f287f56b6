"""The start script and the collection Job before a cluster of the stand-in: no second cluster, no second collection."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from components.qdrant_collections import CollectionsArgs, collection_parameters
from tests.dataplane.conftest import FILES, tool
from tests.dataplane.qdrant_cluster import Cluster, call, eventually
from tests.dataplane.qdrant_jobs import nodes, pod, start_job

PEERS = 3


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    nodes_ = Cluster(tmp_path)
    try:
        yield nodes_
    finally:
        nodes_.close()


def start(cluster: Cluster, node: int, kept: int = PEERS) -> None:
    """Starts a node as its pod does: by the script as it is, where names of pods are those of the nodes' addresses."""
    folder = cluster.folder / f"bin-{node}"
    folder.mkdir(exist_ok=True)
    addresses = [f"s/{pod(peer)}.qdrant-headless/{cluster.host(peer)}/g" for peer in range(PEERS)]
    told = f'"$(printf %s "$argument" | sed {" ".join("-e " + shlex.quote(a) for a in addresses)})"'
    translated = f'set --\nfor argument in "${{given[@]}}"; do set -- "$@" {told}; done\n'
    python = tool("python3")
    programs = {
        "timeout": f'#!/bin/bash\ngiven=("$@")\n{translated}exec {tool("timeout")} "$@"\n',
        "entrypoint.sh": f'#!/bin/bash\ngiven=("$@")\n{translated}exec {python} -m qdrant "$@"\n',
    }
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "peers").write_text(f"{PEERS} {kept}\n")
    environment = cluster.environment(node)
    cluster.start(
        node,
        [tool("bash"), str(FILES / "qdrant-start.sh")],
        {
            "PATH": f"{folder}:{environment['PATH']}",
            "POD_NAME": pod(node),
            "QDRANT_HEADLESS": "qdrant-headless",
            "PEERS_FILE": str(folder / "peers"),
            "QDRANT_STORAGE": environment["QDRANT__STORAGE__STORAGE_PATH"],
            "QDRANT_ENTRYPOINT": str(folder / "entrypoint.sh"),
        },
    )


def start_all(cluster: Cluster) -> None:
    """Starts all nodes at once; the first one founds the cluster, for all are empty."""
    for node in range(PEERS):
        start(cluster, node)
    for node in range(PEERS):
        eventually(lambda n=node: len(cluster.peers(n)) == PEERS, 60)


def lose_disk(cluster: Cluster, node: int, kept: str) -> None:
    """Ends a node and leaves it with an empty disk."""
    cluster.end(node)
    storage = cluster.folder / str(node) / "storage"
    storage.rename(storage.with_name(kept))


@pytest.mark.timeout(240)
def test_the_first_node_with_an_empty_disk_joins_the_cluster_that_lives(cluster: Cluster) -> None:
    """Never another one. The cluster takes it at once while its former peer holds nothing, and refuses it while that
    holds copies, which somebody has to give up first (docs/qdrant.md)."""
    start_all(cluster)
    before = cluster.peer_id(0)
    lose_disk(cluster, 0, "first")
    start(cluster, 0)
    eventually(lambda: cluster.get(0, "/readyz")[0] == 200 and len(cluster.peers(0)) == PEERS, 60)
    assert cluster.peer_id(0) != before
    assert "joining through qdrant-1" in cluster.log(0)

    cluster.create()
    cluster.fill(50)
    before = cluster.peer_id(0)
    lose_disk(cluster, 0, "second")
    for _ in range(2):
        start(cluster, 0)
        assert cluster.processes[0].wait(60) != 0
    assert cluster.log(0).count(f"already used by peer {before} which still has shards") == 2
    cluster.ask(1, "DELETE", f"/cluster/peer/{before}?force=true")
    start(cluster, 0)
    eventually(lambda: cluster.get(0, "/readyz")[0] == 200, 60)
    assert cluster.peer_id(0) != before
    eventually(lambda: set(cluster.peers(0)) == set(cluster.peers(1)) == set(cluster.peers(2)), 60)
    assert len(cluster.peers(0)) == PEERS
    assert cluster.count(node=0) == 50


@pytest.mark.timeout(240)
def test_the_first_node_with_an_empty_disk_founds_no_cluster_while_the_others_are_silent(cluster: Cluster) -> None:
    """After a whole region restarted, it may be there long before those that hold data."""
    start_all(cluster)
    one = cluster.peer_id(1)
    cluster.end(1)
    cluster.end(2)
    lose_disk(cluster, 0, "lost")
    start(cluster, 0)
    eventually(lambda: "before these say whether they hold data: qdrant-1 qdrant-2" in cluster.log(0), 30)
    start(cluster, 1)
    start(cluster, 2)
    eventually(lambda: cluster.get(0, "/readyz")[0] == 200 and len(cluster.peers(0)) == PEERS, 60)
    assert str(one) in cluster.peers(0)
    assert cluster.log(0).count("all other peers are empty") == 1


@pytest.mark.timeout(240)
def test_a_node_whose_joining_failed_founds_no_cluster_when_it_comes_back(cluster: Cluster) -> None:
    start_all(cluster)
    lose_disk(cluster, 1, "lost")
    storage = cluster.folder / "1" / "storage"
    storage.mkdir(parents=True)
    state = {"hard_state": {"term": 0, "vote": 0, "commit": 0}, "conf_state": {"voters": [], "learners": []}}
    never = {"state": state, "peer_address_by_id": {}, "this_peer_id": 4711}
    (storage / "raft_state.json").write_text(json.dumps(never, separators=(",", ":")))
    start(cluster, 1)
    eventually(lambda: len(cluster.peers(1)) >= PEERS, 60)
    eventually(lambda: "4711" in cluster.peers(0), 60)


@pytest.mark.timeout(240)
def test_a_node_that_was_emptied_and_removed_joins_anew_once_it_is_wanted_again(cluster: Cluster) -> None:
    start_all(cluster)
    old = cluster.peer_id(2)
    cluster.ask(0, "DELETE", f"/cluster/peer/{old}")
    eventually(
        lambda: cluster.ask(2, "GET", "/cluster")["consensus_thread_status"]["consensus_thread_status"] != "working"
    )
    cluster.end(2)
    start(cluster, 2, kept=2)  # still to leave
    eventually(lambda: cluster.get(2, "/livez")[0] == 200, 60)
    eventually(lambda: len(cluster.peers(0)) == 2, 60)
    cluster.end(2)
    start(cluster, 2)
    eventually(lambda: len(cluster.peers(2)) == PEERS, 60)
    assert cluster.peer_id(2) != old
    assert list((cluster.folder / "2" / "storage").glob("removed-*/raft_state.json"))


# The collection Job.


def parameters(**changed: Any) -> dict[str, Any]:
    """What the program asks for, in vectors of four numbers."""
    args = CollectionsArgs(
        placement=None,  # pyright: ignore[reportArgumentType]  (not read)
        image="",
        nodes={},
        secret_name="",
        peers=PEERS,
        peer_pods={},
        collections=("default",),
        shards=4,
        replication_factor=2,
        vector_size=4,
    )
    return {**collection_parameters(args), **changed}


def job(cluster: Cluster, wanted: Mapping[str, Any], wait: float = 20) -> tuple[int, str]:
    """Exit status and log of one run."""
    plan = {"nodes": nodes(cluster, PEERS), "peers": PEERS, "collections": ["default"], "parameters": wanted}
    process = start_job("collection", cluster.folder, plan, {"WAIT_SECONDS": str(wait)})
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


@pytest.mark.timeout(240)
def test_the_job_makes_the_collection_once_and_refuses_another_shape(cluster: Cluster) -> None:
    cluster.run_all(PEERS)
    code, said = job(cluster, parameters())
    assert code == 0, said
    assert "4 shards, 8 active replicas" in said
    cluster.fill(40)
    before = cluster.ask(0, "GET", "/collections/default")["config"]
    assert before["params"]["write_consistency_factor"] == 1
    assert job(cluster, parameters())[0] == 0
    for changed, words in (
        ({"vectors": {"size": 768, "distance": "Cosine"}}, "vectors.size is 4, wanted 768"),
        ({"vectors": {"size": 4, "distance": "Dot"}}, "vectors.distance is 'Cosine', wanted 'Dot'"),
        ({"shard_number": 6}, "shard_number is 4, wanted 6"),
    ):
        code, said = job(cluster, parameters(**changed))
        assert code == 1
        assert f"collection 'default' exists with another shape and is left as it is: {words}" in said
    assert cluster.ask(0, "GET", "/collections/default")["config"] == before
    assert cluster.count() == 40
    code, said = job(cluster, parameters(replication_factor=3))
    assert (code, "the rebalancer makes that 3" in said) == (0, True), said


@pytest.mark.timeout(240)
def test_a_node_that_is_away_is_named_and_nothing_is_made(cluster: Cluster) -> None:
    cluster.run_all(2)
    code, said = job(cluster, parameters(), wait=3)
    assert code == 1
    assert "2 of 3 peers have joined" in said
    assert call(cluster.address(0), "GET", "/collections/default")[0] == 404
