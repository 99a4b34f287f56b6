"""A fault raises the alerts that name it, and no other; they end with it.

Alerts need not last here (prometheus.py): what fires is more than would elsewhere, where most of it has to last for
minutes. Nobody is paged there by what does not even begin to fire here.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from observability.alerts.collection import WATCHDOG
from tests.dataplane.cluster.faults import Faults, stopwatch
from tests.dataplane.cluster.postgres import CONTAINER, Database
from tests.dataplane.cluster.prometheus import Prometheus
from tests.dataplane.cluster.stand import Stand, eventually
from tests.dataplane.cluster.test_memory_service import SERVICE, all_ready, pods

pytestmark = [pytest.mark.own_nodes, pytest.mark.timeout(900)]

RAISED_SECONDS, WELL_SECONDS = 180, 180
BY_LOAD = (
    *("MemoryServiceSlow", "MemoryServiceTooSlow", "NodeUneven", "RegionLinkSlow"),
    *("CpuShort", "CpuSpent", "MemoryShort", "MemorySpent"),
    *("NodeCpuShort", "NodeCpuSpent", "NodeMemoryShort", "NodeMemorySpent"),
)
"""What fires as the machine is busy or is not."""
SHORT = "ZoneBelowMinimum"
"""As kubelet sees that a pod hangs, which may be later."""
OF_A_NODE = {SHORT, "ZoneLossNotSurvived"}
"""What names a zone that lacks a node, or some of its pods."""
OF_A_FAILOVER = {"ComponentDown", "StatementsSentAgain"}
"""For a moment, of PostgreSQL."""
OF_A_ROLL = {SHORT, "TargetVanished"}
"""What would have to last far longer than a pod takes to begin, or to be found."""
ROLLED_SECONDS = 240
OF_STORES = ("Qdrant", "Redis", "Postgresql", "Zone", "Component", "Target", "Figures")
OF_A_ZONE = {
    "ComponentDown",  # for a moment, of a store whose node is not given up yet
    "FiguresMissing",
    "PostgresqlNotReached",  # where the primary was there
    "PostgresqlNotStreaming",
    "PostgresqlNotSynchronous",
    "PostgresqlPoolerWaits",
    "PostgresqlReplicaBehind",
    "PostgresqlReplicaDoesNotReplay",
    "QdrantConsensusBehind",
    "QdrantDeadReplicas",
    "QdrantGatewayLacksPeers",  # as the part that was cut off sees it
    "QdrantGatewayWithoutPeers",
    "QdrantRequestsRepeated",
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
    "TargetVanished",
    "ZoneBelowMinimum",
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


def beside(found: set[tuple[str, str]], store: str) -> set[str]:
    """Names of alerts that are neither a store's, nor of the job that reads it."""
    return {name for name, job in found if not (name.startswith(store) or job.startswith(store.lower()))}


def without_primary(cluster: Stand) -> tuple[str, str]:
    """A zone where PostgreSQL's primary is not, and what its nodes call it: what a failover leaves fires for long."""
    primary = cluster.zone_of(Database(cluster).primary())
    values = {zone: cluster.settings.kubernetes.zone_value(zone) for zone in ("zone-b", "zone-c")}
    return next((zone, value) for zone, value in values.items() if value != primary)


@dataclass
class Watch:
    """What has come to fire since before the fault: names of alerts, with the job that each is of."""

    prometheus: Prometheus
    before: set[tuple[str, str]]

    def found(self) -> set[tuple[str, str]]:
        return {(name, job) for name, job in self.prometheus.firing() - self.before if name not in BY_LOAD}

    def pages(self) -> set[str]:
        """Names of those that wake somebody."""
        return self.prometheus.pages(5) & {name for name, _ in self.found()}

    def paged(self, seconds: float) -> set[str]:
        """Names of those that woke somebody within so many seconds, if only for a moment."""
        return self.prometheus.pages(seconds) - {name for name, _ in self.before} - {*BY_LOAD}

    def named(self, alert: str, label: str) -> set[str]:
        """What an alert that fires says of a label."""
        fired = self.prometheus.query(f'ALERTS{{alertname="{alert}", alertstate="firing"}}')
        return {one.labels[label] for one in fired}

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


@pytest.fixture(scope="module")
def calm(prometheus: Prometheus) -> set[tuple[str, str]]:
    """Alerts as they stay: no user gets in here, so that one of them fires anyway."""

    def settled() -> set[tuple[str, str]]:
        first = prometheus.firing()
        time.sleep(8)
        assert (WATCHDOG, "") in first, first
        stores = [name for name, _ in first if name.startswith(OF_STORES)]
        assert stores == []
        assert first == prometheus.firing()
        return first

    return eventually("alerts are as they stay", settled, RAISED_SECONDS)


@pytest.fixture
def watch(prometheus: Prometheus, calm: set[tuple[str, str]]) -> Watch:
    """Begins when nothing of a test before is left."""
    made = Watch(prometheus, calm)
    made.well()
    return made


def test_a_qdrant_node_that_hangs(cluster: Stand, watch: Watch, faults: Faults) -> None:
    service = cluster.pods("app.kubernetes.io/name=memory-service")[0].name
    faults.freeze("qdrant-2", "qdrant")

    def write() -> None:
        # Copies are dead once a write has not reached them.
        cluster.exec(service, "memory-service", "python3", "-c", _WRITE, seconds=90)

    found = watch.until("TargetDown", "QdrantDeadReplicas", act=write)
    assert ("TargetDown", "qdrant") in found
    left = float(cluster.settings.qdrant.replicas - 1)

    def left_out() -> bool:
        return {one.value for one in watch.prometheus.query("qdrant_gateway:peers:count")} == {left}

    eventually("gateways ask the others alone", left_out, RAISED_SECONDS)
    # The shard exporter waits five seconds for a node that hangs, and half of those here fail by it.
    assert beside(found, "Qdrant") <= {SHORT}
    faults.thaw("qdrant-2", "qdrant")
    watch.well()


def test_a_redis_master_that_hangs_on_a_node_without_kubelet(cluster: Stand, watch: Watch, faults: Faults) -> None:
    """Nobody starts it again. First the master is named, by alerts of Redis alone; then, with the node, its zone."""
    zone, value = without_primary(cluster)
    began, master = stopwatch(), f"redis-{zone}-0"
    faults.stop_kubelet(zone)
    faults.freeze(master, "redis")
    found = watch.until("RedisNodeDown", "RedisMasterWithoutReplica")
    assert watch.named("RedisNodeDown", "pod") == {master}
    assert beside(found, "Redis") <= OF_A_NODE
    found = watch.until("ZoneLossNotSurvived", SHORT)
    assert watch.named(SHORT, "zone") == {value}
    assert beside(found, "Redis") <= OF_A_NODE
    assert {name for name in watch.paged(began()) if not name.startswith("Redis")} == set()
    faults.thaw(master, "redis")
    faults.start_kubelet(zone)
    watch.well()


def test_a_primary_of_postgresql_that_is_killed_with_its_pod(cluster: Stand, watch: Watch, faults: Faults) -> None:
    """Another one takes over; until the pod is back its zone is named. Nothing but PostgreSQL pages."""
    began, primary = stopwatch(), Database(cluster).primary()
    faults.destroy(primary.name, CONTAINER)
    found = watch.until(SHORT)
    assert watch.named(SHORT, "component") == {"postgresql"}
    assert watch.named(SHORT, "zone") == {cluster.zone_of(primary)}
    assert beside(found, "Postgresql") <= OF_A_NODE | OF_A_FAILOVER
    watch.well()
    Database(cluster).await_healthy()
    assert {name for name in watch.paged(began()) if not name.startswith("Postgresql")} <= OF_A_FAILOVER


def test_a_rolled_service_pages_nobody_and_a_replica_that_does_not_replay_is_named(
    cluster: Stand, watch: Watch
) -> None:
    """The replica's lag grows, in seconds, and no other's. Meanwhile all pods of the service are replaced."""
    database, began, before = Database(cluster), stopwatch(), pods(cluster)
    replica = database.replicas()[0].name
    commit = "CREATE TABLE behind (a int); DROP TABLE behind"
    # A lag counts from the last commit that was replayed: one that started since must have replayed one.
    database.ask(commit)
    replayed = "SELECT pg_last_xact_replay_timestamp() IS NOT NULL"
    eventually("the replica has replayed a commit", lambda: database.ask(replayed, replica) == "t")
    database.ask("SELECT pg_wal_replay_pause()", replica)
    try:
        paused = "SELECT pg_get_wal_replay_pause_state()"
        eventually("the replica replays nothing", lambda: database.ask(paused, replica) == "paused")
        database.ask(commit)
        restarted = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat(timespec="seconds")}
        template = {"spec": {"template": {"metadata": {"annotations": restarted}}}}
        cluster.client.patch("apps/v1", "Deployment", SERVICE, template, cluster.namespace)
        found = watch.until("PostgresqlReplicaBehind")
        assert {name for name, _ in found if not name.startswith("PostgresqlReplica")} <= OF_A_ROLL
        lags = {one.labels["pod"]: one.value for one in watch.prometheus.query("postgresql:replication_lag:seconds")}
        limit = cluster.settings.multiregion.rpo_seconds / 10
        assert [pod for pod, lag in lags.items() if lag > limit] == [replica]
        assert len(lags) == cluster.settings.postgresql.instances
    finally:
        database.ask("SELECT pg_wal_replay_resume()", replica)
    gone = {pod.uid for pod in before}
    eventually("every pod is another one", lambda: not gone & {pod.uid for pod in pods(cluster)}, ROLLED_SECONDS)
    eventually("they are ready", lambda: all_ready(cluster), ROLLED_SECONDS)
    watch.well()
    assert watch.paged(began()) == set()


def test_a_volume_that_is_full(watch: Watch, faults: Faults) -> None:
    faults.fill_disk("qdrant-2", "qdrant", "/qdrant/snapshots")
    found = watch.until("VolumeFilling", "VolumeAlmostFull")
    assert {name for name, _ in found} >= {"VolumeFilling", "VolumeAlmostFull"}
    assert watch.pages() == {"VolumeAlmostFull"}
    full = watch.prometheus.query('ALERTS{alertname="VolumeAlmostFull"}')
    assert {one.labels["persistentvolumeclaim"] for one in full} == {"snapshots-qdrant-2"}
    faults.free_disk("qdrant-2", "qdrant", "/qdrant/snapshots")
    watch.well()


def test_a_zone_that_is_cut_off(cluster: Stand, watch: Watch, faults: Faults) -> None:
    """What was spread over three zones does not survive the loss of the next; all else that fires is of stores."""
    zone, _ = without_primary(cluster)
    faults.cut_zone(zone)
    found = watch.until("ZoneLossNotSurvived", SHORT)
    for _ in range(5):  # and what comes after
        time.sleep(2)
        found |= watch.found()
    assert {name for name, _ in found} - OF_A_ZONE == set()
    assert {name for name, _ in found} >= {"PostgresqlNotStreaming", "RedisMasterWithoutReplica"}
    short = {one.labels["component"] for one in watch.prometheus.query('ALERTS{alertname="ZoneLossNotSurvived"}')}
    assert short
    faults.heal_zone(zone)
    watch.well()
