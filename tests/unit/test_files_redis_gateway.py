"""The Redis gateway's own part: what it reads, what it answers, what it repeats and what it refuses."""

import asyncio
import hashlib
from typing import Any

import pytest
from redis import exceptions

from components.files import redis_gateway as gateway


def read(sent: bytes) -> list[bytes]:
    async def run() -> list[bytes]:
        reader = asyncio.StreamReader(limit=gateway.MAX_LINE)
        reader.feed_data(sent)
        reader.feed_eof()
        return await gateway.read_command(reader)

    return asyncio.run(run())


class Played(gateway.Cluster):
    """A cluster whose nodes answer from a list; an exception in it is raised."""

    def __init__(self, *answers: Any) -> None:
        super().__init__("redis-headless", "secret")
        self.trouble = ""
        self.answers = list(answers)
        self.sent: list[tuple[Any, ...]] = []

    async def client(self) -> Any:
        return self

    async def execute_command(self, *command: Any) -> Any:
        self.sent.append(command)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def masters(self, refresh: bool = False) -> Any:
        return [self]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    real = asyncio.sleep
    monkeypatch.setattr(gateway.asyncio, "sleep", lambda _seconds: real(0))


def answer(cluster: gateway.Cluster, *command: str) -> bytes:
    return asyncio.run(gateway.Session(cluster).answer([part.encode() for part in command]))


class TestTheProtocol:
    def test_a_command_is_read_as_an_array_and_inline(self) -> None:
        assert read(b"*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n") == [b"GET", b"a\r\nb"]
        assert read(b"PING\r\n") == [b"PING"]
        assert read(b"\r\n") == []

    @pytest.mark.parametrize(
        "sent", [b"*x\r\n", b"*1\r\n:3\r\n", b"*1\r\n$-5\r\n", b"*99999\r\n", b"*1\r\n$999999999\r\n"]
    )
    def test_what_is_no_command_is_refused(self, sent: bytes) -> None:
        with pytest.raises(gateway.RefusedError, match="Protocol error"):
            read(sent)

    def test_an_endless_line_is_not_kept(self) -> None:
        with pytest.raises(asyncio.LimitOverrunError):
            read(b"a" * (gateway.MAX_LINE + 10))

    @pytest.mark.parametrize(
        ("reply", "sent"),
        [
            (None, b"$-1\r\n"),
            (7, b":7\r\n"),
            (b"a\r\nb", b"$4\r\na\r\nb\r\n"),
            (gateway.Status(b"OK"), b"+OK\r\n"),
            ([b"0", [b"k", None]], b"*2\r\n$1\r\n0\r\n*2\r\n$1\r\nk\r\n$-1\r\n"),
        ],
    )
    def test_replies_are_resp2(self, reply: Any, sent: bytes) -> None:
        assert gateway.encode(reply) == sent

    @pytest.mark.parametrize(
        ("error", "text"),
        [
            (exceptions.NoScriptError("No matching script."), "NOSCRIPT No matching script."),
            (exceptions.ResponseError("WRONGTYPE Operation"), "WRONGTYPE Operation"),
            (exceptions.ResponseError("syntax error"), "ERR syntax error"),
            (exceptions.OutOfMemoryError("command not allowed"), "OOM command not allowed"),
        ],
    )
    def test_errors_carry_redis_own_prefix(self, error: Exception, text: str) -> None:
        assert gateway.error_text(error) == text


class TestWhatItCarries:
    def test_the_services_commands(self) -> None:
        assert answer(Played(b"1"), "GET", "a") == b"$1\r\n1\r\n"
        assert answer(Played(b"OK"), "SET", "a", "1") == b"+OK\r\n"
        assert answer(Played(None), "SET", "lock:a", "t", "NX", "PX", "10000") == b"$-1\r\n"
        assert answer(Played([b"x", b"1"]), "HGETALL", "h") == b"*2\r\n$1\r\nx\r\n$1\r\n1\r\n"
        assert answer(Played(1), "DEL", "a") == b":1\r\n"

    @pytest.mark.parametrize("name", ["KEYS", "FLUSHALL", "MULTI", "EXEC", "CONFIG", "EVAL", "INCRBY", "SUBSCRIBE"])
    def test_anything_else_is_refused_by_name(self, name: str) -> None:
        cluster = Played()
        assert answer(cluster, name, "a") == f"-ERR the gateway does not carry '{name}'\r\n".encode()
        assert not cluster.sent

    def test_a_client_of_resp3_fails_loudly_at_connect(self) -> None:
        assert answer(Played(), "HELLO", "3").startswith(b"-NOPROTO ")
        assert answer(Played(), "HELLO", "2").startswith(b"*10\r\n")

    def test_what_libraries_send_at_connect_is_accepted(self) -> None:
        assert answer(Played(), "CLIENT", "SETINFO", "LIB-NAME", "redis-py") == b"+OK\r\n"
        assert answer(Played(), "SELECT", "0") == b"+OK\r\n"
        assert answer(Played(), "SELECT", "1").startswith(b"-ERR DB index is out of range")

    def test_ping_tells_the_truth_about_the_cluster(self) -> None:
        cluster = Played()
        assert answer(cluster, "PING") == b"+PONG\r\n"
        cluster.trouble = "5461 slots have no master"
        assert answer(cluster, "PING") == b"-CLUSTERDOWN 5461 slots have no master\r\n"

    def test_keys_of_several_nodes_are_not_deleted_by_half(self) -> None:
        assert answer(Played(), "DEL", "a", "b").startswith(b"-ERR the gateway carries DEL of one key")


class TestWaitingAndRepeating:
    @pytest.mark.parametrize("command", [("GET", "a"), ("SET", "a", "1"), ("HSET", "h", "x", "1"), ("DEL", "a")])
    def test_what_may_be_repeated_waits_for_a_failover(self, command: tuple[str, ...]) -> None:
        cluster = Played(exceptions.ConnectionError("Connection closed by server"), exceptions.TimeoutError("x"), b"OK")
        assert not answer(cluster, *command).startswith(b"-")
        assert len(cluster.sent) == 3

    def test_a_lock_whose_answer_was_lost_is_not_asked_for_again(self) -> None:
        """The second attempt would be told that another has it."""
        cluster = Played(exceptions.ConnectionError("Connection closed by server"), None)
        assert b"may have been carried out" in answer(cluster, "SET", "lock:a", "t", "NX", "PX", "10000")
        assert len(cluster.sent) == 1

    @pytest.mark.parametrize(
        "error",
        [
            exceptions.ClusterDownError("The cluster is down"),
            exceptions.ConnectionError("Error 111 connecting to 10.0.0.1:6379. Connection refused."),
        ],
    )
    def test_a_lock_that_was_certainly_not_set_is_asked_for_again(self, error: Exception) -> None:
        assert answer(Played(error, b"OK"), "SET", "lock:a", "t", "NX") == b"+OK\r\n"

    def test_patience_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gateway, "PATIENCE", -1.0)
        assert answer(Played(exceptions.ConnectionError("gone")), "GET", "a").startswith(
            b"-CLUSTERDOWN no answer within"
        )

    def test_an_error_of_the_command_is_handed_on_at_once(self) -> None:
        cluster = Played(exceptions.ResponseError("WRONGTYPE Operation against a key"))
        assert answer(cluster, "GET", "h") == b"-WRONGTYPE Operation against a key\r\n"

    def test_a_script_that_a_node_lost_is_loaded_again(self) -> None:
        text = "return 1"
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        cluster = Played(sha.encode(), exceptions.NoScriptError("No matching script."), sha.encode(), 1)
        assert answer(cluster, "SCRIPT", "LOAD", text) == b"$40\r\n" + sha.encode() + b"\r\n"
        assert answer(cluster, "EVALSHA", sha, "1", "lock:a", "t") == b":1\r\n"
        assert [command[0] for command in cluster.sent] == ["SCRIPT LOAD", "EVALSHA", "SCRIPT LOAD", "EVALSHA"]

    def test_a_script_that_nobody_brought_is_the_clients_to_load(self) -> None:
        cluster = Played(exceptions.NoScriptError("No matching script."))
        assert answer(cluster, "EVALSHA", "0" * 40, "1", "lock:a").startswith(b"-NOSCRIPT ")


class Shards(gateway.Cluster):
    """Two masters with keys; slots change hands when `moves` says so."""

    def __init__(self, moves: int = 0) -> None:
        super().__init__("redis-headless", "secret")
        self.keys = {"a:6379": [b"k1", b"k2"], "b:6379": [b"k3"]}
        self.moves = moves
        self._version = 0

    async def client(self) -> Any:
        return self

    def get_node(self, node_name: str) -> Any:
        return Node(self.keys[node_name])

    async def _topology(self) -> tuple[tuple[str, int], ...]:
        if self.moves > self._version:
            self._version += 1
        return (("a:6379", self._version), ("b:6379", 100))


class Node:
    def __init__(self, keys: list[bytes]) -> None:
        self._keys = keys

    async def execute_command(self, _name: str, cursor: int, *_options: bytes) -> list[Any]:
        """One key a step."""
        after = cursor + 1
        return [b"%d" % (0 if after == len(self._keys) else after), [self._keys[cursor]]]


def scan_all(cluster: gateway.Cluster) -> list[bytes]:
    async def run() -> list[bytes]:
        cursor, found = 0, []
        for _ in range(50):
            after, keys = await cluster.scan(cursor, [])
            found += keys
            cursor = int(after)
            if cursor == 0:
                return found
        raise AssertionError("the scan does not end")

    return asyncio.run(run())


class TestScan:
    def test_every_key_of_every_master_behind_one_cursor(self) -> None:
        assert scan_all(Shards()) == [b"k1", b"k2", b"k3"]

    def test_slots_that_change_hands_start_it_again(self) -> None:
        found = scan_all(Shards(moves=2))
        assert set(found) == {b"k1", b"k2", b"k3"}
        assert len(found) > 3

    def test_a_cursor_of_nobody_is_refused(self) -> None:
        assert answer(Shards(), "SCAN", "4711") == b"-ERR invalid cursor\r\n"

    def test_forgotten_scans_do_not_pile_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gateway, "MAX_SCANS", 3)
        cluster = Shards()

        async def run() -> None:
            for _ in range(10):
                await cluster.scan(0, [])

        asyncio.run(run())
        assert len(cluster._scans) == 3
