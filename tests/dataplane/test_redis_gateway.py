"""A plain Redis client before the gateway and before a single Redis: the same answers, command by command."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from redis.exceptions import RedisError, ResponseError

from tests.dataplane import newest
from tests.dataplane.conftest import Start
from tests.dataplane.gateway import Gateway
from tests.dataplane.redis_servers import Servers, eventually, kinds, single
from tests.dataplane.sidecar import go_test

KEY, META = "default:(1.0, 2.0):data", "default:(1.0, 2.0):meta"
Told = Callable[[Any], Any]


@pytest.fixture(scope="module", params=kinds())
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def stand(kind: str, tmp_path_factory: pytest.TempPathFactory, start_module: Start) -> tuple[Servers, Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    servers = Servers(folder, start_module, kind).formed()
    return servers, Gateway.before(servers, folder, start_module)


@pytest.fixture(scope="module")
def alone(kind: str, tmp_path_factory: pytest.TempPathFactory, start_module: Start) -> redis.Redis:
    """A single server of the same kind, the baseline."""
    return single(kind, tmp_path_factory.mktemp("alone"), start_module)


@pytest.fixture
def pair(stand: tuple[Servers, Gateway], alone: redis.Redis) -> Iterator[tuple[redis.Redis, redis.Redis]]:
    """A client of the gateway and one of the baseline, both over nothing."""
    servers, gateway = stand
    for name in servers.masters():
        servers.ask(name, "FLUSHALL")
    alone.flushall()
    yield gateway.client(), alone


def told(work: Told, client: redis.Redis) -> Any:
    """What a client is told: the answer, or the error with its words."""
    try:
        return work(client)
    except RedisError as error:
        return type(error).__name__, str(error)


def _lock(client: redis.Redis) -> Any:
    first, second = client.lock(KEY, timeout=10), client.lock(KEY, timeout=10, blocking=False)
    taken = (first.acquire(), second.acquire())
    first.release()
    return taken, second.acquire(), client.get(KEY) == second.local.token, second.release()


def _release_twice(client: redis.Redis) -> Any:
    lock = client.lock("lock:(1.0, 2.0)", timeout=10)
    lock.acquire()
    client.set("lock:(1.0, 2.0)", "another's")
    return lock.release()


def _transaction(*commands: tuple[Any, ...]) -> Told:
    def run(client: Any) -> Any:
        pipeline = client.pipeline(transaction=True)
        for command in commands:
            pipeline.execute_command(*command)
        return pipeline.execute()

    return run


def _pipeline(*commands: tuple[Any, ...]) -> Told:
    def run(client: Any) -> Any:
        pipeline = client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return [_plain(answer) for answer in pipeline.execute(raise_on_error=False)]

    return run


def _plain(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_plain(item) for item in cast(list[Any], answer)]
    return (type(answer).__name__, str(answer)) if isinstance(answer, Exception) else answer


def _in_turn(*works: Told) -> Told:
    return lambda client: [told(work, client) for work in works]


SAME: dict[str, Told] = {
    "ping": lambda c: c.ping(),
    "ping with a word": lambda c: c.execute_command("PING", "hello"),
    "get of nothing": lambda c: c.get(KEY),
    "set and get": _in_turn(lambda c: c.set(KEY, b"\x00\xff\r\n binary"), lambda c: c.get(KEY)),
    "set of nothing": _in_turn(lambda c: c.set(KEY, b""), lambda c: c.get(KEY)),
    "set of a megabyte": _in_turn(lambda c: c.set(KEY, b"x" * 2**20), lambda c: c.get(KEY)),
    "set nx": _in_turn(lambda c: c.set(KEY, "a", nx=True, px=9000), lambda c: c.set(KEY, "b", nx=True, px=9000)),
    "set xx": _in_turn(lambda c: c.set(KEY, "a", xx=True), lambda c: c.get(KEY)),
    "set get": _in_turn(lambda c: c.set(KEY, "a", get=True), lambda c: c.set(KEY, "b", get=True)),
    "set that is wrong": lambda c: c.execute_command("SET", KEY, "a", "NX", "XX"),
    "del": _in_turn(lambda c: c.set(KEY, "a"), lambda c: c.delete(KEY), lambda c: c.delete(KEY)),
    "hset and hgetall": _in_turn(
        lambda c: c.hset(META, mapping={"a": "1", "b": "2"}), lambda c: c.hgetall(META), lambda c: c.hset(META, "a", 3)
    ),
    "hgetall of nothing": lambda c: c.hgetall(META),
    "hset of an odd number": lambda c: c.execute_command("HSET", META, "a", "b", "c"),
    "wrong type": _in_turn(lambda c: c.set(KEY, "a"), lambda c: c.hgetall(KEY), lambda c: c.incrby(KEY, 1)),
    "too few arguments": lambda c: c.execute_command("GET"),
    "too many arguments": lambda c: c.execute_command("GET", "a", "b"),
    "lower case": lambda c: c.execute_command("get", KEY),
    "a lock": _lock,
    "a lock that is another's": _release_twice,
    "a script nobody knows": lambda c: c.evalsha("0" * 40, 1, KEY),
    "a script": lambda c: c.evalsha(c.script_load("return {KEYS[1], ARGV[1], 7, false}"), 1, KEY, "v"),
    "a script that fails": lambda c: c.evalsha(c.script_load("return redis.error_reply('MINE no')"), 1, KEY),
    "the rate limiter": _transaction(("INCRBY", "sfm:rate", 1), ("EXPIRE", "sfm:rate", 60)),
    "a transaction of one key": _transaction(("SET", KEY, "a"), ("GET", KEY), ("DEL", KEY), ("GET", KEY)),
    "a transaction with a failing command": _pipeline(
        ("MULTI",), ("SET", KEY, "a"), ("HGETALL", KEY), ("GET", KEY), ("EXEC",)
    ),
    "a transaction that is spoilt": _pipeline(("MULTI",), ("SET", KEY, "a"), ("GET",), ("EXEC",), ("GET", KEY)),
    "an empty transaction": _pipeline(("MULTI",), ("EXEC",)),
    "discard": _pipeline(("MULTI",), ("SET", KEY, "a"), ("DISCARD",), ("GET", KEY)),
    "exec and discard without multi": _pipeline(("EXEC",), ("DISCARD",)),
    "a pipeline over all nodes": _pipeline(
        *(("SET", f"k{n}", n) for n in range(50)), *(("GET", f"k{n}") for n in range(50))
    ),
    "a pipeline with errors in it": _pipeline(("SET", KEY, "a"), ("HGETALL", KEY), ("GET",), ("GET", KEY)),
    "scan of nothing": lambda c: sorted(c.scan_iter(match="default:*")),
    "scan with a bad cursor": lambda c: c.execute_command("SCAN", "x"),
    "scan with a bad count": _in_turn(
        lambda c: c.execute_command("SCAN", 0, "COUNT", "x"), lambda c: c.execute_command("SCAN", 0, "COUNT", 0)
    ),
    "select": lambda c: c.execute_command("SELECT", 0),
    "a name": lambda c: c.execute_command("CLIENT", "SETNAME", "a"),
}


@pytest.mark.parametrize("work", SAME.values(), ids=SAME.keys())
def test_the_gateway_answers_as_a_single_redis_does(pair: tuple[redis.Redis, redis.Redis], work: Told) -> None:
    ours, theirs = pair
    assert told(work, ours) == told(work, theirs)


def test_the_newest_client_is_told_the_same_and_its_default_protocol_fails_loudly(
    pair: tuple[redis.Redis, redis.Redis], stand: tuple[Servers, Gateway], figure: Callable[[str], None]
) -> None:
    servers, gateway = stand
    alone = int(pair[1].connection_pool.connection_kwargs["port"])
    nodes = [servers.host(name) for name in servers.pods]
    first, differences, default = newest.ask(gateway.port, alone, nodes, servers.password.read_text().strip())
    figure(f"{servers.kind}: {first}; its default protocol: {default}")
    assert first.startswith(f"redis-py {newest.NEWEST}: {len(SAME)} checks")
    assert differences == []
    assert "RESP2" in default
    assert "answered" not in default


def test_scan_returns_every_key_of_all_nodes(pair: tuple[redis.Redis, redis.Redis]) -> None:
    ours, theirs = pair
    for client in pair:
        pipeline = client.pipeline(transaction=False)
        for number in range(10_000):
            pipeline.set(f"default:({number}.0, 1.0):{'meta' if number % 2 else 'data'}", number)
        pipeline.execute()
    for match in ("default:*:meta", "default:*", "*[05].0, 1.0):data", "nothing*", None):
        assert sorted(ours.scan_iter(match=match, count=500)) == sorted(theirs.scan_iter(match=match, count=500))


def test_a_cursor_is_good_for_one_step(pair: tuple[redis.Redis, redis.Redis]) -> None:
    ours, _ = pair
    cursor, _ = cast(tuple[int, Any], ours.scan(0))
    ours.scan(cursor)
    with pytest.raises(ResponseError, match="invalid cursor"):
        ours.scan(cursor)
    with pytest.raises(ResponseError, match="invalid cursor"):
        ours.scan(999_999)


@pytest.mark.parametrize(
    "command",
    [
        "KEYS *",
        "FLUSHALL",
        "CONFIG GET *",
        "EVAL x 0",
        "SUBSCRIBE a",
        "MSET a 1 b 2",
        "WATCH a",
        "DEL a b",
        "CLUSTER NODES",
    ],
)
def test_everything_else_is_refused_by_name(pair: tuple[redis.Redis, redis.Redis], command: str) -> None:
    ours, _ = pair
    with pytest.raises(ResponseError, match=rf"the gateway (does not carry|carries).*{command.split()[0]}"):
        ours.execute_command(*command.split())


def test_a_lock_is_released_when_its_script_is_lost(
    pair: tuple[redis.Redis, redis.Redis], stand: tuple[Servers, Gateway]
) -> None:
    """A node that was started again, and a new master, know no script: Redis 7 and Valkey hand none on."""
    ours, _ = pair
    servers, _ = stand
    first = ours.lock(KEY, timeout=10)
    assert first.acquire()
    first.release()
    script = str(first.lua_release.sha)
    second = ours.lock(KEY, timeout=10)
    assert second.acquire()
    heirs = set(servers.members) - servers.masters()
    for name in heirs:
        servers.ask(name, "SCRIPT", "FLUSH")  # of one that was a master before
        servers.ask(name, "CLUSTER", "FAILOVER")
    eventually(lambda: servers.masters() == heirs)
    assert {servers.ask(name, "SCRIPT", "EXISTS", script) for name in servers.masters()} == {"0"}
    assert ours.evalsha(script, 1, KEY, second.local.token) == 1
    assert ours.get(KEY) is None


def test_a_script_that_the_gateway_never_had_is_told_as_redis_tells_it(
    pair: tuple[redis.Redis, redis.Redis], stand: tuple[Servers, Gateway], tmp_path: Path, start: Start
) -> None:
    """The client loads it then, and goes on: the lock's release of redis-py."""
    servers, _ = stand
    for name in servers.pods:
        servers.ask(name, "SCRIPT", "FLUSH")
    pair[1].script_flush()
    ours, theirs = Gateway.before(servers, tmp_path, start).client(), pair[1]
    assert (lost := told(_run_lost_script, ours)) == told(_run_lost_script, theirs)
    assert lost[0] == "NoScriptError"
    lock = ours.lock(KEY, timeout=10)
    assert lock.acquire()
    for name in servers.pods:
        servers.ask(name, "SCRIPT", "FLUSH")
    lock.release()
    assert ours.get(KEY) is None


def _run_lost_script(client: redis.Redis) -> Any:
    return client.evalsha(str(client.lock(KEY).lua_release.sha), 1, KEY, "token")


def test_keys_of_different_slots_spoil_a_transaction(pair: tuple[redis.Redis, redis.Redis]) -> None:
    ours, _ = pair
    answers = told(_pipeline(("MULTI",), ("SET", "a", 1), ("SET", "b", 1), ("EXEC",), ("GET", "a")), ours)
    assert [answer[0] for answer in answers if isinstance(answer, tuple)][-1] == "ExecAbortError"
    assert answers[-1] is None
    assert told(_transaction(("SET", "{x}a", 1), ("SET", "{x}b", 2)), ours) == [True, True]


def test_multi_in_multi_is_refused_and_spoils_nothing(pair: tuple[redis.Redis, redis.Redis]) -> None:
    """As Redis 7 has it, whatever the servers are: Valkey 9 gives the whole transaction up instead."""
    ours, _ = pair
    answers = told(_pipeline(("MULTI",), ("MULTI",), ("SET", KEY, "a"), ("EXEC",)), ours)
    assert answers[1] == ("ResponseError", "MULTI calls can not be nested")
    assert answers[-1] == [b"OK"]


def test_a_client_that_wants_the_newer_protocol_fails_loudly_at_once(stand: tuple[Servers, Gateway]) -> None:
    _, gateway = stand
    assert gateway.raw(b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n").startswith(b"-NOPROTO")
    assert gateway.raw(b"*2\r\n$5\r\nHELLO\r\n$1\r\n2\r\n").startswith(b"*10\r\n")
    with pytest.raises(RedisError, match="RESP2"):
        redis.Redis(port=gateway.port, protocol=3).get("a")


def test_a_library_may_introduce_itself_whatever_the_servers_know(stand: tuple[Servers, Gateway]) -> None:
    """CLIENT SETINFO came with Redis 7.2."""
    _, gateway = stand
    assert gateway.client().execute_command("CLIENT", "SETINFO", "LIB-NAME", "redis-py") == b"OK"


def test_another_database_is_refused(stand: tuple[Servers, Gateway]) -> None:
    _, gateway = stand
    with pytest.raises(ResponseError, match="DB index is out of range"):
        redis.Redis(port=gateway.port, db=1).get("a")


def test_probes_by_a_line_of_text_are_answered(stand: tuple[Servers, Gateway]) -> None:
    _, gateway = stand
    assert gateway.raw(b"PING\r\n") == b"+PONG\r\n"
    assert gateway.raw(b"PING\r\nQUIT\r\n") == b"+PONG\r\n+OK\r\n"
    assert (gateway.probe("alive"), gateway.probe("ready")) == (0, 0)
    assert gateway.probe("nonsense") == 2


def test_nonsense_ends_the_connection_and_not_the_gateway(stand: tuple[Servers, Gateway]) -> None:
    _, gateway = stand
    for sent in (
        b"*1\r\n$-5\r\n",
        b"*99999999999\r\n",
        b"*1\r\n:5\r\n",
        b"\x00\xff\x16\x03\x01\r\n",
        b"*2\r\n$3\r\nGET\r\n",
    ):
        gateway.raw(sent, seconds=1)
    assert gateway.client().ping()


def test_metrics_count_what_was_answered(pair: tuple[redis.Redis, redis.Redis], stand: tuple[Servers, Gateway]) -> None:
    ours, _ = pair
    gateway = stand[1]
    before = gateway.metrics()
    ours.set(KEY, "a")
    for _ in range(3):
        ours.get(KEY)
    for command in (("HGETALL", KEY), ("KEYS", "*"), ("NOT\nA\tCOMMAND",)):
        with pytest.raises(ResponseError):
            ours.execute_command(*command)
    grown = {name: value - before.get(name, 0) for name, value in gateway.metrics().items()}
    assert grown['redis_gateway_commands_total{command="GET",outcome="ok"}'] == 3
    assert grown['redis_gateway_commands_total{command="SET",outcome="ok"}'] == 1
    assert grown['redis_gateway_commands_total{command="HGETALL",outcome="error"}'] == 1
    assert grown['redis_gateway_commands_total{command="REFUSED",outcome="error"}'] == 2
    carried = {"ok": 0.0, "error": 0.0}
    for name, value in grown.items():
        if name.startswith("redis_gateway_commands_total") and "REFUSED" not in name:
            carried["ok" if 'outcome="ok"' in name else "error"] += value
    assert carried["error"] == 1 and carried["ok"] >= 4
    assert carried == {
        outcome: grown[f'redis_gateway_answers_total{{outcome="{outcome}"}}'] for outcome in ("ok", "error")
    }
    assert grown['redis_gateway_command_seconds_count{command="GET"}'] == 3
    assert gateway.metrics()["redis_gateway_cluster_ok"] == 1
    assert not any("KEYS" in name or "NOT" in name for name in grown)


def test_the_password_is_told_nowhere(stand: tuple[Servers, Gateway]) -> None:
    servers, gateway = stand
    password = servers.password.read_text().strip()
    assert password not in gateway.log.read_text()
    assert password not in Path(f"/proc/{gateway.process.pid}/cmdline").read_text()
    assert password not in Path(f"/proc/{gateway.process.pid}/environ").read_text()


def test_its_own_parts_are_tested() -> None:
    """Patterns, slots, settings."""
    tested = go_test("redis-gateway")
    assert tested.returncode == 0, tested.stdout + tested.stderr
