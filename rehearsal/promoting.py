"""The promotion command on the stacks of a rehearsal: its engine for the stacks, its control planes for the clusters.

Left out: PostgreSQL. Simulated nodes run none, so that how far a standby is behind is what the caller says.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.postgres_cluster import cluster_name
from components.qdrant_backup import NAME as SNAPSHOTS
from promotion import losses
from promotion.errors import PromotionError
from rehearsal import paths
from rehearsal.controlplane import ControlPlane
from rehearsal.engine import choose
from rehearsal.engine.model import Engine, masked
from rehearsal.engine.state import State
from rehearsal.errors import RehearsalError
from rehearsal.kube import Client, KubeError, Unreachable
from rehearsal.progress import Progress

NAMESPACE = "somafractalmemory"
DELETE_SECONDS = 60.0


class RehearsedAccess:
    """`promotion.access.Access` over an engine. `behind` is a standby's seconds behind home."""

    def __init__(self, checkout: Path, progress: Progress, behind: float = 0.0) -> None:
        self._checkout, self._progress, self.behind = checkout, progress, behind
        self._engine: Engine | None = None

    def outputs(self, region: str) -> Mapping[str, Any]:
        return masked(self._state(region).outputs or {})

    def up(self, region: str) -> None:
        # Anew: an engine reads Pulumi.yaml once, and home moves in it.
        self._engine = choose("in-process", self._checkout)
        try:
            self._engine.up(region, self._progress)
        except RehearsalError as error:
            raise PromotionError(f"{region}: {error}") from None

    def interrupt(self) -> None:
        """Ends the update that is under way."""
        if self._engine is not None:
            self._engine.interrupt()

    def fence(self, region: str, outputs: Mapping[str, str]) -> None:
        state = self._state(region)
        state.finish({**(state.outputs or {}), **outputs})
        state.close()

    def forget_cluster(self, region: str) -> None:
        """The engine sees by itself that an object is gone."""

    def answers(self, region: str) -> bool:
        return ControlPlane(region).alive()

    def cluster(self, region: str) -> Mapping[str, Any] | None:
        try:
            return self._client(region).find("postgresql.cnpg.io/v1", "Cluster", cluster_name(region), NAMESPACE)
        except KubeError as error:
            raise PromotionError(f"{region}: {error.message}") from None

    def snapshots(self, region: str) -> Mapping[str, Any] | None:
        try:
            return self._client(region).find("batch/v1", "CronJob", SNAPSHOTS, NAMESPACE)
        except KubeError as error:
            raise PromotionError(f"{region}: {error.message}") from None

    def service_pods(self, region: str) -> list[Mapping[str, Any]]:
        try:
            pods = self._client(region).list("v1", "Pod", NAMESPACE)
        except Unreachable as error:
            raise PromotionError(f"{region}: {error.message}") from None
        labels = [(pod, pod["metadata"].get("labels") or {}) for pod in pods]
        return [pod for pod, known in labels if known.get("app.kubernetes.io/name") == "memory-service"]

    def delete_cluster(self, region: str) -> None:
        client = self._client(region)
        found = client.find("postgresql.cnpg.io/v1", "Cluster", cluster_name(region), NAMESPACE)
        if found is not None:
            client.delete("postgresql.cnpg.io/v1", "Cluster", cluster_name(region), NAMESPACE, propagation="Foreground")
            client.wait(found, lambda left: left is None, DELETE_SECONDS)

    def query(self, region: str, statement: str) -> str | None:
        del region
        return f"0|{self.behind}|{self.behind}" if statement == losses.BEHIND else None

    def _state(self, region: str) -> State:
        return State(paths.region_dir(region) / "state.json")

    def _client(self, region: str) -> Client:
        return ControlPlane(region).admin()
