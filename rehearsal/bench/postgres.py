"""The service's statements on a real PostgreSQL: through the gateway, through PgBouncer, by the number of partitions.

The table is made by the program's schema.sql. PgBouncer has the parameters that the program declares, but those of TLS:
all is on loopback, and only the gateway encrypts. The server does not wait for its disk (fsync is off), whose time
would hide what is compared.
"""

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rehearsal import images
from rehearsal.bench.measure import Measure, in_turns, ratio
from rehearsal.bench.projects import objects
from rehearsal.bench.stand import FILES, Stand, find, listens, missing, own_folder, run, stand, start_postgres
from rehearsal.certificates import Authority
from rehearsal.engine.model import Plan
from rehearsal.errors import RehearsalError
from rehearsal.ports import free_port
from rehearsal.progress import Progress

NEEDED = (("initdb",), ("postgres",), ("psql",), ("pgbench",))
POOLER_NEEDED = (("pgbouncer",),)
ROUNDS = 6
PARTITIONS = (1, 8, 64)
ROWS = 100_000
NAMESPACES = 10
"""Rows are spread over them; a scan reads the keys of one."""
CONNECTIONS = (1, 50)
USER = "soma"

STATEMENTS = Path(__file__).parent / "statements"
"""The service's (its storage.py), as scripts of pgbench, and what fills the table."""
INSERT, SELECT, SCAN = "INSERT … ON CONFLICT", "SELECT by key", "LIKE 'ns:%:meta'"
SCRIPTS = {INSERT: "insert.sql", SELECT: "select.sql", SCAN: "scan.sql"}
COUNTS = {INSERT: 600, SELECT: 1500, SCAN: 15}
"""Statements of a round at one connection: some tenths of a second."""
_NAME = "postgres"


def measure(progress: Progress, plan: Plan, rounds: int = ROUNDS, rows: int = ROWS) -> list[Measure]:
    """`plan` is us-east's, whose Pooler has the parameters."""
    lacks = missing(*NEEDED)
    if lacks:
        return [Measure.missing("PostgreSQL: the pooler, and statements by the number of partitions", lacks)]
    program = images.postgresql_gateway(progress)
    with progress.step("PostgreSQL: gateway, pooler and direct, partitions"), stand(_NAME) as here:
        server = Server.make(here, rows)
        for partitions in PARTITIONS:
            server.table(partitions)
        measured = _pooled(server, plan, program, rounds)
        measured += [one for name in SCRIPTS for one in _partitioned(server, name, rounds)]
        for partitions in PARTITIONS:
            server.check(partitions)
        return measured


@dataclass
class Server:
    """A PostgreSQL on loopback with a database for each number of partitions."""

    here: Stand
    port: int
    rows: int

    @classmethod
    def make(cls, here: Stand, rows: int) -> "Server":
        made = cls(here, free_port(), rows)
        start_postgres(here, made.port, {"max_connections": 200})
        here.await_(lambda: made._answers(), "PostgreSQL", "postgresql")
        made.sql("postgres", f"CREATE ROLE {USER} LOGIN", user="postgres")
        return made

    def _answers(self) -> bool:
        try:
            return self.sql("postgres", "SELECT 1", user="postgres") == "1"
        except RehearsalError:
            return False

    def sql(self, database: str, statement: str, user: str = USER) -> str:
        return self._psql(database, user, "-c", statement).strip()

    def _psql(self, database: str, user: str, *arguments: str) -> str:
        options = ["-XAtq", "-h", "127.0.0.1", "-p", f"{self.port}", "-U", user, "-d", database]
        return run([find("psql") or "", *options, *arguments])

    def table(self, partitions: int) -> None:
        """A database with the program's schema and its rows."""
        database = name_of(partitions)
        self.sql("postgres", f"CREATE DATABASE {database} OWNER {USER}", user="postgres")
        self._psql(database, USER, "-v", f"partitions={partitions}", "-f", str(FILES / "schema.sql"))
        variables = ["-v", f"rows={self.rows // 2}", "-v", f"spaces={NAMESPACES}"]
        self._psql(database, USER, *variables, "-f", str(STATEMENTS / "fill.sql"))

    def check(self, partitions: int) -> None:
        """RehearsalError when the statements met other rows than those that were there."""
        found = int(self.sql(name_of(partitions), "SELECT count(*) FROM kv_store"))
        if found != self.rows:
            raise RehearsalError(f"kv_store had {self.rows} rows and has {found}: the statements miss its keys")

    def rate(self, database: str, statement: str, connections: int = 1, port: int | None = None) -> float:
        """Statements a second."""
        count = COUNTS[statement] if connections == 1 else max(COUNTS[statement] * 4 // connections, 1)
        options = ["-n", "-M", "simple", "-D", f"rows={self.rows // 2}", "-D", f"spaces={NAMESPACES}"]
        options += ["-f", str(STATEMENTS / SCRIPTS[statement]), "-c", f"{connections}", "-t", f"{count}"]
        where = ["-h", "127.0.0.1", "-p", f"{port or self.port}", "-U", USER, database]
        return read_rate(run([find("pgbench") or "", *options, *where]))


def name_of(partitions: int) -> str:
    """The database whose table has so many partitions."""
    return f"partitions_{partitions}"


def read_rate(said: str) -> float:
    """Transactions a second, the time to connect left out, in what pgbench prints."""
    found = re.search(r"^tps = ([\d.]+) \(without initial connection time\)$", said, re.MULTILINE)
    if found is None:
        raise RehearsalError(f"pgbench prints no rate: {said.strip()[-200:]}")
    return float(found[1])


def _pooled(server: Server, plan: Plan, program: Path, rounds: int) -> list[Measure]:
    lacks = missing(*POOLER_NEEDED)
    if lacks:
        return [Measure.missing("PgBouncer over direct", lacks)]
    measured: list[Measure] = []
    with pooler(server, pooler_spec(plan)) as port, gateway(server, port, program) as gate:
        for statement in (INSERT, SELECT):
            for connections in CONNECTIONS:
                works = {
                    name: partial(server.rate, name_of(8), statement, connections, at)
                    for name, at in (("gateway", gate), ("pooler", port), ("direct", server.port))
                }
                rates = in_turns(rounds, works)
                how = "one connection" if connections == 1 else f"{connections} connections"
                measured += [
                    Measure(
                        f"{what}: throughput at {how} over {base}, {statement}", ratio(rates[one], rates[base]), "ratio"
                    )
                    for what, one, base in (
                        ("PgBouncer", "pooler", "direct"),
                        ("PostgreSQL gateway", "gateway", "pooler"),
                    )
                ]
    return measured


def pooler_spec(plan: Plan) -> dict[str, Any]:
    """The `pgbouncer` section of the Pooler that the program declares."""
    return next(one["spec"]["pgbouncer"] for one in objects(plan) if one["kind"] == "Pooler")


@contextmanager
def pooler(server: Server, spec: Mapping[str, Any]) -> Generator[int]:
    """The port of a PgBouncer with the declared mode and parameters."""
    port, folder = free_port(), own_folder(server.here, "pgbouncer")
    given = {
        "listen_addr": "127.0.0.1",
        "listen_port": f"{port}",
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": str(folder / "users"),
        "pool_mode": spec["poolMode"],
        # The service's library states it (libpq), and PgBouncer must let it pass.
        "ignore_startup_parameters": "extra_float_digits",
        **{name: value for name, value in spec["parameters"].items() if "_tls_" not in name},
        # The gateway encrypts, as it does to the real one; who comes without it is not slowed down.
        "client_tls_sslmode": "allow",
        "client_tls_cert_file": str(folder / "tls.crt"),
        "client_tls_key_file": str(folder / "tls.key"),
    }
    (folder / "users").write_text(f'"{USER}" ""\n')
    authority = Authority("servers")
    shown = authority.server(["localhost"], ["127.0.0.1"])
    for name, text in (("ca.crt", authority.certificate), ("tls.crt", shown.certificate), ("tls.key", shown.key)):
        (folder / name).write_text(text)
    lines = "".join(f"{name} = {value}\n" for name, value in given.items())
    config = folder / "pgbouncer.ini"
    config.write_text(f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\n{lines}")
    folder.chmod(0o755)
    server.here.start("pgbouncer", [find("pgbouncer") or "", config], as_nobody=True)
    server.here.await_(lambda: listens(port), "PgBouncer", "pgbouncer")
    yield port


@contextmanager
def gateway(server: Server, port: int, program: Path) -> Generator[int]:
    """The port of a PostgreSQL gateway before the pooler at `port`."""
    here, question, folder = free_port(), free_port(), server.here.folder / "pgbouncer"
    password = folder / "password"
    password.write_text("any")
    told = {
        "POOLER_HOST": "localhost",
        "POOLER_PORT": f"{port}",
        "POOLER_CA_FILE": str(folder / "ca.crt"),
        "POSTGRES_DATABASE": name_of(8),
        "POSTGRES_USER": USER,
        "POSTGRES_PASSWORD_FILE": str(password),
        "GATEWAY_PORT": f"{here}",
        "QUESTION_PORT": f"{question}",
    }
    server.here.start("postgresql-gateway", [program], told)
    server.here.await_(lambda: listens(here), "the PostgreSQL gateway", "postgresql-gateway")
    yield here


def _partitioned(server: Server, statement: str, rounds: int) -> list[Measure]:
    """Times over those with one partition."""
    works = {str(number): partial(server.rate, name_of(number), statement) for number in PARTITIONS}
    rates = in_turns(rounds, works)
    base = rates[str(PARTITIONS[0])]
    return [
        Measure(
            f"{statement}: time with {number} partitions over {PARTITIONS[0]}, {server.rows:,} rows",
            ratio(base, rates[str(number)]),
            "ratio",
        )
        for number in PARTITIONS[1:]
    ]
