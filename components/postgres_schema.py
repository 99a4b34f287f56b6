"""The Job that makes the service's table, partitions and indexes before the service starts."""

from dataclasses import dataclass

import pulumi
from pulumi import ResourceOptions
from pulumi_kubernetes import batch, core

from components import objects
from components.objects import Manifest
from components.placement import Placement

NAME = "postgresql-schema"
_LABELS = objects.labels(NAME, "setup")
_UID = 26
"""User postgres in CloudNativePG's images."""


@dataclass(frozen=True)
class SchemaArgs:
    """What the schema Job needs to know."""

    placement: Placement
    image: str
    """Carries psql."""
    host: str
    """The writable servers' Service: the Job goes past the pooler."""
    database: str
    user: str
    partitions: int
    app_secret: str
    ca_secret: str


def job(name: str, args: SchemaArgs, own: ResourceOptions, cluster: pulumi.Resource) -> batch.v1.Job:
    """The Job and its files, both named by their content: a Job cannot be changed, and its files must be its own."""
    job_name = object_name(args)
    metadata = objects.untyped(objects.metadata(job_name, args.placement, _LABELS))
    files = core.v1.ConfigMap(f"{name}-schema-files", metadata=metadata, data=_files(), opts=own)
    return batch.v1.Job(
        f"{name}-schema",
        metadata=metadata,
        spec=objects.untyped(spec(args)),
        opts=ResourceOptions.merge(own, ResourceOptions(depends_on=[files, cluster])),
    )


def object_name(args: SchemaArgs) -> str:
    """Changes with everything that the Job does."""
    return f"{NAME}-{objects.content_hash([_files(), _pod(args, '')])}"


def spec(args: SchemaArgs) -> Manifest:
    """Spec of the Job. No TTL: a finished Job that vanished would be made and run again by the next update."""
    return {
        "backoffLimit": 4,
        # The script waits 15 minutes for the first primary.
        "activeDeadlineSeconds": 1800,
        "template": {"metadata": {"labels": _LABELS}, "spec": _pod(args, object_name(args))},
    }


def _files() -> dict[str, str]:
    return {name: objects.script(name) for name in ("schema.sh", "schema.sql")}


def _pod(args: SchemaArgs, files: str) -> Manifest:
    environment = {
        "PGHOST": args.host,
        "PGPORT": "5432",
        "PGDATABASE": args.database,
        "PGUSER": args.user,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/run/ca/ca.crt",
        "PASSFILE": "/run/app/pgpass",
        "WORK": "/run/work",
        "SCHEMA": "/files/schema.sql",
        "PARTITIONS": str(args.partitions),
    }
    mounts = {"/files": "files", "/run/app": "app", "/run/ca": "ca"}
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": objects.restricted_pod_security(_UID, _UID, _UID),
        "containers": [
            {
                "name": "schema",
                "image": args.image,
                "command": ["sh", "/files/schema.sh"],
                "env": [{"name": key, "value": value} for key, value in environment.items()],
                "resources": objects.small_resources("50m", "64Mi", "500m", "128Mi"),
                "securityContext": objects.container_security(),
                "volumeMounts": [
                    *({"name": volume, "mountPath": path, "readOnly": True} for path, volume in mounts.items()),
                    {"name": "work", "mountPath": "/run/work"},
                ],
            }
        ],
        "volumes": [
            {"name": "files", "configMap": {"name": files}},
            {"name": "app", "secret": _key_of(args.app_secret, "pgpass")},
            {"name": "ca", "secret": _key_of(args.ca_secret, "ca.crt")},
            {"name": "work", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        ],
    }


def _key_of(secret: str, key: str) -> Manifest:
    return {"secretName": secret, "defaultMode": 0o440, "items": [{"key": key, "path": key}]}


def network_policy_spec(cluster: str) -> Manifest:
    """The schema Job reaches the servers and nothing else."""
    return {
        "podSelector": {"matchLabels": objects.every(NAME)},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [objects.allow_to([objects.pods({"cnpg.io/cluster": cluster})], 5432)],
    }
