"""Snapshots of Qdrant's shards through rclone to an object store, and back into clusters of another shape.

Qdrant and S3 are played (rehearsal/standins/qdrant, moto); the Jobs' files and rclone are what runs in the pods.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.dataplane.conftest import Start
from tests.dataplane.object_store import BUCKET, Store
from tests.dataplane.qdrant_cluster import Cluster, point
from tests.dataplane.qdrant_jobs import nodes, start_job

POINTS = 200
FOLDER = "qdrant/us-east"

NewCluster = Callable[[str, int], Cluster]


@pytest.fixture(scope="module")
def store(start_module: Start, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(start_module, tmp_path_factory.mktemp("store"))


@pytest.fixture(autouse=True)
def empty(store: Store) -> Iterator[None]:
    """Every test finds an empty bucket."""
    yield
    for key in store.objects():
        store.s3.delete_object(Bucket=BUCKET, Key=key)


@pytest.fixture
def new_cluster(tmp_path: Path) -> Iterator[NewCluster]:
    made: list[Cluster] = []

    def make(name: str, count: int) -> Cluster:
        made.append(Cluster(tmp_path / name))
        made[-1].run_all(count)
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture
def home(new_cluster: NewCluster) -> Cluster:
    """Three nodes with a collection."""
    cluster = new_cluster("home", 3)
    cluster.create()
    cluster.fill(POINTS)
    return cluster


class Jobs:
    """The Jobs of a cluster, run to their end."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store, self._folder = store, folder

    def run(self, module: str, cluster: Cluster, count: int, **environment: str) -> tuple[int, str]:
        plan = {"nodes": nodes(cluster, count), "bucket": BUCKET, "folder": FOLDER, "copies": 2}
        told = {"RCLONE_URL": self._store.url, "WAIT_SECONDS": "30", **environment}
        process = start_job(module, self._folder, plan, told)
        said, _ = process.communicate(timeout=120)
        return process.returncode, said

    def back_up(self, cluster: Cluster, count: int = 3) -> str:
        status, said = self.run("qdrant_backup", cluster, count)
        assert status == 0, said
        return said

    def restore(self, cluster: Cluster, count: int, **environment: str) -> str:
        status, said = self.run("qdrant_restore", cluster, count, **environment)
        assert status == 0, said
        return said


@pytest.fixture
def jobs(store: Store, tmp_path: Path) -> Jobs:
    return Jobs(store, tmp_path)


def manifest(store: Store) -> dict[str, object]:
    (key,) = (key for key in store.objects() if key.endswith("manifest.json"))
    return json.loads(store.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def payloads(cluster: Cluster) -> set[int]:
    found = cluster.ask(0, "POST", "/collections/default/points/scroll", {"limit": 10 * POINTS})["points"]
    return {entry["payload"]["number"] for entry in found}


def test_a_snapshot_has_each_shard_once_and_says_what_it_holds(home: Cluster, jobs: Jobs, store: Store) -> None:
    jobs.back_up(home)
    told = manifest(store)
    shards = told["collections"]["default"]["shards"]  # pyright: ignore[reportIndexIssue]
    assert sorted(shards) == ["0", "1", "2", "3"]
    assert sum(shard["points"] for shard in shards.values()) == POINTS
    for shard in shards.values():
        content = store.s3.get_object(Bucket=BUCKET, Key=shard["object"])["Body"].read()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (shard["size"], shard["sha256"])
    assert len(store.objects()) == 5
    assert all(key.startswith(FOLDER + "/") for key in store.objects())


def test_nothing_stays_on_the_nodes(home: Cluster, jobs: Jobs) -> None:
    jobs.back_up(home)
    for node in range(3):
        for copy in home.ask(node, "GET", "/collections/default/cluster")["local_shards"]:
            assert home.ask(node, "GET", f"/collections/default/shards/{copy['shard_id']}/snapshots") == []


def test_a_cluster_of_another_shape_takes_it_over(
    home: Cluster, jobs: Jobs, new_cluster: NewCluster, figure: Callable[[str], None]
) -> None:
    jobs.back_up(home)
    standby = new_cluster("standby", 2)
    began = time.monotonic()
    said = jobs.restore(standby, 2)
    figure(f"Qdrant (stand-in): {POINTS} points restored into another cluster in {time.monotonic() - began:.1f} s")
    assert f"is back with {POINTS} points" in said
    assert payloads(standby) == set(range(POINTS))
    assert standby.all_active()
    assert {len(copies) for copies in standby.copies().values()} == {2}
    # Each copy has all of it, not only the one that the snapshot went to.
    standby.end(1)
    assert standby.count() == POINTS


def test_what_was_written_since_is_replaced_only_when_that_is_said(home: Cluster, jobs: Jobs) -> None:
    jobs.back_up(home)
    home.fill(50, start=POINTS)
    home.ask(0, "PUT", "/collections/default/points?wait=true", {"points": [{**point(3), "payload": {"number": -1}}]})
    status, said = jobs.run("qdrant_restore", home, 3)
    assert status == 1
    assert "has 250 points: set OVERWRITE to true to replace them" in said
    assert home.count() == POINTS + 50
    jobs.restore(home, 3, OVERWRITE="true")
    assert payloads(home) == set(range(POINTS))
    assert all(home.count(node=node) == POINTS for node in range(3))


def test_a_collection_of_another_shape_is_left_alone(home: Cluster, jobs: Jobs, new_cluster: NewCluster) -> None:
    jobs.back_up(home)
    other = new_cluster("other", 1)
    other.create(shards=2, copies=1)
    status, said = jobs.run("qdrant_restore", other, 1, OVERWRITE="true")
    assert status == 1
    assert "is there with shard_number 2, the snapshot has 4" in said


def test_a_damaged_object_never_takes_a_shards_place(home: Cluster, jobs: Jobs, store: Store) -> None:
    jobs.back_up(home)
    for shard in manifest(store)["collections"]["default"]["shards"].values():  # pyright: ignore[reportIndexIssue]
        content = bytearray(store.s3.get_object(Bucket=BUCKET, Key=shard["object"])["Body"].read())
        content[len(content) // 2] ^= 1
        store.s3.put_object(Bucket=BUCKET, Key=shard["object"], Body=bytes(content))
    status, said = jobs.run("qdrant_restore", home, 3, OVERWRITE="true")
    assert status == 1
    assert "checksum mismatch" in said
    assert payloads(home) == set(range(POINTS))
    assert home.all_active()


def test_an_object_that_is_gone_stops_a_restore_before_it_begins(home: Cluster, jobs: Jobs, store: Store) -> None:
    jobs.back_up(home)
    shard = manifest(store)["collections"]["default"]["shards"]["3"]  # pyright: ignore[reportIndexIssue]
    store.s3.delete_object(Bucket=BUCKET, Key=shard["object"])
    home.fill(1, start=POINTS)
    status, said = jobs.run("qdrant_restore", home, 3, OVERWRITE="true")
    assert status == 1
    assert f"{shard['object']} has None bytes" in said
    assert home.count() == POINTS + 1


def test_a_run_that_did_not_end_is_no_snapshot(home: Cluster, jobs: Jobs, store: Store) -> None:
    jobs.back_up(home)
    store.s3.put_object(Bucket=BUCKET, Key=f"{FOLDER}/2999-01-01T00-00-00Z/default/0.snapshot", Body=b"half")
    said = jobs.restore(home, 3, OVERWRITE="true")
    assert "2999" not in said
    status, said = jobs.run("qdrant_restore", home, 3, SNAPSHOT="2999-01-01T00-00-00Z")
    assert status == 1
    assert "no complete snapshot 2999-01-01T00-00-00Z" in said


def test_a_node_that_is_away_is_done_without(home: Cluster, jobs: Jobs, store: Store) -> None:
    home.end(2)
    said = jobs.back_up(home)
    assert "qdrant-2 does not answer and is left out" in said
    assert len(store.objects()) == 5


def test_a_shard_without_a_copy_fails_the_run_and_no_manifest_says_otherwise(
    new_cluster: NewCluster, jobs: Jobs, store: Store
) -> None:
    cluster = new_cluster("alone", 3)
    cluster.create(copies=1)
    cluster.fill(20)
    cluster.end(2)
    status, said = jobs.run("qdrant_backup", cluster, 3)
    assert status == 1
    assert "no active copy of default:" in said
    assert not [key for key in store.objects() if key.endswith("manifest.json")]


def test_a_snapshot_that_qdrant_cannot_make_fails_the_run(home: Cluster, jobs: Jobs, store: Store) -> None:
    for node in range(3):
        for shard in range(4):
            home.fault(node, "POST", f"/collections/default/shards/{shard}/snapshots", status=500)
    status, _ = jobs.run("qdrant_backup", home, 3)
    assert status == 1
    assert not [key for key in store.objects() if key.endswith("manifest.json")]
