"""When the bootstrap and the healer of the Redis Cluster act, wait, and give up."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
import redis_keeper
from redis_decide import Command
from redis_view import SLOTS, Node, Peer, View, digest
from redis_wire import Reply, UnreachableError

HOSTS = ["redis-0-0", "redis-1-0", "redis-2-0"]
FAR = 10_000
"""Looks after which a bootstrap that should have given up has not."""


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> redis_keeper.Keeper:
    plan, password = tmp_path / "plan.json", tmp_path / "password"
    plan.write_text(json.dumps({"shards": [[host] for host in HOSTS], "leaving": []}))
    password.write_text("letters")
    monkeypatch.setenv("PLAN", str(plan))
    monkeypatch.setenv("PASSWORD_FILE", str(password))
    monkeypatch.setenv("WAIT_SECONDS", "60")
    clock = itertools.count()
    monkeypatch.setattr(redis_keeper.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(redis_keeper.time, "sleep", lambda _: None)
    return redis_keeper.Keeper()


def test_troubles_that_come_and_go_in_turns_are_no_progress(
    keeper: redis_keeper.Keeper, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = itertools.count()

    def look(_: redis_keeper.Keeper) -> View:
        number = next(looks)
        assert number < FAR, "it never gives up"
        return View({}, {HOSTS[number % 3]: f"{HOSTS[number % 3]} does not answer"})

    monkeypatch.setattr(redis_keeper.Keeper, "look", look)
    assert keeper.bootstrap() == 1
    assert "gave up after 60 s without progress" in capsys.readouterr().err


def test_who_answers_first_makes_no_difference(keeper: redis_keeper.Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute:
        def __init__(self, host: str, _: Path) -> None:
            raise UnreachableError(f"{host} does not answer")

    class Backwards:
        def __init__(self, **_: int) -> None: ...
        def __enter__(self) -> "Backwards":
            return self

        def __exit__(self, *_: object) -> None: ...

        def map(self, ask: object, hosts: list[str]) -> "map[None]":
            return map(ask, reversed(hosts))  # pyright: ignore[reportArgumentType, reportCallIssue, reportReturnType, reportUnknownVariableType]

    monkeypatch.setattr("redis_view.Link", Mute)
    monkeypatch.setattr("redis_view.ThreadPoolExecutor", Backwards)
    assert list(keeper.look().silent) == HOSTS


def view(*owners: str) -> View:
    """Three masters that know each other, of which some claim their third of the slots."""
    thirds = {host: frozenset(range(index * SLOTS // 3, (index + 1) * SLOTS // 3)) for index, host in enumerate(HOSTS)}
    peers = {
        host: Peer(host, f"{host}:6379", host, frozenset({"master"}), "", epoch, frozenset())
        for epoch, host in enumerate(HOSTS, 1)
    }
    key = digest("letters")
    nodes: dict[str, Node] = {}
    for host, peer in peers.items():
        known = peers | ({host: replace(peer, slots=thirds[host])} if host in owners else {})
        nodes[host] = Node(host, host, peer.address, known, True, True, 0, True, 0, frozenset({key}), key)
    return View(nodes, {})


@pytest.mark.parametrize("work", ["bootstrap", "heal"])
@pytest.mark.parametrize("seen_again", [True, False])
def test_slots_of_a_living_cluster_are_given_only_when_two_looks_agree_that_nobody_has_them(
    keeper: redis_keeper.Keeper, monkeypatch: pytest.MonkeyPatch, work: str, seen_again: bool
) -> None:
    whole, torn = view(*HOSTS), view(*HOSTS[1:])
    looks = iter([torn, torn if seen_again else whole, *[whole] * FAR])
    given: list[Command] = []

    def step(_: redis_keeper.Keeper, commands: tuple[Command, ...]) -> list[str]:
        given.extend(commands)
        return []

    monkeypatch.setattr(redis_keeper.Keeper, "look", lambda _: next(looks))
    monkeypatch.setattr(redis_keeper.Keeper, "carry_out", step)
    monkeypatch.setattr(redis_keeper.Keeper, "_with_mover", lambda *_: [])
    assert getattr(keeper, work)() == 0
    expected = [Command(HOSTS[0], ("CLUSTER", "ADDSLOTSRANGE", "0", "5460"), "gets slots 0-5460")]
    assert [command for command in given if command.host == HOSTS[0]] == (expected if seen_again else [])


FAILOVER = ("CLUSTER", "FAILOVER")


class Replica:
    """A link to a replica that takes over after so many looks at its role."""

    def __init__(self, looks: int) -> None:
        self._looks, self.told = looks, list[tuple[str, ...]]()

    def __call__(self, *_: object) -> "Replica":
        return self

    def __enter__(self) -> "Replica":
        return self

    def __exit__(self, *_: object) -> None: ...

    def call(self, *words: str) -> Reply:
        self.told.append(words)
        return [b"master" if self.told.count(("ROLE",)) >= self._looks else b"slave"] if words == ("ROLE",) else b"OK"


@pytest.mark.parametrize(("needed", "looks"), [(1, 1), (3, 3), (FAR, 5)])
def test_a_replica_that_takes_over_is_left_to_it_until_it_has_or_gave_up(
    keeper: redis_keeper.Keeper, monkeypatch: pytest.MonkeyPatch, needed: int, looks: int
) -> None:
    """The clock of these tests goes on by a second each time that it is read."""
    replica = Replica(needed)
    monkeypatch.setattr(redis_keeper, "Link", replica)
    assert keeper.carry_out((Command(HOSTS[0], FAILOVER, "takes its shard back"),)) == []
    assert replica.told == [FAILOVER, *[("ROLE",)] * looks]


def test_nothing_but_a_handover_is_waited_for(keeper: redis_keeper.Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    replica = Replica(FAR)
    monkeypatch.setattr(redis_keeper, "Link", replica)
    assert keeper.carry_out((Command(HOSTS[0], ("CLUSTER", "FORGET", "an-id"), ""),)) == []
    assert replica.told == [("CLUSTER", "FORGET", "an-id")]


def test_those_that_answer_take_a_new_password_before_the_job_is_done_without_one_that_is_silent(
    keeper: redis_keeper.Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients show it once the Job is done: none of these may lack it. No healer is left that knows the ones before."""
    old, new = digest("before"), digest("letters")
    whole = view(*HOSTS)
    silent = {HOSTS[2]: f"{HOSTS[2]} does not answer"}
    nodes = {host: replace(whole.nodes[host], passwords=frozenset({old}), shows=old) for host in HOSTS[:2]}
    waited: list[float] = []

    def take(_: redis_keeper.Keeper, commands: tuple[Command, ...]) -> list[str]:
        assert waited, "a healer may still know the passwords before"
        for command in commands:
            assert command.words == ("ACL", "SETUSER", "default", ">letters")
            nodes[command.host] = replace(nodes[command.host], passwords=frozenset({old, new}))
        return []

    monkeypatch.setattr(redis_keeper.time, "sleep", waited.append)
    monkeypatch.setattr(redis_keeper, "formed", lambda *_: True)
    monkeypatch.setattr(redis_keeper.Keeper, "look", lambda _: View(nodes, silent))
    monkeypatch.setattr(redis_keeper.Keeper, "carry_out", take)
    assert keeper.bootstrap() == 0
    assert [node.passwords for node in nodes.values()] == [{old, new}] * 2
    assert 50 < waited[0] <= 60
