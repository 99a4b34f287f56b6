"""Numbers that lose their majority with a zone, although they are not under the minimum."""

from typing import Any

import pytest

from settings import SettingsError, load
from tests.unit.test_settings import region

FIVE_ZONES = {"zones": [f"zone-{letter}" for letter in "abcde"]}


def faults(**blocks: Any) -> list[str]:
    try:
        load(region(**blocks), "us-east")
    except SettingsError as error:
        return [str(fault) for fault in error.faults]
    return []


@pytest.mark.parametrize("nodes", [3, 5, 6, 7, 8])
def test_qdrant_nodes_that_keep_a_majority_without_the_fullest_zone(nodes: int) -> None:
    assert faults(qdrant={"replicas": nodes}) == []


def test_four_qdrant_nodes_are_refused_since_two_share_a_zone() -> None:
    assert faults(qdrant={"replicas": 4}) == [
        "qdrant.replicas = 4   over 3 zones one zone has 2, without which no majority is left: use 3 or 5"
    ]


def test_four_qdrant_nodes_are_enough_where_each_has_a_zone() -> None:
    assert faults(qdrant={"replicas": 4}, high_availability=FIVE_ZONES) == []


@pytest.mark.parametrize("replicas", [2, 4, 5, 6])
def test_postgresql_instances_whose_commits_survive_a_zone(replicas: int) -> None:
    assert faults(postgresql={"replica": {"replicas": replicas}}) == []


def test_four_postgresql_instances_are_refused() -> None:
    """Two share a zone, so two standbys must confirm: when that zone goes, a primary has just one left."""
    (fault,) = faults(postgresql={"replica": {"replicas": 3}})
    assert fault.startswith("postgresql.replica.replicas = 3   4 instances over 3 zones")
    assert fault.endswith("only with 3 or 5 instances, primary included")


def test_without_high_availability_numbers_are_free() -> None:
    off = {"enabled": False}
    assert faults(qdrant={"replicas": 4}, postgresql={"replica": {"replicas": 3}}, high_availability=off) == []


def test_too_few_is_told_once() -> None:
    assert len(faults(qdrant={"replicas": 2})) == 1
