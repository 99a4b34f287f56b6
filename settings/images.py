"""What runs beside the service: images with pinned tags."""

from pydantic import Field

from settings.model import Model
from settings.names import Image, PostgreSQLImage


class Images(Model):
    """Images of the stores and helpers. The service's own image is `memory.image`."""

    qdrant: Image = Field(default="docker.io/qdrant/qdrant:v1.19.0-unprivileged", description="Vector store.")
    postgresql: PostgreSQLImage = Field(
        default="ghcr.io/cloudnative-pg/postgresql:18.4-system-trixie",
        description="PostgreSQL for CloudNativePG; every region has the same major version.",
    )
    pgbouncer: Image = Field(default="ghcr.io/cloudnative-pg/pgbouncer:1.25.1", description="Connection pooler.")
    valkey: Image = Field(
        default="docker.io/valkey/valkey:9.1.1", description="Redis Cluster node; a Redis image works too."
    )
    redis_exporter: Image = Field(
        default="docker.io/oliver006/redis_exporter:v1.88.0-alpine",
        description="Metrics of each Redis Cluster node; a variant with a shell.",
    )
    haproxy: Image = Field(
        default="docker.io/library/haproxy:3.2.5-alpine",
        description="Gateway to Qdrant beside each service; a standby's proxy to home.",
    )
    python: Image = Field(
        default="docker.io/library/python:3.13.9-slim", description="Runs the scripts of Jobs and helpers."
    )
    blackbox_exporter: Image = Field(
        default="quay.io/prometheus/blackbox-exporter:v0.28.0",
        description="Asks the public names and the other regions, for Prometheus.",
    )
    rclone: Image = Field(
        default="docker.io/rclone/rclone:1.75.0", description="Way of Qdrant's snapshots to and from an object store."
    )
    postgresql_gateway: Image | None = Field(
        default=None,
        description="Gateway to PostgreSQL beside each service, built from images/postgresql-gateway. Required.",
    )
    redis_gateway: Image | None = Field(
        default=None,
        description="Gateway to Redis beside each service, built from images/redis-gateway. Required.",
    )
