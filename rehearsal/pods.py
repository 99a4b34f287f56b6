"""Counts a region's pods by zone: wanted, ready, and held back on purpose."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from rehearsal.engine.model import PlannedResource
from rehearsal.kube import UnknownKind

ZONE_LABEL = "topology.kubernetes.io/zone"
ROLE_LABEL = "soma.io/region-role"
_PROGRAM_LABEL = "app.kubernetes.io/name"
_COMPONENT_LABEL = "app.kubernetes.io/component"
_POOLER = "pooler"
"""Component of the same program as the database that it is in front of."""
UNSCHEDULED = "unscheduled"
"""Stands for the zone of pods that no node has yet."""
_CONTROLLERS = (
    ("apps/v1", "Deployment", "replicas"),
    ("apps/v1", "StatefulSet", "replicas"),
    ("postgresql.cnpg.io/v1", "Cluster", "instances"),
)
"""What makes pods, and the field that says how many; a Pooler makes a Deployment."""


class Lists(Protocol):
    """What an API server holds, as `rehearsal.kube.Client` asks for it."""

    def list(self, api_version: str, kind: str, namespace: str | None = None) -> list[dict[str, Any]]:
        """All objects of a kind. UnknownKind where it is not installed."""
        ...


@dataclass(frozen=True)
class ZonePods:
    """Pods of one zone. `held` are standby pods that wait for a promotion in an init container, by design."""

    wanted: int = 0
    ready: int = 0
    held: int = 0

    @property
    def settled(self) -> bool:
        return self.ready + self.held >= self.wanted

    def as_json(self) -> dict[str, int]:
        return {"ready": self.ready, "held": self.held, "wanted": self.wanted}


@dataclass(frozen=True)
class Pod:
    """One that is there."""

    name: str
    component: str
    node: str
    """Empty while it is not scheduled."""
    ready: bool
    held: bool


@dataclass(frozen=True)
class Node:
    """One that is there."""

    name: str
    zone: str
    ready: bool


@dataclass(frozen=True)
class Placed:
    """The nodes of a region and the pods on them, but for those of Jobs."""

    nodes: tuple[Node, ...] = ()
    pods: tuple[Pod, ...] = ()


def planned(resources: Iterable[PlannedResource], zones: Sequence[str]) -> dict[str, ZonePods]:
    """Where the pods of a plan belong: pinned ones in their zone, the others spread evenly, first zones first.

    Autoscalers count with their floor, which is what the program declares as replicas.
    """
    return {zone: ZonePods(wanted=len(there)) for zone, there in planned_components(resources, zones).items()}


def planned_components(resources: Iterable[PlannedResource], zones: Sequence[str]) -> dict[str, list[str]]:
    """By zone, the component of each pod of a plan, where `planned` has it."""
    there: dict[str, list[str]] = {zone: [] for zone in zones}
    for resource in resources:
        replicas, template = _replicas(resource)
        pinned = _pinned_zones(template)
        targets = [zone for zone in zones if zone in pinned] or list(zones)
        for number in range(replicas):
            there[targets[number % len(targets)]].append(component(resource.inputs.get("metadata") or {}))
    return there


def component(metadata: Mapping[str, Any]) -> str:
    """What a pod, or an object that makes pods, is of: `redis`, `postgresql pooler`; its name where no label tells."""
    labels = metadata.get("labels") or {}
    program = str(labels.get(_PROGRAM_LABEL) or metadata.get("name", ""))
    return f"{program} {_POOLER}" if labels.get(_COMPONENT_LABEL) == _POOLER else program


def _replicas(resource: PlannedResource) -> tuple[int, Mapping[str, Any]]:
    spec = resource.inputs.get("spec") or {}
    match resource.type.rsplit(":", 1)[-1]:
        case "Deployment" | "StatefulSet":
            return int(spec.get("replicas", 1)), spec.get("template", {}).get("spec", {})
        case "Cluster" | "Pooler" if ":postgresql.cnpg.io/" in resource.type:
            return int(spec.get("instances", 1)), {}
        case _:
            return 0, {}


def _pinned_zones(pod: Mapping[str, Any]) -> set[str]:
    required = pod.get("affinity", {}).get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {})
    zones: set[str] = set()
    for term in required.get("nodeSelectorTerms", []):
        for expression in term.get("matchExpressions", []):
            if expression.get("key") == ZONE_LABEL and expression.get("operator") == "In":
                zones.update(expression.get("values", []))
    selector = pod.get("nodeSelector", {}).get(ZONE_LABEL)
    return zones | ({selector} if selector else set())


def live(client: Lists, namespace: str) -> dict[str, ZonePods]:
    """What the API server holds now. Pods of Jobs are left out: they come and go."""
    zones = zone_of(client)
    wanted: Counter[str] = Counter(dict.fromkeys(zones.values(), 0))
    ready: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for pod in client.list("v1", "Pod", namespace):
        if is_of_a_job(pod) or pod["metadata"].get("deletionTimestamp"):
            continue
        zone = zones.get(pod["spec"].get("nodeName", ""), UNSCHEDULED)
        wanted[zone] += 1
        ready[zone] += is_ready(pod)
        held[zone] += is_held(pod)
    wanted[UNSCHEDULED] += max(0, _desired(client, namespace) - sum(wanted.values()))
    return {
        zone: ZonePods(wanted[zone], ready[zone], held[zone])
        for zone in sorted(wanted)
        if zone != UNSCHEDULED or wanted[zone]
    }


def placed(client: Lists, namespace: str) -> Placed:
    """What the API server holds now, by name."""
    nodes = (
        Node(
            node["metadata"]["name"],
            node["metadata"].get("labels", {}).get(ZONE_LABEL, UNSCHEDULED),
            _holds(node, "Ready"),
        )
        for node in client.list("v1", "Node")
    )
    there = (
        Pod(
            pod["metadata"]["name"],
            component(pod["metadata"]),
            pod["spec"].get("nodeName", ""),
            is_ready(pod),
            is_held(pod),
        )
        for pod in client.list("v1", "Pod", namespace)
        if not (is_of_a_job(pod) or pod["metadata"].get("deletionTimestamp"))
    )
    return Placed(tuple(sorted(nodes, key=lambda node: node.name)), tuple(sorted(there, key=lambda pod: pod.name)))


def zone_of(client: Lists) -> dict[str, str]:
    """Node to its zone."""
    return {
        node["metadata"]["name"]: node["metadata"].get("labels", {}).get(ZONE_LABEL, UNSCHEDULED)
        for node in client.list("v1", "Node")
    }


def _desired(client: Lists, namespace: str) -> int:
    """Replicas that controllers want, also those whose pods do not exist yet."""
    return sum(item["spec"].get(field, 1) for item, field in _controllers(client, namespace))


def lagging(client: Lists, namespace: str) -> list[str]:
    """One line for each pod that is neither ready nor held, and for each controller whose pods are not all there."""
    lines = [
        f"Pod {pod['metadata']['name']}: {_why(pod)}"
        for pod in client.list("v1", "Pod", namespace)
        if not (is_of_a_job(pod) or pod["metadata"].get("deletionTimestamp") or is_ready(pod) or is_held(pod))
    ]
    for item, field in _controllers(client, namespace):
        wanted, there = item["spec"].get(field, 1), (item.get("status") or {}).get(field, 0)
        if there < wanted:
            lines.append(f"{item['kind']} {item['metadata']['name']}: {there} of {wanted} pods exist")
    return lines


def _controllers(client: Lists, namespace: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Each object that makes pods, with the field that says how many. Kinds that are not installed yet have none."""
    for version, kind, field in _CONTROLLERS:
        with suppress(UnknownKind):
            for item in client.list(version, kind, namespace):
                yield item, field


def _why(pod: Mapping[str, Any]) -> str:
    """Phase, and what the scheduler or kubelet says to the first condition that does not hold."""
    status = pod.get("status", {})
    said = (one.get("message") for one in status.get("conditions", []) if one["status"] != "True")
    message = next(filter(None, said), "")
    return f"{status.get('phase', 'Pending')}{': ' + message if message else ''}"


def is_of_a_job(pod: Mapping[str, Any]) -> bool:
    """Whether it comes and goes."""
    return any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", []))


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether kubelet says that it serves."""
    return _holds(pod, "Ready")


def _holds(manifest: Mapping[str, Any], name: str) -> bool:
    """Whether an object's condition is true."""
    conditions = (manifest.get("status") or {}).get("conditions") or []
    return any(condition["type"] == name and condition["status"] == "True" for condition in conditions)


def is_held(pod: Mapping[str, Any]) -> bool:
    """A standby pod that waits as it should: an init container runs. One that fails or is restarted is not held."""
    standby = pod["metadata"].get("labels", {}).get(ROLE_LABEL) == "standby"
    sidecars = {one["name"] for one in pod["spec"].get("initContainers", []) if one.get("restartPolicy") == "Always"}
    waiting = [one for one in pod.get("status", {}).get("initContainerStatuses", []) if one["name"] not in sidecars]
    return standby and any("running" in one.get("state", {}) and not one.get("restartCount") for one in waiting)
