"""The gateways beside a memory service process, as native sidecars: its only ways to its stores.

The service knows neither passwords nor clusters, so each gateway listens on loopback and does that part. As native
sidecars (init containers that go on) they are up before the service starts and outlive it while it drains.
"""

from dataclasses import dataclass

from pulumi import Input

from components.memory_environment import (
    LOOPBACK,
    POSTGRES_PORT,
    POSTGRES_QUESTION_PORT,
    QDRANT_PORT,
    QUERY_WAIT,
    REDIS_PORT,
    PostgresEndpoint,
)
from components.objects import Manifest, container_security, environment, small_resources
from settings import Images

REDIS_GATEWAY_METRICS, POSTGRESQL_GATEWAY_METRICS, QDRANT_GATEWAY_METRICS = 9122, 9123, 9124
"""Ports of the pod for Prometheus."""

POSTGRESQL_AUTH_FOLDER = "/run/soma/postgresql"
POSTGRESQL_CA_FOLDER = "/run/soma/postgresql-ca"
QDRANT_KEYS_FOLDER = "/run/soma/qdrant"
REDIS_AUTH_FOLDER = "/run/soma/redis"


@dataclass(frozen=True)
class QdrantEndpoint:
    """How the gateway reaches Qdrant."""

    headless: Input[str]
    """Fully qualified host that resolves to every peer."""
    secret_name: Input[str]
    """Secret whose key `gateway.cfg` gives HAProxy the API key."""
    key_version: int = 1
    """Of the API key, which HAProxy reads when it starts."""


@dataclass(frozen=True)
class RedisEndpoint:
    """How the gateway reaches the Redis cluster."""

    headless: Input[str]
    """Host that resolves to every node."""
    secret_name: Input[str]
    """Secret with the key `password`."""


def postgresql_gateway(images: Images, postgres: PostgresEndpoint) -> Manifest:
    """Our own (images/postgresql-gateway): waits, where PgBouncer would refuse, until PostgreSQL takes writes."""
    if images.postgresql_gateway is None:
        raise ValueError("images.postgresql_gateway: name the image that was built from images/postgresql-gateway")
    program = ["/postgresql-gateway"]
    variables: dict[str, Input[str]] = {
        "POOLER_HOST": postgres.host,
        "POOLER_CA_FILE": f"{POSTGRESQL_CA_FOLDER}/ca.crt",
        "POSTGRES_DATABASE": postgres.database,
        "POSTGRES_USER": postgres.user,
        "POSTGRES_PASSWORD_FILE": f"{POSTGRESQL_AUTH_FOLDER}/password",
        "POSTGRES_NEXT_PASSWORD_FILE": f"{POSTGRESQL_AUTH_FOLDER}/next",
        "GATEWAY_PORT": str(POSTGRES_PORT),
        "QUESTION_PORT": str(POSTGRES_QUESTION_PORT),
        "METRICS_PORT": str(POSTGRESQL_GATEWAY_METRICS),
        "PATIENCE": f"{QUERY_WAIT}s",
    }
    return {
        "name": "postgresql-gateway",
        "image": images.postgresql_gateway,
        "restartPolicy": "Always",
        "command": program,
        "env": environment(variables),
        "ports": [{"name": "pg-metrics", "containerPort": POSTGRESQL_GATEWAY_METRICS, "protocol": "TCP"}],
        # The gateway keeps its own memory under 96 MiB.
        "resources": small_resources("100m", "32Mi", "1", "128Mi"),
        "securityContext": container_security(),
        **_probes(ready=[*program, "probe", "ready"], alive=[*program, "probe", "alive"]),
        "volumeMounts": [
            {"name": "postgresql-auth", "mountPath": POSTGRESQL_AUTH_FOLDER, "readOnly": True},
            {"name": "postgresql-ca", "mountPath": POSTGRESQL_CA_FOLDER, "readOnly": True},
        ],
    }


def qdrant_gateway(images: Images, qdrant: QdrantEndpoint, files: str) -> Manifest:
    """HAProxy: adds the API key, spreads over the peers, lets no collection be made or dropped."""
    return {
        "name": "qdrant-gateway",
        "image": images.haproxy,
        "restartPolicy": "Always",
        "command": ["haproxy", "-W", "-f", f"{QDRANT_KEYS_FOLDER}/gateway.cfg", "-f", f"{files}/qdrant-gateway.cfg"],
        "env": environment({"QDRANT_HEADLESS": qdrant.headless, "METRICS_PORT": str(QDRANT_GATEWAY_METRICS)}),
        "ports": [{"name": "qdrant-metrics", "containerPort": QDRANT_GATEWAY_METRICS, "protocol": "TCP"}],
        "resources": small_resources("100m", "64Mi", "1", "256Mi"),
        "securityContext": container_security(),
        **_probes(
            ready=["wget", "-q", "-T", "2", "-O", "/dev/null", f"http://{LOOPBACK}:{QDRANT_PORT}/readyz"],
            alive=["wget", "-q", "-T", "2", "-O", "/dev/null", f"http://{LOOPBACK}:{QDRANT_PORT}/livez"],
        ),
        "volumeMounts": [
            {"name": "files", "mountPath": files, "readOnly": True},
            {"name": "qdrant-keys", "mountPath": QDRANT_KEYS_FOLDER, "readOnly": True},
        ],
    }


def redis_gateway(images: Images, redis: RedisEndpoint) -> Manifest:
    """Our own (images/redis-gateway): one Redis to a plain client, a cluster-aware client to the cluster."""
    if images.redis_gateway is None:
        raise ValueError("images.redis_gateway: name the image that was built from images/redis-gateway")
    program = ["/redis-gateway"]
    return {
        "name": "redis-gateway",
        "image": images.redis_gateway,
        "restartPolicy": "Always",
        "command": program,
        "env": [
            {"name": "REDIS_SEEDS", "value": redis.headless},
            {"name": "REDIS_PASSWORD_FILE", "value": f"{REDIS_AUTH_FOLDER}/password"},
            {"name": "GATEWAY_PORT", "value": str(REDIS_PORT)},
            {"name": "METRICS_PORT", "value": str(REDIS_GATEWAY_METRICS)},
        ],
        "ports": [{"name": "redis-metrics", "containerPort": REDIS_GATEWAY_METRICS, "protocol": "TCP"}],
        # The gateway keeps its own memory under 160 MiB.
        "resources": small_resources("100m", "64Mi", "1", "256Mi"),
        "securityContext": container_security(),
        **_probes(ready=[*program, "probe", "ready"], alive=[*program, "probe", "alive"]),
        "volumeMounts": [{"name": "redis-auth", "mountPath": REDIS_AUTH_FOLDER, "readOnly": True}],
    }


def _probes(ready: list[str], alive: list[str]) -> Manifest:
    """Probes by command: a gateway listens on loopback, where the kubelet cannot call.

    The next container starts as soon as the gateway listens: what waits for its store is a container of its own
    (await_stores.py), which says in its log what it waits for. A gateway that lives is never killed because its store
    is away, neither while it starts nor later: that would not bring the store back.
    """
    return {
        "startupProbe": {"exec": {"command": alive}, "periodSeconds": 1, "timeoutSeconds": 4, "failureThreshold": 60},
        "readinessProbe": {"exec": {"command": ready}, "periodSeconds": 10, "timeoutSeconds": 4, "failureThreshold": 3},
        "livenessProbe": {"exec": {"command": alive}, "periodSeconds": 20, "timeoutSeconds": 5, "failureThreshold": 6},
    }
