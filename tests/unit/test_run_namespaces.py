"""Namespaces of services that count as installed are made before the program puts objects into them."""

from typing import Any, cast

import pytest

from rehearsal import run, schemas
from rehearsal.engine.model import PlannedResource
from rehearsal.kube import Client
from tests.unit.aws_region import Regions


class Cluster:
    """Stands for an API server that has some namespaces, and keeps those that are applied."""

    def __init__(self, *there: str) -> None:
        self._there = set(there)
        self.applied: list[dict[str, Any]] = []

    def find(self, version: str, kind: str, name: str) -> dict[str, Any] | None:
        assert (version, kind) == ("v1", "Namespace")
        return {"metadata": {"name": name}} if name in self._there else None

    def apply(self, manifest: dict[str, Any], manager: str) -> None:
        assert manager == schemas.MANAGER
        self.applied.append(manifest)

    def ensured(self, *resources: PlannedResource) -> list[str]:
        run._ensure_namespaces(cast(Client, self), resources)
        return [manifest["metadata"]["name"] for manifest in self.applied]


def planned(kind: str, **metadata: object) -> PlannedResource:
    """An object of the Kubernetes API."""
    inputs = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    return PlannedResource(f"kubernetes:core/v1:{kind}", "one", f"urn::{kind}", None, inputs)


def test_what_objects_are_put_into_and_nobody_makes_is_made_once_in_order() -> None:
    objects = [
        planned("Service", name=name, namespace=namespace) for name, namespace in (("a", "z"), ("b", "a"), ("c", "z"))
    ]
    cluster = Cluster()
    assert cluster.ensured(*objects) == ["a", "z"]
    assert cluster.applied[0] == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}


def test_what_the_program_makes_itself_is_left_to_it() -> None:
    objects = [planned("Service", name="a", namespace="own"), planned("Namespace", name="own")]
    assert Cluster().ensured(*objects) == []
    assert Cluster().ensured(*reversed(objects)) == []


def test_what_is_there_is_left_as_it_is() -> None:
    assert Cluster("there").ensured(planned("Service", name="a", namespace="there")) == []


@pytest.mark.parametrize("metadata", [{"name": "a"}, {"name": "a", "namespace": None}, {"name": "a", "namespace": {}}])
def test_what_has_no_namespace_or_one_that_is_not_known_yet_needs_none(metadata: dict[str, object]) -> None:
    component = PlannedResource("soma:region:Region", "region", "urn::region", None, {}, custom=False)
    assert Cluster().ensured(planned("ClusterRole", **metadata), component) == []


def test_a_region_on_aws_with_all_services_installed_needs_that_of_the_ingress_controller() -> None:
    """What binds it to the load balancers is beside its Service."""
    installed = ["nginx-ingress", "cert-manager", "cloudnative-pg", "kube-prometheus-stack"]
    regions = Regions(
        more={"services": {"installed": [*installed, "plugin-barman-cloud", "aws-load-balancer-controller"]}}
    )
    regions.up("us-east")
    assert Cluster("kube-system").ensured(*regions.plans["us-east"].resources) == ["nginx-ingress"]
