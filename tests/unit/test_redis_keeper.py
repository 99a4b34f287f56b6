"""How long the bootstrap of the Redis Cluster goes on: as long as it gets further."""

import itertools
import json
from pathlib import Path

import pytest
import redis_keeper
from redis_view import View
from redis_wire import UnreachableError

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
