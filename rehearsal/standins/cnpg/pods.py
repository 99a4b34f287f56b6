"""The pod and the claims of one instance (cloudnative-pg v1.30.0: pkg/specs/pods.go, containers.go, volumes.go)."""

import hashlib
import json
from typing import Any

from rehearsal.kube import Manifest
from rehearsal.standins.cnpg import names
from rehearsal.standins.cnpg.names import section

PGDATA = "/var/lib/postgresql/data/pgdata"
STOP_SECONDS = 1800
START_SECONDS = 3600
PROBE_PERIOD = 10
POSTGRES_ID = 26
"""User and group of the published PostgreSQL images."""


def instance_name(cluster: Manifest, serial: int) -> str:
    """Name of an instance, of its pod and of its data claim."""
    return f"{cluster['metadata']['name']}-{serial}"


def pod(cluster: Manifest, serial: int) -> Manifest:
    """The pod of instance `serial`, without its role: the operator labels it when it knows it."""
    name = instance_name(cluster, serial)
    labels = {**names.common_labels(cluster), names.INSTANCE: name, names.POD_ROLE: "instance"}
    metadata = names.inherited(cluster, name, labels)
    spec = pod_spec(cluster, name)
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {**annotations, names.SERIAL: str(serial), names.SPEC_HASH: fingerprint(cluster)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def fingerprint(cluster: Manifest) -> str:
    """What an instance is made from, and when a restart was last asked for, short; a pod with another is replaced."""
    asked = (cluster["metadata"].get("annotations") or {}).get(names.RESTARTED)
    text = json.dumps([pod_spec(cluster, "instance"), *([asked] if asked else [])], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def pod_spec(cluster: Manifest, name: str) -> Manifest:
    """The spec of an instance's pod."""
    spec = cluster["spec"]
    placement = section(spec, "affinity")
    optional = {
        "affinity": affinity(cluster["metadata"]["name"], placement),
        "tolerations": placement.get("tolerations"),
        "nodeSelector": placement.get("nodeSelector"),
        "topologySpreadConstraints": spec.get("topologySpreadConstraints"),
        "schedulerName": spec.get("schedulerName"),
        "priorityClassName": spec.get("priorityClassName"),
        "imagePullSecrets": spec.get("imagePullSecrets"),
    }
    return {
        "hostname": name,
        "serviceAccountName": service_account_name(cluster),
        "terminationGracePeriodSeconds": int(spec.get("stopDelay") or STOP_SECONDS),
        "securityContext": pod_security(spec),
        "initContainers": [_bootstrap_container(spec)],
        "containers": [_postgres_container(cluster, name)],
        "volumes": _volumes(spec, name),
        **{key: value for key, value in optional.items() if value},
    }


def service_account_name(cluster: Manifest) -> str:
    """The service account of the instances."""
    return str(cluster["spec"].get("serviceAccountName") or cluster["metadata"]["name"])


def affinity(cluster: str, given: Manifest) -> Manifest:
    """The affinity of an instance: the operator's own anti-affinity term, then what the user adds."""
    built: Manifest = {}
    if given.get("enablePodAntiAffinity", True):
        built["podAntiAffinity"] = _anti_affinity(cluster, given)
    if given.get("additionalPodAffinity"):
        built["podAffinity"] = given["additionalPodAffinity"]
    for rule, terms in (given.get("additionalPodAntiAffinity") or {}).items():
        anti = built.setdefault("podAntiAffinity", {})
        anti[rule] = [*anti.get(rule, []), *terms]
    if given.get("nodeAffinity"):
        built["nodeAffinity"] = given["nodeAffinity"]
    return built


def _anti_affinity(cluster: str, given: Manifest) -> Manifest:
    term = {
        "labelSelector": {
            "matchExpressions": [
                {"key": names.CLUSTER, "operator": "In", "values": [cluster]},
                {"key": names.POD_ROLE, "operator": "In", "values": ["instance"]},
            ]
        },
        "topologyKey": given.get("topologyKey") or "kubernetes.io/hostname",
    }
    if given.get("podAntiAffinityType") == "required":
        return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    # the operator's webhook fills in `preferred` (api/v1/cluster_defaults.go)
    return {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}


def pod_security(spec: Manifest) -> Manifest:
    """The pod's security context; what the user gives wins field by field, as in the operator."""
    own = {
        "seccompProfile": seccomp(spec),
        "runAsUser": int(spec.get("postgresUID") or POSTGRES_ID),
        "runAsGroup": int(spec.get("postgresGID") or POSTGRES_ID),
    }
    given = spec.get("podSecurityContext")
    if given:
        return {**own, **given}
    return {**own, "runAsNonRoot": True, "fsGroup": own["runAsGroup"]}


def container_security(spec: Manifest) -> Manifest:
    """A container's security context: passes Pod Security `restricted`."""
    return {
        "seccompProfile": seccomp(spec),
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        **(spec.get("securityContext") or {}),
    }


def seccomp(spec: Manifest) -> Manifest:
    """The seccomp profile of pods and containers."""
    return spec.get("seccompProfile") or {"type": "RuntimeDefault"}


def _bootstrap_container(spec: Manifest) -> Manifest:
    return {
        "name": "bootstrap-controller",
        "image": names.OPERATOR_IMAGE,
        "command": ["/manager", "bootstrap", "/controller/manager"],
        "resources": spec.get("resources") or {},
        "securityContext": container_security(spec),
        "volumeMounts": _mounts(spec),
    }


def _postgres_container(cluster: Manifest, name: str) -> Manifest:
    spec = cluster["spec"]
    ports = (("postgresql", 5432), ("metrics", 9187), ("status", 8000))
    container = {
        "name": "postgres",
        "image": names.image(cluster),
        "command": ["/controller/manager", "instance", "run", "--status-port-tls"],
        "env": [*_environment(cluster, name), *(spec.get("env") or [])],
        "ports": [{"name": port, "containerPort": number, "protocol": "TCP"} for port, number in ports],
        "resources": spec.get("resources") or {},
        "securityContext": container_security(spec),
        "startupProbe": _startup_probe(spec),
        "readinessProbe": _probe("/readyz", section(spec, "probes", "readiness")),
        "livenessProbe": _probe("/healthz", section(spec, "probes", "liveness")),
        "volumeMounts": _mounts(spec),
    }
    optional = {"envFrom": spec.get("envFrom"), "imagePullPolicy": spec.get("imagePullPolicy")}
    return {**container, **{key: value for key, value in optional.items() if value}}


def _environment(cluster: Manifest, name: str) -> list[Manifest]:
    values = {
        "PGDATA": PGDATA,
        "POD_NAME": name,
        "NAMESPACE": cluster["metadata"]["namespace"],
        "CLUSTER_NAME": cluster["metadata"]["name"],
        "PSQL_HISTORY": "/controller/tmp/.psql_history",
        "PGPORT": "5432",
        "PGHOST": "/controller/run",
        "TMPDIR": "/controller/tmp",
    }
    return [{"name": key, "value": value} for key, value in values.items()]


PROBE_FIELDS = (
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
    "terminationGracePeriodSeconds",
)


def _probe(path: str, given: Manifest) -> Manifest:
    """A probe over the instance manager; the user may change its numbers."""
    get = {"path": path, "port": 8000, "scheme": "HTTPS"}
    numbers = {key: given[key] for key in PROBE_FIELDS if key in given}
    return {"httpGet": get, "timeoutSeconds": 5, "periodSeconds": PROBE_PERIOD, **numbers}


def _startup_probe(spec: Manifest) -> Manifest:
    probe = _probe("/startupz", section(spec, "probes", "startup"))
    delay = int(spec.get("startDelay") or START_SECONDS)
    period = int(probe["periodSeconds"])
    return {"failureThreshold": max(1, -(-delay // period)), **probe}


def _mounts(spec: Manifest) -> list[Manifest]:
    mounts = [
        {"name": "pgdata", "mountPath": "/var/lib/postgresql/data"},
        {"name": "scratch-data", "mountPath": "/run"},
        {"name": "scratch-data", "mountPath": "/controller"},
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 the path inside the pod
    ]
    if spec.get("walStorage"):
        mounts.append({"name": "pg-wal", "mountPath": "/var/lib/postgresql/wal"})
    if spec.get("projectedVolumeTemplate"):
        mounts.append({"name": "projected", "mountPath": "/projected"})
    return mounts


def _volumes(spec: Manifest, name: str) -> list[Manifest]:
    limits = section(spec, "ephemeralVolumesSizeLimit")
    shm: dict[str, Any] = {"medium": "Memory", **_limit(limits.get("shm"))}
    scratch: Manifest = {"emptyDir": _limit(limits.get("temporaryData"))}
    if spec.get("ephemeralVolumeSource"):
        scratch = {"ephemeral": spec["ephemeralVolumeSource"]}
    volumes: list[Manifest] = [
        {"name": "pgdata", "persistentVolumeClaim": {"claimName": name}},
        {"name": "scratch-data", **scratch},
        {"name": "shm", "emptyDir": shm},
    ]
    if spec.get("walStorage"):
        volumes.append({"name": "pg-wal", "persistentVolumeClaim": {"claimName": name + names.WAL_SUFFIX}})
    if spec.get("projectedVolumeTemplate"):
        volumes.append({"name": "projected", "projected": spec["projectedVolumeTemplate"]})
    return volumes


def _limit(size: str | None) -> dict[str, str]:
    return {"sizeLimit": size} if size else {}


def claims(cluster: Manifest, serial: int) -> list[Manifest]:
    """The claims of an instance: data, and WAL where it has a volume of its own."""
    spec = cluster["spec"]
    found = [_claim(cluster, serial, "PG_DATA", names.DATA_SUFFIX, section(spec, "storage"))]
    if spec.get("walStorage"):
        found.append(_claim(cluster, serial, "PG_WAL", names.WAL_SUFFIX, section(spec, "walStorage")))
    return found


def _claim(cluster: Manifest, serial: int, role: str, suffix: str, storage: Manifest) -> Manifest:
    """One claim (pkg/reconciler/persistentvolumeclaim/build.go)."""
    instance = instance_name(cluster, serial)
    labels = names.common_labels(cluster)
    labels = {key: labels[key] for key in labels if key.rpartition("/")[2] in {"name", "component", "managed-by"}}
    metadata = names.inherited(cluster, instance + suffix, {**labels, names.INSTANCE: instance, names.PVC_ROLE: role})
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {**annotations, names.SERIAL: str(serial), "cnpg.io/pvcStatus": "ready"}
    spec: Manifest = {"accessModes": ["ReadWriteOnce"], **(storage.get("pvcTemplate") or {})}
    if storage.get("storageClass"):
        spec["storageClassName"] = storage["storageClass"]
    if storage.get("size"):
        spec["resources"] = {"requests": {"storage": storage["size"]}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
