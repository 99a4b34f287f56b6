"""Promotion and demotion of a Cluster in a distributed topology, with simulated instances.

After cloudnative-pg v1.30.0: pkg/reconciler/replicaclusterswitch (demotion, token), internal/management/controller
(instance_controller.go: verification, `lastPromotionToken`), pkg/promotiontoken, pkg/utils/parser.go (the token's
form), internal/controller/cluster_status.go (when tokens leave the status).

A primary cluster that is to follow another one stops (`switchReplicaClusterStatus.inProgress`), then leaves the token.
A replica cluster that is to be primary takes over with a token that fits, at once without one; with one that does not
it never does, and the phase says so. The condition PRIMARY is ours: whether the cluster
takes writes, once its primary is ready.

Left out: WAL. Nobody sees another region's cluster, so all clusters of a topology share a played system identifier, a
token's place in the WAL counts as reached, and a demoted cluster is not told from one that went another way.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rehearsal.kube import Manifest
from rehearsal.standins.cnpg import names, objects
from rehearsal.standins.cnpg.names import section

PRIMARY = "rehearsal.cnpg.io/Primary"
"""Type of the condition that says whether the cluster takes writes."""
SECONDS = 1.0
"""How long a cluster takes to stop, or to replay what a token asks for."""
_FIELDS = (
    "latestCheckpointTimelineID",
    "redoWalFile",
    "databaseSystemIdentifier",
    "latestCheckpointREDOLocation",
    "timeOfLatestCheckpoint",
    "operatorVersion",
)


@dataclass(frozen=True)
class Played:
    """What the status says beside the instances, and when to look again."""

    fields: dict[str, Any]
    writes: bool
    phase: str = ""
    """In place of the phase that the instances give, where it is not empty."""
    reason: str = ""
    look_again: float | None = None


def play(cluster: Manifest, ready: bool, now: datetime) -> Played:
    """The next step of a cluster whose primary is `ready` or not."""
    before: dict[str, Any] = cluster.get("status") or {}
    wrote = next((one["status"] == "True" for one in before.get("conditions") or [] if one["type"] == PRIMARY), None)
    timeline = int(before.get("timelineID") or 1)
    if objects.is_replica_cluster(cluster):
        return _replica(cluster, before, bool(wrote), timeline, now)
    token = str(section(cluster["spec"], "replica").get("promotionToken") or "")
    used = {"lastPromotionToken": token} if token else {}
    if wrote is not False or before.get("lastPromotionToken", "") == token != "":
        return Played({"timelineID": timeline, **used}, bool(wrote) or ready)
    if not token:
        return Played({"timelineID": timeline + int(ready)}, ready)
    fault = _fault(cluster, token, timeline)
    if fault:
        return Played({"timelineID": timeline}, False, names.PHASE_UNRECOVERABLE, fault)
    if before.get("phase") != names.PHASE_PROMOTION or not ready:
        return Played({"timelineID": timeline}, False, names.PHASE_PROMOTION, "", SECONDS)
    return Played({"timelineID": _timeline(token) + 1, **used}, True)


def _replica(cluster: Manifest, before: dict[str, Any], wrote: bool, timeline: int, now: datetime) -> Played:
    """A cluster that follows another one, or is to."""
    if section(cluster["spec"], "replica").get("promotionToken"):  # the webhook refuses it; here nobody else does
        reason = "promotionToken is only allowed for primary clusters"
        return Played({"timelineID": timeline}, wrote, names.PHASE_INVALID, reason)
    if wrote:
        fields = {"timelineID": timeline, "switchReplicaClusterStatus": {"inProgress": True}}
        return Played(fields, False, look_again=SECONDS)
    kept = {"demotionToken": before["demotionToken"]} if before.get("demotionToken") else {}
    if (before.get("switchReplicaClusterStatus") or {}).get("inProgress"):
        kept = {"demotionToken": _token(cluster, timeline, now)}
    return Played({"timelineID": timeline, **kept}, False)


def condition(played: Played, before: dict[str, Any], now: datetime) -> dict[str, Any]:
    """PRIMARY, as a condition of the status."""
    value = "True" if played.writes else "False"
    known = next((one for one in before.get("conditions") or [] if one["type"] == PRIMARY), None)
    stamp = now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "type": PRIMARY,
        "status": value,
        "reason": "TakesWrites" if played.writes else "TakesNoWrites",
        "message": "",
        "lastTransitionTime": known["lastTransitionTime"] if known and known["status"] == value else stamp,
    }


def _system(cluster: Manifest) -> str:
    """The identifier that all clusters of a topology share."""
    listed = sorted(str(one["name"]) for one in cluster["spec"].get("externalClusters") or [])
    return str(int.from_bytes(hashlib.sha256(json.dumps(listed).encode()).digest()[:7], "big"))


def _token(cluster: Manifest, timeline: int, now: datetime) -> str:
    place = int(now.timestamp())
    values = (
        str(timeline),
        f"{timeline:08X}{0:08X}{place >> 24:08X}",
        _system(cluster),
        f"0/{place & 0xFFFFFFFF:X}",
        now.strftime("%c"),
        names.OPERATOR_IMAGE.rpartition(":")[2],
    )
    return base64.b64encode(json.dumps(dict(zip(_FIELDS, values, strict=True))).encode()).decode()


def _content(token: str) -> dict[str, Any] | None:
    try:
        content = json.loads(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        return None
    return content if isinstance(content, dict) and all(content.get(field) for field in _FIELDS) else None


def _timeline(token: str) -> int:
    return int((_content(token) or {})["latestCheckpointTimelineID"])


def _fault(cluster: Manifest, token: str, timeline: int) -> str:
    """Why a token will never do; empty where it does."""
    content = _content(token)
    if content is None:
        return "Invalid promotionToken format"
    if content["databaseSystemIdentifier"] != _system(cluster) or _timeline(token) < timeline:
        return "Promotion token content is not correct for current instance"
    return ""
