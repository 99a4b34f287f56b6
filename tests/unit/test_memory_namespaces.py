"""One more memory namespace: it brings objects of its own and touches nothing of the others."""

import json
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pytest

from rehearsal.engine import diff
from rehearsal.engine.model import Change, Plan, PlannedResource
from rehearsal.engine.state import Held
from tests.unit.recorded import Recorded, Resource
from tests.unit.recorder import record_stack, stack_configuration

LISTS_ALL = {
    # The record of what the region was made with; no pod reads it.
    ("ConfigMap", "region-settings"),
    # The rebalancer's report, which looks at every collection; its next run reads the new list.
    ("ConfigMap", "qdrant-report"),
    ("CronJob", "qdrant-report"),
    # What is asked from outside, and how many pods serve at least.
    ("Probe", "public-name"),
    ("PrometheusRule", "somafractalmemory"),
}
"""Objects that name every namespace, and so change with each."""

UPDATED = {
    "us-east-record-settings",
    "us-east-qdrant-report",
    "us-east-qdrant-report-files",
    "us-east-monitoring-probe-public-name",
    "us-east-monitoring-prometheusrule-somafractalmemory",
}
"""LISTS_ALL by their names in the program."""

COLLECTIONS = re.compile(r"qdrant-(collections|rebalance)-[0-9a-f]{8}")
"""The Jobs that make and that spread collections, and their files: another list is another Job, which finds the old
ones made and well spread."""


def service(namespace: str) -> str:
    return "memory-service" if namespace == "default" else f"memory-service-{namespace}"


def region(namespaces: Sequence[str]) -> Recorded:
    """us-east with these, each with a host of its own."""
    rules = [
        {"host": f"{name}.example.com", "paths": [{"path": "/", "backend": {"service": service(name), "port": 80}}]}
        for name in namespaces
    ]
    memory = {**stack_configuration("us-east")["memory"], "namespaces": list(namespaces)}
    return record_stack("us-east", overrides={"memory": memory, "ingress": {"rules": rules}})


@pytest.fixture(scope="module")
def before() -> Recorded:
    return region(["default"])


@pytest.fixture(scope="module")
def after() -> Recorded:
    return region(["default", "eu"])


def objects(run: Recorded) -> dict[tuple[str, str], Resource]:
    return {(resource.kind, resource.object_name): resource for resource in run.objects}


def as_bytes(resource: Resource) -> bytes:
    return json.dumps(resource.inputs, sort_keys=True, default=repr).encode()


def test_every_object_that_was_there_is_the_same_byte_for_byte(before: Recorded, after: Recorded) -> None:
    old, new = objects(before), objects(after)
    assert {key for key in old if not COLLECTIONS.fullmatch(key[1])} <= new.keys()
    changed = {key for key in old.keys() & new.keys() if as_bytes(old[key]) != as_bytes(new[key])}
    assert changed == LISTS_ALL


def test_no_pod_of_the_others_is_started_again(before: Recorded, after: Recorded) -> None:
    """Of a controller's spec: whatever changes there makes new pods, or could."""
    kept = ("Deployment", "StatefulSet", "Cluster", "Pooler", "CronJob")
    for workload in [resource for kind in kept for resource in before.of(kind)]:
        if (workload.kind, workload.object_name) in LISTS_ALL:
            continue
        assert as_bytes(workload) == as_bytes(after.one(workload.kind, workload.object_name)), workload.object_name
    others = [pods.spec for pods in before.pod_templates if pods.name not in {name for _, name in LISTS_ALL}]
    mounted = json.dumps(others, default=repr)
    assert not [name for kind, name in LISTS_ALL if kind == "ConfigMap" and f'"{name}"' in mounted]


def test_what_is_new_is_the_new_ones_own(before: Recorded, after: Recorded) -> None:
    new = objects(after).keys() - objects(before).keys()
    own = {(kind, name) for kind, name in new if not COLLECTIONS.fullmatch(name)}
    names = {"memory-service-eu", "memory-service-eu-token", "memory-service-eu-entrance", "eu-example-com"}
    assert {name for _, name in own} == names
    assert {kind for kind, _ in own} == {
        *("Deployment", "Service", "ServiceAccount", "ConfigMap", "Secret", "NetworkPolicy"),
        *("HorizontalPodAutoscaler", "PodDisruptionBudget", "VirtualServer"),
    }


def test_its_redis_keys_and_its_collection_are_its_own(after: Recorded) -> None:
    """One variable names both, so two namespaces with different names share neither."""
    told = {
        name: [
            v["value"] for v in after.pods_of(name).container("memory-service")["env"] if v["name"] == "SOMA_NAMESPACE"
        ]
        for name in ("memory-service", "memory-service-eu")
    }
    assert told == {"memory-service": ["default"], "memory-service-eu": ["eu"]}
    (job,) = [one for one in after.of("ConfigMap") if one.object_name.startswith("qdrant-collections-")]
    assert json.loads(job.inputs["data"]["collections.json"])["collections"] == ["default", "eu"]


def planned(run: Recorded) -> Plan:
    names = {field.name for field in fields(PlannedResource)} & {field.name for field in fields(Resource)}
    made = (PlannedResource(**{name: getattr(resource, name) for name in names}) for resource in run.resources)
    return Plan("us-east", tuple(made))


def steps(before: Recorded, after: Recorded) -> dict[Change, list[str]]:
    """What the engine would do to get from one to the other."""
    held = {resource.urn: Held(resource) for resource in planned(before).resources}
    found: dict[Change, list[str]] = {}
    for action in diff.actions(planned(after), held):
        found.setdefault(action.step.change, []).append(action.step.urn.rpartition("::")[2])
    return found


def test_the_engine_changes_the_list_and_makes_the_rest(before: Recorded, after: Recorded) -> None:
    found = steps(before, after)
    assert found.keys() == {Change.SAME, Change.CREATE, Change.UPDATE, Change.REPLACE}
    assert set(found[Change.UPDATE]) <= UPDATED
    assert set(found[Change.REPLACE]) == {
        f"us-east-qdrant-{job}{part}" for job in ("collections", "rebalance") for part in ("", "-files")
    }
    assert all("memory-service-eu" in name or "eu-example-com" in name for name in found[Change.CREATE])


def test_taking_it_away_again_touches_nothing_of_the_others_either(before: Recorded, after: Recorded) -> None:
    found: dict[Any, list[str]] = steps(after, before)
    assert all("memory-service-eu" in name or "eu-example-com" in name for name in found[Change.DELETE])
    assert set(found[Change.UPDATE]) <= UPDATED
