"""Real PostgreSQL instances and a real PgBouncer on loopback, as the program's Cluster and Pooler declare them.

They run under the stand-in's instance manager, packed as it lies in the images. The test plays the operator and the
Kubernetes API: it holds the Cluster, its secrets and its status, and moves the front that stands for the read-write
service.
"""

import base64
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from components import postgres_password
from rehearsal.bench.stand import listens
from rehearsal.certificates import Authority
from rehearsal.ports import free_port
from rehearsal.standins.cnpg import archive, names, reports
from rehearsal.standins.cnpg.decision import Held, Instance, decide
from rehearsal.standins.cnpg.instance import bouncer
from rehearsal.standins.cnpg.operator import wanted_of
from tests.dataplane.conftest import FILES, Start, run_script, tool
from tests.dataplane.front import Front
from tests.dataplane.postgres_gateway import Gateway, Pooler
from tests.unit.recorded import Recorded
from tests.unit.recorder import record_stack

PASSWORD = "letters123"
PASSFILE = f"*:*:*:soma:{PASSWORD}\n"
PYTHONS = ("/usr/bin/python3", "/usr/local/bin/python3")
"""Pythons that PostgreSQL's user may run; root's own may lie where nobody else comes in."""


def eventually(holds: Callable[[], bool], what: str, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"gave up waiting: {what}"
        time.sleep(0.2)


def declared() -> Recorded:
    """The program's own manifests, with little memory."""
    small = {"primary": {"resources": {"requests": {"memory": "1Gi"}}}}
    return record_stack("us-east", overrides={"postgresql": small})


class Api(ThreadingHTTPServer):
    """The objects that the managers read."""

    daemon_threads = True

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        super().__init__(("127.0.0.1", 0), _Answers)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def secret(self, name: str, **data: str) -> None:
        encoded = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self.objects[f"secrets/{name}"] = {"data": encoded}


class _Answers(BaseHTTPRequestHandler):
    server: Api  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        kind, name = self.path.rstrip("/").split("/")[-2:]
        found = self.server.objects.get(f"{kind}/{name}")
        body = json.dumps(found or {}).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
        """Requests are no events."""


class Instances:
    """The Cluster: managers by name, the status that they follow, the pooler in front."""

    def __init__(self, start: Start, instances: int = 3) -> None:
        self._start = start
        self.folder = Path(tempfile.mkdtemp(prefix="soma-cluster-"))
        self.folder.chmod(0o755)
        self._user = "postgres" if os.geteuid() == 0 else None
        self.run = declared()
        self.api, self.front = Api(), Front()
        self.manager = archive.build(self.folder / "manager")
        self.cluster = self._cluster(instances)
        self.name = str(self.cluster["metadata"]["name"])
        self.names = [f"{self.name}-{number}" for number in range(1, instances + 1)]
        self.ports = {name: (free_port(), free_port()) for name in self.names}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.poolers: dict[int, subprocess.Popen[bytes]] = {}
        self._secrets()

    def _cluster(self, instances: int) -> dict[str, Any]:
        declared = self.run.one("Cluster", "postgresql-us-east")
        spec = {**declared.spec, "instances": instances}
        made = {"metadata": {**declared.metadata}, "spec": spec, "status": {"phase": "", "instanceNames": []}}
        self.api.objects[f"clusters/{declared.object_name}"] = made
        return made

    def _secrets(self) -> None:
        """What the program makes, by the names under which the Cluster refers to it."""
        given = self.cluster["spec"]["certificates"]
        servers, clients = Authority("servers"), Authority("clients")
        server = servers.server(["localhost", f"{self.name}-rw"], ["127.0.0.1"])
        replica, pooler = clients.client("streaming_replica"), clients.client("cnpg_pooler_pgbouncer")
        self.api.secret(given["serverCASecret"], ca_crt=servers.certificate)
        self.api.secret(given["serverTLSSecret"], tls_crt=server.certificate, tls_key=server.key)
        self.api.secret(given["clientCASecret"], ca_crt=clients.certificate)
        self.api.secret(given["replicationTLSSecret"], tls_crt=replica.certificate, tls_key=replica.key)
        self.api.secret(f"{self.name}-pooler", tls_crt=pooler.certificate, tls_key=pooler.key)
        self.password(PASSWORD)
        self.authority = self.folder / "ca.crt"
        self.authority.write_text(servers.certificate)

    def password(self, password: str, told: bool = True) -> None:
        """What the application's Secret says from now on; and the password file of the test's clients. What pods have
        mounted follows later: now, if `told`."""
        kept = postgres_password.verifier("soma", password)
        secret = str(self.cluster["spec"]["bootstrap"]["initdb"]["secret"]["name"])
        self.api.secret(secret, username="soma", password=kept)
        passfile = self.folder / "pgpass"
        passfile.unlink(missing_ok=True)
        passfile.write_text(PASSFILE.replace(PASSWORD, password))
        passfile.chmod(0o600)
        self.passfile = passfile
        self.secret_file, self.following_file = self.folder / "password", self.folder / "next"
        if told:
            self.secret_file.write_text(password)

    # The operator

    def begin(self) -> None:
        """The first primary, then its replicas, as the operator brings them up."""
        first, *others = self.names
        self.status(targetPrimary=first, instanceNames=self.names, phase="Setting up primary")
        self.start(first)
        eventually(lambda: bool(self.told(first).get("isPrimary")), f"{first} is the primary")
        self.point_to(first)
        self.status(phase="Creating a new replica")
        for name in others:
            self.start(name)
        for name in others:
            self.await_replica(name)

    @property
    def primary(self) -> str:
        """Who is to be the primary."""
        return str(self.cluster["status"]["targetPrimary"])

    def status(self, **changes: Any) -> None:
        self.cluster["status"] = {**self.cluster["status"], **changes}

    def start(self, name: str) -> None:
        """The container of an instance."""
        home = self.folder / name
        for each in (home, home / "scratch"):
            each.mkdir(exist_ok=True)
            if self._user:
                shutil.chown(each, self._user)
        postgres, status = self.ports[name]
        environment = {
            "KUBERNETES_API": self.api.url,
            "POD_NAME": name,
            "NAMESPACE": "somafractalmemory",
            "CLUSTER_NAME": self.name,
            "PGDATA": str(home / "pgdata"),
            "PGPORT": str(postgres),
            "INSTANCE_WAL": str(home / "pg_wal"),
            "INSTANCE_SCRATCH": str(home / "scratch"),
            "INSTANCE_LISTEN": "127.0.0.1",
            "INSTANCE_STATUS_PORT": str(status),
            "INSTANCE_METRICS_PORT": "0",
            "INSTANCE_WRITABLE": f"127.0.0.1:{self.front.port}",
        }
        python = next(path for path in PYTHONS if Path(path).exists()) if self._user else sys.executable
        command = [python, str(self.manager), "instance", "run", "--status-port-tls"]
        if self._user:
            command = ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--init-groups", *command]
        self.running[name] = self._start(command, environment, home / f"log-{len(list(home.glob('log-*')))}")

    def told(self, name: str) -> dict[str, Any]:
        """What an instance says of itself; empty while it says nothing."""
        context = ssl.create_default_context(cafile=str(self.authority))
        url = f"https://127.0.0.1:{self.ports[name][1]}/pg/status"
        try:
            with urllib.request.urlopen(url, timeout=5, context=context) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return {}

    def point_to(self, name: str | None) -> None:
        """The read-write service reaches this instance."""
        self.front.target = self.ports[name][0] if name else None

    def await_replica(self, name: str) -> None:
        """Until an instance follows the present primary. It says that it receives WAL; the primary says to whom."""
        source = self.primary
        question = f"SELECT count(*) FROM pg_stat_replication WHERE application_name = '{name}' AND state = 'streaming'"
        eventually(
            lambda: bool(self.told(name).get("isWalReceiverActive")) and self.superuser(source, question) == "1",
            f"{name} streams from {source}",
        )

    def fail_over(self) -> str:
        """The primary is gone: nobody is one, then whom the operator chooses; returns when that one takes writes."""
        old = self.primary
        self.point_to(None)
        self.status(targetPrimary=names.PENDING)
        eventually(lambda: self._choice(old) != old, "there is somebody to choose")
        return self._become(self._choice(old))

    def move_to(self, name: str) -> None:
        """A planned move to an instance that follows the primary; returns when it is the primary itself."""
        self.await_replica(name)
        # The Service leads to the old one while that shuts down: logins meet "the database system is shutting down".
        self._become(name)

    def _choice(self, old: str) -> str:
        """Whom the operator would name now, the primary being gone: the old one while it has to wait."""
        instances: list[Instance] = []
        for serial, name in enumerate(self.names, 1):
            said = {} if name == old else self.told(name)
            instances.append(Instance(serial, name, ready=bool(said), report=reports.read(said) if said else None))
        wanted = replace(wanted_of(self.cluster), real=True)
        held = Held(old, phase=names.PHASE_FAILOVER)
        return decide(wanted, tuple(instances), held, datetime.now(UTC)).primary

    def _become(self, name: str) -> str:
        self.status(targetPrimary=name, currentPrimary=name)
        eventually(lambda: bool(self.told(name).get("isPrimary")), f"{name} is the primary")
        self.point_to(name)
        return name

    def postmaster(self, name: str) -> int:
        return int((self.folder / name / "pgdata" / "postmaster.pid").read_text().splitlines()[0])

    def log(self, name: str) -> str:
        return "".join(path.read_text() for path in sorted((self.folder / name).glob("log-*")))

    # The pooler and the clients

    def pool(self) -> int:
        """PgBouncer with the Pooler's parameters; its port. Each call starts another one."""
        pooler = self.run.one("Pooler", "postgresql-pooler")
        configs, port = self.folder / f"pooler-{len(self.poolers)}", free_port()
        configs.mkdir()
        place = bouncer.Place(
            host="localhost",
            port=self.front.port,
            listen="127.0.0.1",
            listen_port=port,
            configs=configs,
            sockets=configs,
            auth_database=bouncer.knows_auth_dbname(),
        )
        reader = _Reader(self.api)
        bouncer.refresh({"spec": pooler.spec}, self.cluster, reader, place)  # pyright: ignore[reportArgumentType]
        if self._user:
            subprocess.run(["chown", "-R", self._user, str(configs)], check=True)
        self._start_pooler(port, configs)
        return port

    def _start_pooler(self, port: int, configs: Path) -> None:
        command = [tool("pgbouncer"), str(configs / "pgbouncer.ini")]
        if self._user:
            command = ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--init-groups", *command]
        self.poolers[port] = self._start(command, None, configs / f"log-{len(list(configs.glob('log-*')))}")
        eventually(lambda: listens(port), "the pooler listens", 20)

    def restart_pooler(self, port: int) -> None:
        """Killed, and started again where it was: its clients lose their connections."""
        self.poolers[port].kill()
        self.poolers[port].wait(10)
        self._start_pooler(port, self.folder / f"pooler-{list(self.poolers).index(port)}")

    def gateway(self, port: int, patience: str = "120s") -> Gateway:
        """The service's way to PostgreSQL through the pooler at a port."""
        pooler = Pooler("localhost", port, self.authority, self.secret_file, self.following_file)
        return Gateway(self.folder, self._start, pooler, patience)

    def dsn(self, port: int) -> str:
        """For a client that logs in by itself, at a pooler or a server, by the password file of the test."""
        options = f"sslmode=verify-full&sslrootcert={self.authority}&passfile={self.passfile}&connect_timeout=30"
        return f"postgresql://soma@localhost:{port}/somamemory?{options}"

    def schema(self) -> "subprocess.CompletedProcess[str]":
        """The schema Job, at the read-write service."""
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        environment = {
            "PGHOST": "localhost",
            "PGPORT": str(self.front.port),
            "PGDATABASE": "somamemory",
            "PGUSER": "soma",
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": str(self.authority),
            "PASSFILE": str(self.passfile),
            "WORK": str(work),
            "SCHEMA": str(FILES / "schema.sql"),
            "PARTITIONS": "8",
            "WAIT_SECONDS": "30",
        }
        return run_script("schema.sh", environment)

    def superuser(self, name: str, statement: str, database: str = "somamemory") -> str:
        """As the superuser, by the instance's own socket."""
        socket_folder = self.folder / name / "scratch" / "run"
        arguments = ["-XAtq", "-h", str(socket_folder), "-p", str(self.ports[name][0]), "-U", "postgres"]
        done = subprocess.run(
            [tool("psql"), *arguments, "-d", database, "-c", statement],
            user=self._user,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def close(self) -> None:
        self.api.shutdown()
        self.front.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class _Reader:
    """The fake API as `instance.api.Api` reads it."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def secret(self, name: str) -> dict[str, str]:
        data = self._api.objects[f"secrets/{name}"]["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}
