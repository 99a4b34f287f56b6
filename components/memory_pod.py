"""A pod of the memory service: the process, what waits before it and the gateways that stand beside it."""

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi import Input

from components.memory_environment import (
    PORT,
    TOKEN_FOLDER,
    PostgresEndpoint,
    await_environment,
    environment,
    psql_environment,
)
from components.memory_gateways import (
    QdrantEndpoint,
    RedisEndpoint,
    postgresql_gateway,
    qdrant_gateway,
    redis_gateway,
)
from components.objects import (
    REGION_ROLE,
    Manifest,
    container_security,
    restricted_pod_security,
    secret_key_volume,
    small_resources,
    stateless_spread,
)
from components.qdrant_keys import VERSION_ANNOTATION
from settings import Images, Resources

NAME = "memory-service"
CONTAINER = NAME
"""The container that the autoscaler watches."""

Role = Literal["home", "standby"]

FILES_FOLDER = "/opt/soma"
PYTHON = ("python3", "-I", "-S")
"""The image's own Python for a script of ours: nothing of the service's environment is loaded."""
UID = 1000
"""`appuser` of the image; a number, because the kubelet cannot tell that a name is not root."""

WAIT_AT_HOME = 600
"""Seconds after which a pod at home gives up on a store and shows up as failing; a standby waits for ever."""

ENDPOINT_DRAIN = 15
"""Seconds that the ingress gets to forget a pod before SIGTERM."""

GRACE = 180
"""Seconds from the start of a termination to SIGKILL: 15 for the ingress to forget the pod, 120 for a statement that
is held (uvicorn waits for requests under way), the rest for the gateways, which stop after the service."""


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
    host: Input[str]
    """Fully qualified host of the pods' own Service."""
    token_version: int = 1
    """Of the bearer token, which the service reads when it starts."""
    fence: tuple[str, ...] = ()
    """What the readiness probe asks the other regions; nothing where there are none."""
    held: bool = False
    """Wait also before a PostgreSQL that is writable: home is about to move."""

    @property
    def wait(self) -> int:
        """Seconds that the pod waits for each of its stores; 0 is for ever."""
        return WAIT_AT_HOME if self.role == "home" else 0


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
            "annotations": {
                "soma.io/files": files_hash,
                "soma.io/token": str(args.token_version),
                VERSION_ANNOTATION: str(args.qdrant.key_version),
            },
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
                postgresql_gateway(args.images, args.postgres),
                _await_primary(args),
                qdrant_gateway(args.images, args.qdrant, FILES_FOLDER),
                redis_gateway(args.images, args.redis),
                _await_stores(args),
            ],
            "containers": [_service(args)],
            "volumes": _volumes(args, names),
        },
    }


def _await_primary(args: PodArgs) -> Manifest:
    """After the gateway to PostgreSQL, through which it asks."""
    return {
        "name": "await-primary",
        "image": args.images.postgresql,
        "command": ["sh", f"{FILES_FOLDER}/await-primary.sh"],
        "env": [*psql_environment(args.postgres, args.wait), *([{"name": "HELD", "value": "1"}] if args.held else [])],
        "resources": small_resources("10m", "32Mi", "100m", "64Mi"),
        "securityContext": container_security(),
        "volumeMounts": [_files_mount()],
    }


def _await_stores(args: PodArgs) -> Manifest:
    """After the gateways, through which it asks; in the service's own image, which every node of a pod has anyway."""
    return {
        "name": "await-stores",
        "image": args.image,
        "command": [*PYTHON, f"{FILES_FOLDER}/await_stores.py"],
        "env": await_environment(args.namespace, args.wait),
        "resources": small_resources("10m", "32Mi", "100m", "64Mi"),
        "securityContext": container_security(),
        "volumeMounts": [_files_mount()],
    }


def _service(args: PodArgs) -> Manifest:
    return {
        "name": CONTAINER,
        "image": args.image,
        "env": environment(args.namespace, args.max_memories, args.postgres),
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "resources": args.resources.as_kubernetes(),
        "securityContext": container_security(),
        **probes(args.host, args.fence),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(ENDPOINT_DRAIN)]}}},
        "volumeMounts": [
            {"name": "token", "mountPath": TOKEN_FOLDER, "readOnly": True},
            _files_mount(),
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (in the container, where the root is read-only)
        ],
    }


def probes(host: Input[str], fence: tuple[str, ...] = ()) -> Manifest:
    """The three probes of the service; files/memory_probe.py says what each asks.

    - startup: the entrypoint waits up to 60 s for each of three stores, then the process connects: 300 s. Within them
      the process has to be seen connected to PostgreSQL. One that started while PostgreSQL refused never is: it would
      run on Redis alone for the rest of its life and call itself healthy. Here the kubelet starts it again, and until
      it is connected the pod counts as not started, so nobody is sent to it. A container that starts again does not
      pass the init containers' waits a second time, so this is the only guard that each process passes.
    - readiness: /readyz says 200 whatever it finds, so the body is read. A killed primary is back in 10 s (measured)
      and passes unnoticed; after 30 s the ingress stops to queue requests behind a service that cannot answer.
      A pod of a home that was given up, and comes back, is unready as well: what it took would be lost (fence.py).
    - liveness: one event loop serves everything, so /ping stalls while a statement waits: 75 s when the primary's zone
      is cut off (measured), 360 s when no primary comes (a statement is held for 120 s, and the service repeats it
      once, after a login that is held as long), for ever when PostgreSQL hangs with its connections open. A stalled
      process is therefore killed only after 400 s in a row, and only while another ready pod of the Service answers: a
      store that hangs stalls them all, and none of them is killed for it. Alone, or with all others stalled too, a
      process stays; readiness has taken it out of service long before.
    """
    probe = [*PYTHON, f"{FILES_FOLDER}/memory_probe.py"]
    return {
        "startupProbe": {
            "exec": {"command": [*probe, "started"]},
            "periodSeconds": 5,
            "timeoutSeconds": 6,
            "failureThreshold": 60,
        },
        "readinessProbe": {
            "exec": {"command": [*probe, "ready", *fence]},
            "periodSeconds": 10,
            "timeoutSeconds": 6,
            "failureThreshold": 3,
        },
        "livenessProbe": {
            "exec": {"command": [*probe, "alive", pulumi.Output.concat("http://", host)]},
            "periodSeconds": 20,
            "timeoutSeconds": 10,
            "failureThreshold": 20,
        },
    }


def _files_mount() -> Manifest:
    return {"name": "files", "mountPath": FILES_FOLDER, "readOnly": True}


def _volumes(args: PodArgs, names: PodObjects) -> list[Manifest]:
    return [
        {"name": "files", "configMap": {"name": names.files}},
        secret_key_volume("token", names.token, "token"),
        secret_key_volume("postgresql-auth", args.postgres.secret_name, "password", "next"),
        secret_key_volume("postgresql-ca", args.postgres.ca_secret_name, "ca.crt"),
        secret_key_volume("qdrant-keys", args.qdrant.secret_name, "gateway.cfg"),
        secret_key_volume("redis-auth", args.redis.secret_name, "password"),
        {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
    ]
