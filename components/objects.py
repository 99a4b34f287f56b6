"""Pieces of Kubernetes objects that several components write alike, as plain camelCase dicts."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pulumi import Input, Output, Resource

from components.placement import Placement

Manifest = dict[str, Any]
"""A part of a Kubernetes object as it stands in YAML: camelCase keys, plain values and Pulumi outputs."""

SYSTEM_NAMESPACE = "kube-system"
"""Kubernetes' own, where its DNS runs on every distribution that we know of."""
ZONE = "topology.kubernetes.io/zone"
HOSTNAME = "kubernetes.io/hostname"
REGION_ROLE = "soma.io/region-role"
"""Pod label, `home` or `standby`: says whether the service's pods serve or wait for a promotion."""
SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}
"""Annotation for objects that never become ready by themselves: held pods, custom resources nobody awaits."""

API_SERVER_PORTS = (443, 6443)
"""Of its Service, and of what is behind it: a policy sees the one or the other."""

_FILES = Path(__file__).parent / "files"


def untyped(manifest: Manifest) -> Any:
    """The manifest as the generated SDK takes it.

    The SDK's argument types are TypedDicts without a public name for a plain dict; this is the one place
    where the types look away.
    """
    return cast(Any, manifest)


def labels(name: str, component: str, instance: str | None = None, **more: str) -> dict[str, str]:
    """Kubernetes' recommended labels of an object.

    `name` is the program ("qdrant"), `component` its role in the architecture ("vector-store"), `instance` one of
    several of a kind in the namespace ("redis-zone-a"; default: the name). Unchanging by design: no version
    label, so that an upgrade changes no selector.
    """
    return {**selector(name, instance), "app.kubernetes.io/component": component, **_COMMON, **more}


_COMMON = {"app.kubernetes.io/part-of": "somafractalmemory", "app.kubernetes.io/managed-by": "pulumi"}


def selector(name: str, instance: str | None = None) -> dict[str, str]:
    """Labels that find the pods of one instance: what selectors, budgets, spreads and policies share."""
    return {**every(name), "app.kubernetes.io/instance": instance or name}


def every(name: str) -> dict[str, str]:
    """Labels that find the pods of every instance of a program, for example all Redis pods of all zones."""
    return {"app.kubernetes.io/name": name}


def metadata(
    name: str, placement: Placement, labels: Mapping[str, str], annotations: Mapping[str, str] | None = None
) -> Manifest:
    """`metadata` with a stated name (no auto-naming) in the region's namespace."""
    stated: Manifest = {"name": name, "namespace": placement.namespace, "labels": dict(labels)}
    return {**stated, "annotations": dict(annotations)} if annotations else stated


def named(made: Resource, name: Input[str]) -> Output[str]:
    """The stated name of an object, for what comes after it. By its URN, which a first preview knows: what a cluster
    that is still to be made answers, it does not, and policies refuse what they cannot read."""
    return made.urn.apply(lambda _: name)


def stateless_spread(selector: Mapping[str, str]) -> list[Manifest]:
    """Hard spread of interchangeable pods over the zones.

    `matchLabelKeys` counts one ReplicaSet at a time, else a rollout ends lopsided; `Honor` leaves out zones whose
    nodes are tainted as unreachable, so that pods of a lost zone are replaced in the others. No `minDomains`:
    it would block just those replacements. Within a zone over its nodes, where there are some to choose from.
    """
    over_nodes = {
        "maxSkew": 1,
        "topologyKey": HOSTNAME,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(selector)},
        "matchLabelKeys": ["pod-template-hash"],
    }
    return [{**_zone_spread(selector), "matchLabelKeys": ["pod-template-hash"]}, over_nodes]


def quorum_spread(selector: Mapping[str, str], zones: int) -> list[Manifest]:
    """Hard spread of a quorum set: never more than its share in one zone, not even while a zone is away.

    A region with fewer than three zones waits for those alone: the scheduler would hold its pods back for ever.
    """
    return [{**_zone_spread(selector), "minDomains": min(3, zones)}]


def store_nodes(placement: Placement) -> Manifest:
    """What brings a store's pods onto the nodes that are kept for them; nothing where there are none."""
    kept = placement.stateful_nodes
    if kept is None:
        return {}
    taint = {"key": kept.label, "operator": "Equal", "value": kept.value, "effect": "NoSchedule"}
    return {"nodeSelector": {kept.label: kept.value}, "tolerations": [taint]}


def _zone_spread(selector: Mapping[str, str]) -> Manifest:
    return {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
        "nodeTaintsPolicy": "Honor",
        "labelSelector": {"matchLabels": dict(selector)},
    }


def restricted_pod_security(uid: int, gid: int, fs_group: int | None = None) -> Manifest:
    """Pod `securityContext` that the `restricted` Pod Security Standard admits; ids are numeric on purpose.

    The kubelet refuses `runAsNonRoot` with an image whose USER is a name unless the uid is stated.
    """
    context: Manifest = {
        "runAsNonRoot": True,
        "runAsUser": uid,
        "runAsGroup": gid,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return context if fs_group is None else {**context, "fsGroup": fs_group, "fsGroupChangePolicy": "OnRootMismatch"}


def container_security() -> Manifest:
    """Container `securityContext`: nothing to gain and nowhere to write but in mounted volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def small_resources(cpu: str, memory: str, cpu_limit: str | None = None, memory_limit: str | None = None) -> Manifest:
    """Requests and limits of a helper container (sidecar, init container, Job); limits default to the requests."""
    return {
        "requests": {"cpu": cpu, "memory": memory},
        "limits": {"cpu": cpu_limit or cpu, "memory": memory_limit or memory},
    }


def environment(values: Mapping[str, Input[str]]) -> list[Manifest]:
    """A container's `env`."""
    return [{"name": name, "value": value} for name, value in values.items()]


def rolling_deployment(replicas: int, selector: Mapping[str, str], template: Manifest) -> Manifest:
    """Spec of a Deployment of interchangeable pods: a new one serves before an old one goes."""
    return {
        "replicas": replicas,
        "revisionHistoryLimit": 5,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "selector": {"matchLabels": selector},
        "template": template,
    }


def job(seconds: int, template: Manifest) -> Manifest:
    """Spec of a Job that an update waits for and that a later run takes up. No TTL: a finished Job that vanished would
    be made and run again by the next update.
    """
    return {"backoffLimit": 2, "activeDeadlineSeconds": seconds, "template": template}


def cron_job(schedule: str, seconds: int, template: Manifest, starting_seconds: int = 300) -> Manifest:
    """Spec of a CronJob whose runs may be ended anywhere: the next one goes on. Not Forbid: a run whose node is lost
    ends only when the node is back, and no other one would start until then.
    """
    return {
        "schedule": schedule,
        "concurrencyPolicy": "Replace",
        "startingDeadlineSeconds": starting_seconds,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
        "jobTemplate": {"spec": {"backoffLimit": 0, "activeDeadlineSeconds": seconds, "template": template}},
    }


def one_away(selector: Mapping[str, str]) -> Manifest:
    """Spec of a PodDisruptionBudget: one pod away at a time. One that is broken already must not block the drain of its
    node.
    """
    return {
        "maxUnavailable": 1,
        "selector": {"matchLabels": dict(selector)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def secret_key_volume(volume: str, secret: Input[str], *keys: str) -> Manifest:
    """A volume with these keys of a Secret alone, readable by the pod's group alone."""
    items = [{"key": key, "path": key} for key in keys]
    return {"name": volume, "secret": {"secretName": secret, "items": items, "defaultMode": 0o440}}


def pods(labels: Mapping[str, str]) -> Manifest:
    """NetworkPolicy peer: pods of the same namespace."""
    return {"podSelector": {"matchLabels": dict(labels)}}


def namespace_named(name: str) -> Manifest:
    """NetworkPolicy peer: every pod of a namespace (the label is set by the API server)."""
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def tcp(*ports: int) -> list[Manifest]:
    """NetworkPolicy ports: pod ports, not Service ports."""
    return [{"protocol": "TCP", "port": port} for port in ports]


def allow_from(peers: Sequence[Manifest], *ports: int) -> Manifest:
    """NetworkPolicy ingress rule."""
    return {"from": list(peers), "ports": tcp(*ports)}


def allow_to(peers: Sequence[Manifest], *ports: int) -> Manifest:
    """NetworkPolicy egress rule."""
    return {"to": list(peers), "ports": tcp(*ports)}


def allow_elsewhere(ranges: Sequence[str] | None, *ports: int) -> Manifest:
    """NetworkPolicy egress rule to addresses that are no pod's; to any where none are stated."""
    if ranges is None:
        return {"ports": tcp(*ports)}
    return allow_to([{"ipBlock": {"cidr": one}} for one in ranges], *ports)


def allow_to_api_server(ranges: Sequence[str] | None) -> Manifest:
    """NetworkPolicy egress rule to the API server, which no selector finds: `api_server_ranges` of a Placement."""
    return allow_elsewhere(ranges, *API_SERVER_PORTS)


def content_hash(content: object) -> str:
    """Eight hex digits of plain content, for names of Jobs: a Job cannot be changed, so new content is a new Job."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def script(name: str) -> str:
    """Text of a file under `components/files/`: what runs inside pods is a file of its own kind."""
    return (_FILES / name).read_text(encoding="utf-8")
