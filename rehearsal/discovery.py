"""What an API server serves: from a kind to the path of its objects."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""Asks for every group, version and resource in one answer (aggregated discovery, stable since Kubernetes 1.30)."""

Kind = tuple[str, str]
"""apiVersion and kind, such as `("apps/v1", "Deployment")`."""


@dataclass(frozen=True)
class Resource:
    """How one kind is served."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    subresources: frozenset[str]
    """Such as `status` and `scale`."""
    verbs: frozenset[str] = frozenset()
    """What may be done with its objects, such as `list`: reviews and bindings can only be made."""

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of a collection, an object or a subresource; a namespace is ignored for cluster-wide kinds."""
        parts = ["/api" if "/" not in self.api_version else "/apis", self.api_version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part is not None]
        return "/".join(parts)


class Discovery:
    """The kinds of one server: asked for once, and once more when a kind is not among them (a new CRD)."""

    def __init__(self, fetch: Callable[[str, str], Mapping[str, Any]]) -> None:
        self._fetch = fetch
        """Answers (path, accept header) with the decoded document."""
        self._lock = threading.Lock()
        self._resources: dict[Kind, Resource] = {}

    def find(self, api_version: str, kind: str) -> Resource | None:
        """The resource that serves a kind; None when the server does not know it after asking again."""
        found = self._resources.get((api_version, kind))
        if found is not None:
            return found
        with self._lock:
            if (api_version, kind) not in self._resources:
                self._resources = self._ask()
            return self._resources.get((api_version, kind))

    def all(self) -> list[Resource]:
        """Every kind that the server serves now."""
        with self._lock:
            self._resources = self._ask()
            return list(self._resources.values())

    def _ask(self) -> dict[Kind, Resource]:
        documents = (self._fetch("/api", AGGREGATED), self._fetch("/apis", AGGREGATED))
        return {(found.api_version, found.kind): found for document in documents for found in _resources(document)}


def _resources(document: Mapping[str, Any]) -> Iterator[Resource]:
    for group in cast(list[dict[str, Any]], document.get("items") or []):
        name = str(group.get("metadata", {}).get("name") or "")
        for version in cast(list[dict[str, Any]], group.get("versions") or []):
            api_version = f"{name}/{version['version']}" if name else str(version["version"])
            for resource in cast(list[dict[str, Any]], version.get("resources") or []):
                yield _resource(api_version, resource)


def _resource(api_version: str, resource: dict[str, Any]) -> Resource:
    subresources = cast(list[dict[str, Any]], resource.get("subresources") or [])
    return Resource(
        api_version=api_version,
        kind=str(resource["responseKind"]["kind"]),
        plural=str(resource["resource"]),
        namespaced=resource["scope"] == "Namespaced",
        subresources=frozenset(str(sub["subresource"]) for sub in subresources),
        verbs=frozenset(map(str, resource.get("verbs") or ())),
    )
