"""The faults that tests make happen do happen, to what they name and nothing else, and are mended."""

import pytest

from rehearsal.kube import Manifest
from tests.dataplane.cluster import toolbox
from tests.dataplane.cluster.faults import Faults
from tests.dataplane.cluster.stand import Stand, eventually

POD, CONTAINER = "redis-zone-b-1", "redis"
PING = 'REDISCLI_AUTH=$(cat /run/secrets/redis/password) timeout 2 valkey-cli -h "$0.redis-headless" PING'


def answers(stand: Stand, pod: str) -> bool:
    """Whether a Redis node answers to the toolbox within two seconds."""
    return stand.tool("sh", "-c", PING, pod, check=False).strip() == "PONG"


def restarts(stand: Stand, pod: str) -> int:
    """How often the containers of a pod were started again."""
    statuses: list[Manifest] = stand.pod(pod).manifest["status"]["containerStatuses"]
    return sum(int(status["restartCount"]) for status in statuses)


def test_a_killed_process_is_started_again_in_its_pod(cluster: Stand, faults: Faults) -> None:
    before, uid = restarts(cluster, POD), cluster.pod(POD).uid
    faults.kill(POD, CONTAINER)
    eventually("the container was started again", lambda: restarts(cluster, POD) == before + 1, 60)
    eventually("it is ready", lambda: cluster.pod(POD).ready, 120)
    assert cluster.pod(POD).uid == uid


def test_a_frozen_process_keeps_its_connections_and_answers_nobody(cluster: Stand, faults: Faults) -> None:
    assert answers(cluster, POD)
    faults.freeze(POD, CONTAINER)
    assert not answers(cluster, POD)
    assert answers(cluster, "redis-zone-c-0")
    faults.thaw(POD, CONTAINER)
    eventually("it answers again", lambda: answers(cluster, POD), 30)


def test_a_full_disk_is_one_pods_alone(cluster: Stand, faults: Faults) -> None:
    def grow(pod: str) -> str:
        write = (
            "head -c 1000000 /dev/zero >/qdrant/snapshots/more 2>/dev/null && echo done; rm -f /qdrant/snapshots/more"
        )
        return cluster.exec(pod, "qdrant", "sh", "-c", write)

    faults.fill_disk("qdrant-2", "qdrant", "/qdrant/snapshots")
    assert "done" not in grow("qdrant-2")
    assert "done" in grow("qdrant-1")
    faults.free_disk("qdrant-2", "qdrant", "/qdrant/snapshots")
    assert "done" in grow("qdrant-2")


@pytest.mark.own_nodes
def test_a_zone_that_is_cut_off_is_whole_within_and_reached_by_nobody(cluster: Stand, faults: Faults) -> None:
    here = cluster.pod(toolbox.NAME).node
    zone = next(name for name in cluster.settings.high_availability.zones if name != here)
    within = [pod.name for pod in cluster.pods("app.kubernetes.io/name=redis") if pod.node == zone]
    others = [pod.name for pod in cluster.pods("app.kubernetes.io/name=redis") if pod.node != zone]
    assert all(answers(cluster, pod) for pod in [*within, *others])
    faults.cut_zone(zone)
    assert not any(answers(cluster, pod) for pod in within)
    assert all(answers(cluster, pod) for pod in others)
    faults.heal_zone(zone)
    eventually("the zone is reached again", lambda: all(answers(cluster, pod) for pod in within), 30)


@pytest.mark.own_nodes
def test_pods_run_on_without_their_kubelet(cluster: Stand, faults: Faults) -> None:
    own = cluster.own
    assert own is not None
    here = cluster.pod(toolbox.NAME).node  # whose kubelet carries the question
    pod = next(pod for pod in cluster.pods("app.kubernetes.io/name=redis") if pod.node != here)
    zone = pod.node
    faults.stop_kubelet(zone)
    assert own.machines[zone].pid("kubelet") is None
    eventually("its pods answer", lambda: answers(cluster, pod.name), 20)
    faults.start_kubelet(zone)
    assert own.machines[zone].pid("kubelet") is not None
