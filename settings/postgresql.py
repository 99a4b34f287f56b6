"""The graph database: a primary, its replicas and the pooler in front."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from settings.model import Count, Model, checked
from settings.names import Identifier, RegionName
from settings.quantity import Bytes, Quantity
from settings.resources import POSTGRESQL, PostgresResources

MOST_CONNECTIONS, _FEWEST_CONNECTIONS = 200, 20
"""More than a few for each core only wait for each other (wiki.postgresql.org, Number Of Database Connections)."""
LEAST_WORK_MEM = 4 * 2**20
"""PostgreSQL's default (runtime-config-resource): what a sort or a hash of one connection may take, in bytes."""
WORK_SHARE = 0.25
"""Of an instance's memory, if every connection sorts at once."""
SMALLEST_POOL = 5
_LARGEST_POOL = 25

RESERVED_DATABASES = ("postgres", "template0", "template1", "pgbouncer")
"""The last one is PgBouncer's console: a client that names it never reaches PostgreSQL."""
RESERVED_ROLES = ("postgres", "streaming_replica", "cnpg_pooler_pgbouncer", "public", "none")
"""The operator's roles, and words that mean something else where a role is named."""
RESERVED_PREFIX = "pg_"


def _own_database(name: str) -> str:
    return _own(name, RESERVED_DATABASES)


def _own_role(name: str) -> str:
    return _own(name, RESERVED_ROLES)


def _own(name: str, reserved: tuple[str, ...]) -> str:
    if name in reserved or name.startswith(RESERVED_PREFIX):
        raise ValueError(
            "kept for PostgreSQL and its operator: choose another name than "
            f'{", ".join(reserved)}, and none that starts with "{RESERVED_PREFIX}"'
        )
    return name


def _power_of_two(number: int) -> int:
    if not 1 <= number <= 1024 or number & (number - 1):
        raise ValueError(
            "not a power of two: use 1, 2, 4, 8, 16, … up to 1024, so that a partition can be split evenly"
        )
    return number


class PostgresPrimary(Model):
    """The primary; its replicas are of the same size, since each of them may have to take over."""

    resources: PostgresResources = Field(
        default=POSTGRESQL, description="CPU and memory of each instance; limits equal the requests unless stated."
    )


class PostgresReplica(Model):
    """Streaming replicas beside the primary."""

    replicas: int = Field(default=2, ge=0, le=100, description="Replicas beside the primary, each in another zone.")


class Pooler(Model):
    """PgBouncer, which holds queries while the primary moves."""

    instances: Count = Field(
        default=3, description="PgBouncer pods, spread over all zones; they share the connections to the primary."
    )


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError('not a moment: write it with its time zone, as in "2026-11-28T14:05:00Z"')
    return text


class Restore(Model):
    """A PostgreSQL that begins with what another one, or an earlier one of the region, left in its backups."""

    region: RegionName = Field(description="Region whose backups are read: this one, or one that was lost.")
    generation: Count = Field(description="Its `generation` when they were made.")
    target_time: Annotated[str, checked(_moment)] | None = Field(
        default=None, description="Moment to go back to; left out, the last one that was archived."
    )


class PostgreSQL(Model):
    """PostgreSQL under CloudNativePG."""

    primary: PostgresPrimary = Field(default=PostgresPrimary(), description="The primary.")
    replica: PostgresReplica = Field(default=PostgresReplica(), description="Its streaming replicas.")
    storage: Bytes = Field(default=Quantity("100Gi"), description="Volume of each instance for data; can only grow.")
    wal_storage: Bytes = Field(default=Quantity("20Gi"), description="Volume of each instance for WAL; can only grow.")
    pooler: Pooler = Field(default=Pooler(), description="The connection pooler in front of the primary.")
    database: Annotated[Identifier, checked(_own_database)] = Field(
        default="somamemory", description="Name of the service's database."
    )
    owner: Annotated[Identifier, checked(_own_role)] = Field(
        default="soma", description="Role that owns the database and that the service uses."
    )
    password_version: int = Field(
        default=1,
        ge=1,
        description="Raise it by one for another password of the service's role; gateways know the next one before.",
    )
    partitions: Annotated[int, AfterValidator(_power_of_two)] = Field(
        default=8, description="Hash partitions of the graph's tables (a power of two); fixed once the schema is made."
    )

    restore: Restore | None = Field(
        default=None,
        description="Backups from which home's PostgreSQL is made, while it is not there yet.",
    )

    @property
    def instances(self) -> int:
        """Primary and replicas together."""
        return 1 + self.replica.replicas

    @property
    def max_connections(self) -> int:
        """As many as a quarter of the memory gives PostgreSQL's default `work_mem` each, within bounds."""
        return max(_FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, int(self._work / LEAST_WORK_MEM)))

    @property
    def work_mem(self) -> float:
        """Bytes that a sort or a hash of one connection may take."""
        return max(self._work / self.max_connections, LEAST_WORK_MEM)

    @property
    def _work(self) -> float:
        """Bytes for the sorts of all connections."""
        return float(self.primary.resources.requests.memory.value) * WORK_SHARE

    @property
    def pooled_connections(self) -> int:
        """What all poolers together may take: a quarter is the operator's, monitoring's, the schema Job's, people's."""
        return self.max_connections - self.max_connections // 4

    @property
    def pool_size(self) -> int:
        """Connections of each pooler to the primary: more poolers have fewer each."""
        return min(_LARGEST_POOL, self.pooled_connections // self.pooler.instances)
