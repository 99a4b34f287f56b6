"""Custom resource definitions of the kinds that a plan uses: upstream's where they are found, else permissive ones.

Found are files named `<group>_<plural>.yaml`, as controller-gen names them, in the directories of `search_path`.
"""

import os
import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal import paths, upstream
from rehearsal.discovery import Kind
from rehearsal.errors import RehearsalError
from rehearsal.kube import APPLY, Client, KubeError, Manifest

PATH_VARIABLE = "SOMA_CRD_PATH"
"""Directories with definitions, separated as in PATH; they come before the others."""
DEFINITION = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
PERMISSIVE = "rehearsal/permissive"
"""Label of definitions that accept everything because no schema was found."""
MANAGER = "rehearsal"
ESTABLISHED_SECONDS = 30.0
POLL_SECONDS = 0.05
INSTALLERS = 4

_GROUP = re.compile(r"^  group: (\S+)$", re.MULTILINE)
_KIND = re.compile(r"^    kind: (\S+)$", re.MULTILINE)
_NAME = re.compile(r"^  name: (\S+)$", re.MULTILINE)
_VERSION = re.compile(r"^  (?:- |  )name: (v\d\S*)$", re.MULTILINE)
_UNSUITABLE = re.compile(r"(^[^.]*$)|(^|\.)kubernetes\.io$")
"""Groups that no definition can be made for."""
_KUBERNETES = re.compile(r"(^[^.]*$)|(^|\.)(kubernetes|k8s)\.io$")
"""Groups of Kubernetes' own kinds, which its API server knows."""


@dataclass(frozen=True)
class Definition:
    """A definition in a file, known by what its first lines and indentation say; its schema is never parsed here."""

    file: Path
    name: str
    """Such as `clusters.postgresql.cnpg.io`."""
    kinds: frozenset[Kind]
    """One for each version."""


def search_path() -> list[Path]:
    """$SOMA_CRD_PATH, `shared/crds` beside the checkout, and what was fetched; only those that are there."""
    named = [Path(entry) for entry in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if entry]
    for directory in named:
        if not directory.is_dir():
            raise RehearsalError(f"{PATH_VARIABLE}: {directory} is no directory")
    beside = paths.CHECKOUT.parent / "shared" / "crds"
    return [*named, *([beside] if beside.is_dir() else []), *upstream.directories()]


def unknown(kinds: Iterable[Kind]) -> set[Kind]:
    """Custom kinds that no directory of the search path defines: an API server would accept whatever they say."""
    found = definitions(search_path())
    return {kind for kind in kinds if kind not in found and not _KUBERNETES.search(group(kind))}


def named(kinds: Iterable[Kind]) -> list[str]:
    """Kinds as the summary names them: `Cluster (postgresql.cnpg.io/v1)`."""
    return sorted(f"{kind} ({api_version})" for api_version, kind in kinds)


def definitions(places: Sequence[Path]) -> dict[Kind, Definition]:
    """The definitions of all directories by the kinds they define; the first directory wins."""
    found: dict[Kind, Definition] = {}
    for place in places:
        for file in sorted(place.glob("*_*.yaml")):
            definition = _read(file)
            if definition is not None:
                found = {**dict.fromkeys(definition.kinds, definition), **found}
    return found


def ensure_kinds(client: Client, kinds: Iterable[Kind]) -> list[str]:
    """Makes the API server serve every kind, definitions established; the names of those that it cannot validate.

    Kinds of Kubernetes' own groups are left to the server: one that it does not know is for the apply to report.
    """
    asked = sorted(set(kinds))
    permissive = _permissive(client)
    served = {(resource.api_version, resource.kind) for resource in client.resources()}
    lacking = [kind for kind in asked if kind not in served - permissive and not _UNSUITABLE.search(group(kind))]
    if lacking:
        found = definitions(search_path())
        upstream = {found[kind].name: found[kind] for kind in lacking if kind in found}
        invented = [kind for kind in lacking if kind not in found and kind not in permissive]
        permissive = (permissive | set(invented)) - found.keys()
        _install(client, list(upstream.values()), invented)
        client.resources()  # so that the client knows the new kinds
    return named(permissive.intersection(asked))


def permissive(kind: Kind) -> Manifest:
    """A definition of one kind that accepts every field and has a status."""
    api_version, name = kind
    group, version = api_version.split("/")
    plural = plural_of(name)
    anything: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    # kinds that span namespaces are as a rule named so: ClusterIssuer, ClusterPolicy
    cluster_wide = name.startswith("Cluster") and name != "Cluster"
    return {
        "apiVersion": DEFINITION[0],
        "kind": DEFINITION[1],
        "metadata": {
            "name": f"{plural}.{group}",
            "labels": {PERMISSIVE: "true"},
            # groups below k8s.io are reserved; this says that nobody reviewed the definition
            "annotations": {"api-approved.kubernetes.io": "unapproved, made for a rehearsal"},
        },
        "spec": {
            "group": group,
            "names": {"kind": name, "listKind": f"{name}List", "plural": plural, "singular": name.lower()},
            "scope": "Cluster" if cluster_wide else "Namespaced",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": anything},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


def plural_of(kind: str) -> str:
    """The plural of a kind as controller-gen forms it: `policies`, `ingresses`, `gateways`, `virtualservers`."""
    name = kind.lower()
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"


def _read(file: Path) -> Definition | None:
    """What a file says at fixed indentation: as controller-gen writes it, and quicker than parsing 2 MB."""
    text = file.read_text()
    group, kind, name = _GROUP.search(text), _KIND.search(text), _NAME.search(text)
    if f"kind: {DEFINITION[1]}" not in text or not (group and kind and name):
        return None
    versions = _VERSION.findall(text)
    return Definition(file, name[1], frozenset((f"{group[1]}/{version}", kind[1]) for version in versions))


def group(kind: Kind) -> str:
    """The API group of a kind; empty for the core group."""
    return kind[0].partition("/")[0] if "/" in kind[0] else ""


def _permissive(client: Client) -> set[Kind]:
    found = client.list(*DEFINITION, label_selector=f"{PERMISSIVE}=true")
    return {
        (f"{item['spec']['group']}/{version['name']}", item["spec"]["names"]["kind"])
        for item in found
        for version in item["spec"]["versions"]
    }


def _install(client: Client, upstream: Sequence[Definition], invented: Sequence[Kind]) -> None:
    invented_definitions = [permissive(kind) for kind in invented]
    with ThreadPoolExecutor(max_workers=INSTALLERS) as pool:
        list(pool.map(lambda definition: _apply(client, definition), upstream))
        list(pool.map(lambda made: client.apply(made, MANAGER), invented_definitions))
    names = {definition.name for definition in upstream} | {made["metadata"]["name"] for made in invented_definitions}
    _await_established(client, names)


def _apply(client: Client, definition: Definition) -> None:
    path = f"{client.resource(*DEFINITION).path()}/{definition.name}"
    query = {"fieldManager": MANAGER, "force": "true"}
    try:
        # the server parses the YAML itself, many times as fast as we could
        client.call("PATCH", path, body=definition.file.read_bytes(), query=query, content_type=APPLY)
    except KubeError as error:
        raise RehearsalError(f"{definition.file}: the API server refuses this definition: {error}") from error


def _await_established(client: Client, names: set[str]) -> None:
    deadline = time.monotonic() + ESTABLISHED_SECONDS
    while waiting := sorted(name for name in names if not _is_established(client.find(*DEFINITION, name))):
        if time.monotonic() > deadline:
            raise RehearsalError(f"not established after {ESTABLISHED_SECONDS:.0f} s: {', '.join(waiting)}")
        time.sleep(POLL_SECONDS)


def _is_established(definition: Manifest | None) -> bool:
    conditions: list[Manifest] = ((definition or {}).get("status") or {}).get("conditions") or []
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)
