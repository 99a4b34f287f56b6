"""What the memory service is told: its environment, and the paths under which it finds its files."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi import Input

from components.objects import Manifest

PORT = 9595
"""Port that the service listens on."""

TOKEN_FOLDER = "/run/soma/token"  # noqa: S105 (a path)
CA_FOLDER = "/run/soma/postgresql-ca"
PASSFILE_FOLDER = "/run/soma/passfile"
PASSFILE = f"{PASSFILE_FOLDER}/pgpass"

VECTOR_SIZE = 768
"""Numbers of a vector: the service makes them itself, always as many (contract of 9089859/9d8f7f1)."""

LOOPBACK = "127.0.0.1"
REDIS_PORT, QDRANT_PORT, POSTGRES_PORT = 6379, 6333, 5432

QUERY_WAIT = 120
"""Seconds for which PgBouncer holds a statement while the primary moves (`query_wait_timeout`)."""

POOLER_TRIES = 6
"""How often the pooler's name stands in the DSN: libpq goes on to the next host when one cannot be reached. With a zone
of three cut off, one login in 3^6 (729) meets nothing but its dead pooler, and the record in hand is lost."""


LIBPQ_OPTIONS: Mapping[str, str | int] = {
    # Said on purpose: `read-write` would be judged by what PgBouncer says at the login, and that is what the first
    # server told it which the pool ever met. A pooler that met a standby, as every one of a standby region does, goes
    # on saying "read-only" after the promotion, until it is started again (measured: PostgreSQL 15, PgBouncer 1.18),
    # and each service process that logs in meanwhile runs without PostgreSQL for life. The wait before the pod and
    # the startup probe see to it that PostgreSQL takes writes.
    "target_session_attrs": "any",
    # As long as the pooler holds: a login during a failover waits for the new primary, and the service gives up for
    # good after its second failure, having answered 200.
    "connect_timeout": QUERY_WAIT,
    "keepalives": 1,
    "keepalives_idle": 3,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8000,  # milliseconds
}
"""How the service's connection behaves, apart from where it leads."""


@dataclass(frozen=True)
class PostgresEndpoint:
    """How the service's own user reaches PostgreSQL."""

    host: Input[str]
    """The pooler: it holds statements while the primary moves."""
    database: str
    user: str
    secret_name: Input[str]
    """Secret whose key `pgpass` is a libpq passfile."""
    ca_secret_name: Input[str]
    """Secret whose key `ca.crt` verifies the pooler's certificate, which carries `host`."""


def dsn(postgres: PostgresEndpoint) -> pulumi.Output[str]:
    """Where PostgreSQL is, as a libpq URL without a password: the service writes its DSN to its log.

    The pooler stands there several times, since one of its pods may be in a zone that has just been cut off: the
    dead connection ends after `tcp_user_timeout` and the next try reaches, through the Service, another pod.
    """
    options = {
        "passfile": PASSFILE,
        **LIBPQ_OPTIONS,
        "sslmode": "verify-full",
        "sslrootcert": f"{CA_FOLDER}/ca.crt",
    }
    query = "&".join(f"{key}={value}" for key, value in options.items())
    hosts = pulumi.Output.from_input(postgres.host).apply(
        lambda host: ",".join([f"{host}:{POSTGRES_PORT}"] * POOLER_TRIES)
    )
    return pulumi.Output.concat("postgresql://", postgres.user, "@", hosts, f"/{postgres.database}?{query}")


def environment(namespace: str, max_memories: int, postgres: PostgresEndpoint) -> list[Manifest]:
    """The container's `env`. Every variable is one that the service at 9089859/9d8f7f1 reads."""
    stores: dict[str, Input[str]] = {
        "SOMA_POSTGRES_URL": dsn(postgres),
        "POSTGRES_SSL_MODE": "verify-full",
        "POSTGRES_SSL_ROOT_CERT": f"{CA_FOLDER}/ca.crt",
        # Host and port beside the URLs: the entrypoint waits for them.
        "POSTGRES_HOST": postgres.host,
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
    return [{"name": name, "value": value} for name, value in {**behaviour, **stores}.items()]


def await_environment(namespace: str, wait_seconds: int) -> list[Manifest]:
    """`env` of the container that waits for Redis and the collection, behind the gateways."""
    variables = {
        "REDIS_PORT": str(REDIS_PORT),
        "QDRANT_PORT": str(QDRANT_PORT),
        "COLLECTION": namespace,
        "VECTOR_SIZE": str(VECTOR_SIZE),
        "WAIT_SECONDS": str(wait_seconds),
    }
    return [{"name": name, "value": value} for name, value in variables.items()]


def psql_environment(postgres: PostgresEndpoint, wait_seconds: int) -> list[Manifest]:
    """`env` of the container that waits for the primary: the service's own way to it, for psql."""
    variables: dict[str, Input[str]] = {
        "PGHOST": postgres.host,
        "PGPORT": str(POSTGRES_PORT),
        "PGDATABASE": postgres.database,
        "PGUSER": postgres.user,
        "PGPASSFILE": PASSFILE,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": f"{CA_FOLDER}/ca.crt",
        "PGCONNECT_TIMEOUT": "5",
        "WAIT_SECONDS": str(wait_seconds),
    }
    return [{"name": name, "value": value} for name, value in variables.items()]
