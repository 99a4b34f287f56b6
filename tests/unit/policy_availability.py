"""Mutants of availability, generated: each of its fields, wherever it stands, weakened by what it holds.

What weakens a field is told by what it holds: a number becomes none, one less and many; a switch is turned; a word of
the API becomes the weaker one, another word one that nothing has; a list loses its last item and all, labels become
nobody's; whatever it is, it is left out. So a resource that is added tomorrow is weakened, too.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.checks.config_maps import RECORD
from policies.checks.model import Resource
from policies.rules import GONE
from tests.unit.policy_mutants import LEADING, Mutant, Path, field_set, places
from tests.unit.policy_plan import Stack

WORDS: Mapping[str, tuple[str, ...]] = {
    "AlwaysAllow": ("IfHealthyBudget",),
    "DoNotSchedule": ("ScheduleAnyway",),
    "Honor": ("Ignore",),
    "In": ("NotIn",),
    "ON_DEMAND": ("SPOT",),
    "Parallel": ("OrderedReady",),
    "RollingUpdate": ("Recreate", "OnDelete"),
    "STANDARD": ("EXTENDED",),
    "required": ("preferred",),
    "switchover": ("restart",),
    "topology.kubernetes.io/zone": ("kubernetes.io/hostname",),
    "unsupervised": ("supervised",),
}
"""What the API takes in place of a word, and is weaker."""

AVAILABILITY = frozenset({
    # How many, and how many at least.
    "desiredSize", "instances", "maxReplicas", "maxSize", "minAvailable", "minReplicas", "minSize", "number",
    "replicas", "scaleTargetRef", "scalingConfig", "shard_number", "shards", "replication_factor", "synchronous",
    # How many may be away, and when.
    "deploymentStrategy", "enablePDB", "maxSurge", "maxUnavailable", "podManagementPolicy", "primaryUpdateMethod",
    "primaryUpdateStrategy", "rollingUpdate", "selector", "strategy", "unhealthyPodEvictionPolicy", "updateConfig",
    "updateStrategy", "write_consistency_factor",
    # Where.
    "affinity", "availabilityZone", "enableCrossZoneLoadBalancing", "enablePodAntiAffinity", "enableZonalShift",
    "instanceTypes", "labelSelector", "labels", "matchLabelKeys", "matchLabels", "maxSkew", "minDomains",
    "nodeAffinity", "nodeSelector", "nodeSelectorTerms", "nodeTaintsPolicy", "podAntiAffinity", "podAntiAffinityType",
    "requiredDuringSchedulingIgnoredDuringExecution", "subnetId", "subnetIds", "subnets", "taints", "tolerations",
    "topologyKey", "topologySpreadConstraints", "whenUnsatisfiable", "zonalShiftConfig",
    # Whether it works, how it ends, and what it gets.
    "capacityType", "cpu", "dataDurability", "deregistrationDelay", "evaluateTargetHealth", "failoverDelay",
    "failoverQuorum", "healthCheck", "healthCheckId", "isolationCheck", "lifecycle", "limits", "livenessProbe",
    "memory", "minReadySeconds", "nodeRepairConfig", "preStop", "priorityClassName", "probes",
    "publishNotReadyAddresses", "readinessProbe", "replicationSlots", "requests", "restartPolicy", "startupProbe",
    "supportType", "terminationGracePeriodSeconds", "upgradePolicy",
    # What leads to it.
    "aliases", "allowRemoteVpcDnsResolution", "autoAccept", "cluster", "destinationCidrBlock",
    "failoverRoutingPolicies", "latencyRoutingPolicies", "natGatewayId", "routeTableId", "vpcPeeringConnectionId",
})  # fmt: skip
"""Fields by their names, wherever they stand: told by tests/unit/policy_mutants.py are those of data and security."""

_OWN = ("apiVersion", "kind", "metadata")
"""Of a manifest: what it is."""
_TELLING = "kubernetes:monitoring.coreos.com/"
"""Kinds by which nobody is served."""

_AMOUNT = re.compile(r"^(\d+(?:\.\d+)?)(\D{0,3})$")


def outages(stack: Stack) -> Iterator[Mutant]:
    """Each field in which an availability may lie, of each resource of a provider."""
    for index, resource in enumerate(stack):
        if resource.type.startswith(("kubernetes:", "aws:")) and not resource.type.startswith(_TELLING):
            for path, value in fields(resource):
                for weak in weaker(value):
                    if weak != value:
                        yield field_set(stack, index, path, weak)


def fields(resource: Resource) -> Iterator[tuple[Path, Any]]:
    """Those of its manifest, of Qdrant's settings in the environment, and of plans that a ConfigMap holds."""
    others = LEADING.get(resource.type.rpartition(":")[2], {})
    for path, value in places(resource.inputs):
        if path[-1] in AVAILABILITY and path[-1] not in others and path[0] not in _OWN:
            yield path, value
    yield from _settings(resource)
    yield from _plans(resource)


def _settings(resource: Resource) -> Iterator[tuple[Path, Any]]:
    for path, value in places(resource.inputs):
        if path[-1] == "env":
            for index, variable in enumerate(value):
                if variable["name"].startswith("QDRANT__") and "value" in variable:
                    yield (*path, index, "value"), variable["value"]


def _plans(resource: Resource) -> Iterator[tuple[Path, Any]]:
    data = resource.inputs.get("data") if resource.type == "kubernetes:core/v1:ConfigMap" else None
    if not data or resource.inputs["metadata"]["name"] == RECORD:
        return
    for file in ("collections.json", "plan.json"):
        for path, value in places(json.loads(data[file])) if file in data else ():
            if path[-1] in AVAILABILITY:
                yield ("data", file, *path), value


def weaker(value: Any) -> Iterator[Any]:
    """What is tried in the place of a value."""
    yield GONE
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield from dict.fromkeys((0, value - 1, value * 100))
    elif isinstance(value, str):
        yield from _weaker_text(value)
    elif isinstance(value, list):
        yield from ([], value[:-1]) if len(value) > 1 else ([],)
    elif isinstance(value, dict):
        yield from ({}, {"app": "nobody"}) if all(isinstance(it, str) for it in value.values()) else ({},)


def _weaker_text(value: str) -> Iterator[str]:
    amount = _AMOUNT.match(value)
    if value in WORDS:
        yield from WORDS[value]
    elif amount:
        yield f"0{amount[2]}"
    elif value in ("true", "false"):
        yield "false" if value == "true" else "true"
    else:
        yield "other"
