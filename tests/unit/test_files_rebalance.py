"""The rebalancer's plan, over clusters by chance: every step keeps what was safe, and the end is as it should be."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.files.rebalance_plan import Cluster, NoRoomError, Step, faults, placement, steps


def cluster_of(nodes: int, zones: int = 3, shards: int = 4, copies: int = 2, leaving: int = 0) -> Cluster:
    """Collection `default` on the first three nodes, each shard on neighbours."""
    placed = {("default", s): frozenset(f"qdrant-{(s + c) % 3}" for c in range(copies)) for s in range(shards)}
    return Cluster(
        zones={f"qdrant-{node}": f"zone-{node % zones}" for node in range(nodes)},
        leaving=frozenset(f"qdrant-{node}" for node in range(nodes - leaving, nodes)),
        copies=placed,
        wanted={"default": copies},
    )


def after(cluster: Cluster, step: Step) -> Cluster:
    """The cluster once a step is done."""
    nodes = set(cluster.copies[step.shard])
    if step.what != "replicate":
        nodes.remove(step.source)
    if step.target:
        assert step.target not in nodes
        nodes.add(step.target)
    return replace(cluster, copies={**cluster.copies, step.shard: frozenset(nodes)})


def loads(cluster: Cluster) -> Counter[str]:
    return Counter({node: sum(node in nodes for nodes in cluster.copies.values()) for node in cluster.staying})


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    nodes, zones = draw(st.integers(3, 8)), draw(st.integers(1, 4))
    names = [f"qdrant-{node}" for node in range(nodes)]
    wanted = draw(st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 3), min_size=1))
    copies = {
        (name, shard): draw(st.frozensets(st.sampled_from(names), min_size=1, max_size=3))
        for name in wanted
        for shard in range(draw(st.integers(1, 5)))
    }
    return Cluster(
        zones={name: f"zone-{number % zones}" for number, name in enumerate(names)},
        leaving=frozenset(names[draw(st.integers(3, nodes)) :]),
        copies=copies,
        wanted=wanted,
    )


@settings(max_examples=60, deadline=None)
@given(clusters())
def test_every_step_keeps_copies_and_zones_and_the_end_has_no_fault(cluster: Cluster) -> None:
    todo = steps(cluster)
    while todo:
        step, wanted = todo[0], cluster.wanted[todo[0].shard[0]]
        before = cluster.copies[step.shard]
        cluster = after(cluster, step)
        now = cluster.copies[step.shard]
        assert len(now) >= min(wanted, len(before)), step
        apart = len({cluster.zones[node] for node in before})
        assert len({cluster.zones[node] for node in now}) >= min(apart, wanted), step
        following = steps(cluster)
        assert len(following) < len(todo), step
        todo = following
    assert not faults(cluster)


def test_what_is_too_much_goes_where_another_copy_is_even_one_that_moves_too() -> None:
    """Of three copies in two zones, two on nodes to be emptied: the lone one of its zone is not dropped."""
    cluster = replace(
        cluster_of(8),
        leaving=frozenset(f"qdrant-{node}" for node in range(3, 8)),
        copies={("a", 0): frozenset({"qdrant-0"}), ("b", 0): frozenset({"qdrant-0", "qdrant-4", "qdrant-7"})},
        wanted={"a": 1, "b": 2},
    )
    assert steps(cluster)[0] == Step("drop", ("b", 0), "qdrant-7")


@pytest.mark.parametrize(("nodes", "shards", "copies"), [(5, 4, 2), (6, 4, 2), (7, 12, 2), (4, 6, 3), (9, 12, 3)])
def test_no_node_holds_more_than_its_fair_share_plus_one_where_zones_allow(
    nodes: int, shards: int, copies: int
) -> None:
    cluster = cluster_of(nodes, shards=shards, copies=copies)
    for step in steps(cluster):
        cluster = after(cluster, step)
    share = shards * copies / nodes
    zone_of_few = Counter(cluster.zones.values())
    forced = max(shards / size for size in zone_of_few.values()) if copies == 3 else 0
    assert max(loads(cluster).values()) <= max(share + 1, forced)
    assert min(loads(cluster).values()) >= 1


def test_new_nodes_get_their_share_in_as_few_moves_as_that_takes() -> None:
    assert [step.what for step in steps(cluster_of(5))] == ["move", "move"]


def test_what_is_as_it_should_be_is_left_alone() -> None:
    assert steps(cluster_of(3)) == []
    assert faults(cluster_of(3)) == []


def test_nodes_to_be_emptied_end_empty() -> None:
    cluster = cluster_of(5)
    for step in steps(cluster):
        cluster = after(cluster, step)
    cluster = replace(cluster, leaving=frozenset({"qdrant-3", "qdrant-4"}))
    assert any("to be emptied" in fault for fault in faults(cluster))
    assert not {node for nodes in placement(cluster).values() for node in nodes} & cluster.leaving


def test_missing_copies_come_before_anything_else() -> None:
    cluster = cluster_of(5)
    cluster = replace(cluster, copies={**cluster.copies, ("default", 3): frozenset({"qdrant-0"})})
    first = steps(cluster)[0]
    assert (first.what, first.shard) == ("replicate", ("default", 3))


def test_two_copies_in_one_zone_are_parted() -> None:
    cluster = cluster_of(5)
    cluster = replace(cluster, copies={**cluster.copies, ("default", 0): frozenset({"qdrant-0", "qdrant-3"})})
    assert faults(cluster) == ["default:0 has 2 copies in zone-0"]
    (step,) = [step for step in steps(cluster) if step.shard == ("default", 0)]
    assert cluster.zones[step.target] != "zone-0"


def test_more_copies_than_nodes_have_no_room() -> None:
    with pytest.raises(NoRoomError, match="4 copies of each shard, and 3 nodes stay"):
        steps(replace(cluster_of(3), wanted={"default": 4}))


def test_many_collections_on_many_nodes_are_planned_at_once() -> None:
    copies = {(f"c{c}", s): frozenset({"qdrant-0", "qdrant-1"}) for c in range(10) for s in range(4)}
    cluster = replace(cluster_of(9), copies=copies, wanted={f"c{c}": 2 for c in range(10)})
    goal = placement(cluster)
    held = Counter(node for nodes in goal.values() for node in nodes)
    assert max(held.values()) - min(held.values()) <= 1
