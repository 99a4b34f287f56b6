"""The PostgreSQL gateway as a process, told what the program tells it, with the test's places."""

from dataclasses import dataclass
from pathlib import Path

from components import memory_environment
from components.memory_environment import PostgresEndpoint
from rehearsal import images
from rehearsal.ports import free_port
from tests.dataplane.conftest import Start
from tests.dataplane.sidecar import QUIET, Sidecar


@dataclass(frozen=True)
class Pooler:
    """What the gateway goes to, and how."""

    host: str
    """As its certificate has it."""
    port: int
    authority: Path
    password: Path
    following: Path
    """File with the password after that one; it need not be there."""
    database: str = "somamemory"
    user: str = "soma"


class Gateway(Sidecar):
    """One gateway; `dsn` is the memory service's way to PostgreSQL."""

    def __init__(self, folder: Path, start: Start, pooler: Pooler, patience: str = "120s") -> None:
        self.pooler = pooler
        self.port, self.question_port = free_port(), free_port()
        environment = {
            "POOLER_HOST": pooler.host,
            "POOLER_PORT": str(pooler.port),
            "POOLER_CA_FILE": str(pooler.authority),
            "POSTGRES_DATABASE": pooler.database,
            "POSTGRES_USER": pooler.user,
            "POSTGRES_PASSWORD_FILE": str(pooler.password),
            "POSTGRES_NEXT_PASSWORD_FILE": str(pooler.following),
            "GATEWAY_PORT": str(self.port),
            "QUESTION_PORT": str(self.question_port),
            "METRICS_PORT": str(free_port()),
            "PATIENCE": patience,
        }
        log = folder / f"gateway-{self.port}.log"
        super().__init__(images.postgresql_gateway(QUIET), environment, log, start)

    def dsn(self, port: int | None = None, **options: str | int) -> str:
        """What the service is told, at the port of the test; of an option that is there twice the last one counts."""
        told = memory_environment.dsn(PostgresEndpoint("", self.pooler.database, self.pooler.user, "", ""))
        told = told.replace(f":{memory_environment.POSTGRES_PORT}/", f":{port or self.port}/")
        return "&".join([told, *(f"{key}={value}" for key, value in options.items())])

    def metric(self, name: str) -> float:
        """The value of a series without labels, or with those that stand in `name`."""
        return self.metrics()[name]
