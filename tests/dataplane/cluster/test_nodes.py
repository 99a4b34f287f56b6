"""The nodes that the program stands on: what every test after these takes for granted."""

from collections.abc import Iterator

import pytest

from rehearsal.kube import Manifest
from tests.dataplane.cluster.stand import ZONE, Pod, Stand, eventually

LABELS = {"app.kubernetes.io/name": "echo"}
NAMESPACE = "default"
"""Not the program's, whose policies let no stranger in where they are enforced."""
SELECTOR = "app.kubernetes.io/name=echo"
START_SECONDS = 90
SERVER = 'cd /tmp && printf %s "$HOSTNAME" >name && exec python3 -m http.server 8080'


def echo(stand: Stand) -> list[Manifest]:
    """Three pods in three zones that say who they are, with a native sidecar before each, behind a Service."""
    metadata: Manifest = {"name": "echo", "namespace": NAMESPACE, "labels": LABELS}
    spread = {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": LABELS},
    }
    image = stand.settings.images.python
    sidecar = {
        "name": "sidecar",
        "image": image,
        "restartPolicy": "Always",
        "command": ["sh", "-c", "sleep 2; touch /shared/first; exec sleep infinity"],
        "startupProbe": {"exec": {"command": ["test", "-e", "/shared/first"]}, "periodSeconds": 1},
        "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
    }
    server = {
        "name": "echo",
        "image": image,
        "command": ["sh", "-c", f"test -e /shared/first && {SERVER}"],
        "readinessProbe": {"exec": {"command": ["test", "-e", "/shared/ready"]}, "periodSeconds": 1},
        "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
    }
    pod = {
        "terminationGracePeriodSeconds": 0,
        "topologySpreadConstraints": [spread],
        "initContainers": [sidecar],
        "containers": [server],
        "volumes": [{"name": "shared", "emptyDir": {}}],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": pod},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": LABELS, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    return [deployment, service]


@pytest.fixture(scope="module")
def pods(cluster: Stand) -> Iterator[list[Pod]]:
    """The three pods, running and not yet ready."""
    manifests = echo(cluster)
    for manifest in manifests:
        cluster.client.apply(manifest, field_manager="data-tier")

    def running() -> list[Pod]:
        found = cluster.pods(SELECTOR, NAMESPACE)
        return found if len(found) == 3 and all(pod.container_id("echo") for pod in found) else []

    yield eventually("three pods run", running, START_SECONDS)
    for manifest in manifests:
        cluster.client.delete(manifest["apiVersion"], manifest["kind"], "echo", NAMESPACE)


def test_every_zone_has_a_node_that_is_ready(cluster: Stand) -> None:
    zones = {cluster.settings.kubernetes.zone_value(zone) for zone in cluster.settings.high_availability.zones}
    ready = [
        node["metadata"]["labels"].get(ZONE)
        for node in cluster.client.list("v1", "Node")
        if any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])
    ]
    assert zones <= set(ready)


def test_a_hard_spread_lands_one_pod_in_each_zone(cluster: Stand, pods: list[Pod]) -> None:
    assert sorted(cluster.zone_of(pod) for pod in pods) == sorted(
        cluster.settings.kubernetes.zone_value(zone) for zone in cluster.settings.high_availability.zones
    )


def test_an_exec_probe_decides_whether_a_pod_is_ready(cluster: Stand, pods: list[Pod]) -> None:
    assert not any(cluster.pod(pod.name, NAMESPACE).ready for pod in pods)
    for pod in pods:
        run(cluster, pod, "touch", "/shared/ready")
    eventually("the pods are ready", lambda: all(cluster.pod(pod.name, NAMESPACE).ready for pod in pods), 30)


def test_pods_of_all_zones_reach_each_other_by_address(cluster: Stand, pods: list[Pod]) -> None:
    for caller in pods:
        for called in pods:
            said = run(cluster, caller, "python3", "-c", fetch(f"http://{called.address}:8080/name"))
            assert said == called.name


def test_a_service_leads_each_pod_to_every_one_by_name_and_address(cluster: Stand, pods: list[Pod]) -> None:
    service = cluster.client.get("v1", "Service", "echo", NAMESPACE)
    names = ("echo", f"echo.{NAMESPACE}.svc.cluster.local", service["spec"]["clusterIP"])
    for caller in pods:
        run(cluster, caller, "touch", "/shared/ready")
    for caller in pods:
        for name in names:
            seen = eventually(
                f"{caller.name} reaches every pod at {name}",
                lambda caller=caller, name=name: all_of(cluster, caller, f"http://{name}/name", pods),
                30,
            )
            assert seen == {pod.name for pod in pods}


def run(stand: Stand, pod: Pod, *command: str) -> str:
    """What a command says in one of the pods."""
    return stand.exec(pod.name, "echo", *command, namespace=NAMESPACE)


def all_of(stand: Stand, caller: Pod, address: str, pods: list[Pod]) -> set[str]:
    """Who answered thirty calls; empty while not all have."""
    said = run(stand, caller, "python3", "-c", fetch(address, times=30)).split()
    return set(said) if set(said) == {pod.name for pod in pods} else set()


def fetch(address: str, times: int = 1) -> str:
    """A program that prints what is at an address."""
    call = f"urllib.request.urlopen({address!r}, timeout=5).read().decode()"
    return f"import urllib.request; print(*({call} for _ in range({times})), sep='\\n', end='')"
