"""A fault raises the alerts that name it, and no other; they end with it. Alerts need not last here."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from observability.alerts.collection import WATCHDOG
from tests.dataplane.cluster.faults import Faults
from tests.dataplane.cluster.postgres import Database
from tests.dataplane.cluster.prometheus import Prometheus
from tests.dataplane.cluster.stand import Stand, eventually

pytestmark = [pytest.mark.own_nodes, pytest.mark.timeout(900)]

RAISED_SECONDS, WELL_SECONDS = 180, 180
BY_LOAD = ("MemoryServiceSlow", "MemoryServiceTooSlow", "NodeUneven")
"""What fires as the machine is busy or is not."""
OF_STORES = ("Qdrant", "Redis", "Postgresql", "ZoneLoss", "Component", "Target", "Figures")
OF_A_ZONE = {
    "ComponentDown",  # for a moment, of a store whose node is not given up yet
    "FiguresMissing",
    "PostgresqlNotStreaming",
    "PostgresqlNotSynchronous",
    "PostgresqlPoolerWaits",
    "PostgresqlReplicaBehind",
    "QdrantConsensusBehind",
    "QdrantDeadReplicas",
    "QdrantRequestsUneven",
    "QdrantShardInFewZones",
    "QdrantTooFewReplicas",
    "QdrantUneven",
    "RedisClusterFailing",  # as the part that was cut off sees it
    "RedisGatewayWithoutCluster",
    "RedisMasterWithoutReplica",
    "RedisNodeDown",
    "RedisSlotsMissing",
    "TargetDown",
    "ZoneLossNotSurvived",
}
"""What names a part of a zone that is cut off; most of it must last longer elsewhere than it lasts."""
_WRITE = """
import json, urllib.request, uuid
for _ in range(12):
    body = json.dumps({"points": [{"id": str(uuid.uuid4()), "vector": [1.0] * 768, "payload": {}}]}).encode()
    path = "http://127.0.0.1:6333/collections/default/points?wait=true"
    headers = {"content-type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(path, body, headers, method="PUT"), timeout=20).read()
"""


@dataclass
class Watch:
    """What has come to fire since before the fault: names of alerts, with the job that each is of."""

    prometheus: Prometheus
    before: set[tuple[str, str]]

    def found(self) -> set[tuple[str, str]]:
        return {(name, job) for name, job in self.prometheus.firing() - self.before if name not in BY_LOAD}

    def pages(self) -> set[str]:
        """Names of those that wake somebody."""
        critical = self.prometheus.query('ALERTS{alertstate="firing", severity="critical"}')
        return {one.labels["alertname"] for one in critical} & {name for name, _ in self.found()}

    def until(self, *wanted: str, act: Callable[[], object] = lambda: None) -> set[tuple[str, str]]:
        """What fires once those that are wanted do; `act` is done again and again until then."""

        def raised() -> set[tuple[str, str]]:
            act()
            found = self.found()
            assert {name for name, _ in found} >= set(wanted), found
            return found

        return eventually(f"{', '.join(wanted)} fires", raised, RAISED_SECONDS)

    def well(self) -> None:
        """Once nothing more fires than before."""

        def ended() -> bool:
            assert self.found() == set()
            return True

        eventually("all is well again", ended, WELL_SECONDS)


@pytest.fixture
def watch(prometheus: Prometheus) -> Watch:
    """Begins when alerts are as they stay: no user gets in here, so that one of them fires anyway."""

    def settled() -> set[tuple[str, str]]:
        first = prometheus.firing()
        time.sleep(8)
        assert (WATCHDOG, "") in first, first
        stores = [name for name, _ in first if name.startswith(OF_STORES)]
        assert stores == []
        assert first == prometheus.firing()
        return first

    return Watch(prometheus, eventually("alerts are as they stay", settled, RAISED_SECONDS))


def test_a_qdrant_node_that_hangs(cluster: Stand, watch: Watch, faults: Faults) -> None:
    service = cluster.pods("app.kubernetes.io/name=memory-service")[0].name
    faults.freeze("qdrant-2", "qdrant")

    def write() -> None:
        # Copies are dead once a write has not reached them.
        cluster.exec(service, "memory-service", "python3", "-c", _WRITE, seconds=90)

    found = watch.until("TargetDown", "QdrantDeadReplicas", act=write)
    assert ("TargetDown", "qdrant") in found
    # The shard exporter waits five seconds for a node that hangs, and half of those here fail by it.
    assert [(name, job) for name, job in found if not (name.startswith("Qdrant") or job.startswith("qdrant"))] == []
    faults.thaw("qdrant-2", "qdrant")
    watch.well()


def test_a_redis_master_that_hangs(watch: Watch, faults: Faults) -> None:
    faults.freeze("redis-zone-b-0", "redis")
    found = watch.until("RedisNodeDown", "RedisMasterWithoutReplica")
    assert [name for name, job in found if not (name.startswith("Redis") or job == "redis")] == []
    faults.thaw("redis-zone-b-0", "redis")
    watch.well()


def test_a_replica_of_postgresql_that_does_not_replay(cluster: Stand, watch: Watch) -> None:
    """Its lag grows, in seconds, and no other's."""
    database = Database(cluster)
    replica = database.replicas()[0].name
    database.ask("SELECT pg_wal_replay_pause()", replica)
    try:
        database.ask("CREATE TABLE behind (a int); DROP TABLE behind")
        found = watch.until("PostgresqlReplicaBehind")
        assert [name for name, _ in found if not name.startswith("PostgresqlReplica")] == []
        lags = {one.labels["pod"]: one.value for one in watch.prometheus.query("postgresql:replication_lag:seconds")}
        limit = cluster.settings.multiregion.rpo_seconds / 10
        assert [pod for pod, lag in lags.items() if lag > limit] == [replica]
        assert len(lags) == cluster.settings.postgresql.instances
    finally:
        database.ask("SELECT pg_wal_replay_resume()", replica)
    watch.well()


def test_a_volume_that_is_full(watch: Watch, faults: Faults) -> None:
    faults.fill_disk("qdrant-2", "qdrant", "/qdrant/snapshots")
    found = watch.until("VolumeFilling", "VolumeAlmostFull")
    assert {name for name, _ in found} >= {"VolumeFilling", "VolumeAlmostFull"}
    assert watch.pages() == {"VolumeAlmostFull"}
    full = watch.prometheus.query('ALERTS{alertname="VolumeAlmostFull"}')
    assert {one.labels["persistentvolumeclaim"] for one in full} == {"snapshots-qdrant-2"}
    faults.free_disk("qdrant-2", "qdrant", "/qdrant/snapshots")
    watch.well()


def test_a_zone_that_is_cut_off(watch: Watch, faults: Faults) -> None:
    """What was spread over three zones does not survive the loss of the next; all else that fires is of stores."""
    faults.cut_zone("zone-b")
    found = watch.until("ZoneLossNotSurvived")
    for _ in range(5):  # and what comes after
        time.sleep(2)
        found |= watch.found()
    assert {name for name, _ in found} - OF_A_ZONE == set()
    assert {name for name, _ in found} >= {"PostgresqlNotStreaming", "RedisMasterWithoutReplica"}
    short = {one.labels["component"] for one in watch.prometheus.query('ALERTS{alertname="ZoneLossNotSurvived"}')}
    assert short
    faults.heal_zone("zone-b")
    watch.well()
