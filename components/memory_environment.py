"""What the memory service is told: its environment, and the paths under which it finds its files."""

from dataclasses import dataclass

from pulumi import Input

from components import objects
from components.objects import Manifest

PORT = 9595
"""Port that the service listens on."""

TOKEN_FOLDER = "/run/soma/token"  # noqa: S105 (a path)

VECTOR_SIZE = 768
"""Numbers of a vector: the service makes them itself, always as many (contract of 9089859/9d8f7f1)."""

LOOPBACK = "127.0.0.1"
REDIS_PORT, QDRANT_PORT, POSTGRES_PORT = 6379, 6333, 5432
POSTGRES_QUESTION_PORT = 5433
"""Of the gateway to PostgreSQL, for who wants to know now: a login there is tried once and not held."""

QUERY_WAIT = 120
"""Seconds for which PgBouncer holds a statement while the primary moves (`query_wait_timeout`), and the gateway a login
or a statement that PgBouncer refused."""


@dataclass(frozen=True)
class PostgresEndpoint:
    """How the service's own user reaches PostgreSQL."""

    host: Input[str]
    """The pooler: it holds statements while the primary moves."""
    database: str
    user: str
    secret_name: Input[str]
    """Secret with the keys `password` and `next`, the password after that one."""
    ca_secret_name: Input[str]
    """Secret whose key `ca.crt` verifies the pooler's certificate, which carries `host`."""


def dsn(postgres: PostgresEndpoint) -> str:
    """Where PostgreSQL is, as a libpq URL without a password: the service writes its DSN to its log.

    It is the gateway beside the service, which encrypts, knows the password, notices dead connections, and lets a
    session begin when PostgreSQL has said that it takes writes. A login lasts as long as that takes: the service gives
    up for good after its second failure, having answered 200.
    """
    options = {
        "target_session_attrs": "read-write",
        "connect_timeout": QUERY_WAIT + 10,
        "sslmode": "disable",
        "gssencmode": "disable",
    }
    query = "&".join(f"{key}={value}" for key, value in options.items())
    return f"postgresql://{postgres.user}@{LOOPBACK}:{POSTGRES_PORT}/{postgres.database}?{query}"


def environment(namespace: str, max_memories: int, postgres: PostgresEndpoint) -> list[Manifest]:
    """The container's `env`. Every variable is one that the service at 9089859/9d8f7f1 reads."""
    stores: dict[str, Input[str]] = {
        "SOMA_POSTGRES_URL": dsn(postgres),
        "POSTGRES_SSL_MODE": "disable",
        # Host and port beside the URLs: the entrypoint waits for them.
        "POSTGRES_HOST": LOOPBACK,
        "POSTGRES_PORT": str(POSTGRES_PORT),
        "REDIS_HOST": LOOPBACK,
        "REDIS_PORT": str(REDIS_PORT),
        "QDRANT_URL": f"http://{LOOPBACK}:{QDRANT_PORT}",
        "QDRANT_HOST": LOOPBACK,
        "QDRANT_PORT": str(QDRANT_PORT),
    }
    behaviour: dict[str, Input[str]] = {
        "SOMA_API_TOKEN_FILE": f"{TOKEN_FOLDER}/token",
        "SOMA_API_PORT": str(PORT),
        # The key prefix in PostgreSQL and Redis, and the name of the Qdrant collection.
        "SOMA_NAMESPACE": namespace,
        "SOMA_VECTOR_DIM": str(VECTOR_SIZE),
        "SOMA_MAX_MEMORY_SIZE": str(max_memories),
        "SOMA_MAX_REQUEST_BODY_MB": "5",
        # Its limiter is global and never reopens under steady traffic: the ingress limits.
        "SOMA_RATE_LIMIT_MAX": "0",
        # Each pass writes every memory again, in every process: once a year instead of every ten minutes.
        "SOMA_PRUNING_INTERVAL_SECONDS": "31536000",
        # A worker that fails at boot is started again for ever instead of ending the container.
        "UVICORN_WORKERS": "1",
        "SOMA_FORCE_HASH_EMBEDDINGS": "1",
        # 1 would scroll through the whole collection for every search.
        "SOMA_HYBRID_RECALL_DEFAULT": "0",
        # Asked on every call and cannot be switched off: a refusal at once is the cheapest answer (it fails open).
        "OPA_URL": f"http://{LOOPBACK}:9",
    }
    return objects.environment({**behaviour, **stores})


def await_environment(namespace: str, wait_seconds: int) -> list[Manifest]:
    """`env` of the container that waits for Redis and the collection, behind the gateways."""
    variables = {
        "REDIS_PORT": str(REDIS_PORT),
        "QDRANT_PORT": str(QDRANT_PORT),
        "COLLECTION": namespace,
        "VECTOR_SIZE": str(VECTOR_SIZE),
        "WAIT_SECONDS": str(wait_seconds),
    }
    return objects.environment(variables)


def psql_environment(postgres: PostgresEndpoint, wait_seconds: int) -> list[Manifest]:
    """`env` of the container that waits for the primary: the service's own way to it, for psql, with a reason at once
    instead of patience."""
    variables = {
        "PGHOST": LOOPBACK,
        "PGPORT": str(POSTGRES_QUESTION_PORT),
        "PGDATABASE": postgres.database,
        "PGUSER": postgres.user,
        "PGSSLMODE": "disable",
        "PGCONNECT_TIMEOUT": "15",
        "WAIT_SECONDS": str(wait_seconds),
    }
    return objects.environment(variables)
