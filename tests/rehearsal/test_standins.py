"""The stand-ins against a real API server, scheduler and controllers, on simulated nodes."""

import io
import json
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from rehearsal.kube import Client, Manifest, NotFound
from rehearsal.progress import Progress
from rehearsal.standins import launch
from tests.unit.standins_cluster import cluster, pooler

T = TypeVar("T")
SECONDS = 60.0
POLL_SECONDS = 0.1
MANAGER = "test"
CNPG = "postgresql.cnpg.io/v1"
NGINX = "k8s.nginx.org/v1"
TARGET = {"type": "AverageValue", "averageValue": "700m"}


@pytest.fixture(scope="module", autouse=True)
def standins(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("us-east")
    launch.start(kubeconfig, directory, Progress(io.StringIO()))
    yield directory
    launch.stop(directory)


@pytest.fixture(scope="module")
def client(kubeconfig: Path) -> Iterator[Client]:
    with Client.from_kubeconfig(kubeconfig) as connected:
        yield connected


class Space:
    """A namespace that admits only what Pod Security `restricted` lets through."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.name = f"standins-{secrets.token_hex(4)}"
        self.apply("v1", "Namespace", self.name, labels={"pod-security.kubernetes.io/enforce": "restricted"})
        self.await_(lambda: self.find("v1", "ServiceAccount", "default"), "the namespace")

    def apply(self, api: str, kind: str, name: str, labels: Manifest | None = None, **rest: Any) -> Manifest:
        metadata = {"name": name, "labels": labels or {}}
        if kind != "Namespace":
            metadata["namespace"] = self.name
        return self.client.apply({"apiVersion": api, "kind": kind, "metadata": metadata, **rest}, MANAGER)

    def declare(self, obj: Manifest) -> Manifest:
        """Applies a Cluster or a Pooler of the shared example."""
        return self.apply(obj["apiVersion"], obj["kind"], obj["metadata"]["name"], spec=obj["spec"])

    def find(self, api: str, kind: str, name: str) -> Manifest | None:
        return self.client.find(api, kind, name, self.name)

    def instances(self) -> list[Manifest]:
        return self.client.list("v1", "Pod", self.name, label_selector="cnpg.io/podRole=instance")

    def healthy(self) -> Manifest | None:
        """The cluster, when it says that it is well as it is declared."""
        found = self.find(CNPG, "Cluster", "db")
        status = (found or {}).get("status") or {}
        wanted = (found or {}).get("spec", {}).get("instances")
        well = status.get("phase") == "Cluster in healthy state" and status.get("readyInstances") == wanted
        return found if well else None

    def await_(self, look: Callable[[], T | None], what: str) -> T:
        deadline = time.monotonic() + SECONDS
        while True:
            found = look()
            if found:
                return found
            assert time.monotonic() < deadline, f"{what} did not come about within {SECONDS:.0f} s"
            time.sleep(POLL_SECONDS)


@pytest.fixture
def space(client: Client) -> Iterator[Space]:
    made = Space(client)
    yield made
    client.delete("v1", "Namespace", made.name)


@pytest.fixture
def database(space: Space) -> Space:
    """A namespace with a healthy cluster of three."""
    declared = cluster(primaryUpdateMethod="switchover")
    del declared["spec"]["storage"]["storageClass"]  # the cluster's default
    space.declare(declared)
    space.await_(space.healthy, "a healthy cluster")
    return space


def names_of(pods: list[Manifest]) -> set[str]:
    return {pod["metadata"]["name"] for pod in pods}


def primaries(pods: list[Manifest]) -> list[str]:
    labels = ((pod["metadata"]["name"], pod["metadata"]["labels"]) for pod in pods)
    return [name for name, own in labels if own.get("cnpg.io/instanceRole") == "primary"]


def test_a_cluster_comes_up_with_an_instance_in_each_zone_and_one_primary(database: Space) -> None:
    pods = database.instances()
    nodes = {node["metadata"]["name"]: node for node in database.client.list("v1", "Node")}
    zones = [nodes[pod["spec"]["nodeName"]]["metadata"]["labels"]["topology.kubernetes.io/zone"] for pod in pods]
    assert names_of(pods) == {"db-1", "db-2", "db-3"}
    assert len(set(zones)) == 3
    assert primaries(pods) == ["db-1"]


def test_a_fourth_instance_waits_because_every_zone_has_one(database: Space) -> None:
    database.client.patch(CNPG, "Cluster", "db", {"spec": {"instances": 4}}, database.name)

    def refused() -> str | None:
        conditions = ((database.find("v1", "Pod", "db-4") or {}).get("status") or {}).get("conditions") or []
        return next((each["message"] for each in conditions if each.get("reason") == "Unschedulable"), None)

    assert "anti-affinity" in database.await_(refused, "the scheduler's refusal")
    assert _status(database)["readyInstances"] == 3


def test_both_budgets_count_the_pods_that_they_are_for(database: Space) -> None:
    def counted() -> dict[str, tuple[int, int]] | None:
        found = {
            budget["metadata"]["name"]: (budget["status"]["currentHealthy"], budget["status"]["disruptionsAllowed"])
            for budget in database.client.list("policy/v1", "PodDisruptionBudget", database.name)
            if budget.get("status", {}).get("observedGeneration")
        }
        return found if found == {"db": (2, 1), "db-primary": (1, 0)} else None

    assert database.await_(counted, "budgets that count one primary and two replicas")


def test_the_read_write_service_reaches_the_new_primary_when_the_old_ones_pod_is_lost(database: Space) -> None:
    before = next(pod for pod in database.instances() if pod["metadata"]["name"] == "db-1")
    database.client.delete("v1", "Pod", "db-1", database.name)

    def moved() -> bool:
        found = database.healthy()
        return found is not None and found["status"]["currentPrimary"] == "db-2"

    database.await_(moved, "another primary")
    after = {pod["metadata"]["name"]: pod for pod in database.instances()}
    assert primaries(list(after.values())) == ["db-2"]
    assert after["db-1"]["metadata"]["uid"] != before["metadata"]["uid"]
    claims = [volume["persistentVolumeClaim"]["claimName"] for volume in after["db-1"]["spec"]["volumes"][:1]]
    assert claims == ["db-1"]

    def targets() -> set[str]:
        slices = database.client.list(
            "discovery.k8s.io/v1", "EndpointSlice", database.name, label_selector="kubernetes.io/service-name=db-rw"
        )
        return {end["targetRef"]["name"] for each in slices for end in each.get("endpoints") or []}

    database.await_(lambda: targets() == {"db-2"}, "an endpoint of the new primary alone")


def test_a_primary_that_is_not_ready_is_replaced_only_after_the_failover_delay(database: Space) -> None:
    database.client.patch(CNPG, "Cluster", "db", {"spec": {"failoverDelay": 3}}, database.name)
    started = time.monotonic()
    # a finalizer keeps the deleted pod, as a dead node does
    database.client.patch("v1", "Pod", "db-1", {"metadata": {"finalizers": ["test/held"]}}, database.name)
    database.client.delete("v1", "Pod", "db-1", database.name)
    status = database.await_(lambda: _status_with(database, "currentPrimaryFailingSinceTimestamp"), "a failing primary")
    assert status["currentPrimary"] == "db-1"
    database.await_(lambda: _status(database)["currentPrimary"] == "db-2", "a failover")
    assert time.monotonic() - started >= 3
    database.client.patch("v1", "Pod", "db-1", {"metadata": {"finalizers": None}}, database.name)
    database.await_(database.healthy, "the lost instance again")


def _status(space: Space) -> Manifest:
    return space.client.get(CNPG, "Cluster", "db", space.name)["status"]


def _status_with(space: Space, key: str) -> Manifest | None:
    status = _status(space)
    return status if key in status else None


def test_a_changed_resource_reaches_every_instance_while_two_stay_ready(database: Space) -> None:
    database.client.patch(
        CNPG,
        "Cluster",
        "db",
        {"spec": {"resources": {"requests": {"cpu": "5"}, "limits": {"cpu": "5"}}}},
        database.name,
    )
    fewest = 3

    def done() -> bool:
        nonlocal fewest
        pods = database.instances()
        fewest = min(fewest, sum(_ready(pod) for pod in pods))
        cpu = [pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] for pod in pods]
        return cpu == ["5", "5", "5"] and database.healthy() is not None

    database.await_(done, "the new resources")
    assert fewest >= 2
    assert primaries(database.instances()) != ["db-1"]


def _ready(pod: Manifest) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    alive = "deletionTimestamp" not in pod["metadata"]
    return alive and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def test_scaling_down_removes_the_last_instance_with_its_volumes(database: Space) -> None:
    database.client.patch(CNPG, "Cluster", "db", {"spec": {"instances": 2}}, database.name)
    database.await_(lambda: names_of(database.instances()) == {"db-1", "db-2"}, "two instances")
    gone = {"db-3", "db-3-wal"}
    claims = lambda: names_of(database.client.list("v1", "PersistentVolumeClaim", database.name))  # noqa: E731
    database.await_(lambda: not claims() & gone, "the claims of the third to go")
    database.await_(lambda: database.find("policy/v1", "PodDisruptionBudget", "db") is None, "its budget to go")


def test_a_cordoned_node_loses_its_primary_so_that_a_drain_can_end(database: Space) -> None:
    node = next(pod for pod in database.instances() if pod["metadata"]["name"] == "db-1")["spec"]["nodeName"]
    database.client.patch("v1", "Node", node, {"spec": {"unschedulable": True}})
    try:
        database.await_(lambda: primaries(database.instances()) == ["db-2"], "the primary elsewhere")
    finally:
        database.client.patch("v1", "Node", node, {"spec": {"unschedulable": None}})


def test_a_deleted_cluster_takes_everything_with_it(database: Space) -> None:
    database.client.delete(CNPG, "Cluster", "db", database.name)
    kinds = [("v1", "Pod"), ("v1", "PersistentVolumeClaim"), ("policy/v1", "PodDisruptionBudget"), ("v1", "Service")]

    def left() -> set[str]:
        return {name for api, kind in kinds for name in names_of(database.client.list(api, kind, database.name))}

    database.await_(lambda: not left(), "nothing left of the cluster")


def test_a_missing_secret_holds_the_cluster_back_and_is_named(space: Space) -> None:
    declared = cluster(certificates={"serverCASecret": "my-ca"})
    del declared["spec"]["storage"]["storageClass"]
    space.declare(declared)
    reason = space.await_(lambda: _reason(space), "a reason")
    assert reason == "missing secret my-ca"
    assert space.instances() == []
    space.apply("v1", "Secret", "my-ca", stringData={"ca.crt": "x"})
    space.await_(space.healthy, "a healthy cluster")


def _reason(space: Space) -> str:
    return str(((space.find(CNPG, "Cluster", "db") or {}).get("status") or {}).get("phaseReason") or "")


def test_a_pooler_becomes_ready_pods_in_front_of_the_cluster(database: Space) -> None:
    database.declare(pooler(template={"spec": {"containers": []}}))

    def ready() -> bool:
        deployment = database.find("apps/v1", "Deployment", "pool") or {}
        status = (database.find(CNPG, "Pooler", "pool") or {}).get("status") or {}
        return deployment.get("status", {}).get("readyReplicas") == 3 and status.get("instances") == 3

    database.await_(ready, "three poolers")
    assert database.client.get(CNPG, "Pooler", "pool", database.name)["status"]["phase"] == "active"
    assert database.find("v1", "Service", "pool") is not None


def test_a_service_of_type_load_balancer_gets_an_address_and_loses_it_with_the_type(space: Space) -> None:
    ports = [{"port": 80}]
    space.apply("v1", "Service", "link", spec={"type": "LoadBalancer", "ports": ports})
    assert space.await_(lambda: _address(space), "an address").startswith(("192.0.2.", "198.51.100."))
    space.apply("v1", "Service", "link", spec={"type": "ClusterIP", "ports": ports})
    space.await_(lambda: not _address(space), "no address")


def _address(space: Space) -> str:
    found = space.client.get("v1", "Service", "link", space.name).get("status") or {}
    return str(((found.get("loadBalancer") or {}).get("ingress") or [{}])[0].get("ip") or "")


def test_a_virtual_server_is_valid_once_its_policy_is_there(space: Space) -> None:
    upstreams = [{"name": "api", "service": "memory-service", "port": 80}]
    routes = [{"path": "/", "action": {"pass": "api"}}]
    spec = {
        "host": f"{space.name}.example.com",
        "policies": [{"name": "rate"}],
        "upstreams": upstreams,
        "routes": routes,
    }
    space.apply(NGINX, "VirtualServer", "edge", spec=spec)
    space.await_(lambda: _state(space, "VirtualServer", "edge") == "Warning", "a warning")
    limit = {"rateLimit": {"rate": "100r/s", "key": "${binary_remote_addr}", "zoneSize": "10M"}}
    space.apply(NGINX, "Policy", "rate", spec=limit)
    space.await_(lambda: _state(space, "VirtualServer", "edge") == "Valid", "a valid virtual server")
    assert _state(space, "Policy", "rate") == "Valid"


def _state(space: Space, kind: str, name: str) -> str:
    return str(((space.find(NGINX, kind, name) or {}).get("status") or {}).get("state") or "")


def test_an_autoscaler_reads_the_usage_that_a_rule_states_and_scales(space: Space, standins: Path) -> None:
    container = {
        "name": "web",
        "image": "web:1",
        "resources": {"requests": {"cpu": "4", "memory": "8Gi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    template = {
        "metadata": {"labels": {"app": space.name}},
        "spec": {"securityContext": security, "containers": [container]},
    }
    selector = {"matchLabels": {"app": space.name}}
    space.apply("apps/v1", "Deployment", "web", spec={"selector": selector, "template": template})
    space.apply(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "web",
        spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2,
            "maxReplicas": 6,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": TARGET}}],
        },
    )
    usage = lambda: _autoscaler(space).get("currentMetrics")  # noqa: E731
    calm = space.await_(usage, "a measurement")
    assert calm[0]["resource"]["current"]["averageValue"] == "200m"
    assert _autoscaler(space)["desiredReplicas"] == 2
    rules = standins / launch.NAME / "usage.json"
    rules.write_text(json.dumps([{"selector": {"app": space.name}, "cpu": "2100m"}]))
    try:
        space.await_(lambda: _autoscaler(space).get("desiredReplicas") == 6, "the highest number of replicas")
    finally:
        rules.unlink()


def _autoscaler(space: Space) -> Manifest:
    found = space.client.get("autoscaling/v2", "HorizontalPodAutoscaler", "web", space.name)
    return found.get("status") or {}


def test_the_metrics_api_answers_through_the_api_server(client: Client, database: Space) -> None:
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{database.name}/pods"
    found = client.call("GET", path, query={"labelSelector": "cnpg.io/instanceRole=primary"})["items"]
    assert [(item["metadata"]["name"], item["containers"][0]["usage"]["cpu"]) for item in found] == [("db-1", "200m")]
    assert client.call("GET", "/apis/metrics.k8s.io/v1beta1/nodes")["items"]


def test_the_registration_of_the_metrics_goes_with_the_process(
    client: Client, kubeconfig: Path, standins: Path, space: Space
) -> None:
    launch.stop(standins)
    with pytest.raises(NotFound):
        client.get("apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io")
    launch.start(kubeconfig, standins, Progress(io.StringIO()))
    served = lambda: client.find("apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io")  # noqa: E731
    space.await_(served, "the registration")
