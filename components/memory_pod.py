"""A pod of the memory service: the process, what waits before it and the gateways that stand beside it."""

from dataclasses import dataclass
from typing import Literal

from pulumi import Input

from components.memory_environment import (
    CA_FOLDER,
    PASSFILE,
    PASSFILE_FOLDER,
    PORT,
    TOKEN_FOLDER,
    PostgresEndpoint,
    environment,
    psql_environment,
)
from components.memory_gateways import QdrantEndpoint, RedisEndpoint, qdrant_gateway, redis_gateway
from components.objects import (
    REGION_ROLE,
    Manifest,
    container_security,
    restricted_pod_security,
    small_resources,
    stateless_spread,
)
from settings import Images, Resources

NAME = "memory-service"
CONTAINER = NAME
"""The container that the autoscaler watches."""

Role = Literal["home", "standby"]

FILES_FOLDER = "/opt/soma"
UID = 1000
"""`appuser` of the image; a number, because the kubelet cannot tell that a name is not root."""

WAIT_AT_HOME = 600
"""Seconds after which a pod at home gives up on PostgreSQL and shows up as failing; a standby waits for ever."""

ENDPOINT_DRAIN = 15
"""Seconds that the ingress gets to forget a pod before SIGTERM."""

GRACE = 180
"""Seconds from the start of a termination to SIGKILL: 15 for the ingress to forget the pod, 120 for a statement that
the pooler holds (uvicorn waits for requests under way), the rest for the gateways, which stop after the service."""


@dataclass(frozen=True)
class PodArgs:
    """What a pod needs to know."""

    namespace: str
    """The memory namespace."""
    image: str
    resources: Resources
    images: Images
    role: Role
    max_memories: int
    postgres: PostgresEndpoint
    redis: RedisEndpoint
    qdrant: QdrantEndpoint


@dataclass(frozen=True)
class PodObjects:
    """Names of the objects that a pod refers to."""

    account: Input[str]
    files: Input[str]
    """ConfigMap of scripts and gateway configuration."""
    token: Input[str]
    """Secret with the key `token`."""


def pod_template(
    args: PodArgs, names: PodObjects, labels: dict[str, str], selector: dict[str, str], files_hash: str
) -> Manifest:
    """`spec.template` of the Deployment."""
    return {
        "metadata": {
            "labels": {**labels, REGION_ROLE: args.role},
            # Mounted files change under a running process that reads them once: a change makes new pods.
            "annotations": {"soma.io/files": files_hash},
        },
        "spec": {
            "serviceAccountName": names.account,
            "automountServiceAccountToken": False,
            # A Service called `redis` would set REDIS_PORT=tcp://…, which the service cannot read.
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": GRACE,
            "securityContext": restricted_pod_security(UID, UID, UID),
            "topologySpreadConstraints": stateless_spread(selector),
            "initContainers": [
                _passfile(args),
                _await_primary(args),
                qdrant_gateway(args.images, args.qdrant, FILES_FOLDER),
                redis_gateway(args.images, args.redis),
            ],
            "containers": [_service(args)],
            "volumes": _volumes(args, names),
        },
    }


def _passfile(args: PodArgs) -> Manifest:
    """libpq refuses a passfile that others may read, which a mounted Secret always is: it is copied to memory."""
    return {
        "name": "passfile",
        "image": args.images.postgresql,
        "command": ["install", "--mode=0600", "/run/soma/postgresql-app/pgpass", PASSFILE],
        "resources": small_resources("10m", "16Mi", "100m", "32Mi"),
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "postgresql-app", "mountPath": "/run/soma/postgresql-app", "readOnly": True},
            {"name": "passfile", "mountPath": PASSFILE_FOLDER},
        ],
    }


def _await_primary(args: PodArgs) -> Manifest:
    wait = WAIT_AT_HOME if args.role == "home" else 0
    return {
        "name": "await-primary",
        "image": args.images.postgresql,
        "command": ["sh", f"{FILES_FOLDER}/await-primary.sh"],
        "env": psql_environment(args.postgres, wait),
        "resources": small_resources("10m", "32Mi", "100m", "64Mi"),
        "securityContext": container_security(),
        "volumeMounts": [*_postgres_mounts(), _files_mount()],
    }


def _service(args: PodArgs) -> Manifest:
    return {
        "name": CONTAINER,
        "image": args.image,
        "env": environment(args.namespace, args.max_memories, args.postgres),
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "resources": args.resources.as_kubernetes(),
        "securityContext": container_security(),
        **probes(),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(ENDPOINT_DRAIN)]}}},
        "volumeMounts": [
            {"name": "token", "mountPath": TOKEN_FOLDER, "readOnly": True},
            *_postgres_mounts(),
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (in the container, where the root is read-only)
        ],
    }


def probes() -> Manifest:
    """The three probes of the service.

    - startup: the entrypoint waits up to 60 s for each of three stores, then the process connects: 300 s.
    - liveness: one event loop serves everything, so /ping stalls while a statement waits. A primary's zone that is
      cut off stalls it for 75 s (measured); at most the pooler holds a statement for 120 s and the service repeats it
      once: 240 s. It takes 300 s in a row to be killed, for a restart would lose what waits.
    - readiness: /readyz says 200 whatever it finds, so the body is read. A killed primary is back in 10 s (measured)
      and passes unnoticed; after 30 s the ingress stops to queue requests behind a service that cannot answer.
    """
    ping = {"httpGet": {"path": "/ping", "port": "http"}}
    body = f'curl -fsS -m 4 localhost:{PORT}/readyz | grep -q \'"kv_store":true,"vector_store":true\''
    return {
        "startupProbe": {**ping, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 60},
        "livenessProbe": {**ping, "periodSeconds": 20, "timeoutSeconds": 10, "failureThreshold": 15},
        "readinessProbe": {
            "exec": {"command": ["sh", "-c", body]},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
    }


def _postgres_mounts() -> list[Manifest]:
    return [
        {"name": "passfile", "mountPath": PASSFILE_FOLDER, "readOnly": True},
        {"name": "postgresql-ca", "mountPath": CA_FOLDER, "readOnly": True},
    ]


def _files_mount() -> Manifest:
    return {"name": "files", "mountPath": FILES_FOLDER, "readOnly": True}


def _volumes(args: PodArgs, names: PodObjects) -> list[Manifest]:
    return [
        {"name": "files", "configMap": {"name": names.files}},
        _secret("token", names.token, "token"),
        _secret("postgresql-app", args.postgres.secret_name, "pgpass"),
        _secret("postgresql-ca", args.postgres.ca_secret_name, "ca.crt"),
        _secret("qdrant-keys", args.qdrant.secret_name, "gateway.cfg"),
        _secret("redis-auth", args.redis.secret_name, "password"),
        {"name": "passfile", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
    ]


def _secret(volume: str, secret: Input[str], key: str) -> Manifest:
    """One key of a Secret, readable by the pod's group alone."""
    items = [{"key": key, "path": key}]
    return {"name": volume, "secret": {"secretName": secret, "items": items, "defaultMode": 0o440}}
