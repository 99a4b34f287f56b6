"""Stacks through the Pulumi CLI and clusters through kubectl, both as the operator's machine is set up for them.

A region's cluster is the kubeconfig and context that its stack file names, else a context of the region's own name,
which `aws eks update-kubeconfig --alias <region>` writes.
"""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pulumi import automation

from components.postgres_cluster import cluster_name
from components.qdrant_backup import NAME as SNAPSHOTS
from promotion import stacks
from promotion.errors import PromotionError
from settings import Settings

ANSWER_SECONDS = 15
DELETE_SECONDS = 600
UNREACHABLE = (
    "Unable to connect to the server",
    "was refused",
    "connection refused",
    "connection reset",
    "no route to host",
    "no such host",
    "network is unreachable",
    "timeout",
    "timed out",
    "TLS handshake",
    "EOF",
    "ServiceUnavailable",
    "currently unable to handle the request",
    "etcd",
)
"""What kubectl says of an API server that does not answer, or not well (client-go, k8s.io/apimachinery api/errors, and
/readyz of one without its etcd). Credentials and contexts that are wrong say other things."""
_STACK = "pulumi:pulumi:Stack"
_CLUSTER = "kubernetes:postgresql.cnpg.io/v1:Cluster"


class CliAccess:
    """`promotion.access.Access` on the stacks and clusters of a checkout."""

    def __init__(self, directory: Path, settings: Mapping[str, Settings]) -> None:
        self._directory, self._settings = directory, settings

    def outputs(self, region: str) -> Mapping[str, Any]:
        root = _root(stacks.export(self._directory, region))
        return cast(Mapping[str, Any], (root or {}).get("outputs") or {})

    def up(self, region: str) -> None:
        try:
            self._stack(region).up(color="never", on_output=_quiet)
        except automation.CommandError as error:
            raise PromotionError(stacks.failed(region, "pulumi up", str(error))) from None

    def fence(self, region: str, outputs: Mapping[str, str]) -> None:
        """By export and import of the stack's state: the secrets in it stay encrypted."""
        exported = stacks.export(self._directory, region)
        root = _root(exported)
        if root is None:
            raise PromotionError(f"{region}: its stack has no state that could be fenced")
        root["outputs"] = {**(root.get("outputs") or {}), **outputs}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(exported, file)
            file.flush()
            stacks.run(self._directory, region, "stack", "import", "--stack", region, "--file", file.name)

    def forget_cluster(self, region: str) -> None:
        held = stacks.resources(stacks.export(self._directory, region))
        urns = [str(one["urn"]) for one in held if one.get("type") == _CLUSTER]
        if not urns:
            return
        try:
            self._stack(region).refresh(target=urns, color="never", on_output=_quiet)
        except automation.CommandError as error:
            raise PromotionError(stacks.failed(region, "pulumi refresh", str(error))) from None

    def answers(self, region: str) -> bool:
        """PromotionError where it is the way there that fails: a home that lives must not be taken for a lost one."""
        try:
            done = self._run(region, "get", "--raw", "/readyz", "--request-timeout=10s")
        except subprocess.TimeoutExpired:
            return False
        if done.returncode == 0:
            return True
        if any(word in done.stderr for word in UNREACHABLE):
            return False
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise PromotionError(
            f"{region}: kubectl cannot ask its API server, so nobody knows whether it lives: "
            f"{lines[-1].strip() if lines else 'it does not say why'}\n"
            "mend that (context, credentials), then run the command again"
        )

    def cluster(self, region: str) -> Mapping[str, Any] | None:
        found = self._kubectl(
            region, "get", "clusters.postgresql.cnpg.io", cluster_name(region), "-o", "json", "--ignore-not-found"
        )
        if found is None:
            raise PromotionError(f"{region}: its API server does not say how PostgreSQL is: run the command again")
        return cast(Mapping[str, Any], json.loads(found)) if found.strip() else None

    def snapshots(self, region: str) -> Mapping[str, Any] | None:
        found = self._kubectl(region, "get", "cronjobs.batch", SNAPSHOTS, "-o", "json", "--ignore-not-found")
        if found is None:
            raise PromotionError(f"{region}: its API server does not say when snapshots were taken")
        return cast(Mapping[str, Any], json.loads(found)) if found.strip() else None

    def service_pods(self, region: str) -> list[Mapping[str, Any]]:
        found = self._kubectl(region, "get", "pods", "-l", "app.kubernetes.io/name=memory-service", "-o", "json")
        if found is None:
            raise PromotionError(f"{region}: its API server does not list pods: run the command again")
        return cast(list[Mapping[str, Any]], json.loads(found)["items"])

    def listed(self, region: str, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind (`pods`, `jobs.batch`) in the region's namespace."""
        found = self._kubectl(region, "get", kind, "-o", "json")
        if found is None:
            raise PromotionError(
                f"{region}: its API server does not list {kind}: look at the way there, and its rights"
            )
        return cast(list[dict[str, Any]], json.loads(found)["items"])

    def delete_cluster(self, region: str) -> None:
        name = cluster_name(region)
        arguments = ["delete", "clusters.postgresql.cnpg.io", name, "--ignore-not-found", "--cascade=foreground"]
        if self._kubectl(region, *arguments, seconds=DELETE_SECONDS) is None:
            raise PromotionError(f"{region}: the Cluster {name} is not gone yet: run the command again")

    def query(self, region: str, statement: str) -> str | None:
        found = self.cluster(region)
        primary = str(((found or {}).get("status") or {}).get("currentPrimary") or "")
        if not primary:
            return None
        return self._kubectl(region, "exec", primary, "-c", "postgres", "--", "psql", "-XAtq", "-c", statement)

    def _stack(self, region: str) -> automation.Stack:
        try:
            return automation.select_stack(region, work_dir=str(self._directory))
        except automation.CommandError as error:
            raise PromotionError(stacks.failed(region, "pulumi stack select", str(error))) from None
        except FileNotFoundError:
            raise PromotionError(stacks.NO_CLI) from None

    def _kubectl(self, region: str, *arguments: str, seconds: float = ANSWER_SECONDS) -> str | None:
        try:
            done = self._run(region, *arguments, seconds=seconds)
        except subprocess.TimeoutExpired:
            return None
        return done.stdout if done.returncode == 0 else None

    def _run(self, region: str, *arguments: str, seconds: float = ANSWER_SECONDS) -> "subprocess.CompletedProcess[str]":
        settings = self._settings[region].kubernetes
        way = [f"--kubeconfig={settings.kubeconfig}"] if settings.kubeconfig else []
        if settings.context or not settings.kubeconfig:
            way.append(f"--context={settings.context or region}")
        command = ["kubectl", *way, f"--namespace={settings.namespace}", *arguments]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        except FileNotFoundError:
            raise PromotionError("kubectl is not on PATH: install it, the clusters are asked through it") from None


def _root(exported: Mapping[str, Any]) -> dict[str, Any] | None:
    return next((one for one in stacks.resources(exported) if one.get("type") == _STACK), None)


def _quiet(line: str) -> None:
    """What the CLI prints is told when it fails."""
    del line
