"""A Pooler's Deployment, service and service account (cloudnative-pg v1.30.0: pkg/specs/pgbouncer)."""

import copy
from typing import Any

from rehearsal.kube import Manifest
from rehearsal.standins.cnpg import names, objects, pods
from rehearsal.standins.cnpg.names import section

CONTAINER = "pgbouncer"
PGBOUNCER_USER, PGBOUNCER_GROUP = 998, 996
PORTS = ({"name": "pgbouncer", "containerPort": 5432}, {"name": "metrics", "containerPort": 9127})
SERVICE_PORT = {"name": "pgbouncer", "port": 5432, "targetPort": "pgbouncer", "protocol": "TCP"}
SCRATCH = {"name": "scratch-data", "mountPath": "/controller"}


def image(pooler: Manifest) -> str:
    """The image: of the template's container, else of `spec.pgbouncer`, else the operator's (pooler_image.go)."""
    template = section(pooler["spec"], "template", "spec").get("containers") or []
    named = next((str(entry["image"]) for entry in template if entry["name"] == CONTAINER and entry.get("image")), "")
    return named or str(section(pooler["spec"], "pgbouncer").get("image") or names.PGBOUNCER_IMAGE)


def labels(pooler: Manifest) -> dict[str, str]:
    """The labels of everything that belongs to a Pooler."""
    return {
        names.CLUSTER: pooler["spec"]["cluster"]["name"],
        names.POOLER: pooler["metadata"]["name"],
        names.POD_ROLE: "pooler",
        "app.kubernetes.io/name": "postgresql",
        "app.kubernetes.io/instance": pooler["spec"]["cluster"]["name"],
        "app.kubernetes.io/component": "pooler",
        "app.kubernetes.io/managed-by": "cloudnative-pg",
    }


def _metadata(pooler: Manifest, name: str, given: Manifest | None = None) -> Manifest:
    given = given or {}
    metadata: Manifest = {
        "name": name,
        "namespace": pooler["metadata"]["namespace"],
        "labels": {**(given.get("labels") or {}), **labels(pooler)},
        "ownerReferences": [names.owner(pooler)],
    }
    if given.get("annotations"):
        metadata["annotations"] = dict(given["annotations"])
    return metadata


def secrets_needed(pooler: Manifest, cluster: Manifest) -> list[str]:
    """Secrets without which the operator does not start the pooler (pooler_controller.go, waitForPrerequisites)."""
    given = section(pooler["spec"], "pgbouncer")
    certificates = objects.certificate_secrets(cluster)
    own_sign_in = given.get("authQuery") or given.get("authQuerySecret") or given.get("serverTLSSecret")
    sign_in = section(given, "serverTLSSecret").get("name") if own_sign_in else objects.pooler_secret(cluster)
    found = [
        sign_in,
        section(given, "clientTLSSecret").get("name") or certificates["serverTLSSecret"],
        section(given, "clientCASecret").get("name") or certificates["clientCASecret"],
        section(given, "serverCASecret").get("name") or certificates["serverCASecret"],
    ]
    return [str(name) for name in dict.fromkeys(found) if name]


def deployment(pooler: Manifest, cluster: Manifest) -> Manifest:
    """The Deployment: the user's pod template with what the operator adds (pkg/specs/pgbouncer/deployments.go)."""
    spec = pooler["spec"]
    given = section(spec, "template", "metadata")
    metadata: Manifest = {"labels": {**(given.get("labels") or {}), **labels(pooler)}}
    if given.get("annotations"):
        metadata["annotations"] = dict(given["annotations"])
    wanted: Manifest = {
        "replicas": int(spec.get("instances", 1)),
        "selector": {"matchLabels": {names.POOLER: pooler["metadata"]["name"]}},
        "template": {"metadata": metadata, "spec": pod_spec(pooler, cluster)},
    }
    if spec.get("deploymentStrategy"):
        wanted["strategy"] = spec["deploymentStrategy"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(pooler, pooler["metadata"]["name"]),
        "spec": wanted,
    }


def pod_spec(pooler: Manifest, cluster: Manifest) -> Manifest:
    """The pod of a pooler: what the user's template says, filled up as the operator's builder does."""
    spec: Manifest = copy.deepcopy(section(pooler["spec"], "template", "spec"))
    certificates = objects.certificate_secrets(cluster)
    spec["securityContext"] = {  # overwrites what the template says, as the operator does
        "runAsNonRoot": True,
        "runAsUser": PGBOUNCER_USER,
        "runAsGroup": PGBOUNCER_GROUP,
        "fsGroup": PGBOUNCER_GROUP,
        "seccompProfile": pods.seccomp(cluster["spec"]),
    }
    spec["serviceAccountName"] = service_account_name(pooler)
    spec["volumes"] = _merged(
        spec.get("volumes"),
        {"name": "ca", "secret": {"secretName": certificates["serverCASecret"]}},
        {"name": "server-tls", "secret": {"secretName": certificates["serverTLSSecret"]}},
        {"name": "scratch-data", "emptyDir": {}},
    )
    spec["containers"] = [_container(entry, pooler, cluster) for entry in _with(spec.get("containers"), CONTAINER)]
    resources = spec.pop("resources", None) or {}
    spec["initContainers"] = [
        _bootstrap(entry, cluster, resources) for entry in _with(spec.get("initContainers"), "bootstrap-controller")
    ]
    return spec


def _with(entries: list[Manifest] | None, name: str) -> list[Manifest]:
    """The containers of a template, with one of this name."""
    found = list(entries or [])
    return found if any(entry["name"] == name for entry in found) else [*found, {"name": name}]


def _merged(entries: list[Manifest] | None, *own: Manifest) -> list[Manifest]:
    """Volumes, mounts or ports of the user and the operator's; the operator's wins where both have a name."""
    taken = {entry["name"] for entry in own}
    return [*(entry for entry in entries or [] if entry["name"] not in taken), *own]


def _container(given: Manifest, pooler: Manifest, cluster: Manifest) -> Manifest:
    if given["name"] != CONTAINER:
        return given
    defaults: dict[str, Any] = {
        "command": ["/controller/manager", "pgbouncer", "run"],
        "readinessProbe": {"timeoutSeconds": 5, "tcpSocket": {"port": 5432}},
    }
    return {
        **defaults,
        **given,
        "image": image(pooler),
        "ports": _merged(given.get("ports"), *PORTS),
        "env": _environment(given.get("env") or [], pooler),
        "securityContext": pods.container_security(cluster["spec"]),
        "volumeMounts": _merged(given.get("volumeMounts"), SCRATCH),
    }


def _environment(given: list[Manifest], pooler: Manifest) -> list[Manifest]:
    """The operator's variables: some it insists on, others the user may set."""
    insisted = {"NAMESPACE": pooler["metadata"]["namespace"], "POOLER_NAME": pooler["metadata"]["name"]}
    defaults = {"PGUSER": "pgbouncer", "PGDATABASE": "pgbouncer", "PGHOST": "/controller/run"}
    set_by_user = {entry["name"] for entry in given}
    values = {**{key: value for key, value in defaults.items() if key not in set_by_user}, **insisted}
    kept = [entry for entry in given if entry["name"] not in insisted]
    return [*kept, *({"name": key, "value": value} for key, value in values.items())]


def _bootstrap(given: Manifest, cluster: Manifest, resources: Manifest) -> Manifest:
    if given["name"] != "bootstrap-controller":
        return given
    return {
        "resources": resources,
        **given,
        "image": names.OPERATOR_IMAGE,
        "command": ["/manager", "bootstrap", "/controller/manager"],
        "securityContext": pods.container_security(cluster["spec"]),
        "volumeMounts": _merged(given.get("volumeMounts"), SCRATCH),
    }


def service_account_name(pooler: Manifest) -> str:
    """The service account of the poolers."""
    return str(pooler["spec"].get("serviceAccountName") or pooler["metadata"]["name"])


def service_account(pooler: Manifest) -> Manifest | None:
    """The poolers' service account; None when the user names one of their own."""
    if pooler["spec"].get("serviceAccountName"):
        return None
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(pooler, pooler["metadata"]["name"])}


def access(pooler: Manifest, cluster: Manifest) -> list[Manifest]:
    """What the poolers may read: their Pooler, its Cluster and the certificates (pkg/specs/pgbouncer/rbac.go)."""
    metadata = _metadata(pooler, pooler["metadata"]["name"])
    kinds = ["clusters", "poolers"]
    return objects.access_of(metadata, service_account_name(pooler), kinds, secrets_needed(pooler, cluster))


def service(pooler: Manifest) -> Manifest:
    """The service in front of the poolers (pkg/specs/pgbouncer/services.go)."""
    template = section(pooler["spec"], "serviceTemplate")
    metadata = _metadata(pooler, pooler["metadata"]["name"], section(template, "metadata"))
    spec = {"type": "ClusterIP", "ports": [SERVICE_PORT], **section(template, "spec")}
    selector = {names.POOLER: pooler["metadata"]["name"]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {**spec, "selector": selector}}


def status(pooler: Manifest, instances: int, missing: str) -> dict[str, Any]:
    """The Pooler's status; `missing` is a sentence about what it waits for, or empty."""
    if missing:
        return {"instances": instances, "phase": "inactive", "phaseReason": missing}
    paused = bool(section(pooler["spec"], "pgbouncer").get("paused"))
    told = ("paused", "pgbouncer is paused") if paused else ("active", "")
    return {"instances": instances, "phase": told[0], "phaseReason": told[1], "image": image(pooler)}
