"""The seam to stacks and clusters: production goes through the CLIs, the rehearsal through its engine."""

from collections.abc import Mapping
from typing import Any, Protocol


class Access(Protocol):
    """What the command asks of a region and does to it. Failures end as PromotionError with words for people."""

    def outputs(self, region: str) -> Mapping[str, Any]:
        """Outputs of the stack's last complete update; of secret ones the keys at least. Empty before the first."""
        ...

    def up(self, region: str) -> None:
        """Brings the stack to what its files say. A call after one that failed takes up where that one stopped."""
        ...

    def fence(self, region: str, outputs: Mapping[str, str]) -> None:
        """Changes outputs in the stack's state, with the region itself not asked."""
        ...

    def forget_cluster(self, region: str) -> None:
        """Makes the stack notice that its PostgreSQL cluster is gone, so that the next update makes it."""
        ...

    def answers(self, region: str) -> bool:
        """Does the API server?"""
        ...

    def cluster(self, region: str) -> Mapping[str, Any] | None:
        """The CloudNativePG Cluster; None where there is none."""
        ...

    def snapshots(self, region: str) -> Mapping[str, Any] | None:
        """The CronJob that takes snapshots of Qdrant; None where there is none."""
        ...

    def service_pods(self, region: str) -> list[Mapping[str, Any]]:
        """All pods of the memory service, those that end included."""
        ...

    def delete_cluster(self, region: str) -> None:
        """Deletes the Cluster, and waits until it and its pods are gone."""
        ...

    def query(self, region: str, statement: str) -> str | None:
        """One row of PostgreSQL's designated or current primary, fields divided by `|`; None without an answer."""
        ...
