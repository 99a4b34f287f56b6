"""The Job that brings the Redis Cluster to its plan and the CronJob that keeps it there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi import CustomTimeouts, ResourceOptions
from pulumi_kubernetes import batch, core, networking

from components import objects
from components.objects import Manifest
from components.placement import Placement
from components.redis_plan import Pod, Shard, as_json

NAME = "redis-keeper"
"""Label of the pods that form and heal the cluster."""
BOOTSTRAP, HEALER = "redis-bootstrap", "redis-healer"

_FILES = (
    "redis_keeper.py",
    "redis_decide.py",
    "redis_passwords.py",
    "redis_plan_file.py",
    "redis_shards.py",
    "redis_slots.py",
    "redis_view.py",
    "redis_wire.py",
)
_RUN_SECONDS, _HEAL_SECONDS = 4 * 3600, 45
_LABELS = {kind: objects.labels(NAME, "setup", kind) for kind in (BOOTSTRAP, HEALER)}
_UID = 65534
"""Nobody: it needs no more than to read its files."""


@dataclass(frozen=True)
class JobsArgs:
    """What forming and healing need to know."""

    placement: Placement
    image: str
    """Python's."""
    shards: Sequence[Shard]
    """Those that are to hold all slots."""
    leaving: Sequence[Pod]
    """Pods that are to be emptied and to leave."""
    headless: str
    secret_name: str
    """Holds `password`, and `previous` while there is one before."""
    password_version: int
    nodes: Mapping[str, str]
    """Labels of the nodes' pods."""


def bootstrap(name: str, args: JobsArgs, own: ResourceOptions, after: Sequence[pulumi.Resource]) -> batch.v1.Job:
    """The Job and its files, both named by their content: a Job cannot be changed, and its files must be its own."""
    networking.v1.NetworkPolicy(
        f"{name}-keeper-network",
        metadata=objects.untyped(objects.metadata(NAME, args.placement, objects.labels(NAME, "setup"))),
        spec=objects.untyped(network_policy_spec(args)),
        opts=own,
    )
    metadata = objects.untyped(objects.metadata(bootstrap_name(args), args.placement, _LABELS[BOOTSTRAP]))
    files = core.v1.ConfigMap(f"{name}-bootstrap-files", metadata=metadata, data=_files(args), opts=own)
    return batch.v1.Job(
        f"{name}-bootstrap",
        metadata=metadata,
        spec=objects.untyped(bootstrap_spec(args)),
        opts=ResourceOptions.merge(
            own,
            ResourceOptions(
                depends_on=[files, *after],
                # Moving slots takes as long as there is data.
                custom_timeouts=CustomTimeouts(create=f"{_RUN_SECONDS}s"),
            ),
        ),
    )


def healer(name: str, args: JobsArgs, own: ResourceOptions) -> batch.v1.CronJob:
    """Looks every few seconds, in runs that begin each minute: no leader to elect and no process to watch.

    It must know a plan before the nodes and the bootstrap do: with the plan before, it would take nodes back that the
    bootstrap lets go.
    """
    metadata = objects.untyped(objects.metadata(HEALER, args.placement, _LABELS[HEALER]))
    files = core.v1.ConfigMap(f"{name}-healer-files", metadata=metadata, data=_files(args), opts=own)
    return batch.v1.CronJob(
        f"{name}-healer",
        metadata=metadata,
        spec=objects.untyped(healer_spec(args)),
        opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[files])),
    )


def bootstrap_name(args: JobsArgs) -> str:
    """Changes with everything that the Job does."""
    return f"{BOOTSTRAP}-{objects.content_hash([_files(args), _pod(args, BOOTSTRAP, '')])}"


def bootstrap_spec(args: JobsArgs) -> Manifest:
    """Spec of the Job. A run that gives up has waited for ten minutes already."""
    pod = _pod(args, BOOTSTRAP, bootstrap_name(args))
    return objects.job(_RUN_SECONDS, {"metadata": {"labels": _LABELS[BOOTSTRAP]}, "spec": pod})


def healer_spec(args: JobsArgs) -> Manifest:
    """Spec of the CronJob. Two runs at once do no harm."""
    annotations = {"soma.io/files": objects.content_hash(_files(args))}
    template: Manifest = {
        "metadata": {"labels": _LABELS[HEALER], "annotations": annotations},
        "spec": _pod(args, HEALER, HEALER),
    }
    return objects.cron_job("* * * * *", _HEAL_SECONDS + 30, template, starting_seconds=60)


def network_policy_spec(args: JobsArgs) -> Manifest:
    """Both reach the nodes and nothing else."""
    return {
        "podSelector": {"matchLabels": objects.every(NAME)},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [objects.allow_to([objects.pods(args.nodes)], 6379)],
    }


def _files(args: JobsArgs) -> dict[str, str]:
    return {
        "plan.json": as_json(args.shards, args.leaving, args.headless),
        **{name: objects.script(name) for name in _FILES},
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
                "command": ["python3", "/files/redis_keeper.py", "bootstrap" if kind == BOOTSTRAP else "heal"],
                "env": [
                    {"name": "PLAN", "value": "/files/plan.json"},
                    {"name": "PASSWORD_FILE", "value": "/run/auth/password"},
                    # Another password is another Job, which brings it to the nodes.
                    {"name": "PASSWORD_VERSION", "value": str(args.password_version)},
                    {"name": "HEAL_SECONDS", "value": str(_HEAL_SECONDS)},
                    {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
                ],
                "resources": objects.small_resources("50m", "64Mi", "500m", "128Mi"),
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
