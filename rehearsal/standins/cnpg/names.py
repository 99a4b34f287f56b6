"""The operator's label keys, suffixes and phases (cloudnative-pg v1.30.0: pkg/utils/labels_annotations.go, api/v1)."""

from typing import Any

from rehearsal.kube import Manifest

API = "postgresql.cnpg.io/v1"

CLUSTER = "cnpg.io/cluster"
INSTANCE = "cnpg.io/instanceName"
INSTANCE_ROLE = "cnpg.io/instanceRole"
ROLE = "role"
POD_ROLE = "cnpg.io/podRole"
POOLER = "cnpg.io/poolerName"
PVC_ROLE = "cnpg.io/pvcRole"
SERIAL = "cnpg.io/nodeSerial"
MANAGED = "cnpg.io/isManaged"
RELOAD = "cnpg.io/reload"
SPEC_HASH = "rehearsal.cnpg.io/spec"
"""Ours: what the instance was made from. The operator keeps the whole pod spec in `cnpg.io/podSpec`."""
RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""Annotation of a Cluster, set by `kubectl cnpg restart`: another value has all instances replaced."""

PENDING = "pending"
"""Target primary while nobody is to be one (api/v1, PendingFailoverMarker)."""
PRIMARY = "primary"
REPLICA = "replica"

PHASE_FIRST_PRIMARY = "Setting up primary"
PHASE_CREATING_REPLICA = "Creating a new replica"
PHASE_WAITING = "Waiting for the instances to become active"
PHASE_HEALTHY = "Cluster in healthy state"
PHASE_FAILOVER = "Failing over"
PHASE_SWITCHOVER = "Switchover in progress"
PHASE_UPGRADE = "Upgrading cluster"
PHASE_IN_PLACE = "Primary instance is being restarted without a switchover"
PHASE_DISK_FULL = "Not enough disk space"
PHASE_USER = "Waiting for user action"
PHASE_PROMOTION = "Promoting to primary cluster"
PHASE_UNRECOVERABLE = "Cluster is unrecoverable and needs manual intervention"
PHASE_INVALID = "Invalid cluster definition"
PHASE_CANNOT_CREATE = "Unable to create required cluster objects"

POSTGRES_IMAGE = "ghcr.io/cloudnative-pg/postgresql:18.4-system-trixie"
PGBOUNCER_IMAGE = "ghcr.io/cloudnative-pg/pgbouncer:1.25.1"
OPERATOR_IMAGE = "ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0"
"""The operator's own defaults (pkg/versions/versions.go)."""

DATA_SUFFIX = ""
WAL_SUFFIX = "-wal"


def section(spec: Manifest, *path: str) -> Manifest:
    """A nested mapping of a spec; empty when it is not there."""
    found: Any = spec
    for key in path:
        found = (found or {}).get(key)
    return found or {}


def common_labels(cluster: Manifest) -> dict[str, str]:
    """The labels that every object of a database carries (app.kubernetes.io/version is PostgreSQL's major version)."""
    labels = {
        "app.kubernetes.io/name": "postgresql",
        "app.kubernetes.io/instance": cluster["metadata"]["name"],
        "app.kubernetes.io/component": "database",
        "app.kubernetes.io/managed-by": "cloudnative-pg",
    }
    major = image(cluster).rpartition(":")[2].split("@")[0].split(".")[0].split("-")[0]
    return {**labels, "app.kubernetes.io/version": major} if major.isdigit() else labels


def image(cluster: Manifest) -> str:
    """The PostgreSQL image of a Cluster."""
    return str(cluster["spec"].get("imageName") or POSTGRES_IMAGE)


def owner(obj: Manifest) -> dict[str, Any]:
    """The owner reference to a Cluster or a Pooler: its deletion deletes what carries it."""
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def inherited(cluster: Manifest, name: str, labels: dict[str, str]) -> Manifest:
    """Metadata of an object that belongs to a Cluster (api/v1/cluster_funcs.go, SetInheritedDataAndOwnership)."""
    given = section(cluster["spec"], "inheritedMetadata")
    metadata: Manifest = {
        "name": name,
        "namespace": cluster["metadata"]["namespace"],
        "labels": {**labels, **(given.get("labels") or {}), CLUSTER: cluster["metadata"]["name"]},
        "ownerReferences": [owner(cluster)],
    }
    if given.get("annotations"):
        metadata["annotations"] = dict(given["annotations"])
    return metadata
