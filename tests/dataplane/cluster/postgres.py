"""PostgreSQL on the stand: who is primary, what is stored, and a load that behaves like the service."""

import copy
import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rehearsal.kube import Manifest
from tests.dataplane.cluster.stand import TOOLBOX, Pod, Stand, eventually

INSTANCE_ROLE = "cnpg.io/instanceRole"
CONTAINER = "postgres"
DATA = "/var/lib/postgresql/data"
SCRIPTS = Path(__file__).parents[3] / "components" / "files"
WRITER = Path(__file__).parents[1] / "service_writer.py"
FILES = {
    "/run/soma/passfile/pgpass": "/tmp/pgpass",
    "/run/soma/postgresql-ca/ca.crt": "/run/secrets/postgresql-ca/ca.crt",
}
"""Where the service has its files, and where the toolbox has them."""


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

    def healthy(self) -> bool:
        """All instances are ready, and the operator has nothing left to do."""
        status = self.object().get("status") or {}
        return status.get("phase") == "Cluster in healthy state" and all(pod.ready for pod in self.instances())

    def await_healthy(self, seconds: float = 240) -> None:
        eventually("PostgreSQL is healthy", self.healthy, seconds)

    def ask(self, statement: str) -> str:
        """As the superuser on the primary, by its own socket."""
        database = self.stand.settings.postgresql.database
        return self.stand.exec(
            self.primary().name, CONTAINER, "psql", "-XAtq", "-U", "postgres", "-d", database, "-c", statement
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

    def dsn(self) -> str:
        """The service's own, with the toolbox's paths."""
        deployment = self.stand.client.get("apps/v1", "Deployment", "memory-service", self.stand.namespace)
        containers: list[Manifest] = deployment["spec"]["template"]["spec"]["containers"]
        variables = next(one["env"] for one in containers if one["name"] == "memory-service")
        url = next(str(one["value"]) for one in variables if one["name"] == "SOMA_POSTGRES_URL")
        for there, here in FILES.items():
            assert there in url, url
            url = url.replace(there, here)
        return url


class Load:
    """Writes as the service does from a pod of its own, outside of one zone if need be; `with` ends the pod."""

    def __init__(self, database: Database, name: str, seconds: int, avoid: str = "") -> None:
        self._database, self._name, self._seconds, self._avoid = database, name, seconds, avoid
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        stand = self._database.stand
        stand.client.apply(self._pod(), field_manager="data-tier")
        eventually(f"pod {self._name} runs", lambda: stand.pod(self._name).ready)
        settings = [f"DSN={self._database.dsn()}", f"SECONDS={self._seconds}", f"NAMESPACE={self._name}"]
        # A mounted Secret can be read by the group, and libpq ignores such a password file.
        copied = 'umask 077; cp /run/secrets/postgresql/pgpass /tmp/pgpass; exec env "$@"'
        program = ["python3", "-c", WRITER.read_text()]
        self._process = stand.popen(self._name, TOOLBOX, "sh", "-c", copied, "sh", *settings, *program)
        eventually("it writes", lambda: self.stored() > 100)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stand = self._database.stand
        stand.client.delete("v1", "Pod", self._name, stand.namespace, grace_seconds=0)
        if self._process:
            self._process.kill()
            self._process.wait()

    def stored(self) -> int:
        """Records of this load that are there."""
        return int(self._database.ask(f"SELECT count(*) FROM kv_store WHERE key LIKE '{self._name}:%'"))

    def report(self) -> dict[str, Any]:
        """What the clients were told, once the load has ended by itself."""
        assert self._process is not None
        said, complaints = self._process.communicate(timeout=self._seconds + 300)
        assert self._process.returncode == 0, complaints
        return json.loads(said)

    def _pod(self) -> Manifest:
        toolbox = self._database.stand.pod(TOOLBOX).manifest
        spec: Manifest = copy.deepcopy({**toolbox["spec"], "nodeName": None})
        elsewhere = {"key": "topology.kubernetes.io/zone", "operator": "NotIn", "values": [self._avoid]}
        if self._avoid:
            terms = [{"matchExpressions": [elsewhere]}]
            spec["affinity"] = {
                "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
            }
        metadata = {
            "name": self._name,
            "namespace": toolbox["metadata"]["namespace"],
            "labels": toolbox["metadata"]["labels"],
        }
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {k: v for k, v in spec.items() if v is not None},
        }
