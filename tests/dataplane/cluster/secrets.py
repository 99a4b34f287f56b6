"""Looks for every secret value of the region where none may stand: logs, processes, objects, events, state files.

What is found is told by the secret's name and the place, never by its value.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rehearsal.engine import wire
from rehearsal.engine.model import Secret
from rehearsal.kube import KubeError, Manifest
from tests.dataplane.cluster.stand import Pod, Stand

PUBLIC = frozenset({"ca.crt", "tls.crt", "username", "user", "dbname", "host", "port", "clientId"})
"""Keys of Secrets whose values are meant to be seen."""

LEAST = 16
"""Letters of a word that counts as secret by itself: shorter ones in a value of several parts are names and paths."""

_WORD = re.compile(rf"[A-Za-z0-9+/]{{{LEAST},}}")
_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
_BEGIN = re.compile(r"-----[A-Z ]+-----")
_BREAK = re.compile(r"\\n|\s")
"""Ends of lines, also as JSON writes them."""
_NOT_HERE = ("Secret", "Lease", "Event")
"""Kinds that are not read as objects: Secrets may hold what is looked for, events are read by themselves."""

_READ_PROCESSES = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; true"


@dataclass(frozen=True)
class Place:
    """Somewhere that was looked into."""

    name: str
    text: str


@dataclass(frozen=True)
class Found:
    """A secret where none may be."""

    secret: str
    place: str

    def __str__(self) -> str:
        return f"{self.secret} stands in {self.place}"


def needles(secrets: Iterable[Manifest]) -> dict[str, frozenset[str]]:
    """What to look for, by "secret/key": every word of its value that is no word of a public one.

    A value of several parts (a passfile, a configuration) is looked for part by part, one without such parts as a
    whole, a private key as a whole too, for a part of it is public; each also as base64 shows it.
    """
    values: dict[str, str] = {}
    public: set[str] = set()
    for manifest in secrets:
        for key, coded in (manifest.get("data") or {}).items():
            text = base64.b64decode(coded).decode(errors="replace")
            if key in PUBLIC:
                public |= words(text)
            else:
                values[f"{manifest['metadata']['name']}/{key}"] = text
    found = {name: frozenset(words(text) or whole(text)) - public for name, text in values.items()}
    return {name: parts | {_coded(part) for part in parts} for name, parts in found.items() if parts}


def words(text: str) -> set[str]:
    """Runs of letters and digits as generated values and keys have them: both kinds, so no path and no name."""
    keys = {_BREAK.sub("", body) for body in _KEY.findall(text)}
    found: list[str] = _WORD.findall(_BEGIN.sub(" ", _KEY.sub(" ", text)))
    return keys | {word for word in found if not word.islower() and any(letter.isalpha() for letter in word)}


def whole(text: str) -> set[str]:
    """A value that somebody gave; one of a few letters would be found everywhere."""
    return {text.strip()} if len(text.strip()) >= LEAST // 2 else set()


def _coded(word: str) -> str:
    """In base64, without what its neighbours would change."""
    return base64.b64encode(word.encode()).decode().rstrip("=")[:-2]


def search(wanted: Mapping[str, frozenset[str]], places: Iterable[Place]) -> list[Found]:
    """Every secret that stands somewhere."""
    return [
        Found(name, place.name)
        for place in places
        for text in [_BREAK.sub("", place.text)]
        for name, parts in wanted.items()
        if any(part in place.text or part in text for part in parts)
    ]


def everywhere(stand: Stand, state: Iterable[Path] = ()) -> Iterator[Place]:
    """All places of a region; `state`: files in which the engine keeps what it knows."""
    yield from objects(stand)
    yield from events(stand)
    for pod in (Pod(manifest) for manifest in stand.client.list("v1", "Pod", stand.namespace)):
        yield from logs(stand, pod)
        yield from processes(stand, pod)
    yield from (Place(f"state file {path.name}", in_the_clear(path)) for path in state)


def objects(stand: Stand) -> Iterator[Place]:
    """Every object of the namespace but Secrets, as the API shows it: ConfigMaps, environment of pods, status."""
    for resource in stand.client.resources():
        if not resource.namespaced or resource.kind in _NOT_HERE:
            continue
        try:
            listed = stand.client.list(resource.api_version, resource.kind, stand.namespace)
        except KubeError:
            continue  # kinds that can be made and not listed
        for manifest in listed:
            yield Place(f"{resource.kind} {manifest['metadata']['name']}", json.dumps(manifest, ensure_ascii=False))


def events(stand: Stand) -> Iterator[Place]:
    for event in stand.client.list("v1", "Event", stand.namespace):
        yield Place(f"event of {event['involvedObject'].get('name')}", json.dumps(event, ensure_ascii=False))


def logs(stand: Stand, pod: Pod) -> Iterator[Place]:
    """Of every container, also of the one before its last restart."""
    for status in statuses(pod):
        name = status["name"]
        if status.get("containerID"):
            yield Place(f"log of {pod.name}/{name}", _log(stand, pod, name))
        if status.get("restartCount"):
            yield Place(f"former log of {pod.name}/{name}", _log(stand, pod, name, previous=True))


def _log(stand: Stand, pod: Pod, container: str, previous: bool = False) -> str:
    try:
        return stand.logs(pod.name, container, previous)
    except AssertionError:
        if stand.client.find("v1", "Pod", pod.name, stand.namespace) is None:
            return ""  # a Job's, which has ended since it was listed
        raise


def processes(stand: Stand, pod: Pod) -> Iterator[Place]:
    """Command lines and environments of every process of every container that runs.

    On our own nodes they are read on the node, else in the container, which needs a shell for that.
    """
    for status in statuses(pod):
        if "running" not in (status.get("state") or {}):
            continue
        name = status["name"]
        if stand.own is None:
            text = stand.exec(pod.name, name, "sh", "-c", _READ_PROCESSES, check=False)
            yield Place(f"processes of {pod.name}/{name}", text)
            continue
        for pid in stand.own.machines[pod.node].contained(pod.container_id(name)):
            yield Place(f"process of {pod.name}/{name}", _process(pid))


def _process(pid: int) -> str:
    try:
        return "\n".join(
            Path(f"/proc/{pid}/{file}").read_bytes().decode(errors="replace") for file in ("cmdline", "environ")
        )
    except OSError:
        return ""  # it has ended


def statuses(pod: Pod) -> list[Manifest]:
    """Of every container, those that run before or beside the others included."""
    status = pod.manifest["status"]
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def in_the_clear(path: Path) -> str:
    """A file of the engine's state without what is marked as secret: JSON, or JSON lines."""
    text = path.read_text(encoding="utf-8")
    documents = [text] if path.suffix == ".json" else text.splitlines()
    return "\n".join("\n".join(_clear(wire.unmarked(json.loads(document)))) for document in documents if document)


def _clear(value: Any) -> Iterator[str]:
    if isinstance(value, Secret):
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in cast(Mapping[str, Any], value).items():
            yield key
            yield from _clear(inner)
    elif isinstance(value, (list, tuple)):
        for inner in cast(list[Any], value):
            yield from _clear(inner)
