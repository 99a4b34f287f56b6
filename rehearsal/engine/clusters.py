"""Finds the cluster of each resource by its provider, and which held objects are no longer where they were."""

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, cast

from rehearsal import kube
from rehearsal.engine.model import PlannedResource, Unknown, Value, revealed
from rehearsal.engine.providers.kubernetes import RELEASE
from rehearsal.engine.state import Held
from rehearsal.errors import RehearsalError

Manifest = kube.Manifest
KUBERNETES = "kubernetes:"
MISSING = "was missing from the cluster"
ELSEWHERE = "is not in this cluster: the state is of another one"


class Cluster(Protocol):
    """What the engine asks of an API server; `kube.Client` is one."""

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest: ...

    def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest | None: ...

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> list[Manifest]: ...

    def apply(
        self,
        obj: Manifest,
        field_manager: str,
        force: bool = True,
        dry_run: bool = False,
        subresource: str | None = None,
    ) -> Manifest: ...

    def delete(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        propagation: str = "Background",
        grace_seconds: int | None = None,
    ) -> bool: ...

    def wait(self, obj: Manifest, predicate: Callable[[Manifest | None], bool], timeout: float) -> Manifest | None: ...


Connect = Callable[[Path, str | None], Cluster]
"""(kubeconfig, context) to a cluster."""


class Clusters:
    """The clusters that one region's providers lead to. Safe to use from several threads."""

    def __init__(self, ambient: Path, scratch: Path, connect: Connect) -> None:
        self._ambient = ambient
        """Kubeconfig of resources whose provider names none."""
        self._scratch = scratch
        """Private directory for kubeconfigs that a program hands over as text."""
        self._connect = connect
        self._lock = threading.Lock()
        self._open: dict[tuple[Path, str | None], Cluster] = {}
        self._uids: dict[int, str] = {}

    def of(self, provider: Mapping[str, Value]) -> Cluster:
        """The cluster that a provider's inputs name."""
        if provider.get("renderYamlToDirectory"):
            raise RehearsalError("the in-process engine does not imitate renderYamlToDirectory; use the Pulumi CLI")
        stated = revealed(provider.get("kubeconfig"))
        context = revealed(provider.get("context"))
        if isinstance(stated, Unknown) or isinstance(context, Unknown):
            raise RehearsalError(
                "a kubernetes provider's kubeconfig is only known after the update: use the Pulumi CLI"
            )
        with self._lock:
            key = (self._file(stated) if stated else self._ambient, cast("str | None", context))
            if key not in self._open:
                self._open[key] = self._connect(*key)
            return self._open[key]

    def uid(self, cluster: Cluster) -> str:
        """What tells a cluster from another one behind the same address: the uid of its kube-system namespace."""
        with self._lock:
            known = self._uids.get(id(cluster))
        if known is None:
            known = str(cluster.get("v1", "Namespace", "kube-system")["metadata"]["uid"])
            with self._lock:
                self._uids[id(cluster)] = known
        return known

    def absent(self, held: Mapping[str, Held], providers: Mapping[str, Mapping[str, Value]]) -> dict[str, str]:
        """URNs of held objects that are not there, with the reason. One list call a kind and cluster."""
        found: dict[str, str] = {}
        kinds: dict[tuple[int, str, str], set[tuple[str, str]]] = {}
        for urn, one in held.items():
            resource = one.resource
            if not is_object(resource.type):
                continue
            provider = providers.get(resource.provider or "", {})
            cluster = self.of(provider)
            if one.cluster != self.uid(cluster):
                found[urn] = ELSEWHERE
                continue
            obj = manifest(resource, provider)
            key = (id(cluster), str(obj["apiVersion"]), str(obj["kind"]))
            if key not in kinds:
                kinds[key] = _there(cluster, *key[1:])
            name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace")
            there = kinds[key]
            # an object that names no namespace is cluster-wide or in the client's default namespace
            is_there = (namespace, name) in there if namespace else any(name == other for _, other in there)
            if not is_there and not _ends_by_itself(obj):
                found[urn] = MISSING
        return found

    def _file(self, kubeconfig: str) -> Path:
        """A kubeconfig is given as a path or, as other platforms do, as its text."""
        if "\n" not in kubeconfig and not kubeconfig.lstrip().startswith("{"):
            return Path(kubeconfig).expanduser()
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._scratch / f"kubeconfig-{hashlib.sha256(kubeconfig.encode()).hexdigest()[:12]}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(kubeconfig)
        return path


def is_object(type_: str) -> bool:
    """Whether a resource of this type is an object of an API server."""
    return type_.startswith(KUBERNETES) and type_ != RELEASE


def manifest(resource: PlannedResource, provider: Mapping[str, Value]) -> Manifest:
    """The object for the API server, secrets in the clear; the provider's namespace where the object states none."""
    obj = cast(Manifest, revealed(resource.inputs))
    namespace = provider.get("namespace")
    if namespace and "namespace" not in obj["metadata"]:
        obj["metadata"]["namespace"] = revealed(namespace)
    return obj


def _there(cluster: Cluster, api_version: str, kind: str) -> set[tuple[str, str]]:
    try:
        listed = cluster.list(api_version, kind)
    except kube.UnknownKind:
        return set()
    return {(str(item["metadata"].get("namespace") or ""), str(item["metadata"]["name"])) for item in listed}


def _ends_by_itself(obj: Manifest) -> bool:
    """A finished Job with a time to live is taken away by the cluster and not made again."""
    return obj["kind"] == "Job" and "ttlSecondsAfterFinished" in obj.get("spec", {})
