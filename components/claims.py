"""The volumes of a store's pods: the templates of their claims, and what lets claims that are there grow.

A StatefulSet's templates cannot be changed. So they stay as the StatefulSet was made with, and a Job asks for what the
settings state in each claim by its name; a CronJob does so for claims that come later. Why so: docs/decisions/0023.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi import CustomTimeouts, Input, ResourceOptions
from pulumi_kubernetes import batch, core, networking

from components import objects, rights
from components.objects import Manifest
from components.placement import Placement

KEPT: Final = ("spec.volumeClaimTemplates[*].spec.resources.requests.storage",)
"""`ignore_changes` of a StatefulSet: sizes in its templates stay those that it was made with; all else that would be
another claim is still a replacement, which `protect` refuses."""

_SCRIPTS: Final = ("api_server.py", "grow_claims.py")
_FILES: Final = "/app/components/files"
_UID: Final = 65534
_UP_SECONDS, _LATER_SECONDS = 3600, 300
"""How long a run looks: in an update, where somebody waits, and in the ones after it."""


@dataclass(frozen=True)
class ClaimsArgs:
    """Claims of one store."""

    placement: Placement
    store: str
    """Part of the names: "qdrant"."""
    image: str
    """Python 3 with its standard library."""
    sizes: Mapping[str, str]
    """What each claim has to ask for, by its name."""


def template(name: str, size: str, storage_class: str | None, labels: Mapping[str, str]) -> Manifest:
    """A claim template of a StatefulSet."""
    spec: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    return {"metadata": {"name": name, "labels": dict(labels)}, "spec": spec}


def sizes(pods: Iterable[str], templates: Iterable[Manifest]) -> dict[str, str]:
    """What the claims of pods ask for by these templates (pkg/controller/statefulset: getPersistentVolumeClaimName)."""
    asked = {one["metadata"]["name"]: one["spec"]["resources"]["requests"]["storage"] for one in templates}
    return {f"{name}-{pod}": size for pod in pods for name, size in asked.items()}


def grow(name: str, args: ClaimsArgs, own: ResourceOptions, after: Sequence[pulumi.Resource]) -> batch.v1.Job:
    """The Job, which is done once every claim has its size, after the StatefulSets; the CronJob waits for nothing, so
    that a full volume grows though its pod is not ready.
    """
    placement, labels = args.placement, _labels(args)
    _, allowed = rights.account(f"{name}-volumes", _account(args), rule(args), placement, labels, own)
    networking.v1.NetworkPolicy(
        f"{name}-volumes-network",
        metadata=objects.untyped(objects.metadata(_account(args), placement, labels)),
        spec=objects.untyped(network_policy_spec(args)),
        opts=own,
    )
    metadata = objects.untyped(objects.metadata(job_name(args), placement, labels))
    files = core.v1.ConfigMap(f"{name}-volumes-files", metadata=metadata, data=_data(args), opts=own)
    ready = ResourceOptions(depends_on=[allowed, files])
    batch.v1.CronJob(
        f"{name}-volumes-later",
        metadata=objects.untyped(objects.metadata(_account(args), placement, labels)),
        spec=objects.untyped(cron_job_spec(args)),
        opts=ResourceOptions.merge(own, ready),
    )
    return batch.v1.Job(
        f"{name}-volumes",
        metadata=metadata,
        spec=objects.untyped(job_spec(args)),
        opts=ResourceOptions.merge(
            ResourceOptions.merge(own, ready),
            ResourceOptions(depends_on=list(after), custom_timeouts=CustomTimeouts(create=f"{_UP_SECONDS + 300}s")),
        ),
    )


def rule(args: ClaimsArgs) -> Manifest:
    """Of the Role: to look at these very claims and to change them, and nothing else."""
    return {
        "apiGroups": [""],
        "resources": ["persistentvolumeclaims"],
        "resourceNames": sorted(args.sizes),
        "verbs": ["get", "patch"],
    }


def job_name(args: ClaimsArgs) -> str:
    """Changes with everything that the Job does: another size, or one more claim, runs it again."""
    return f"{_account(args)}-{objects.content_hash([_data(args), _pod(args, '', _UP_SECONDS)])}"


def job_spec(args: ClaimsArgs) -> Manifest:
    """Spec of the Job."""
    return objects.job(_UP_SECONDS + 240, _template(args, _UP_SECONDS))


def cron_job_spec(args: ClaimsArgs) -> Manifest:
    """Spec of the CronJob. A claim that is made anew, after a lost disk, begins with the size of the template."""
    return objects.cron_job("*/10 * * * *", _LATER_SECONDS + 120, _template(args, _LATER_SECONDS))


def network_policy_spec(args: ClaimsArgs) -> Manifest:
    """The API server, which no selector finds, and nothing else."""
    return {
        "podSelector": {"matchLabels": objects.every(_account(args))},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [objects.allow_to_api_server(args.placement.api_server_ranges)],
    }


def _account(args: ClaimsArgs) -> str:
    return f"{args.store}-volumes"


def _labels(args: ClaimsArgs) -> dict[str, str]:
    return objects.labels(_account(args), "setup")


def _data(args: ClaimsArgs) -> dict[str, str]:
    claims = json.dumps(dict(args.sizes), indent=1, sort_keys=True)
    return {**{name: objects.script(name) for name in _SCRIPTS}, "claims.json": f"{claims}\n"}


def _template(args: ClaimsArgs, seconds: int) -> Manifest:
    return {"metadata": {"labels": _labels(args)}, "spec": _pod(args, job_name(args), seconds)}


def _pod(args: ClaimsArgs, files: Input[str], seconds: int) -> Manifest:
    return {
        "serviceAccountName": _account(args),
        "automountServiceAccountToken": True,
        "restartPolicy": "Never",
        "enableServiceLinks": False,
        "securityContext": objects.restricted_pod_security(_UID, _UID, _UID),
        "containers": [
            {
                "name": "volumes",
                "image": args.image,
                "command": ["python3", "-u", "-m", "components.files.grow_claims"],
                "workingDir": "/app",
                "env": objects.environment(
                    {
                        "CLAIMS": f"{_FILES}/claims.json",
                        "WAIT_SECONDS": str(seconds),
                        "PYTHONDONTWRITEBYTECODE": "1",
                    }
                ),
                "resources": objects.small_resources("20m", "64Mi", "200m", "64Mi"),
                "securityContext": objects.container_security(),
                "volumeMounts": [{"name": "files", "mountPath": _FILES, "readOnly": True}],
            }
        ],
        "volumes": [{"name": "files", "configMap": {"name": files}}],
    }
