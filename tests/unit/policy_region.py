"""A small region that keeps every rule of the pack, to be broken in one field, and the pack's verdict on it.

The verdict goes through the SDK's own policies with arguments as the runtime makes them: numbers are floats, objects
and lists are proxies, unknowns raise.
"""

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from pulumi_policy import (
    Policy,
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.proxy import unknown_checking_proxy

from policies import edge, high_availability
from policies.checks import read
from policies.checks.model import Stack
from rehearsal import packs_wire, plain
from rehearsal.engine.model import PlannedResource

Manifest = dict[str, Any]

ZONES = ("zone-a", "zone-b", "zone-c")
_NEXT = dict(zip(ZONES, (*ZONES[1:], ZONES[0]), strict=True))
NAMESPACE = "somafractalmemory"
IGNORED = ["spec.replicas"]
"""Of every resource: what an autoscaler scales is left to it."""
RESOURCES: Manifest = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}}
PROBE: Manifest = {"exec": {"command": ["true"]}}


def labels(name: str, component: str, instance: str | None = None) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/instance": instance or name,
        "app.kubernetes.io/component": component,
    }


def container(name: str, **more: Any) -> Manifest:
    probes = {"readinessProbe": copy.deepcopy(PROBE), "livenessProbe": {**copy.deepcopy(PROBE), "failureThreshold": 6}}
    return {"name": name, "ports": [{"containerPort": 80}], "resources": copy.deepcopy(RESOURCES), **probes, **more}


def spread(instance: str, **more: Any) -> list[Manifest]:
    return [
        {
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "maxSkew": 1,
            "nodeTaintsPolicy": "Honor",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": instance}},
            **more,
        }
    ]


def metadata(name: str) -> Manifest:
    return {"name": name, "namespace": NAMESPACE}


def template(pod_labels: dict[str, str], **spec: Any) -> Manifest:
    return {"metadata": {"labels": pod_labels}, "spec": spec}


def memory_service() -> Manifest:
    gateway = container("redis-gateway", restartPolicy="Always", startupProbe=copy.deepcopy(PROBE))
    schema = container("await-primary")
    for probe in ("readinessProbe", "livenessProbe"):
        del schema[probe]
    pods = template(
        {**labels("memory-service", "memory"), "soma.io/region-role": "home"},
        containers=[container("memory")],
        initContainers=[schema, gateway],
        topologySpreadConstraints=[
            *spread("memory-service", matchLabelKeys=["pod-template-hash"]),
            *spread("memory-service", topologyKey="kubernetes.io/hostname", whenUnsatisfiable="ScheduleAnyway"),
        ],
    )
    return {"metadata": metadata("memory-service"), "spec": {"replicas": 3, "template": pods}}


def qdrant() -> Manifest:
    settings = {
        "QDRANT__CLUSTER__ENABLED": "true",
        "QDRANT__STORAGE__COLLECTION__REPLICATION_FACTOR": "2",
    }
    pods = template(
        labels("qdrant", "vector-store"),
        containers=[container("qdrant", env=[{"name": name, "value": value} for name, value in settings.items()])],
        topologySpreadConstraints=spread("qdrant", minDomains=3),
    )
    return {"metadata": metadata("qdrant"), "spec": {"replicas": 3, "template": pods}}


def redis(zone: str) -> Manifest:
    name = f"redis-{zone}"
    here = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}
    affinity = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}
    pods = template(
        labels("redis", "cache", name), containers=[container("valkey")], affinity={"nodeAffinity": affinity}
    )
    return {"metadata": metadata(name), "spec": {"replicas": 2, "template": pods}}


def budget(name: str, selector: dict[str, str]) -> Manifest:
    return {
        "metadata": metadata(name),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def instance(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/instance": name}


def autoscaler() -> Manifest:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "memory-service"}
    return {
        "metadata": metadata("memory-service"),
        "spec": {"minReplicas": 3, "maxReplicas": 12, "scaleTargetRef": target},
    }


def postgresql() -> Manifest:
    return {
        "metadata": metadata("postgresql-us-east"),
        "spec": {
            "instances": 3,
            "primaryUpdateMethod": "switchover",
            "affinity": {"topologyKey": "topology.kubernetes.io/zone", "podAntiAffinityType": "required"},
            "postgresql": {"synchronous": {"method": "any", "number": 1, "dataDurability": "required"}},
            "resources": copy.deepcopy(RESOURCES),
        },
    }


def pooler() -> Manifest:
    selector = {"labelSelector": {"matchLabels": {"cnpg.io/poolerName": "postgresql-pooler"}}}
    bouncer = {"name": "pgbouncer", "resources": copy.deepcopy(RESOURCES)}
    pods: Manifest = {
        "spec": {
            "containers": [bouncer],
            "topologySpreadConstraints": spread("", matchLabelKeys=["pod-template-hash"], **selector),
        }
    }
    return {
        "metadata": metadata("postgresql-pooler"),
        "spec": {"instances": 3, "cluster": {"name": "postgresql-us-east"}, "template": pods},
    }


def job() -> Manifest:
    once = {"name": "schema", "resources": copy.deepcopy(RESOURCES)}
    return {
        "metadata": metadata("qdrant-collections"),
        "spec": {"template": template(labels("qdrant-collections", "setup"), containers=[once])},
    }


def collections() -> Manifest:
    plan = {"collections": ["default"], "parameters": {"replication_factor": 2, "shard_number": 4}}
    return {
        "metadata": {**metadata("qdrant-collections"), "labels": labels("qdrant-collections", "setup")},
        "data": {"collections.json": json.dumps(plan), "collection.py": 'print("replication_factor")'},
    }


def rebalancer() -> Manifest:
    mover = {"name": "rebalance", "resources": copy.deepcopy(RESOURCES), "env": [{"name": "MOVES", "value": "true"}]}
    return {
        "metadata": metadata("qdrant-rebalance"),
        "spec": {"template": template(labels("qdrant-rebalancer", "setup"), containers=[mover])},
    }


def copies() -> Manifest:
    """What the rebalancer brings about."""
    return {
        "metadata": {**metadata("qdrant-rebalance"), "labels": labels("qdrant-rebalancer", "setup")},
        "data": {"plan.json": json.dumps({"keep": 3, "replication_factor": 2, "collections": ["default"]})},
    }


def shards() -> Manifest:
    """Each zone has one master, whose replica is in the next one."""
    shard = [[f"redis-{zone}-0.redis-headless", f"redis-{after}-1.redis-headless"] for zone, after in _NEXT.items()]
    return {
        "metadata": {**metadata("redis-plan"), "labels": labels("redis-keeper", "setup")},
        "data": {"plan.json": json.dumps({"shards": shard, "leaving": []})},
    }


def settings(
    zones: Sequence[str] = ZONES, min_replicas: int = 3, enabled: bool = True, own_names: Manifest | None = None
) -> Manifest:
    """What the region was brought up with, as far as the pack looks at it."""
    recorded = {
        "high_availability": {"enabled": enabled, "min_replicas": min_replicas, "zones": list(zones)},
        "kubernetes": {"zones": own_names or {}},
        "sharding": {"replication_factor": 2},
    }
    return {"metadata": metadata("region-settings"), "data": {"settings.json": json.dumps(recorded)}}


MANIFESTS: dict[str, tuple[str, Manifest]] = {
    "memory-service": ("kubernetes:apps/v1:Deployment", memory_service()),
    "memory-service-budget": (
        "kubernetes:policy/v1:PodDisruptionBudget",
        budget("memory-service", instance("memory-service")),
    ),
    "memory-service-autoscaler": ("kubernetes:autoscaling/v2:HorizontalPodAutoscaler", autoscaler()),
    "qdrant": ("kubernetes:apps/v1:StatefulSet", qdrant()),
    "qdrant-budget": ("kubernetes:policy/v1:PodDisruptionBudget", budget("qdrant", instance("qdrant"))),
    "qdrant-collections": ("kubernetes:batch/v1:Job", job()),
    "qdrant-collections-files": ("kubernetes:core/v1:ConfigMap", collections()),
    "qdrant-rebalance": ("kubernetes:batch/v1:Job", rebalancer()),
    "qdrant-rebalance-files": ("kubernetes:core/v1:ConfigMap", copies()),
    **{f"redis-{zone}": ("kubernetes:apps/v1:StatefulSet", redis(zone)) for zone in ZONES},
    "redis-plan": ("kubernetes:core/v1:ConfigMap", shards()),
    "redis-budget": ("kubernetes:policy/v1:PodDisruptionBudget", budget("redis", {"app.kubernetes.io/name": "redis"})),
    "postgresql": ("kubernetes:postgresql.cnpg.io/v1:Cluster", postgresql()),
    "pooler": ("kubernetes:postgresql.cnpg.io/v1:Pooler", pooler()),
    "pooler-budget": (
        "kubernetes:policy/v1:PodDisruptionBudget",
        budget("postgresql-pooler", {"cnpg.io/poolerName": "postgresql-pooler"}),
    ),
    "settings": ("kubernetes:core/v1:ConfigMap", settings()),
    "provider": ("pulumi:providers:kubernetes", {"kubeconfig": "apiVersion: v1"}),
}


def urn(name: str, token: str) -> str:
    return f"urn:pulumi:us-east::somafractalmemory::{token}::{name}"


@dataclass(frozen=True)
class Refusal:
    policy: str
    name: str
    """Pulumi name of the resource, "" for the stack."""
    message: str


class Region:
    """The compliant region; breaks in the fields that a test names."""

    def __init__(self) -> None:
        self.manifests = copy.deepcopy(MANIFESTS)
        self.outputs: dict[str, Manifest] = {}
        """What a stack policy is shown in place of the inputs."""

    def set(self, name: str, path: str, value: Any) -> None:
        """Set a field, or remove it with None; a path is `spec.template.spec.containers.0.name`."""
        *parents, last = path.split(".")
        place: Any = self.manifests[name][1]
        for key in parents:
            place = place[int(key)] if key.isdigit() else place.setdefault(key, {})
        if value is None:
            del place[int(last) if last.isdigit() else last]
        else:
            place[int(last) if last.isdigit() else last] = value

    def drop(self, *names: str) -> None:
        for name in names:
            del self.manifests[name]

    def add(self, name: str, token: str, manifest: Manifest) -> None:
        self.manifests[name] = (token, manifest)

    def planned(self) -> list[PlannedResource]:
        return [
            PlannedResource(
                type=token, name=name, urn=urn(name, token), parent=None, inputs=inputs, ignore_changes=tuple(IGNORED)
            )
            for name, (token, inputs) in self.manifests.items()
        ]

    def stack(self) -> Stack:
        """As the checks know it."""
        return read.stack(plain.resources(self.planned()))

    def refusals(self, config: dict[str, Any] | None = None) -> list[Refusal]:
        return verdict(edge.policies(high_availability.RULES), self, config)

    def accepted(self, config: dict[str, Any] | None = None) -> None:
        assert [it for it in self.refusals(config) if it.policy != ADVICE] == []

    def refused(self, *policies: str, saying: str = "", config: dict[str, Any] | None = None) -> None:
        """Refused by just these policies; one message says this.

        What is placed or counted wrongly may fail the proofs of a zone's loss as well, and what spreads pods over zones
        may go with what spreads them over nodes: tests of their own ask.
        """
        refusals = self.refusals(config)
        found = {refusal.policy for refusal in refusals}
        assert found - CONSEQUENCES == set(policies) - CONSEQUENCES, refusals
        assert CONSEQUENCES & set(policies) <= found, refusals
        assert any(saying in refusal.message for refusal in refusals), refusals


ADVICE = "not-judged"
"""The only policy of the pack that names and does not refuse."""
CONSEQUENCES = {"zone-loss", "qdrant-zone-loss", "node-spread", ADVICE}


def proxied(properties: Manifest) -> Any:
    """Properties as a policy gets them from the engine."""
    return unknown_checking_proxy(deserialize_properties(json_format.MessageToDict(packs_wire.struct(properties))))


OPTIONS = PolicyResourceOptions(False, IGNORED, None, [], PolicyCustomTimeouts(0, 0, 0), [])


def verdict(
    policies: list[Policy],
    region: Region,
    config: dict[str, Any] | None = None,
    recorder: edge.Recorder | None = None,
) -> list[Refusal]:
    """Asks in the engine's order: each resource's inputs, which a pack records when it is served, then the stack's
    outputs.
    """
    found: list[Refusal] = []
    names = {resource.urn: resource.name for resource in region.planned()}

    def reporter(policy: Policy) -> Any:
        def report(message: str, about: str | None = None) -> None:
            found.append(Refusal(policy.name, names[about] if about else "", message))

        return report

    for resource in region.planned():
        args = ResourceValidationArgs(
            resource.type, proxied(resource.inputs), resource.urn, resource.name, OPTIONS, None, config
        )
        if recorder is not None:
            recorder.record(args)
        for policy in policies:
            if isinstance(policy, ResourceValidationPolicy):
                policy.validate(args, reporter(policy))
    shown = [
        PolicyResource(
            r.type, proxied(region.outputs.get(r.name, r.inputs)), r.urn, r.name, OPTIONS, None, None, [], {}
        )
        for r in region.planned()
    ]
    for policy in policies:
        if isinstance(policy, StackValidationPolicy):
            policy.validate(StackValidationArgs(shown, config), reporter(policy))
    return found
