"""What capacity says of this program is what the program makes."""

from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity import facts
from capacity.plan import POSTGRESQL, plan
from capacity.postgresql import CACHED
from capacity.workload import Objectives, Workload
from components import (
    memory_gateways,
    objects,
    postgres_backups,
    postgres_cluster,
    postgres_pooler,
    redis_exporter,
    service_values,
)
from components.backup_store import ObjectStore
from components.memory_environment import PostgresEndpoint
from settings import HighAvailability, Images, PostgreSQL, Quantity
from settings.monitoring import Monitoring
from settings.postgresql import LEAST_WORK_MEM, MOST_CONNECTIONS, SMALLEST_POOL
from settings.resources import EDGE

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


def test_redis_keeps_the_backlog_that_is_counted_for_it() -> None:
    lines = (files("components") / "files" / "valkey.conf").read_text(encoding="utf-8").splitlines()
    assert f"repl-backlog-size {facts.BACKLOG.value / facts.MIB:.0f}mb" in lines


def test_the_sidecar_of_backups_requests_what_is_counted_for_it() -> None:
    made = postgres_backups.object_store_spec(ObjectStore("backups", "us-east-1"), 30)["instanceSidecarConfiguration"]
    assert requested(made, "cpu") == pytest.approx(facts.BACKUP_CPU.value)
    assert requested(made, "memory") == facts.BACKUP_BYTES.value


def test_postgresql_is_told_the_shares_that_are_counted_with() -> None:
    settings = PostgreSQL()
    told = postgres_cluster.parameters(settings)
    memory, wal = settings.primary.resources.requests.memory.value, settings.wal_storage.value
    mebibytes = Decimal(facts.MIB)
    assert int(told["effective_cache_size"].removesuffix("MB")) * mebibytes / memory == Decimal(facts.CACHE_SHARE.value)
    assert int(told["max_slot_wal_keep_size"].removesuffix("MB")) * mebibytes / wal == Decimal(facts.SLOT_SHARE.value)
    assert settings.pooled_connections == facts.POOLED.value


def test_connections_are_those_of_the_settings() -> None:
    settings = PostgreSQL()
    assert int(postgres_pooler.PARAMETERS["max_client_conn"]) == facts.POOLER_CLIENTS.value
    assert (settings.pool_size, settings.pooler.instances) == (facts.POOL.value, facts.LEAST_POOLERS.value)
    assert settings.max_connections == MOST_CONNECTIONS == facts.CONNECTIONS.value
    assert settings.pooled_connections / settings.max_connections == facts.POOLED_SHARE.value
    assert facts.CONNECTION_BYTES.value == 4 * LEAST_WORK_MEM and facts.LEAST_POOL.value == SMALLEST_POOL


@given(
    st.integers(0, 30_000_000),
    st.floats(1, 100_000),
    st.integers(64, 100_000),
    st.sampled_from((500, 600_000)),
)
def test_sorts_of_all_connections_fit_beside_the_rows_of_a_planned_instance(
    memories: int, users: float, payload: int, latency: float
) -> None:
    of = plan(
        Workload(
            memories_per_day=20,
            memories=memories,
            concurrent_users=users,
            payload_bytes=payload,
            objectives=Objectives(latency_ms=latency),
        )
    )
    memory = f"{of.component(POSTGRESQL).memory / facts.MIB:.0f}Mi"
    settings = PostgreSQL.model_validate({"primary": {"resources": {"requests": {"memory": memory}}}})
    told = postgres_cluster.parameters(settings)
    work, counted = (int(told[name].removesuffix("MB")) * facts.MIB for name in ("work_mem", "effective_cache_size"))
    sorting = min(of.needs.service.pods, settings.pooled_connections)
    rows = of.load.memories * CACHED.at(of.load.value_bytes)
    assert rows + sorting * work <= counted + facts.MIB  # which is told in whole MiB


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


def test_the_edge_takes_what_its_configuration_and_its_settings_say() -> None:
    said = objects.script("edge-proxy.cfg").split()
    assert int(said[said.index("maxconn") + 1]) == facts.EDGE_CALLS.value
    assert int(said[said.index("nbthread") + 1]) == facts.EDGE_THREADS.value == EDGE.limits.cpu.value
    assert EDGE.requests.cpu.value == Decimal(str(facts.LEAST_EDGE_CPU.value))
    assert EDGE.requests.memory.value == EDGE.limits.memory.value == facts.EDGE_BYTES.value
