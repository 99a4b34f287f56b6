"""Where a region's backups lie, for the components that write and read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi

from components import objects
from components.objects import Manifest

POSTGRESQL: Final = "postgresql"
"""Folder of base backups and WAL, with a folder for each server in it."""
QDRANT: Final = "qdrant"
"""Folder of snapshots, with a folder for each region in it."""
CREDENTIALS: Final = "backup-credentials"
"""Secret for a store that asks for keys: `access-key-id`, `secret-access-key`, and `credentials`, the file of both
that AWS's SDKs read."""

HTTPS: Final = 443
POD_IDENTITY: Final = "169.254.170.23/32"
"""Where the agent of EKS Pod Identity hands roles out, on port 80
(docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html)."""


@dataclass(frozen=True)
class ObjectStore:
    """A bucket, and how it is reached."""

    bucket: str
    """Name of the bucket."""
    region: str
    """What the store calls the bucket's region."""
    endpoint: str | None = None
    """URL of a store that is not AWS's."""
    has_role: bool = True
    """Pods have a role that may use it; else they need the keys of the Secret CREDENTIALS."""

    @property
    def port(self) -> int:
        """TCP port of the store."""
        if self.endpoint is None:
            return HTTPS
        scheme, _, rest = self.endpoint.partition("://")
        _, colon, port = rest.partition(":")
        return int(port) if colon else HTTPS if scheme == "https" else 80


@dataclass(frozen=True)
class BackupStores:
    """What a region writes to, and where it reads what others wrote."""

    own: ObjectStore
    others: Mapping[str, ObjectStore] = field(default_factory=dict)
    """Every other region to where its backups are read here."""
    ready: Sequence[pulumi.Resource] = ()
    """What has to be there before a pod writes or reads: buckets, roles and who has them, keys."""

    def of(self, region: str) -> ObjectStore:
        """Where a region's backups are read here."""
        return self.others.get(region, self.own)


def egress(store: ObjectStore) -> list[Manifest]:
    """NetworkPolicy rules: a store has no selector, so its port is open to any address."""
    ways: list[Manifest] = [{"ports": objects.tcp(store.port)}]
    if store.has_role:
        ways.append({"to": [{"ipBlock": {"cidr": POD_IDENTITY}}], "ports": objects.tcp(80)})
    return ways
