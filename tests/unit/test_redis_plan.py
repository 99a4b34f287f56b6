"""Where Redis masters and replicas stand: what a lost zone leaves."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.redis_plan import Shard, as_json, leaving, plan, pods_by_zone, statefulset

sizes = st.tuples(
    st.integers(min_value=3, max_value=6),
    st.integers(min_value=1, max_value=15).map(lambda half: 2 * half + 1),
    st.integers(min_value=1, max_value=2),
)
"""Zones, masters (odd, three or more) and replicas of each."""


def without(shards: tuple[Shard, ...], zone: int) -> list[Shard]:
    """Shards that still have a copy when a zone is away."""
    return [shard for shard in shards if any(pod.zone != zone for pod in shard.members)]


def test_the_guides_cluster_stands_as_two_pods_a_zone() -> None:
    shards = plan(3, 3, 1)
    assert pods_by_zone(shards, 3) == (2, 2, 2)
    assert [[pod.name for pod in shard.members] for shard in shards] == [
        ["redis-zone-a-0", "redis-zone-b-0"],
        ["redis-zone-b-1", "redis-zone-c-0"],
        ["redis-zone-c-1", "redis-zone-a-1"],
    ]


@given(sizes)
def test_no_zone_holds_two_copies_of_a_shard(size: tuple[int, int, int]) -> None:
    assert all(len({pod.zone for pod in shard.members}) == size[2] + 1 for shard in plan(*size))


@given(sizes)
def test_losing_a_zone_leaves_a_majority_of_masters_and_a_copy_of_every_slot(size: tuple[int, int, int]) -> None:
    shards = plan(*size)
    for zone in range(size[0]):
        assert len(without(shards, zone)) == len(shards)
        assert sum(shard.master.zone != zone for shard in shards) > len(shards) / 2


@given(sizes)
def test_ordinals_are_those_that_the_statefulsets_make(size: tuple[int, int, int]) -> None:
    shards = plan(*size)
    pods = [pod for shard in shards for pod in shard.members]
    wanted = [(zone, ordinal) for zone, count in enumerate(pods_by_zone(shards, size[0])) for ordinal in range(count)]
    assert sorted((pod.zone, pod.ordinal) for pod in pods) == wanted


@given(sizes)
def test_another_shard_moves_no_pod(size: tuple[int, int, int]) -> None:
    zones, masters, replicas = size
    before, after = plan(*size), plan(zones, masters + 2, replicas)
    assert [shard.members for shard in after[:masters]] == [shard.members for shard in before]


@given(sizes)
def test_zones_are_loaded_alike(size: tuple[int, int, int]) -> None:
    counts = Counter(pods_by_zone(plan(*size), size[0]))
    assert max(counts) - min(counts) <= size[2] + 1


def test_more_copies_than_zones_are_refused() -> None:
    with pytest.raises(ValueError, match="4 copies of a shard need as many zones, there are 3"):
        plan(3, 3, 3)


@given(sizes)
def test_fewer_shards_are_kept_by_pods_that_stay(size: tuple[int, int, int]) -> None:
    zones, masters, replicas = size
    for kept in (plan(zones, masters, replicas), plan(zones, 3, 1)):
        pods = [pod for shard in kept for pod in shard.members]
        assert sorted([*pods, *leaving(plan(zones, masters, replicas), kept)], key=str) == sorted(
            (pod for shard in plan(zones, masters, replicas) for pod in shard.members), key=str
        )


def test_the_scripts_read_the_hosts_of_each_shard_and_those_that_leave() -> None:
    running, kept = plan(3, 5, 1), plan(3, 3, 1)
    written = json.loads(as_json(kept, leaving(running, kept), "redis-headless"))
    assert written["shards"][0] == ["redis-zone-a-0.redis-headless", "redis-zone-b-0.redis-headless"]
    assert written["leaving"] == [
        "redis-zone-a-2.redis-headless",
        "redis-zone-b-2.redis-headless",
        "redis-zone-b-3.redis-headless",
        "redis-zone-c-2.redis-headless",
    ]


def test_statefulsets_are_named_by_the_place_of_their_zone() -> None:
    assert [statefulset(zone) for zone in range(3)] == ["redis-zone-a", "redis-zone-b", "redis-zone-c"]
