"""The status of a Cluster (cloudnative-pg v1.30.0: api/v1/cluster_types.go, ClusterStatus)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rehearsal.kube import Manifest
from rehearsal.standins.cnpg import names, objects, topology
from rehearsal.standins.cnpg.decision import Decision, Instance


def cluster_status(
    cluster: Manifest,
    decision: Decision,
    instances: tuple[Instance, ...],
    now: datetime,
    addresses: Mapping[str, str] | None = None,
    played: topology.Played | None = None,
) -> dict[str, Any]:
    """The status that says what was decided about these instances. Times change only with what they are about.

    `addresses` are those of the pods of real instances, by which the others find them. `played` is what a distributed
    topology adds, with simulated ones.
    """
    before: dict[str, Any] = cluster.get("status") or {}
    name = cluster["metadata"]["name"]
    ready = [instance.name for instance in instances if instance.ready]
    waiting = [instance.name for instance in instances if instance.name not in ready]
    moved = before.get("currentPrimary") != decision.primary
    stamp = _precise(now) if moved else str(before.get("currentPrimaryTimestamp") or _precise(now))
    status: dict[str, Any] = {
        "phase": decision.phase,
        "phaseReason": decision.reason or _standing(cluster, decision.primary),
        "instances": len(instances),
        "readyInstances": len(ready),
        "instanceNames": [instance.name for instance in instances],
        "instancesStatus": {key: value for key, value in (("healthy", ready), ("replicating", waiting)) if value},
        "currentPrimary": decision.primary,
        "targetPrimary": names.PENDING if decision.pending else decision.primary,
        "currentPrimaryTimestamp": stamp,
        "targetPrimaryTimestamp": stamp,
        "image": names.image(cluster),
        "selector": f"{names.CLUSTER}={name},{names.POD_ROLE}=instance",
        "writeService": f"{name}-rw",
        "readService": f"{name}-r",
        "certificates": objects.certificate_secrets(cluster),
        "conditions": [_ready_condition(cluster, decision, now)],
    }
    if addresses:
        status["instancesReportedState"] = {
            each.name: {
                "isPrimary": each.report.primary,
                "timeLineID": each.report.timeline,
                "ip": addresses[each.name],
            }
            for each in instances
            if each.report and each.name in addresses
        }
    if played is not None:
        status |= played.fields
        status["conditions"].append(topology.condition(played, before, now))
    if decision.failing_since is not None:
        status["currentPrimaryFailingSinceTimestamp"] = _precise(decision.failing_since)
    return status


def _standing(cluster: Manifest, primary: str) -> str:
    """Ours: the operator says nothing here when all is well."""
    source = objects.source_of(cluster)
    return f"{primary} is the designated primary of a replica cluster of {source}" if source else ""


def _ready_condition(cluster: Manifest, decision: Decision, now: datetime) -> dict[str, Any]:
    healthy = decision.phase == names.PHASE_HEALTHY
    value = "True" if healthy else "False"
    before = next(
        (each for each in (cluster.get("status") or {}).get("conditions") or [] if each["type"] == "Ready"), None
    )
    since = before["lastTransitionTime"] if before and before["status"] == value else _text(now)
    return {
        "type": "Ready",
        "status": value,
        "reason": "ClusterIsReady" if healthy else "ClusterIsNotReady",
        "message": "Cluster is Ready" if healthy else "Cluster Is Not Ready",
        "lastTransitionTime": since,
    }


def _precise(when: datetime) -> str:
    """A time of the operator's own: RFC 3339 with microseconds."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _text(when: datetime) -> str:
    """A time of Kubernetes' conditions: whole seconds."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
