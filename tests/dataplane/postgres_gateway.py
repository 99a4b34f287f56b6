"""The PostgreSQL gateway as a process, told what the program tells it, with the test's places."""

import io
import socket
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from rehearsal import images
from rehearsal.progress import Progress
from tests.dataplane.conftest import Start, free_port
from tests.dataplane.redis_servers import eventually


@dataclass(frozen=True)
class Pooler:
    """What the gateway goes to, and how."""

    host: str
    """As its certificate has it."""
    port: int
    authority: Path
    password: Path
    database: str = "somamemory"
    user: str = "soma"


class Gateway:
    """One gateway; `dsn` is the memory service's way to PostgreSQL."""

    def __init__(self, folder: Path, start: Start, pooler: Pooler, patience: str = "120s") -> None:
        self.program = images.postgresql_gateway(Progress(io.StringIO()))
        self.pooler = pooler
        self.port, self.question_port, self.metrics_port = free_port(), free_port(), free_port()
        self.log = folder / f"gateway-{self.port}.log"
        self.environment = {
            "POOLER_HOST": pooler.host,
            "POOLER_PORT": str(pooler.port),
            "POOLER_CA_FILE": str(pooler.authority),
            "POSTGRES_DATABASE": pooler.database,
            "POSTGRES_USER": pooler.user,
            "POSTGRES_PASSWORD_FILE": str(pooler.password),
            "GATEWAY_PORT": str(self.port),
            "QUESTION_PORT": str(self.question_port),
            "METRICS_PORT": str(self.metrics_port),
            "PATIENCE": patience,
        }
        self.process = start([str(self.program)], self.environment, self.log)
        eventually(self.listens)

    def dsn(self, port: int | None = None, **options: str | int) -> str:
        """What the service is told (components/memory_environment.py), at the port of the test."""
        query = {"target_session_attrs": "read-write", "sslmode": "disable", "gssencmode": "disable", **options}
        told = "&".join(f"{key}={value}" for key, value in query.items())
        return f"postgresql://{self.pooler.user}@127.0.0.1:{port or self.port}/{self.pooler.database}?{told}"

    def listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.metrics_port), timeout=1).close()
        except OSError:
            return False
        return True

    def probe(self, kind: str) -> int:
        asked = subprocess.run(
            [self.program, "probe", kind], env=self.environment, capture_output=True, timeout=10, check=False
        )
        return asked.returncode

    def metric(self, name: str) -> float:
        """The value of a series without labels, or with those that stand in `name`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == name)
