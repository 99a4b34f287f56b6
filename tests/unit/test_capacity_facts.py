"""What capacity says of this program is what the program makes."""

from decimal import Decimal
from typing import Any

import pytest

from capacity import facts
from components import memory_gateways, postgres_cluster, redis_exporter, service_values
from components.memory_environment import PostgresEndpoint
from settings import HighAvailability, Images, PostgreSQL, Quantity
from settings.monitoring import Monitoring

IMAGES = Images(postgresql_gateway="gateway:1", redis_gateway="gateway:1")


def requested(container: Any, what: str) -> float:
    return float(Quantity(container["resources"]["requests"][what]).value)


def test_gateways_request_what_is_counted_for_them() -> None:
    made = [
        memory_gateways.postgresql_gateway(IMAGES, PostgresEndpoint("host", "database", "user", "secret", "ca")),
        memory_gateways.qdrant_gateway(IMAGES, memory_gateways.QdrantEndpoint("host", "secret"), "/files"),
        memory_gateways.redis_gateway(IMAGES, memory_gateways.RedisEndpoint("host", "secret")),
    ]
    assert sum(requested(one, "cpu") for one in made) == pytest.approx(facts.GATEWAYS_CPU.value)
    assert sum(requested(one, "memory") for one in made) == facts.GATEWAYS_BYTES.value


def test_the_exporter_beside_redis_requests_what_is_counted_for_it() -> None:
    made = redis_exporter.container("exporter:1")
    assert requested(made, "cpu") == pytest.approx(facts.REDIS_EXPORTER_CPU.value)
    assert requested(made, "memory") == facts.REDIS_EXPORTER_BYTES.value


def test_postgresql_is_told_the_shares_that_are_counted_with() -> None:
    settings = PostgreSQL()
    told = postgres_cluster.parameters(settings)
    memory, wal = settings.primary.resources.requests.memory.value, settings.wal_storage.value
    mebibytes = Decimal(facts.MIB)
    assert int(told["effective_cache_size"].removesuffix("MB")) * mebibytes / memory == Decimal(facts.CACHE_SHARE.value)
    assert int(told["max_slot_wal_keep_size"].removesuffix("MB")) * mebibytes / wal == Decimal(facts.SLOT_SHARE.value)
    assert settings.pooled_connections == facts.POOLED.value


def test_thresholds_are_those_of_the_settings() -> None:
    assert Monitoring().thresholds.storage_free == facts.FREE.value
    assert HighAvailability().min_replicas == facts.LEAST_PODS.value


def test_services_beside_request_what_is_counted_for_them() -> None:
    prometheus = service_values.PROMETHEUS["prometheus"]["prometheusSpec"]
    assert requested(prometheus, "cpu") == facts.PROMETHEUS_CPU.value
    assert requested(prometheus, "memory") == facts.PROMETHEUS_BYTES.value
    controller = service_values.NGINX["controller"]
    assert requested(controller, "cpu") == facts.INGRESS_CPU.value
    assert requested(controller, "memory") == facts.INGRESS_BYTES.value
    assert prometheus["replicas"] <= 3 >= controller["replicaCount"]
