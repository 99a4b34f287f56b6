"""A gateway that looks like one Redis to a plain client and speaks to a Redis Cluster as a cluster-aware client.

It stands on loopback beside each memory service process, whose client knows neither clusters nor passwords. It is
narrow: the commands that the service and its client library send, and nothing else; everything else is refused by
name. It listens while Redis is down: a command then waits, up to PATIENCE, and is repeated only when that cannot do
harm. PING tells the truth about the cluster: PONG means that every slot has a master which answers.

Environment: REDIS_SEEDS (a host that resolves to the nodes, :port where it is not 6379), REDIS_PASSWORD_FILE,
GATEWAY_PORT (default 6379). `--probe alive|ready` asks the running gateway and sets the exit code.

Runs on Python 3.10 and redis-py 6.4, as the service's own image has them.
"""

import asyncio
import hashlib
import os
import signal
import socket
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import exceptions
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

PATIENCE = 20.0
"""Seconds that a command waits for a failover (9 s measured from kill to service), less than its client would wait."""
HEARTBEAT = 2.0
"""Seconds after which a hung node is noticed: TCP alone would take minutes."""
SLOTS = 16384
MAX_ARGUMENTS, MAX_BULK, MAX_LINE = 1024, 64 * 1024 * 1024, 64 * 1024
MAX_SCANS = 256
DRAIN = 10.0

WAITING = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ClusterError,
    exceptions.ClusterDownError,
    exceptions.RedisClusterException,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
    exceptions.BusyLoadingError,
    exceptions.MovedError,
    OSError,
    asyncio.TimeoutError,  # not the built-in one before Python 3.11
)
"""What a failover looks like from here."""
_NOT_DONE = (
    exceptions.ClusterDownError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
    exceptions.BusyLoadingError,
    exceptions.MovedError,
)
"""RefusedError by the node: the command was certainly not carried out."""

Argument = bytes
Reply = Any
"""What the client library returns undecoded: bytes, int, None or a list of these."""


class RefusedError(Exception):
    """An answer that is an error; its text carries Redis' prefix."""


class Status(bytes):
    """A simple string ("+OK")."""


class ClosedError(Exception):
    """The client said goodbye."""


def encode(reply: Reply) -> bytes:
    """A reply in RESP2."""
    if isinstance(reply, Status):
        return b"+" + reply + b"\r\n"
    if isinstance(reply, bool) or reply is None:
        return b":%d\r\n" % reply if reply is not None else b"$-1\r\n"
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, list):
        items: list[Reply] = reply
        return b"*%d\r\n" % len(items) + b"".join(encode(item) for item in items)
    data = reply if isinstance(reply, bytes) else str(reply).encode()
    return b"$%d\r\n" % len(data) + data + b"\r\n"


def encode_error(text: str) -> bytes:
    return b"-" + text.replace("\r", " ").replace("\n", " ").encode() + b"\r\n"


_PREFIXES = {
    exceptions.NoScriptError: "NOSCRIPT",
    exceptions.ClusterDownError: "CLUSTERDOWN",
    exceptions.TryAgainError: "TRYAGAIN",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.BusyLoadingError: "LOADING",
    exceptions.OutOfMemoryError: "OOM",
}


def error_text(error: Exception) -> str:
    """The node's own words with the prefix that the client library took off."""
    text = str(error)
    prefix = next((prefix for kind, prefix in _PREFIXES.items() if isinstance(error, kind)), None)
    if prefix is not None:
        return text if text.startswith(prefix) else f"{prefix} {text}"
    return text if text.split(" ", 1)[0].isupper() else f"ERR {text}"


async def read_command(reader: asyncio.StreamReader) -> list[Argument]:
    """The next command, as an array or inline; empty for an empty line. Raises RefusedError for what is no RESP."""
    line = (await reader.readuntil(b"\n")).rstrip(b"\r\n")
    if not line.startswith(b"*"):
        return line.split()
    count = _length(line, MAX_ARGUMENTS)
    arguments: list[Argument] = []
    for _ in range(count):
        header = (await reader.readuntil(b"\n")).rstrip(b"\r\n")
        if not header.startswith(b"$"):
            raise RefusedError(f"ERR Protocol error: expected '$', got {header[:1]!r}")
        size = _length(header, MAX_BULK)
        arguments.append((await reader.readexactly(size + 2))[:-2])
    return arguments


def _length(header: bytes, most: int) -> int:
    digits = header[1:]
    if not digits.isdigit() or int(digits) > most:
        raise RefusedError("ERR Protocol error: invalid length")
    return int(digits)


@dataclass
class Scan:
    """A SCAN that is under way: the masters that are left, the cursor on the first of them."""

    topology: tuple[tuple[str, int], ...]
    nodes: list[str]
    cursor: int = 0


@dataclass
class Cluster:
    """The Redis Cluster as the commands need it."""

    seeds: str
    password: str
    trouble: str = "not connected yet"
    """Why PING is refused; empty while every slot has a master that answers."""
    _client: "RedisCluster | None" = None
    _scripts: dict[str, bytes] = field(default_factory=dict)
    _scans: "OrderedDict[int, Scan]" = field(default_factory=OrderedDict)
    _next_scan: int = 1

    async def client(self) -> RedisCluster:
        """The connected client; made anew from the seeds after all nodes that it knew were lost."""
        if self._client is None:
            nodes = [ClusterNode(host, port) for host, port in await resolve(self.seeds)]
            client = RedisCluster(
                startup_nodes=nodes,
                password=self.password,
                # One uncovered slot must not take the others away.
                require_full_coverage=False,
                # Waiting and repeating is decided here, by command.
                retry=Retry(NoBackoff(), 0),
                socket_connect_timeout=HEARTBEAT,
                socket_timeout=HEARTBEAT,
                socket_keepalive=True,
            )
            # Replies go on as they are; the library itself needs these three parsed.
            kept = {"CLUSTER SLOTS", "COMMAND", "INFO"}
            for command in [name for name in client.response_callbacks if name not in kept]:
                del client.response_callbacks[command]
            self._client = client
        client = self._client
        try:
            return await client.initialize()
        except WAITING:
            if self._client is client:
                self._client = None
            raise

    async def run(self, *command: Any, repeatable: bool) -> Reply:
        """A command by its key. Waits while the cluster is in trouble, and repeats only what may be repeated."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return await (await self.client()).execute_command(*command)
            except WAITING as error:
                safe = repeatable or isinstance(error, _NOT_DONE) or "connecting to" in str(error)
                if not safe:
                    raise RefusedError(
                        f"ERR the answer to {command[0]} was lost: it may have been carried out"
                    ) from error
                if time.monotonic() >= end:
                    raise RefusedError(
                        f"CLUSTERDOWN no answer within {PATIENCE:.0f} s: {type(error).__name__}"
                    ) from error
            await asyncio.sleep(0.2)

    async def masters(self, refresh: bool = False) -> "list[ClusterNode]":
        client = await self.client()
        if refresh:
            await client.nodes_manager.initialize()
        return client.get_primaries()

    async def load_script(self, text: bytes) -> bytes:
        """On every master, and remembered: a node that comes back has lost it."""
        sha = hashlib.sha1(text).hexdigest()  # noqa: S324  (Redis names scripts so)
        self._scripts[sha] = text
        for node in await self.masters():
            await node.execute_command("SCRIPT LOAD", text)
        return sha.encode()

    async def evalsha(self, sha: bytes, arguments: list[bytes]) -> Reply:
        try:
            return await self.run("EVALSHA", sha, *arguments, repeatable=False)
        except exceptions.NoScriptError:
            text = self._scripts.get(sha.decode().lower())
            if text is None:
                raise
            await self.load_script(text)
            return await self.run("EVALSHA", sha, *arguments, repeatable=False)

    async def scan(self, cursor: int, options: list[bytes]) -> Reply:
        """One step of a SCAN over all masters, one after the other, behind one cursor of our own.

        Should slots change hands meanwhile, it starts again: a key is returned twice rather than not at all.
        """
        if cursor == 0:
            scan = self._new_scan(await self._topology())
        elif (found := self._scans.pop(cursor, None)) is None:
            raise RefusedError("ERR invalid cursor")
        else:
            scan = found
        node = (await self.client()).get_node(node_name=scan.nodes[0])
        if node is None:
            return [self._keep(self._new_scan(await self._topology())), []]
        after, keys = await node.execute_command("SCAN", scan.cursor, *options)
        scan.cursor = int(after)
        if scan.cursor == 0:
            scan.nodes.pop(0)
            topology = await self._topology()
            if topology != scan.topology:
                scan = self._new_scan(topology)
        return [self._keep(scan) if scan.nodes else b"0", keys]

    def _new_scan(self, topology: tuple[tuple[str, int], ...]) -> Scan:
        return Scan(topology, sorted({name for name, _ in topology}))

    def _keep(self, scan: Scan) -> bytes:
        cursor, self._next_scan = self._next_scan, self._next_scan + 1
        self._scans[cursor] = scan
        while len(self._scans) > MAX_SCANS:
            self._scans.popitem(last=False)
        return str(cursor).encode()

    async def _topology(self) -> tuple[tuple[str, int], ...]:
        """Every slot with its master, as the cluster says now."""
        await self.masters(refresh=True)
        slots = (await self.client()).nodes_manager.slots_cache
        return tuple(sorted((nodes[0].name, slot) for slot, nodes in slots.items()))

    async def watch(self) -> None:
        """Looks after the cluster for ever: PING and readiness answer from what it saw last."""
        while True:
            before, self.trouble = self.trouble, await self._examine()
            if self.trouble != before:
                log(f"redis cluster: {self.trouble or 'every slot has a master that answers'}")
            await asyncio.sleep(HEARTBEAT)

    async def _examine(self) -> str:
        try:
            masters = await asyncio.wait_for(self.masters(refresh=True), 2 * HEARTBEAT)
            covered = len((await self.client()).nodes_manager.slots_cache)
            if covered < SLOTS:
                return f"{SLOTS - covered} slots have no master"
            pings = (asyncio.wait_for(node.execute_command("PING"), HEARTBEAT) for node in masters)
            answers = await asyncio.gather(*pings, return_exceptions=True)
            silent = [node.name for node, answer in zip(masters, answers) if isinstance(answer, BaseException)]  # noqa: B905
            return f"no answer from {', '.join(silent)}" if silent else ""
        except (*WAITING, exceptions.RedisError) as error:
            return f"not reachable ({type(error).__name__})"


async def resolve(seeds: str) -> list[tuple[str, int]]:
    """Addresses of the nodes. Raises OSError while the name does not resolve."""
    host, _, port = seeds.partition(":")
    found = await asyncio.get_running_loop().getaddrinfo(host, int(port or 6379), type=socket.SOCK_STREAM)
    return sorted({(str(address[4][0]), int(address[4][1])) for address in found})


class Session:
    """One client's connection."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def answer(self, command: list[Argument]) -> bytes:
        """The reply to a command, in RESP2; raises ClosedError for QUIT."""
        name = command[0].decode("ascii", "replace").upper()
        handler = _COMMANDS.get(name)
        try:
            if handler is None:
                raise RefusedError(f"ERR the gateway does not carry {name[:32]!r}")
            return encode(await handler(self._cluster, name, command[1:]))
        except RefusedError as refused:
            return encode_error(str(refused))
        except exceptions.RedisError as error:
            return encode_error(error_text(error))
        except OSError as error:
            return encode_error(f"CLUSTERDOWN {type(error).__name__}")


async def _by_key(cluster: Cluster, name: str, arguments: list[Argument]) -> Reply:
    _need(name, arguments, 1)
    return await cluster.run(name, *arguments, repeatable=True)


async def _one_key(cluster: Cluster, name: str, arguments: list[Argument]) -> Reply:
    if len(arguments) != 1:
        raise RefusedError(f"ERR the gateway carries {name} of one key at a time")
    return await cluster.run(name, *arguments, repeatable=True)


async def _set(cluster: Cluster, name: str, arguments: list[Argument]) -> Reply:
    _need(name, arguments, 2)
    options = {option.upper() for option in arguments[2:]}
    # A lock that was set but whose answer was lost must not be answered "taken by another".
    repeatable = not options & {b"NX", b"XX", b"GET"}
    reply = await cluster.run(name, *arguments, repeatable=repeatable)
    return Status(reply) if reply == b"OK" and b"GET" not in options else reply


async def _evalsha(cluster: Cluster, name: str, arguments: list[Argument]) -> Reply:
    _need(name, arguments, 3)
    if arguments[1] != b"1":
        raise RefusedError("ERR the gateway carries scripts of one key")
    return await cluster.evalsha(arguments[0], arguments[1:])


async def _script(cluster: Cluster, _name: str, arguments: list[Argument]) -> Reply:
    if len(arguments) != 2 or arguments[0].upper() != b"LOAD":
        raise RefusedError("ERR the gateway carries SCRIPT LOAD alone")
    return await cluster.load_script(arguments[1])


async def _scan(cluster: Cluster, name: str, arguments: list[Argument]) -> Reply:
    _need(name, arguments, 1)
    if not arguments[0].isdigit():
        raise RefusedError("ERR invalid cursor")
    try:
        return await cluster.scan(int(arguments[0]), arguments[1:])
    except WAITING as error:
        raise RefusedError(f"CLUSTERDOWN SCAN was interrupted: {type(error).__name__}") from error


async def _ping(cluster: Cluster, _name: str, arguments: list[Argument]) -> Reply:
    if cluster.trouble:
        raise RefusedError(f"CLUSTERDOWN {cluster.trouble}")
    return arguments[0] if arguments else Status(b"PONG")


async def _hello(_cluster: Cluster, _name: str, arguments: list[Argument]) -> Reply:
    if arguments and arguments[0] != b"2":
        raise RefusedError("NOPROTO this gateway speaks RESP2: set protocol=2")
    return [b"server", b"redis", b"version", b"7.0.0", b"proto", 2, b"mode", b"standalone", b"role", b"master"]


async def _client(_cluster: Cluster, _name: str, arguments: list[Argument]) -> Reply:
    if not arguments or arguments[0].upper() not in (b"SETINFO", b"SETNAME"):
        raise RefusedError("ERR the gateway carries CLIENT SETINFO and CLIENT SETNAME alone")
    return Status(b"OK")


async def _select(_cluster: Cluster, _name: str, arguments: list[Argument]) -> Reply:
    if arguments != [b"0"]:
        raise RefusedError("ERR DB index is out of range: a cluster has database 0")
    return Status(b"OK")


async def _quit(_cluster: Cluster, _name: str, _arguments: list[Argument]) -> Reply:
    raise ClosedError


def _need(name: str, arguments: list[Argument], least: int) -> None:
    if len(arguments) < least:
        raise RefusedError(f"ERR wrong number of arguments for '{name.lower()}' command")


_COMMANDS: Any = {
    "GET": _by_key,
    "HGETALL": _by_key,
    "HSET": _by_key,
    "DEL": _one_key,
    "SET": _set,
    "EVALSHA": _evalsha,
    "SCRIPT": _script,
    "SCAN": _scan,
    "PING": _ping,
    "HELLO": _hello,
    "CLIENT": _client,
    "SELECT": _select,
    "QUIT": _quit,
}
"""What the service sends (SET, GET, DEL, HSET, HGETALL, SCAN, its lock's script) and what its library sends at connect.

Transactions are not among them: only the service's rate limiter uses one, and that is off.
"""


class Gateway:
    """Listens on loopback and serves until it is told to stop."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._busy: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def serve(self, port: int) -> None:
        """Runs until SIGTERM, then lets the commands under way end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        server = await asyncio.start_server(self._connected, "127.0.0.1", port, limit=MAX_LINE)
        log(f"listening on 127.0.0.1:{port}")
        watching = asyncio.create_task(self._cluster.watch())
        await self._stopping.wait()
        server.close()
        if self._busy:
            await asyncio.wait(self._busy, timeout=DRAIN)
        watching.cancel()
        log("stopped")

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        try:
            await self._converse(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ClosedError):
            pass
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self._cluster)
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                reading = asyncio.create_task(read_command(reader))
                await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    reading.cancel()
                    return
                try:
                    command = reading.result()
                except RefusedError as refused:
                    writer.write(encode_error(str(refused)))
                    return
                if command:
                    writer.write(await session.answer(command))
                    await writer.drain()
        except ClosedError:
            writer.write(encode(Status(b"OK")))
        finally:
            stopping.cancel()


def probe(kind: str, port: int) -> int:
    """0 if the gateway answers (alive), or answers that the whole cluster does (ready)."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
            connection.sendall(b"PING\r\n")
            answer = connection.recv(512)
    except OSError as error:
        log(f"no answer: {error}")
        return 1
    if answer == b"+PONG\r\n" or (kind == "alive" and answer):
        return 0
    log(answer.decode(errors="replace").strip())
    return 1


def log(text: str) -> None:
    sys.stdout.write(f"redis-gateway: {text}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    port = int(os.environ.get("GATEWAY_PORT", "6379"))
    if arguments[:1] == ["--probe"]:
        return probe(arguments[1], port)
    password = Path(os.environ["REDIS_PASSWORD_FILE"]).read_text(encoding="utf-8").strip()
    asyncio.run(_serve(Cluster(os.environ["REDIS_SEEDS"], password), port))
    return 0


async def _serve(cluster: Cluster, port: int) -> None:
    await Gateway(cluster).serve(port)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
