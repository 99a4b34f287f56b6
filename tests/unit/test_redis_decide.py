"""What the keeper of the Redis Cluster does next, on clusters that play along: any plan is reached from any other."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis_decide import Command, Decision, decide, formed, ranges, settled, told
from redis_plan_file import Plan
from redis_view import Node, Peer, View

from components import redis_plan

SLOTS = 16384


def planned(masters: int, replicas: int, kept: int | None = None, kept_replicas: int | None = None) -> Plan:
    running = redis_plan.plan(3, masters, replicas)
    stay = redis_plan.plan(3, kept or masters, replicas if kept_replicas is None else kept_replicas)
    away = redis_plan.leaving(running, stay)
    return Plan(tuple(tuple(p.name for p in s.members) for s in stay), tuple(p.name for p in away))


def slots_of(ends: tuple[str, ...]) -> set[int]:
    pairs = zip(ends[::2], ends[1::2], strict=True)
    return {slot for low, high in pairs for slot in range(int(low), int(high) + 1)}


class Cluster:
    """Nodes that do what they are told at once, and know each other as soon as one of them was met."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.slots: dict[str, frozenset[int]] = {}
        self.follows: dict[str, str] = {}
        self.known: set[str] = set()
        self.dead: dict[str, Peer] = {}
        self.silent: set[str] = set()
        self.full: set[str] = set()
        self.believed: dict[int, str] = {}
        """Slots that all believe to be a host's which does not claim them."""
        self._made = 0

    def add(self, *hosts: str) -> None:
        for host in hosts:
            if host not in self.ids:
                self._made += 1
                self.ids[host], self.slots[host] = f"{self._made:040x}", frozenset()

    def view(self, hosts: tuple[str, ...]) -> View:
        self.add(*hosts)
        return View(
            {host: self._node(host) for host in hosts if host not in self.silent},
            {host: f"{host} does not answer" for host in hosts if host in self.silent},
        )

    def _node(self, host: str) -> Node:
        seen = [*(self.known if host in self.known else ()), host]
        peers = {self.ids[other]: self._peer(other) for other in seen} | (self.dead if host in self.known else {})
        for slot, owner in self.believed.items():
            if owner != host:
                peer = peers[self.ids[owner]]
                peers[peer.id] = replace(peer, slots=peer.slots | {slot})
        return Node(
            host,
            self.ids[host],
            f"{host}:6379",
            peers,
            ok=True,
            in_step=True,
            keys=0,
            writes=host not in self.full,
            movers=0,
        )

    def _peer(self, host: str) -> Peer:
        flags = {"slave" if host in self.follows else "master"} | ({"fail"} if host in self.silent else set())
        master = self.follows.get(host, "")
        epoch = int(self.ids[host], 16) if host in self.known else 0
        return Peer(self.ids[host], f"{host}:6379", host, frozenset(flags), master, epoch, self.slots[host], {}, {})

    def obey(self, decision: Decision) -> None:
        for command in decision.commands:
            self._obey(command)
        for move in decision.moves:
            assert self.slots[move.source] >= set(move.slots)
            self.slots[move.source] -= set(move.slots)
            self.slots[move.target] |= set(move.slots)

    def _obey(self, command: Command) -> None:
        host, words = command.host, command.words
        match words[1]:
            case "ADDSLOTSRANGE":
                given = slots_of(words[2:])
                assert not given & set(self.believed), "already busy"
                self.slots[host] |= given
            case "DELSLOTSRANGE":
                assert slots_of(words[2:]) <= set(self.believed), "already unassigned"
                self.believed = {
                    slot: owner for slot, owner in self.believed.items() if slot not in slots_of(words[2:])
                }
            case "MEET":
                self.known |= {host, words[2]}
            case "REPLICATE":
                assert not self.slots[host]
                self.follows[host] = words[2]
            case "FAILOVER":
                former = next(name for name, id_ in self.ids.items() if id_ == self.follows[host])
                self.slots[host], self.slots[former] = self.slots[former], frozenset()
                del self.follows[host]
                for name, master in [*self.follows.items(), (former, self.ids[former])]:
                    if master == self.ids[former]:
                        self.follows[name] = self.ids[host]
            case "RESET":
                assert not self.slots[host]
                self.follows.pop(host, None)
                if words[2] == "HARD":
                    self.lose_disk(host)
                self.known.discard(host)
            case "FORGET":
                self.dead.pop(words[2], None)
            case _:
                assert words[1] in ("SET-CONFIG-EPOCH", "BUMPEPOCH"), words

    def lose_disk(self, host: str) -> None:
        peer = self._peer(host)
        self.dead[peer.id] = replace(peer, flags=frozenset({*peer.flags, "fail"}))
        self.known.discard(host)
        self.slots.pop(host)
        self.follows.pop(host, None)
        del self.ids[host]
        self.add(host)


def steps(cluster: Cluster, plan: Plan, forming: bool = True) -> Iterator[Decision]:
    for _ in range(100):
        decision = decide(plan, cluster.view(plan.hosts), forming)
        if decision.done:
            return
        yield decision
        if not decision.commands and not decision.moves:
            return
        cluster.obey(decision)
    raise AssertionError("never done")


def reach(plan: Plan, cluster: Cluster | None = None) -> Cluster:
    cluster = cluster or Cluster()
    for _ in steps(cluster, plan):
        pass
    return cluster


def assert_as_planned(cluster: Cluster, plan: Plan) -> None:
    counts = [len(cluster.slots[shard[0]]) for shard in plan.shards]
    assert sum(counts) == SLOTS
    assert max(counts) - min(counts) <= 1
    for master, *replicas in plan.shards:
        assert master not in cluster.follows
        assert {cluster.follows[host] for host in replicas} <= {cluster.ids[master]}
    assert not cluster.dead
    assert not cluster.known & set(plan.leaving)
    assert formed(plan, cluster.view(plan.hosts))
    assert settled(plan, cluster.view(plan.hosts))


sizes = st.tuples(st.sampled_from([3, 5, 7]), st.sampled_from([1, 2]))


@settings(max_examples=25, deadline=None)
@given(sizes, sizes)
def test_every_plan_is_reached_from_every_other(first: tuple[int, int], second: tuple[int, int]) -> None:
    cluster = reach(planned(*first))
    masters, replicas = (max(pair) for pair in zip(first, second, strict=True))
    plan = planned(masters, replicas, *second)
    reach(plan, cluster)
    assert_as_planned(cluster, plan)


@settings(max_examples=15, deadline=None)
@given(sizes, st.integers(0, 12))
def test_a_run_that_is_cut_short_is_taken_up_under_another_plan(size: tuple[int, int], after: int) -> None:
    cluster = reach(planned(3, 1))
    for count, _ in enumerate(steps(cluster, planned(7, 2, *size))):
        if count == after:
            break
    plan = planned(7, 2)
    reach(plan, cluster)
    assert_as_planned(cluster, plan)


def test_more_masters_take_no_more_slots_than_they_need() -> None:
    cluster = reach(planned(3, 1))
    moves = [move for decision in steps(cluster, planned(5, 1)) for move in decision.moves]
    assert sum(len(move.slots) for move in moves) == 3276 + 3277
    assert all(len(ranges(move.slots)) == 1 for move in moves), "whole ranges"


def test_a_slot_that_its_believed_owner_does_not_claim_is_given_anew() -> None:
    """The nodes refuse slots that they believe to be somebody's: both of a failed move may think the other has it."""
    plan = planned(3, 1)
    cluster = reach(plan)
    first, second = plan.shards[0][0], plan.shards[1][0]
    cluster.slots[first] -= {7, 8, 10}
    cluster.believed = {7: second, 8: second}
    decisions = list(steps(cluster, plan))
    said = [(command.host, *command.words[1:]) for command in decisions[0].commands]
    gift = (first, "ADDSLOTSRANGE", "7", "8", "10", "10")
    assert said == [(first, "DELSLOTSRANGE", "7", "8"), gift, (first, "BUMPEPOCH")]
    assert_as_planned(cluster, plan)


def test_slots_stay_while_two_masters_have_the_same_epoch() -> None:
    cluster = reach(planned(3, 1))
    plan = planned(5, 1)
    moving = next(decision for decision in steps(cluster, plan) if decision.moves)
    view = cluster.view(plan.hosts)
    one, other = (view.nodes[host] for host in (moving.moves[0].source, moving.moves[0].target))
    peers = other.peers | {other.id: replace(other.own, epoch=one.own.epoch)}
    contested = View(view.nodes | {other.host: replace(other, peers=peers)}, {})
    decision = decide(plan, contested, forming=True)
    assert not decision.moves
    assert sorted(decision.waiting[0].removesuffix(" have the same epoch yet").split(" and ")) == sorted(
        [one.host, other.host]
    )


class TestTheHealer:
    @pytest.fixture
    def cluster(self) -> Cluster:
        return reach(planned(3, 1))

    plan = planned(3, 1)

    def heal(self, cluster: Cluster) -> list[Decision]:
        return list(steps(cluster, self.plan, forming=False))

    def test_it_makes_no_cluster(self) -> None:
        assert self.heal(Cluster())[0].waiting == ("no cluster yet: the bootstrap makes it",)

    def test_it_leaves_a_replica_whose_master_is_away_to_the_election(self, cluster: Cluster) -> None:
        master = self.plan.shards[0][0]
        cluster.silent.add(master)
        assert not any(decision.commands for decision in self.heal(cluster))

    def test_a_lost_disk_is_forgotten_when_every_pod_answers(self, cluster: Cluster) -> None:
        replica, other = self.plan.shards[0][1], self.plan.shards[1][1]
        cluster.lose_disk(replica)
        cluster.silent.add(other)
        self.heal(cluster)
        assert cluster.dead, "the one that is away could be the one of that id"
        cluster.silent.clear()
        self.heal(cluster)
        assert_as_planned(cluster, self.plan)

    def test_slots_of_a_lost_disk_without_a_replica_are_given_to_its_pod_and_told(self, cluster: Cluster) -> None:
        master, replica = self.plan.shards[0]
        cluster.lose_disk(replica)
        cluster.lose_disk(master)
        said = [command.why for decision in self.heal(cluster) for command in decision.commands]
        assert any("its slots 0-5460 were lost with its disk" in why for why in said)
        assert_as_planned(cluster, self.plan)

    def test_slots_of_a_pod_that_the_plan_lacks_are_nobodys_to_take(self) -> None:
        cluster = reach(planned(5, 1))
        for shard in planned(5, 1).shards[3:]:
            for host in shard:
                cluster.dead[cluster.ids[host]] = replace(cluster._peer(host), flags=frozenset({"master", "fail"}))
                cluster.known.discard(host)
        before = {host: cluster.slots[host] for host in self.plan.members}
        *_, decision = self.heal(cluster)
        assert "redis.cluster.drain_to" in decision.waiting[0]
        assert {host: cluster.slots[host] for host in self.plan.members} == before

    def test_a_master_that_cannot_write_is_relieved_by_a_replica_that_can(self, cluster: Cluster) -> None:
        master, replica = self.plan.shards[0]
        cluster.full.add(master)
        *_, last = self.heal(cluster)
        assert replica not in cluster.follows
        assert f"{master} cannot write its append-only file: is its disk full?" in last.waiting[0]
        cluster.full.clear()
        self.heal(cluster)
        assert_as_planned(cluster, self.plan)

    def test_roles_stay_while_slots_move(self, cluster: Cluster) -> None:
        master, replica = self.plan.shards[0]
        cluster._obey(Command(replica, ("CLUSTER", "FAILOVER"), ""))
        view = cluster.view(self.plan.hosts)
        busy = View({host: replace(node, movers=1) for host, node in view.nodes.items()}, {})
        assert decide(self.plan, busy, forming=False).done
        (command,) = decide(self.plan, view, forming=False).commands
        assert (command.host, command.words) == (master, ("CLUSTER", "FAILOVER"))


def test_slots_are_told_in_ranges_and_many_of_them_by_their_number() -> None:
    assert told([1, 2, 3, 7]) == "1-3, 7"
    assert told([]) == "none"
    assert told(range(0, 100, 2)) == "50 slots from 0 to 98"
