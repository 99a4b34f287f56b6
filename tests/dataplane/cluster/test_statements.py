"""The service's own statements on the partitioned table: from a pod, through its gateway and a pooler."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.standins.memory import statements
from tests.dataplane.cluster.postgres import Client, Database, behind_a_gateway
from tests.dataplane.cluster.stand import Stand
from tests.dataplane.service_statements import (
    OF_ONE_NAMESPACE,
    PATTERN_INDEX,
    PRIMARY_KEY,
    SCAN,
    SEED,
    STARTERS,
    STARTS,
    UNSEED,
    assert_plans,
    bound,
)


@pytest.fixture(scope="module")
def client(cluster: Stand) -> Iterator[Client]:
    """In the last of the zones: neither the first primary's nor its pooler's need be there."""
    Database(cluster).await_healthy()
    zone = cluster.settings.kubernetes.zone_value(cluster.settings.high_availability.zones[-1])
    with behind_a_gateway(cluster, "pg-statements", zone) as found:
        yield found


def test_the_services_own_statements_work_through_gateway_and_pooler(client: Client) -> None:
    key, writes = "statements:(1.0, 2.0):data", ("{}", '{"n": 2}')
    client.run(*STARTS, *(bound(statements.WRITE, key, value) for value in writes))
    read, keys = client.run(bound(statements.READ, key), bound(statements.KEYS, "statements:%:data"))
    assert (read, keys) == ([[{"n": 2}]], [[key]])
    *_, left = client.run(bound(statements.DELETE, key), bound(statements.READ, key))
    assert left == []


def test_twenty_processes_that_start_at_once_all_get_through(client: Client, figure: Callable[[str], None]) -> None:
    keys = [f"starters:({number}.0, 2.0):data" for number in range(STARTERS)]
    failures = client.start([[*STARTS, bound(statements.WRITE, key, "{}")] for key in keys])
    figure(f"PostgreSQL through gateway and pooler: {len(failures)} of {STARTERS} processes failed to start at once")
    assert not failures
    found, *_ = client.run(bound(statements.KEYS, "starters:%"), *(bound(statements.DELETE, key) for key in keys))
    assert sorted(key for (key,) in found) == sorted(keys)


def test_a_key_is_looked_for_in_one_partition_and_a_prefix_by_an_index_in_each(client: Client) -> None:
    def explain(statement: str) -> Any:
        ((plan,),) = client.run(f"EXPLAIN (FORMAT JSON) {statement}")[0]
        return plan

    try:
        client.run(UNSEED, SEED, "ANALYZE kv_store")
        # the operator makes databases with the collation C, where either index serves
        partitions = client.stand.settings.postgresql.partitions
        assert_plans(explain, partitions, (PATTERN_INDEX, PRIMARY_KEY))
        assert len(client.run(SCAN)[0]) == OF_ONE_NAMESPACE
    finally:
        client.run(UNSEED)
