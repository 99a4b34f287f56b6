"""PostgreSQL on the stand: who is primary, what is stored, and a load that behaves like the service."""

import json
import subprocess
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from components import postgres_pooler
from components.memory_gateways import POSTGRESQL_GATEWAY_METRICS
from rehearsal.kube import Manifest
from tests.dataplane.cluster import toolbox
from tests.dataplane.cluster.stand import TOOLBOX, ZONE, Pod, Stand, eventually
from tests.dataplane.postgres_load import PAUSES, WRITER, Report, stored

INSTANCE_ROLE = "cnpg.io/instanceRole"
CONTAINER = "postgres"
DATA = "/var/lib/postgresql/data"
SCRIPTS = Path(__file__).parents[3] / "components" / "files"
SERVICE = "memory-service"
GATEWAY = "postgresql-gateway"
METRICS = f"http://127.0.0.1:{POSTGRESQL_GATEWAY_METRICS}/metrics"
AGAIN = "postgresql_gateway_statements_sent_again_total"
MORE = 10
"""Records of each client after a fault: a connection that leads nowhere may be met by the second one or the third."""
GOING_ON_SECONDS = 240
"""For every client to be answered after a fault: the gateway's patience twice, as the service tries twice."""


class Database:
    """The Cluster of the stand."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.name = f"postgresql-{stand.settings.stack}"

    def object(self) -> Manifest:
        return self.stand.client.get("postgresql.cnpg.io/v1", "Cluster", self.name, self.stand.namespace)

    def instances(self) -> list[Pod]:
        return self.stand.pods(f"cnpg.io/cluster={self.name},cnpg.io/podRole=instance")

    def primary(self) -> Pod:
        """The instance behind the read-write service."""
        found = self.stand.pods(f"cnpg.io/cluster={self.name},{INSTANCE_ROLE}=primary")
        assert len(found) == 1, [pod.name for pod in found]
        return found[0]

    def replicas(self) -> list[Pod]:
        """The instances that follow the primary."""
        return self.stand.pods(f"cnpg.io/cluster={self.name},{INSTANCE_ROLE}=replica")

    def poolers(self) -> list[Pod]:
        return self.stand.pods(",".join(f"{key}={value}" for key, value in postgres_pooler.PODS.items()))

    def healthy(self) -> bool:
        """All instances are ready, and the operator has nothing left to do."""
        status = self.object().get("status") or {}
        return status.get("phase") == "Cluster in healthy state" and all(pod.ready for pod in self.instances())

    def await_healthy(self, seconds: float = 240) -> None:
        eventually("PostgreSQL is healthy", self.healthy, seconds)

    def ask(self, statement: str, instance: str = "") -> str:
        """As the superuser, by an instance's own socket; on the primary, unless another one is named."""
        database = self.stand.settings.postgresql.database
        return self.stand.exec(
            instance or self.primary().name,
            CONTAINER,
            "psql",
            "-XAtq",
            "-U",
            "postgres",
            "-d",
            database,
            "-c",
            statement,
        ).strip()

    def make_schema(self, database: str) -> tuple[int, str]:
        """Runs the schema Job's own script for a database, from the toolbox; its exit code and what it said."""
        sql = self.stand.tool("tee", "/tmp/schema.sql", text=(SCRIPTS / "schema.sql").read_text())
        assert sql
        environment = {
            "PGHOST": f"{self.name}-rw",
            "PGPORT": "5432",
            "PGDATABASE": database,
            "PGUSER": self.stand.settings.postgresql.owner,
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": "/run/secrets/postgresql-ca/ca.crt",
            # the Secret's own names one database
            "PASSFILE": "/tmp/any-database",
            "WORK": "/tmp",
            "SCHEMA": "/tmp/schema.sql",
            "PARTITIONS": str(self.stand.settings.postgresql.partitions),
            "WAIT_SECONDS": "30",
        }
        given = " ".join(f"{key}={value}" for key, value in environment.items())
        passfile = "umask 077; sed s/:5432:[^:]*:/:5432:*:/ /run/secrets/postgresql/pgpass > /tmp/any-database"
        script = f'{passfile}; env {given} sh -s 2>&1; echo "code $?"'
        said = self.stand.tool("sh", "-c", script, text=(SCRIPTS / "schema.sh").read_text(), seconds=120)
        return int(said.rpartition("code ")[2]), said


_RUN = """
import json, sys
import psycopg2
asked = json.load(sys.stdin)
connection = psycopg2.connect(asked["url"])
connection.autocommit = True
answers = []
for statement in asked["statements"]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        answers.append(cursor.fetchall() if cursor.description else [])
print(json.dumps(answers))
"""
_START = """
import json, multiprocessing, sys
import psycopg2
asked = json.load(sys.stdin)
count = len(asked["processes"])
fork = multiprocessing.get_context("fork")
together, failures = fork.Barrier(count), fork.SimpleQueue()

def start(statements):
    failure = ""
    together.wait(60)
    try:
        connection = psycopg2.connect(asked["url"])
        connection.autocommit = True
        for statement in statements:
            with connection.cursor() as cursor:
                cursor.execute(statement)
    except psycopg2.Error as error:
        failure = f"{type(error).__name__}: {error}"
    failures.put(failure)

started = [fork.Process(target=start, args=(statements,)) for statements in asked["processes"]]
for process in started:
    process.start()
print(json.dumps([failures.get() for _ in started]))
"""


@dataclass(frozen=True)
class Client:
    """A pod with the service's gateway and nothing else that leads to PostgreSQL."""

    stand: Stand
    pod: str
    url: str

    def run(self, *statements: str) -> list[list[list[Any]]]:
        """The rows that each statement answers, all on one connection, each committed."""
        return json.loads(self._python(_RUN, {"url": self.url, "statements": statements}))

    def start(self, processes: Sequence[Sequence[str]]) -> list[str]:
        """Processes that begin at the same moment, each with a connection and statements of its own; what failed."""
        said: list[str] = json.loads(self._python(_START, {"url": self.url, "processes": processes}))
        return [failure for failure in said if failure]

    def _python(self, program: str, asked: object) -> str:
        text = json.dumps(asked)
        return self.stand.exec(self.pod, TOOLBOX, "python3", "-c", program, text=text, seconds=GOING_ON_SECONDS)


class Load:
    """Writes as the service does: from a pod in each of some zones, with the service's own gateway beside its clients.

    `with` ends the pods.
    """

    def __init__(self, database: Database, name: str, zones: Iterable[str], pauses: Sequence[str] = PAUSES) -> None:
        self._database, self._stand, self._pauses = database, database.stand, pauses
        self._zones = {f"{name}-{zone}": zone for zone in zones}
        self._clients: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> Self:
        service = service_of(self._stand)
        try:
            for pod, zone in self._zones.items():
                self._stand.client.apply(client_pod(self._stand, pod, zone, service), field_manager="data-tier")
            for pod in self._zones:
                eventually(f"pod {pod} runs", lambda p=pod: self._stand.pod(p).ready)
                self._start(pod, url_of(service))
            eventually("all write", lambda: all(number > 2 for number in self.stored()))
        except BaseException:
            self._end_pods()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_pods()

    def log_in(self) -> None:
        """By a client that comes now, in each pod; it waits for as long as its gateway lets it."""
        url = url_of(service_of(self._stand))
        for pod in self._zones:
            assert Client(self._stand, pod, url).run("SELECT 1") == [[[1]]]

    def stored(self) -> list[int]:
        """Records of each client that are there."""
        return stored(self._clients, self._database.ask)

    def await_going_on(self) -> None:
        """Until every client has stored some more."""
        before = eventually("what is stored is known", self.stored)
        eventually(
            f"every client goes on after {before}",
            lambda: all(now >= then + MORE for now, then in zip(self.stored(), before, strict=True)),
            GOING_ON_SECONDS,
        )

    def end(self) -> Report:
        """Lets each client finish its record."""
        for pod in self._zones:
            self._stand.exec(pod, TOOLBOX, "sh", "-c", "kill -TERM $(cat /tmp/*.pid)")
        return Report.of([self._told(process) for process in self._clients.values()])

    def missing(self, report: Report) -> int:
        """How many of the records that were answered 200 are not there."""
        return report.answered - sum(self.stored())

    def sent_again(self) -> int:
        """Statements that a pooler refused and a gateway sent once more."""
        ask = f"import urllib.request; print(urllib.request.urlopen('{METRICS}').read().decode())"
        said = (self._stand.exec(pod, TOOLBOX, "python3", "-c", ask) for pod in self._zones)
        return sum(int(float(line.split()[1])) for one in said for line in one.splitlines() if line.startswith(AGAIN))

    def _start(self, pod: str, url: str) -> None:
        for number, pause in enumerate(self._pauses):
            client = f"{pod}-{number}"
            settings = [f"DSN={url}", f"NAMESPACE={client}", f"PAUSE={pause}"]
            known = f'echo $$ >/tmp/{client}.pid; exec env "$@"'
            program = ["python3", "-c", WRITER.read_text()]
            self._clients[client] = self._stand.popen(pod, TOOLBOX, "sh", "-c", known, "sh", *settings, *program)

    def _told(self, process: "subprocess.Popen[str]") -> dict[str, Any]:
        said, complaints = process.communicate(timeout=GOING_ON_SECONDS)
        assert process.returncode == 0, complaints
        return json.loads(said)

    def _end_pods(self) -> None:
        for pod in self._zones:
            self._stand.client.delete("v1", "Pod", pod, self._stand.namespace, grace_seconds=0)
        for process in self._clients.values():
            process.kill()
            process.wait()


@contextmanager
def behind_a_gateway(stand: Stand, name: str, zone: str) -> Generator[Client]:
    """A pod that reaches PostgreSQL as the service does, for as long as the test needs it."""
    service = service_of(stand)
    try:
        stand.client.apply(client_pod(stand, name, zone, service), field_manager="data-tier")
        eventually(f"pod {name} runs", lambda: stand.pod(name).ready)
        yield Client(stand, name, url_of(service))
    finally:
        stand.client.delete("v1", "Pod", name, stand.namespace, grace_seconds=0)


def service_of(stand: Stand) -> Manifest:
    """The specification of the service's pods."""
    return stand.client.get("apps/v1", "Deployment", SERVICE, stand.namespace)["spec"]["template"]["spec"]


def client_pod(stand: Stand, name: str, zone: str, service: Manifest) -> Manifest:
    """A toolbox whose only way to PostgreSQL, with everything it needs, is the service's."""
    image = stand.pod(TOOLBOX).manifest["spec"]["containers"][0]["image"]
    pod = toolbox.pod(stand.namespace, image)
    gateway = named(service["initContainers"], GATEWAY)
    (client,) = pod["spec"]["containers"]
    pod["metadata"]["name"] = name
    pod["spec"] |= {
        # its group may read the gateway's files
        "securityContext": service["securityContext"],
        "nodeSelector": {ZONE: zone},
        "initContainers": [gateway],
        "containers": [{**client, "volumeMounts": []}],
        "volumes": [named(service["volumes"], mount["name"]) for mount in gateway["volumeMounts"]],
    }
    return pod


def url_of(service: Manifest) -> str:
    """How the service is told to reach PostgreSQL."""
    return str(named(named(service["containers"], SERVICE)["env"], "SOMA_POSTGRES_URL")["value"])


def named(among: Sequence[Manifest], name: str) -> Manifest:
    return next(one for one in among if one["name"] == name)
