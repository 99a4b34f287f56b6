"""How many series a region of other sizes has."""

from tests.dataplane.cluster.series import of_a_region

EACH = {"redis": 100.0, "redis-gateway": 10.0, "memory-service": 50.0, "monitoring-exporters": 7.0}
MEASURED = {"redis": 6, "redis-gateway": 3, "memory-service": 3, "monitoring-exporters": 2}


def test_series_grow_with_the_pods_of_their_component() -> None:
    pods = {"redis": 10, "memory-service": 4}
    assert of_a_region(EACH, MEASURED, pods) == 100 * 10 + (10 + 50) * 4 + 7 * 2


def test_twice_the_pods_are_twice_the_series_but_for_those_of_no_component() -> None:
    pods = {"redis": 10, "memory-service": 4}
    assert of_a_region(EACH, MEASURED, pods, 2) == 2 * of_a_region(EACH, MEASURED, pods) - 7 * 2
