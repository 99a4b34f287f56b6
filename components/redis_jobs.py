"""The Job that forms the Redis Cluster and the CronJob that keeps it as planned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes import batch, core, networking

from components import objects
from components.objects import Manifest
from components.placement import Placement
from components.redis_plan import Shard, as_text

NAME = "redis-keeper"
"""Label of the pods that form and heal the cluster."""
BOOTSTRAP, HEALER = "redis-bootstrap", "redis-healer"

_LABELS = {kind: objects.labels(NAME, "setup", kind) for kind in (BOOTSTRAP, HEALER)}
_UID = 999


@dataclass(frozen=True)
class JobsArgs:
    """What forming and healing need to know."""

    placement: Placement
    image: str
    """Carries valkey-cli or redis-cli."""
    shards: Sequence[Shard]
    headless: str
    secret_name: str
    nodes: Mapping[str, str]
    """Labels of the nodes' pods."""


def bootstrap(name: str, args: JobsArgs, own: ResourceOptions, nodes: Sequence[pulumi.Resource]) -> batch.v1.Job:
    """The Job and its files, both named by their content: a Job cannot be changed, and its files must be its own."""
    networking.v1.NetworkPolicy(
        f"{name}-keeper-network",
        metadata=objects.untyped(objects.metadata(NAME, args.placement, objects.labels(NAME, "setup"))),
        spec=objects.untyped(network_policy_spec(args)),
        opts=own,
    )
    metadata = objects.untyped(objects.metadata(bootstrap_name(args), args.placement, _LABELS[BOOTSTRAP]))
    files = core.v1.ConfigMap(f"{name}-bootstrap-files", metadata=metadata, data=_files(args, BOOTSTRAP), opts=own)
    return batch.v1.Job(
        f"{name}-bootstrap",
        metadata=metadata,
        spec=objects.untyped(bootstrap_spec(args)),
        opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[files, *nodes])),
    )


def healer(name: str, args: JobsArgs, own: ResourceOptions, formed: pulumi.Resource) -> batch.v1.CronJob:
    """Once a minute is often enough: Redis elects by itself, this only tidies up after it. Each run starts from
    nothing, so there is no leader to elect and no process to watch."""
    metadata = objects.untyped(objects.metadata(HEALER, args.placement, _LABELS[HEALER]))
    files = core.v1.ConfigMap(f"{name}-healer-files", metadata=metadata, data=_files(args, HEALER), opts=own)
    return batch.v1.CronJob(
        f"{name}-healer",
        metadata=metadata,
        spec=objects.untyped(healer_spec(args)),
        opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[files, formed])),
    )


def bootstrap_name(args: JobsArgs) -> str:
    """Changes with everything that the Job does."""
    return f"{BOOTSTRAP}-{objects.content_hash([_files(args, BOOTSTRAP), _pod(args, BOOTSTRAP, '')])}"


def bootstrap_spec(args: JobsArgs) -> Manifest:
    """Spec of the Job. No TTL: a finished Job that vanished would be made and run again by the next update."""
    return {
        "backoffLimit": 4,
        "activeDeadlineSeconds": 1800,
        "template": {
            "metadata": {"labels": _LABELS[BOOTSTRAP]},
            "spec": _pod(args, BOOTSTRAP, bootstrap_name(args)),
        },
    }


def healer_spec(args: JobsArgs) -> Manifest:
    """Spec of the CronJob."""
    return {
        "schedule": "* * * * *",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 60,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 1,
        "jobTemplate": {
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": 50,
                "template": {
                    "metadata": {
                        "labels": _LABELS[HEALER],
                        "annotations": {"soma.io/files": objects.content_hash(_files(args, HEALER))},
                    },
                    "spec": _pod(args, HEALER, HEALER),
                },
            }
        },
    }


def network_policy_spec(args: JobsArgs) -> Manifest:
    """Both reach the nodes and nothing else."""
    return {
        "podSelector": {"matchLabels": objects.every(NAME)},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [objects.allow_to([objects.pods(args.nodes)], 6379)],
    }


def _files(args: JobsArgs, kind: str) -> dict[str, str]:
    return {
        "plan": as_text(args.shards, args.headless),
        "redis-lib.sh": objects.script("redis-lib.sh"),
        f"{kind}.sh": objects.script(f"{kind}.sh"),
    }


def _pod(args: JobsArgs, kind: str, files: str) -> Manifest:
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": objects.restricted_pod_security(_UID, _UID, _UID),
        "containers": [
            {
                "name": kind,
                "image": args.image,
                "command": ["sh", f"/files/{kind}.sh"],
                "env": [
                    {"name": "PLAN", "value": "/files/plan"},
                    {"name": "PASSWORD_FILE", "value": "/run/auth/password"},
                ],
                "resources": objects.small_resources("50m", "32Mi", "500m", "64Mi"),
                "securityContext": objects.container_security(),
                "volumeMounts": [
                    {"name": "files", "mountPath": "/files", "readOnly": True},
                    {"name": "auth", "mountPath": "/run/auth", "readOnly": True},
                ],
            }
        ],
        "volumes": [
            {"name": "files", "configMap": {"name": files}},
            {"name": "auth", "secret": {"secretName": args.secret_name, "defaultMode": 0o440}},
        ],
    }
