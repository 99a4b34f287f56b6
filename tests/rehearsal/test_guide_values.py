"""Every value of the scaling guide's YAML blocks, compared with what the API servers of both regions hold."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pytest

from rehearsal.kube import Client
from rehearsal.pods import ZONE_LABEL
from tests.rehearsal.stand import NAMESPACE, REGIONS, standing
from tests.unit import guide

Value = object


@dataclass(frozen=True)
class Held:
    """What one region's API server holds."""

    client: Client

    def get(self, kind: str, name: str, api_version: str = "v1") -> Any:
        return self.client.get(api_version, kind, name, NAMESPACE)

    def only(self, kind: str, api_version: str, name: str = "") -> Any:
        """The one object of a kind, or the one whose name starts like this."""
        (found,) = (
            one for one in self.client.list(api_version, kind, NAMESPACE) if one["metadata"]["name"].startswith(name)
        )
        return found

    @property
    def service(self) -> Any:
        return self.get("Deployment", "memory-service", "apps/v1")

    @property
    def service_resources(self) -> Any:
        return _container(self.service)["resources"]

    @property
    def qdrant(self) -> Any:
        return self.get("StatefulSet", "qdrant", "apps/v1")

    @property
    def collections(self) -> Any:
        return json.loads(self.only("ConfigMap", "v1", "qdrant-collections")["data"]["collections.json"])["parameters"]

    @property
    def postgresql(self) -> Any:
        return self.only("Cluster", "postgresql.cnpg.io/v1")["spec"]

    @property
    def redis(self) -> list[Any]:
        found = self.client.list("apps/v1", "StatefulSet", NAMESPACE)
        return [one for one in found if one["metadata"]["name"].startswith("redis-")]

    @property
    def redis_masters(self) -> list[str]:
        plan = json.loads(self.only("ConfigMap", "v1", "redis-bootstrap")["data"]["plan.json"])
        return [hosts[0] for hosts in plan["shards"]]

    @property
    def users(self) -> Any:
        """The host of users; home has others, for the edges of other regions."""
        return self.only("VirtualServer", "k8s.nginx.org/v1", "memory-example-com")

    @property
    def host(self) -> Any:
        return self.users["spec"]

    @property
    def upstream(self) -> Any:
        named = next(route["action"]["pass"] for route in self.host["routes"] if route["path"] == "/")
        return next(upstream for upstream in self.host["upstreams"] if upstream["name"] == named)

    @property
    def settings(self) -> Any:
        return json.loads(self.get("ConfigMap", "region-settings")["data"]["settings.json"])

    @property
    def dashboards(self) -> list[str]:
        """Those that Grafana's sidecar takes, by their uids, in the guide's order."""
        found = self.client.list("v1", "ConfigMap", NAMESPACE, label_selector="grafana_dashboard=1")
        shown = [json.loads(text)["uid"] for one in found for text in one["data"].values()]
        order = ("scaling-overview", "regional-performance", "shard-distribution")
        return sorted((uid.removeprefix("somafractalmemory-") for uid in shown), key=order.index)

    @property
    def zones(self) -> list[str]:
        """Zones in which pods of the service run."""
        nodes = {
            one["metadata"]["name"]: one["metadata"]["labels"][ZONE_LABEL] for one in self.client.list("v1", "Node")
        }
        pods = self.client.list("v1", "Pod", NAMESPACE, label_selector="app.kubernetes.io/name=memory-service")
        return sorted(nodes[pod["spec"]["nodeName"]] for pod in pods)


@dataclass(frozen=True)
class Pair:
    """Both regions."""

    east: Held
    west: Held


def _container(workload: Any) -> Any:
    return workload["spec"]["template"]["spec"]["containers"][0]


def _same(values: list[Any]) -> Any:
    """The value that all have; the list where they differ."""
    return values[0] if all(value == values[0] for value in values) else values


READ: Mapping[str, Callable[[Pair], Value]] = {
    # us-east has resources of its own, further down
    "resources.requests.cpu": lambda on: on.west.service_resources["requests"]["cpu"],
    "resources.limits.cpu": lambda on: on.west.service_resources["limits"]["cpu"],
    "resources.requests.memory": lambda on: on.west.service_resources["requests"]["memory"],
    "resources.limits.memory": lambda on: on.west.service_resources["limits"]["memory"],
    "apiVersion": lambda on: on.east.service["apiVersion"],
    "kind": lambda on: on.east.service["kind"],
    "spec.replicas": lambda on: _same(
        [on.east.service["spec"]["replicas"], on.east.service["status"]["readyReplicas"]]
    ),
    "sharding.enabled": lambda on: on.east.collections["shard_number"] > 1,
    "sharding.shards": lambda on: on.east.collections["shard_number"],
    "sharding.replication_factor": lambda on: on.east.collections["replication_factor"],
    "qdrant.replicas": lambda on: _same(
        [on.east.qdrant["spec"]["replicas"], on.east.qdrant["status"]["readyReplicas"]]
    ),
    "qdrant.shards": lambda on: on.east.collections["shard_number"],
    "qdrant.resources.requests.memory": lambda on: _container(on.east.qdrant)["resources"]["requests"]["memory"],
    "qdrant.resources.requests.cpu": lambda on: _container(on.east.qdrant)["resources"]["requests"]["cpu"],
    "postgresql.primary.resources.requests.memory": lambda on: on.east.postgresql["resources"]["requests"]["memory"],
    "postgresql.primary.resources.requests.cpu": lambda on: on.east.postgresql["resources"]["requests"]["cpu"],
    "postgresql.replica.replicas": lambda on: on.east.postgresql["instances"] - 1,
    "redis.cluster.enabled": lambda on: (
        "\ncluster-enabled yes\n" in on.east.get("ConfigMap", "redis-files")["data"]["valkey.conf"]
    ),
    "redis.cluster.nodes": lambda on: len(on.east.redis_masters),
    "redis.resources.requests.memory": lambda on: _same(
        [_container(one)["resources"]["requests"]["memory"] for one in on.east.redis]
    ),
    "ingress.enabled": lambda on: on.east.users["status"]["state"] == "Valid",
    "ingress.annotations.kubernetes.io/ingress-class": lambda on: on.east.host["ingressClassName"],
    "ingress.rules[0].host": lambda on: on.east.host["host"],
    "ingress.rules[0].paths[0].path": lambda on: on.east.host["routes"][-1]["path"],
    "ingress.rules[0].paths[0].backend.service": lambda on: on.east.upstream["service"],
    "ingress.rules[0].paths[0].backend.port": lambda on: on.east.upstream["port"],
    "multiregion.enabled": lambda on: on.west.postgresql["replica"]["self"] != on.west.postgresql["replica"]["primary"],
    "multiregion.regions[0].name": lambda on: on.east.settings["stack"],
    "multiregion.regions[0].primary": lambda on: (
        on.east.postgresql["replica"]["self"] == on.east.postgresql["replica"]["primary"]
    ),
    "multiregion.regions[0].resources.requests.cpu": lambda on: on.east.service_resources["requests"]["cpu"],
    "multiregion.regions[0].resources.requests.memory": lambda on: on.east.service_resources["requests"]["memory"],
    "multiregion.regions[1].name": lambda on: on.west.settings["stack"],
    "multiregion.regions[1].resources.requests.cpu": lambda on: on.west.service_resources["requests"]["cpu"],
    "multiregion.regions[1].resources.requests.memory": lambda on: on.west.service_resources["requests"]["memory"],
    "grafana.dashboards": lambda on: on.east.dashboards,
    "high_availability.enabled": lambda on: (
        on.east.only("PodDisruptionBudget", "policy/v1", "memory-service")["status"]["disruptionsAllowed"] == 1
    ),
    "high_availability.min_replicas": lambda on: on.east.get(
        "HorizontalPodAutoscaler", "memory-service", "autoscaling/v2"
    )["spec"]["minReplicas"],
    "high_availability.zones": lambda on: on.east.zones,
}
"""By the path of a value in its block: where the API server holds it."""


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, Value]]:
    """Every value of a block with its path; a list of plain values is one value."""
    if isinstance(value, Mapping):
        for key, item in cast(Mapping[str, object], value).items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in cast(list[object], value)):
        for index, item in enumerate(cast(list[object], value)):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, value


VALUES = [(path, value) for block in guide.kept() for path, value in _leaves(block.content)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with standing(tmp_path_factory.mktemp("guide")) as stand:
        stand.up()
        yield Pair(*(Held(stand.client(region)) for region in REGIONS))


def test_every_value_is_read_and_nothing_else() -> None:
    assert sorted(READ) == sorted(path for path, _ in VALUES)


@pytest.mark.parametrize(("path", "value"), VALUES, ids=[path for path, _ in VALUES])
def test_the_api_server_holds_the_guides_value(pair: Pair, path: str, value: Value) -> None:
    assert READ[path](pair) == value
