"""The collection Job's script against a Qdrant that is played: it makes, checks, and never makes anew."""

import json
import urllib.error
from email.message import Message
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest

from components.files import collection
from components.files.qdrant_rest import Qdrant, RefusedError
from components.qdrant_collections import CollectionsArgs, collection_parameters

PARAMETERS: dict[str, Any] = collection_parameters(
    CollectionsArgs(
        placement=cast(Any, None),
        image="python",
        nodes={},
        secret_name="",
        peers=3,
        peer_pods={},
        collections=("default",),
        shards=4,
        replication_factor=2,
        vector_size=768,
    )
)


def http_error(code: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("http://qdrant", code, "", Message(), BytesIO(b"refused"))


class Played(Qdrant):
    """Qdrant as its REST interface shows it."""

    def __init__(self, peers: int = 3) -> None:
        super().__init__({}, "key")
        self.peers = peers
        self.collections: dict[str, Any] = {}
        self.calls: list[str] = []
        self.failures: dict[str, list[Exception]] = {}
        self.replica_state = "Active"

    def call(self, method: str, path: str, body: object = None) -> Any:
        self.calls.append(f"{method} {path}")
        if self.failures.get(method + path):
            raise self.failures[method + path].pop(0)
        if path == "/cluster":
            return {"peers": {str(peer): {} for peer in range(self.peers)}}
        name = path.split("/")[2].partition("?")[0]
        if method == "PUT":
            given = cast(dict[str, Any], body)
            params = {key: value for key, value in given.items() if key != "hnsw_config"}
            hnsw = {**given["hnsw_config"], "full_scan_threshold": 10000}
            self.collections[name] = {"config": {"params": params, "hnsw_config": hnsw}}
            return True
        if name not in self.collections:
            raise http_error(404)
        if path.endswith("/cluster"):
            return {
                "local_shards": [{"shard_id": shard, "state": self.replica_state} for shard in range(3)],
                "remote_shards": [{"shard_id": shard % 4, "state": self.replica_state} for shard in range(5)],
            }
        return self.collections[name]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten turns of patience, without the seconds between them."""
    monkeypatch.setattr(collection, "patience", lambda: range(10))


@pytest.fixture
def qdrant() -> Played:
    return Played()


def test_a_missing_collection_is_made_with_shards_and_copies(qdrant: Played) -> None:
    collection.ensure(qdrant, "default", PARAMETERS)
    params = qdrant.collections["default"]["config"]["params"]
    assert (params["shard_number"], params["replication_factor"]) == (4, 2)


def test_a_second_run_makes_nothing(qdrant: Played) -> None:
    collection.ensure(qdrant, "default", PARAMETERS)
    qdrant.calls.clear()
    collection.ensure(qdrant, "default", PARAMETERS)
    assert qdrant.calls == ["GET /collections/default"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("shard_number", 6, "shard_number is 6, wanted 4"),
        ("vectors", {"size": 384, "distance": "Cosine"}, "vectors.size is 384, wanted 768"),
    ],
)
def test_another_shape_is_an_error_and_is_left_alone(qdrant: Played, key: str, value: object, words: str) -> None:
    collection.ensure(qdrant, "default", {**PARAMETERS, key: value})
    qdrant.calls.clear()
    with pytest.raises(RefusedError, match=words):
        collection.ensure(qdrant, "default", PARAMETERS)
    assert not [call for call in qdrant.calls if not call.startswith("GET")]


@pytest.mark.parametrize("code", [401, 500, 503])
def test_only_not_found_means_that_a_collection_is_missing(qdrant: Played, code: int) -> None:
    """The service takes any error for that, and drops a collection over it."""
    qdrant.failures["GET/collections/default"] = [http_error(code)]
    with pytest.raises(urllib.error.HTTPError):
        collection.ensure(qdrant, "default", PARAMETERS)
    assert not [call for call in qdrant.calls if call.startswith("PUT")]


def test_a_collection_made_by_another_run_meanwhile_is_checked(qdrant: Played) -> None:
    other = Played()
    collection.ensure(other, "default", PARAMETERS)
    qdrant.failures["GET/collections/default"] = [http_error(404)]
    qdrant.failures["PUT/collections/default?timeout=60"] = [http_error(409)]
    qdrant.collections = other.collections
    collection.ensure(qdrant, "default", PARAMETERS)


def test_a_refusal_says_what_qdrant_said(qdrant: Played) -> None:
    qdrant.failures["PUT/collections/default?timeout=60"] = [http_error(400)]
    with pytest.raises(RefusedError, match="400 refused"):
        collection.ensure(qdrant, "default", PARAMETERS)


def test_it_waits_for_every_peer_before_shards_are_placed(qdrant: Played) -> None:
    qdrant.failures["GET/cluster"] = [urllib.error.URLError("no route"), http_error(503)]
    collection.await_peers(qdrant, 3, 3)
    assert len(qdrant.calls) == 3


@pytest.mark.parametrize(("peers", "words"), [(2, "2 of 3 peers have joined"), (4, "4 peers, 3 are wanted")])
def test_a_cluster_of_another_size_is_an_error(peers: int, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        collection.await_peers(Played(peers), 3, 3)


def test_fewer_peers_than_nodes_are_enough_during_a_drain() -> None:
    collection.await_peers(Played(3), 3, 5)
    collection.await_peers(Played(5), 3, 5)


def test_another_number_of_copies_is_left_to_the_rebalancer(qdrant: Played, capsys: pytest.CaptureFixture[str]) -> None:
    collection.ensure(qdrant, "default", {**PARAMETERS, "replication_factor": 3})
    collection.ensure(qdrant, "default", PARAMETERS)
    assert "has 3 copies of each shard; the rebalancer makes that 2" in capsys.readouterr().out


def test_it_ends_when_every_replica_is_active(qdrant: Played) -> None:
    collection.ensure(qdrant, "default", PARAMETERS)
    collection.await_replicas(qdrant, "default", PARAMETERS)
    qdrant.replica_state = "Dead"
    with pytest.raises(RefusedError, match="0 of 8 replicas are active, 0 of 4 shards have one"):
        collection.await_replicas(qdrant, "default", PARAMETERS)


def test_a_fault_ends_the_job_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, key = tmp_path / "plan.json", tmp_path / "key"
    plan.write_text(
        json.dumps(
            {
                "nodes": {"qdrant-0": "http://127.0.0.1:9"},
                "peers": 3,
                "collections": ["default"],
                "parameters": PARAMETERS,
            }
        )
    )
    key.write_text("secret\n")
    monkeypatch.setenv("COLLECTIONS_FILE", str(plan))
    monkeypatch.setenv("QDRANT_API_KEY_FILE", str(key))
    assert collection.main() == 1
    said = capsys.readouterr().out
    assert "gave up waiting for the Qdrant cluster" in said
    assert "secret" not in said
