"""No secret stands where others can read it: looked for last, after all that the tier did to the region."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import objects
from rehearsal.kube import Manifest
from tests.dataplane.cluster import secrets
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
    yield secrets.needles([client.get("v1", "Secret", PLANTED, namespace)])
    for manifest in reversed(made):
        client.delete("v1", manifest["kind"], PLANTED, namespace)
    eventually("the careless pod is gone", lambda: client.find("v1", "Pod", PLANTED, namespace) is None, 60)


def test_a_secret_that_was_planted_is_found_in_each_place(cluster: Stand, planted: dict[str, frozenset[str]]) -> None:
    pod = Pod(cluster.client.get("v1", "Pod", PLANTED, cluster.namespace))
    places = [*secrets.objects(cluster), *secrets.logs(cluster, pod), *secrets.processes(cluster, pod)]
    found = {f.place for f in secrets.search(planted, places)}
    assert found >= {
        f"ConfigMap {PLANTED}",
        f"Pod {PLANTED}",
        f"log of {PLANTED}/careless",
    }
    assert any(place.startswith("process") for place in found)
    assert not any(VALUE in str(one) for one in secrets.search(planted, places))


def test_no_secret_of_the_region_stands_anywhere(cluster: Stand, state: list[Path]) -> None:
    """Every generated value, in whatever any pod, process, object, event or state file says."""
    wanted = secrets.needles(cluster.client.list("v1", "Secret", cluster.namespace))
    owners = {name.partition("/")[0] for name in wanted}
    assert {"memory-service-token", "redis-auth", "postgresql-app", "qdrant-api-keys"} <= owners
    assert state or cluster.own is None, "the engine's state was not found"
    found = secrets.search(wanted, secrets.everywhere(cluster, state))
    assert sorted(map(str, found)) == []
