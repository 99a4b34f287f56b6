"""Memory service processes on loopback with stores: PostgreSQL behind gateway and PgBouncer, Redis, a played Qdrant.

The process is the stand-in of the service, told what the program tells the service, with ports of its own.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx

from components import postgres_pooler
from rehearsal.certificates import Authority
from rehearsal.ports import free_port
from tests.dataplane.conftest import FILES, Start, tool
from tests.dataplane.postgres_gateway import Gateway, Pooler
from tests.dataplane.redis_servers import eventually

NOBODY = 65534
"""PostgreSQL and PgBouncer refuse to run as root."""
TOKEN = "letters"
ROOT = Path(__file__).parents[2]


class Postgres:
    """PostgreSQL with the service's table, and PgBouncer with the declared parameters before it."""

    def __init__(self) -> None:
        # Not pytest's folder: another user could not enter it.
        self._folder = Path(tempfile.mkdtemp(prefix="soma-memory-"))
        self._user = NOBODY if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self._folder, NOBODY, -1)
        self._data = self._folder / "data"
        self.port, self._server_port = free_port(), free_port()
        initdb = tool("initdb")
        self._bin = Path(initdb).resolve().parent
        self._as_server([initdb, "-D", str(self._data), "-A", "trust", "-U", "postgres", "--no-sync"])
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.way = self._certified()
        self.start_server()
        self.sql("CREATE ROLE soma LOGIN", "CREATE DATABASE memory OWNER soma", database="postgres")
        psql = [tool("psql"), "-XqU", "soma", "-h", "127.0.0.1", "-p", str(self._server_port), "-d", "memory"]
        self._as_server([*psql, "-v", "partitions=4", "-f", str(FILES / "schema.sql")])
        self.start_pooler()

    def _certified(self) -> Pooler:
        """The pooler as a gateway has to know it. It takes any password, as long as the connection is encrypted."""
        authority = Authority("servers")
        shown = authority.server(["localhost"], ["127.0.0.1"])
        texts = {"ca.crt": authority.certificate, "tls.crt": shown.certificate, "tls.key": shown.key, "password": "any"}
        for name, text in texts.items():
            (self._folder / name).write_text(text)
            (self._folder / name).chmod(0o644)
        password = self._folder / "password"
        return Pooler("localhost", self.port, self._folder / "ca.crt", password, self._folder / "next", "memory")

    def _as_server(self, command: list[str]) -> None:
        done = subprocess.run(command, user=self._user, stdout=subprocess.DEVNULL, stderr=sys.stderr, check=False)
        assert done.returncode == 0, command

    def _start(self, name: str, command: list[str]) -> None:
        log = (self._folder / f"{name}.log").open("ab")
        self._processes[name] = subprocess.Popen(
            command, user=self._user, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
        )

    def start_server(self) -> None:
        options = ["-p", str(self._server_port), "-k", str(self._folder), "-c", "listen_addresses=127.0.0.1"]
        self._start("server", [str(self._bin / "postgres"), "-D", str(self._data), *options, "-c", "fsync=off"])
        eventually(lambda: self._ask("postgres", "SELECT 1").returncode == 0)

    def start_pooler(self) -> None:
        declared = {key: value for key, value in postgres_pooler.PARAMETERS.items() if "server_tls" not in key}
        files = {"client_tls_cert_file": "tls.crt", "client_tls_key_file": "tls.key"}
        declared |= {key: str(self._folder / name) for key, name in files.items()}
        lines = [
            "[databases]",
            f"memory = host=127.0.0.1 port={self._server_port} dbname=memory user=soma",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {self.port}",
            "auth_type = any",
            "pool_mode = transaction",
            *(f"{key} = {value}" for key, value in declared.items()),
        ]
        configuration = self._folder / "pgbouncer.ini"
        configuration.write_text("\n".join(lines) + "\n")
        configuration.chmod(0o644)
        self._start("pooler", [tool("pgbouncer"), str(configuration)])

    def _ask(self, database: str, *statements: str) -> "subprocess.CompletedProcess[str]":
        commands = [part for statement in statements for part in ("-c", statement)]
        target = ["-h", "127.0.0.1", "-p", str(self._server_port), "-U", "postgres", "-d", database]
        return subprocess.run(
            ["psql", "-XAtq", *target, *commands], capture_output=True, text=True, timeout=30, check=False
        )

    def sql(self, *statements: str, database: str = "memory") -> str:
        """As the superuser, past the pooler."""
        done = self._ask(database, *statements)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def signal(self, name: str, number: int) -> None:
        """To `server` with all its backends, or to `pooler`."""
        process = self._processes[name]
        for pid in [process.pid, *(_children(process.pid) if name == "server" else [])]:
            os.kill(pid, number)

    def become_standby(self) -> None:
        """As the servers of a standby region: in recovery, and a pooler that has met no other."""
        self._processes["server"].send_signal(signal.SIGINT)
        self._processes["server"].wait(20)
        self.stop("pooler")
        (self._data / "standby.signal").touch()
        self.start_server()
        self.start_pooler()

    def stop(self, name: str) -> None:
        self.signal(name, signal.SIGCONT)
        self._processes[name].send_signal(signal.SIGQUIT if name == "server" else signal.SIGKILL)
        self._processes[name].wait(20)

    def close(self) -> None:
        for name, process in self._processes.items():
            if process.poll() is None:
                self.stop(name)
        shutil.rmtree(self._folder)


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


class Qdrant(BaseHTTPRequestHandler):
    """The gateway to Qdrant as the service sees it: one collection, which it can neither make nor drop."""

    points: ClassVar[list[dict[str, Any]]] = []
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        params = {"vectors": {"size": 768, "distance": "Cosine"}}
        self._answer({"exists": True} if self.path.endswith("/exists") else {"config": {"params": params}})

    def do_POST(self) -> None:
        self._answer({"points": self.points})

    def do_PUT(self) -> None:
        self._answer({})

    def do_DELETE(self) -> None:
        self._answer({})

    def _answer(self, result: Any) -> None:
        given = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        if self.command == "PUT" and "/points" in self.path:
            self.points.extend(given["points"])
        data = json.dumps({"result": result, "status": "ok"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        pass


@dataclass
class Service:
    """One process of the service, with the probes that the kubelet would run beside it."""

    process: "subprocess.Popen[bytes]"
    environment: Mapping[str, str]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['SOMA_API_PORT']}"

    def listens(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ping", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def call(self, method: str, path: str, body: object = None, seconds: float = 30) -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.request(method, self.url + path, json=body, headers=headers, timeout=seconds)

    def store(self, coord: str, seconds: float = 30, **payload: Any) -> httpx.Response:
        return self.call("POST", "/memories", {"coord": coord, "payload": payload}, seconds)

    def begin(self, coord: str) -> threading.Thread:
        """A store whose answer nobody waits for."""

        def store() -> None:
            with suppress(httpx.HTTPError):
                self.store(coord, 120, text="x")

        thread = threading.Thread(target=store, daemon=True)
        thread.start()
        return thread

    def probe(self, *arguments: str) -> tuple[int, str]:
        """Exit code and words of a probe."""
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(FILES / "memory_probe.py"), *arguments],
            env={**self.environment},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def passes(self, *arguments: str) -> bool:
        return self.probe(*arguments)[0] == 0


@dataclass
class Stores:
    """What a process needs, and the processes that were started on it."""

    folder: Path
    start: Start
    postgres: Postgres
    redis_port: int
    qdrant_port: int
    services: list[Service] = field(default_factory=list[Service])

    def service(self, patience: str = "120s") -> Service:
        """Starts another process; `patience` is that of the gateway beside it."""
        token = self.folder / "token"
        token.write_text(TOKEN)
        gateway = Gateway(self.folder, self.start, self.postgres.way, patience)
        environment = {
            "PATH": os.environ["PATH"],
            "SOMA_API_TOKEN_FILE": str(token),
            "SOMA_API_PORT": str(free_port()),
            "SOMA_RATE_LIMIT_MAX": "0",
            "SOMA_POSTGRES_URL": gateway.dsn(),
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": str(gateway.port),
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(self.redis_port),
            "QDRANT_URL": f"http://127.0.0.1:{self.qdrant_port}",
            "QDRANT_HOST": "127.0.0.1",
            "QDRANT_PORT": str(self.qdrant_port),
        }
        log = self.folder / f"service-{len(self.services)}.log"
        command = [sys.executable, "-m", "rehearsal.standins.memory"]
        process = self.start(command, {**environment, "PYTHONPATH": str(ROOT)}, log)
        made = Service(process, environment, log)
        self.services.append(made)
        eventually(made.listens)
        return made


def playing_qdrant() -> ThreadingHTTPServer:
    """In this process, with a state of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Played", (Qdrant,), {"points": []}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
