"""The Redis gateway as a process, before a cluster of real nodes."""

import socket
import time
from pathlib import Path

import redis

from rehearsal import images
from rehearsal.ports import free_port
from tests.dataplane.conftest import Start
from tests.dataplane.redis_servers import Servers, eventually
from tests.dataplane.sidecar import QUIET, Sidecar


class Gateway(Sidecar):
    """One gateway; `client` is the memory service's way to Redis."""

    def __init__(self, folder: Path, start: Start, seeds: str, password: Path, patience: str = "20s") -> None:
        self.port, self.metrics_port = free_port(), free_port()
        environment = {
            "REDIS_SEEDS": seeds,
            "REDIS_PASSWORD_FILE": str(password),
            "GATEWAY_PORT": str(self.port),
            "METRICS_PORT": str(self.metrics_port),
            "PATIENCE": patience,
        }
        super().__init__(images.redis_gateway(QUIET), environment, folder / "gateway.log", start)

    @classmethod
    def before(cls, servers: Servers, folder: Path, start: Start) -> "Gateway":
        """A gateway whose seeds are two of the nodes, as a name would resolve to some."""
        seeds = ",".join(servers.host(name) for name in servers.pods[:2])
        gateway = cls(folder, start, seeds, servers.password)
        eventually(lambda: gateway.probe("ready") == 0)
        return gateway

    def client(self) -> redis.Redis:
        """As the service makes it: no password, no timeouts, no retries."""
        return redis.Redis(host="127.0.0.1", port=self.port, db=0)

    def raw(self, sent: bytes, seconds: float = 2) -> bytes:
        """What comes back for some bytes within a moment."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(sent)
            connection.settimeout(0.3)
            answer, end = b"", time.monotonic() + seconds
            while time.monotonic() < end:
                try:
                    part = connection.recv(65536)
                except TimeoutError:
                    if answer:
                        break
                    continue
                if not part:
                    break
                answer += part
            return answer
