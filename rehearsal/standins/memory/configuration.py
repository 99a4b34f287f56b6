"""What the stand-in reads from its environment: the service's own variables."""

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class ConfigurationError(Exception):
    """What is wrong with a variable; ends the process before it listens."""


@dataclass(frozen=True)
class Configuration:
    """The part of the contract that the stand-in honours."""

    token: str
    namespace: str
    """Key prefix, and name of the collection."""
    port: int
    postgres_url: str
    postgres_tls: dict[str, str]
    """libpq parameters that win over those of the URL."""
    redis: tuple[str, int]
    qdrant_url: str
    dimensions: int
    max_memories: int
    rate_limit: int
    """Requests of one kind in a minute; 0 for no limit."""
    max_body: int
    """Bytes."""
    waits: tuple[tuple[str, int], ...]
    """Hosts and ports that the entrypoint waits for."""


def read(environment: Mapping[str, str] = os.environ) -> Configuration:
    """Raises `ConfigurationError`."""

    def number(name: str, default: int) -> int:
        text = environment.get(name, str(default))
        if not text.lstrip("-").isdigit():
            raise ConfigurationError(f"{name}={text}: not a number; a Service called like this sets it (service links)")
        return int(text)

    tls = {
        parameter: environment[f"POSTGRES_{suffix}"]
        for suffix, parameter in (("SSL_MODE", "sslmode"), ("SSL_ROOT_CERT", "sslrootcert"))
        if environment.get(f"POSTGRES_{suffix}")
    }
    stores = [(name, environment.get(f"{name}_HOST", name.lower())) for name in ("POSTGRES", "REDIS", "QDRANT")]
    ports = {"POSTGRES": 5432, "REDIS": 6379, "QDRANT": 6333}
    waits = tuple((host, number(f"{name}_PORT", ports[name])) for name, host in stores)
    return Configuration(
        token=_token(environment),
        namespace=environment.get("SOMA_NAMESPACE", "default"),
        port=number("SOMA_API_PORT", 9595),
        postgres_url=environment.get("SOMA_POSTGRES_URL", "postgresql://soma:soma@postgres:5432/somamemory"),
        postgres_tls=tls,
        redis=waits[1],
        qdrant_url=environment.get("QDRANT_URL", "http://qdrant:6333"),
        dimensions=number("SOMA_VECTOR_DIM", 768),
        max_memories=number("SOMA_MAX_MEMORY_SIZE", 100_000),
        rate_limit=number("SOMA_RATE_LIMIT_MAX", 60),
        max_body=number("SOMA_MAX_REQUEST_BODY_MB", 5) * 1024 * 1024,
        waits=waits,
    )


def _token(environment: Mapping[str, str]) -> str:
    file = Path(environment.get("SOMA_API_TOKEN_FILE", ""))
    token = file.read_text(encoding="utf-8").strip() if file.is_file() else environment.get("SOMA_API_TOKEN", "")
    if not token:
        raise ConfigurationError("neither SOMA_API_TOKEN_FILE nor SOMA_API_TOKEN gives a token")
    return token


def wait_for(host: str, port: int, tries: int = 30, pause: float = 2.0) -> None:
    """The entrypoint's wait: a TCP connection, and nothing said over it. Raises `ConfigurationError` in the end."""
    for _ in range(tries):
        try:
            socket.create_connection((host, port), timeout=5).close()
        except OSError:
            time.sleep(pause)
        else:
            return
    raise ConfigurationError(f"timeout waiting for {host}:{port}")
