"""Where things lie in a pod, and the names that the pod has been given."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NO_ROOM_FOR_WAL = 4
"""Exit code of an instance whose volume for WAL is full (api/v1, MissingWALDiskSpaceExitCode)."""


@dataclass(frozen=True)
class Layout:
    """Paths, ports and names of one pod. Every one but the names has the operator's own default."""

    name: str
    """Name of the instance or of the pooler."""
    namespace: str
    cluster: str
    """Name of the Cluster; empty in a pooler, which reads it from its Pooler."""
    data: Path = Path("/var/lib/postgresql/data/pgdata")
    wal: Path = Path("/var/lib/postgresql/wal/pg_wal")
    """Used when the Cluster declares `walStorage`."""
    scratch: Path = Path("/controller")
    listen: str = "*"
    port: int = 5432
    status_port: int = 8000
    metrics_port: int = 9187
    """Of an instance; 9127 is a pooler's."""
    writable: str = ""
    """`host:port` of the primary; empty: the Cluster's read-write Service."""

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "Layout":
        """From the variables that the operator sets in its pods, and from others that tests set."""
        given = environment.get
        return cls(
            name=given("POD_NAME") or given("POOLER_NAME") or "",
            namespace=given("NAMESPACE", ""),
            cluster=given("CLUSTER_NAME", ""),
            data=Path(given("PGDATA", str(cls.data))),
            wal=Path(given("INSTANCE_WAL", str(cls.wal))),
            scratch=Path(given("INSTANCE_SCRATCH", str(cls.scratch))),
            listen=given("INSTANCE_LISTEN", cls.listen),
            port=int(given("PGPORT", str(cls.port))),
            status_port=int(given("INSTANCE_STATUS_PORT", str(cls.status_port))),
            metrics_port=int(given("INSTANCE_METRICS_PORT", str(cls.metrics_port))),
            writable=given("INSTANCE_WRITABLE", ""),
        )

    @property
    def certificates(self) -> Path:
        return self.scratch / "certificates"

    @property
    def sockets(self) -> Path:
        return self.scratch / "run"

    @property
    def locks(self) -> tuple[Path, Path]:
        """Files by which a postmaster keeps others off its data and its socket. They name its pid: once its container
        is gone, another process may have that."""
        return self.data / "postmaster.pid", self.sockets / f".s.PGSQL.{self.port}.lock"

    @property
    def primary(self) -> tuple[str, int]:
        """Host and port of the primary."""
        host, _, port = (self.writable or f"{self.cluster}-rw:5432").rpartition(":")
        return host, int(port)
