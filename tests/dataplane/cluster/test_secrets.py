"""No secret stands where others can read it: looked for last, after all that the tier did to the region."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from components import objects
from rehearsal.kube import Manifest
from rehearsal.processes import Process
from tests.dataplane.cluster import agent, places, secrets
from tests.dataplane.cluster.faults import Faults
from tests.dataplane.cluster.stand import Pod, Stand, eventually

PLANTED = "planted-secret"
VALUE = "Pl4ntedByATestToBeFound0123456789"


@pytest.fixture(scope="module")
def state(cluster: Stand, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files in which the engine keeps what it made."""
    files = [path for path in tmp_path_factory.getbasetemp().glob("region*/state/**/*") if path.is_file()]
    return [path for path in files if path.suffix in (".json", ".journal")]


@pytest.fixture
def planted(cluster: Stand) -> Iterator[dict[str, frozenset[str]]]:
    """A secret that stands in a ConfigMap, on a command line, in an environment and in a log."""
    client, namespace = cluster.client, cluster.namespace
    metadata: Manifest = {"name": PLANTED, "namespace": namespace}
    secret: Manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "data": {"password": base64.b64encode(VALUE.encode()).decode()},
    }
    container: Manifest = {
        "name": "careless",
        "image": cluster.settings.images.python,
        "command": ["python3", "-c", "import sys, time; print(sys.argv[1], flush=True); time.sleep(3600)", VALUE],
        "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": PLANTED, "key": "password"}}}],
        "securityContext": objects.container_security(),
    }
    pod: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "securityContext": objects.restricted_pod_security(1000, 1000),
            "containers": [container],
        },
    }
    files: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"file": f"x={VALUE}"}}
    made = (secret, files, pod)
    for manifest in made:
        client.apply(manifest, field_manager="data-tier")
    eventually("the careless pod has said it", lambda: VALUE in cluster.logs(PLANTED, "careless"), 60)
    eventually("it is known to run", lambda: cluster.pod(PLANTED).ready, 60)
    yield secrets.needles([client.get("v1", "Secret", PLANTED, namespace)])
    for manifest in reversed(made):
        client.delete("v1", manifest["kind"], PLANTED, namespace)
    eventually("the careless pod is gone", lambda: client.find("v1", "Pod", PLANTED, namespace) is None, 60)


PROGRAMS = (
    *("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "kube-proxy", "dns", "disks", "standins"),
    *("kubelet", "containerd"),
)
"""What our own cluster consists of: the log and the processes of each are searched."""


def found(wanted: Mapping[str, frozenset[str]], where: Iterator[secrets.Place]) -> set[str]:
    """Places in which the planted secret was found, which is not repeated."""
    told = secrets.search(wanted, where)
    assert not any(VALUE in str(one) for one in told)
    return {one.place for one in told}


def test_a_secret_that_was_planted_is_found_in_each_place(cluster: Stand, planted: dict[str, frozenset[str]]) -> None:
    pod = Pod(cluster.client.get("v1", "Pod", PLANTED, cluster.namespace))
    assert found(planted, places.objects(cluster)) >= {f"ConfigMap {PLANTED}", f"Pod {PLANTED}"}
    assert found(planted, places.processes(cluster, pod)) == {f"process of {PLANTED}/careless"}
    assert [one for one in found(planted, cluster.logs_kept.places(cluster)) if pod.uid in one]
    cluster.client.apply(event_about(pod), field_manager="data-tier")
    assert found(planted, places.events(cluster)) == {f"event of {PLANTED}"}


def event_about(pod: Pod) -> Manifest:
    metadata = {"name": f"{PLANTED}.event", "namespace": pod.manifest["metadata"]["namespace"]}
    about = {"kind": "Pod", "name": pod.name, "namespace": metadata["namespace"], "uid": pod.uid}
    words = {"message": f"the probe said {VALUE}", "reason": "Planted", "type": "Normal"}
    return {"apiVersion": "v1", "kind": "Event", "metadata": metadata, "involvedObject": about, **words}


def test_the_log_of_a_pod_that_a_fault_deleted_is_searched(
    cluster: Stand, faults: Faults, planted: dict[str, frozenset[str]]
) -> None:
    pod = Pod(cluster.client.get("v1", "Pod", PLANTED, cluster.namespace))
    faults.delete(PLANTED, grace=0)
    eventually("it is gone", lambda: cluster.client.find("v1", "Pod", PLANTED, cluster.namespace) is None, 60)
    if cluster.own is not None:  # and its log with it
        folders = list(cluster.own.directory.glob(f"nodes/*/log/pods/*{pod.uid}"))
        eventually("kubelet has removed its log", lambda: not any(folder.exists() for folder in folders), 120)
    assert [one for one in found(planted, cluster.logs_kept.places(cluster)) if pod.uid in one]


@pytest.mark.own_nodes
def test_programs_of_the_nodes_are_searched_with_the_logs_of_their_former_starts(
    cluster: Stand, planted: dict[str, frozenset[str]]
) -> None:
    assert cluster.own is not None
    careless = Process(cluster.own.directory / cluster.own.region, "careless")
    try:
        careless.start(["sh", "-c", "echo $0; sleep 600; true", VALUE])
        eventually("it has said it", lambda: VALUE in careless.tail(), 10)
        at = f"process of careless in {cluster.own.region}"
        assert at in found(planted, places.programs(cluster.own))
        cluster.logs_kept.keep(cluster, [])  # as a fault does: sooner than the next look of the watch
        careless.stop()
        careless.start(["sleep", "600"])
        logs = {one for one in found(planted, cluster.logs_kept.places(cluster)) if "careless" in one}
        assert f"log {cluster.own.region}/careless.log" in logs
    finally:
        careless.stop()


@pytest.mark.own_nodes
def test_every_program_of_the_cluster_has_its_log_and_its_processes_among_the_places(cluster: Stand) -> None:
    assert cluster.own is not None
    read = {place.name.split()[2] for place in places.programs(cluster.own) if place.text}
    logs = {Path(place.name.split()[1]).stem for place in cluster.logs_kept.places(cluster)}
    assert not set(PROGRAMS) - read
    assert not set(PROGRAMS) - logs


def test_the_engines_output_is_searched(cluster: Stand, planted: dict[str, frozenset[str]]) -> None:
    careless = replace(cluster, said=lambda: f"error: {VALUE} was refused")
    assert "output of the engine" in found(planted, places.everywhere(careless))
    assert "bring the program up" in cluster.said(), "the engine's own words are kept"


@pytest.mark.own_nodes
def test_processes_are_read_through_an_agent_where_nodes_are_not_ours(
    cluster: Stand, planted: dict[str, frozenset[str]]
) -> None:
    pod = Pod(cluster.client.get("v1", "Pod", PLANTED, cluster.namespace))
    given = replace(cluster, own=None)
    assert found(planted, places.processes(given, pod)) == {f"process of {PLANTED}/careless"}
    name = f"data-tier-{pod.node}"
    eventually("the agent is gone", lambda: cluster.client.find("v1", "Pod", name, agent.NAMESPACE) is None, 60)


def test_no_secret_of_the_region_stands_anywhere(cluster: Stand, state: list[Path]) -> None:
    """Every generated value, of all times, in whatever is or was there: see places.py."""
    cluster.remember_secrets()
    wanted = cluster.ledger.wanted
    owners = {name.partition("/")[0] for name in wanted}
    assert {"memory-service-token", "redis-auth", "postgresql-app", "qdrant-api-keys", "qdrant-node-keys"} <= owners
    assert state or cluster.own is None, "the engine's state was not found"
    told = secrets.search(wanted, places.everywhere(cluster, state))
    assert sorted(map(str, told)) == []
