"""The most connections that pods of the service hold, against what poolers, PostgreSQL and Redis take."""

import re
from collections.abc import Iterator
from typing import Final

from capacity import facts, spread
from capacity.connections import at_poolers, at_redis
from capacity.plan import POSTGRESQL, REDIS, SERVICE
from policies.checks import metadata, recorded, sizes
from policies.checks.model import Limits, Resource, Violation
from policies.checks.plain import Plain, Unreadable, at, number_at, object_at, text_at
from policies.checks.tokens import CONFIG_MAP, POOLER
from policies.checks.tokens import POSTGRESQL as CLUSTER
from policies.checks.whole import Whole

_LOST: Final = 1
"""Zones without which a region still serves."""
_CLIENTS, _POOL, _CONNECTIONS, _RESERVED = 100, 20, 100, 3
"""Where nothing is stated: max_client_conn and default_pool_size (pgbouncer.org, config), max_connections and
superuser_reserved_connections (postgresql.org, runtime-config-connection).
"""
_MAXCLIENTS: Final = re.compile(r"(?m)^\s*maxclients\s+(\d+)\s*$")
_CONFIGURATION: Final = "valkey.conf"


def within_limits(whole: Whole, limits: Limits) -> Iterator[Violation]:
    """While pods are being replaced, the autoscaler has made all that it may, and a zone is lost. Raises Unreadable."""
    del limits
    services = [part for part in sizes.parts(whole) if part.component == SERVICE]
    processes = sum(part.pods + facts.SURGE.value for part in services)
    zones = recorded.zones(recorded.settings(whole))
    for pooler in whole.of(POOLER):
        yield from _clients(pooler, processes, zones)
        yield from _servers(pooler, whole)
    if processes:
        yield from _nodes(whole, processes)


def _clients(pooler: Resource, processes: float, zones: int) -> Iterator[Violation]:
    number, each = _stated(pooler, "spec", "instances", default=1), _parameter(pooler, "max_client_conn", _CLIENTS)
    left = max(1, spread.left(number, zones, _LOST)) if zones > _LOST else number
    asked = at_poolers(processes)
    if asked > left * each:
        yield Violation(
            pooler.urn,
            f"{SERVICE} holds up to {asked:,.0f} connections to poolers, and {left} that are left when a zone is lost "
            f"take {left * each:,}: {asked - left * each:,.0f} short; raise postgresql.pooler.instances, or lower "
            "memory.autoscaling.max_replicas",
        )


def _servers(pooler: Resource, whole: Whole) -> Iterator[Violation]:
    name = text_at(pooler.inputs, "spec", "cluster", "name")
    asked = _stated(pooler, "spec", "instances", default=1) * _parameter(pooler, "default_pool_size", _POOL)
    for cluster in whole.of(CLUSTER):
        if metadata.name(cluster) != name:
            continue
        stated = object_at(at(cluster.inputs, "spec", "postgresql", "parameters") or {})
        most = _whole(stated, "max_connections", _CONNECTIONS)
        free = most - _whole(stated, "superuser_reserved_connections", _RESERVED)
        if asked > free:
            yield Violation(
                cluster.urn,
                f"poolers take up to {asked:,} connections to {POSTGRESQL}, which has {most:,}, {most - free} of them "
                f"kept for superusers: {asked - free:,} short; raise postgresql.primary.resources.requests.memory, or "
                "lower postgresql.pooler.instances",
            )


def _nodes(whole: Whole, processes: float) -> Iterator[Violation]:
    asked = at_redis(processes)
    for resource in whole.of(CONFIG_MAP):
        text = text_at(resource.inputs, "data", _CONFIGURATION)
        found = _MAXCLIENTS.search(text)
        most = int(found[1]) if found else int(facts.REDIS_CLIENTS.value)
        if text and asked > most:
            yield Violation(
                resource.urn,
                f"pods of {SERVICE} hold up to {asked:,.0f} connections to each node of {REDIS}, which takes {most:,} "
                f"(maxclients): {asked - most:,.0f} short; lower memory.autoscaling.max_replicas",
            )


def _stated(resource: Resource, *path: str, default: int) -> int:
    number = number_at(resource.inputs, *path)
    return default if number is None else number


def _parameter(pooler: Resource, name: str, default: int) -> int:
    return _whole(object_at(at(pooler.inputs, "spec", "pgbouncer", "parameters") or {}), name, default)


def _whole(parameters: Plain, name: str, default: int) -> int:
    """Parameters of both are texts. Raises Unreadable."""
    text = text_at(parameters, name, default=str(default))
    if not text.isdecimal():
        raise Unreadable(f"{name} is not a whole number")
    return int(text)
