"""PostgreSQL on the stand: who is primary, and what is stored."""

from pathlib import Path

from rehearsal.kube import Manifest
from tests.dataplane.cluster.stand import Pod, Stand, eventually

INSTANCE_ROLE = "cnpg.io/instanceRole"
CONTAINER = "postgres"
DATA = "/var/lib/postgresql/data"
SCRIPTS = Path(__file__).parents[3] / "components" / "files"


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
