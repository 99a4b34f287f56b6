"""What Pulumi.yaml and a stack file say about configuration, and what is wrong with how they say it."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast

from rehearsal.engine import documents
from rehearsal.engine.documents import FaultyFileError
from settings.explain import nearest
from settings.faults import ABSENT, Fault, Place, bare, harmless, written

Document = Mapping[str, Any]

PROJECT_FILE: Final = "Pulumi.yaml"
_OF_STACK_FILE: Final = ("config", "environment", "secretsprovider", "encryptionsalt", "encryptedkey")
"""Top-level keys (pulumi/pulumi, sdk/go/common/workspace/project.go, ProjectStack)."""
_OF_DECLARATION: Final = ("type", "description", "items", "secret", "default", "value")
"""Keys of a declared key (ibid., ProjectConfigType)."""
_PROVIDERS: Final = ("aws", "azure", "gcp", "kubernetes", "pulumi", "random", "tls")
"""Whose keys are left alone even where the project is called much like them."""


@dataclass(frozen=True)
class ProjectFile:
    """Pulumi.yaml."""

    document: Document
    name: str
    values: Mapping[str, Any]
    """Full key (`project:key`) to the value that every stack has unless it says otherwise."""
    undecided: tuple[str, ...] = ()
    """Full keys that each stack must state."""
    faults: tuple[Fault, ...] = ()

    def sound(self) -> "ProjectFile":
        """Itself; FaultyFileError where it has faults."""
        if self.faults:
            raise FaultyFileError(PROJECT_FILE, self.faults)
        return self


@dataclass(frozen=True)
class StackFile:
    """One Pulumi.<stack>.yaml."""

    name: str
    document: Document
    values: Mapping[str, Any]
    """Full key (`project:key`) to value; a misspelt key stands for what was meant."""
    faults: tuple[Fault, ...] = ()

    def sound(self) -> "StackFile":
        """Itself; FaultyFileError where it has faults."""
        if self.faults:
            raise FaultyFileError(self.name, self.faults)
        return self


def stack_file_name(stack: str) -> str:
    """The file of a stack."""
    return f"Pulumi.{stack}.yaml"


def read_project(directory: Path) -> ProjectFile:
    """Pulumi.yaml of a directory; RehearsalError when there is none or it cannot be read at all."""
    document = documents.read(directory / PROJECT_FILE, _in_project)
    name = _name(document)
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    undecided: list[str] = []
    for key, declared in _meant(name, _settings(PROJECT_FILE, document.get("config")), faults).items():
        known = len(faults)
        value = _default(key.removeprefix(f"{name}:"), declared, faults)
        if value is not None:
            values[key] = value
        elif len(faults) == known and key.startswith(f"{name}:"):
            undecided.append(key)
    return ProjectFile(document, name, values, tuple(undecided), tuple(faults))


def read_stack(file: Path, project: str) -> StackFile:
    """A stack file of a project; RehearsalError when it cannot be read at all."""

    def spoken(place: Place) -> Place:
        if len(place) > 1 and place[0] == "config":
            return (str(place[1]).removeprefix(f"{project}:"), *place[2:])
        return place

    document = documents.read(file, spoken)
    faults: list[Fault] = []
    settings = document.get("config")
    for key in (key for key in document if key not in _OF_STACK_FILE):
        guess = nearest(key, _OF_STACK_FILE)
        faults.append(Fault(written((key,)), harmless((key,), document[key]), guess.message))
        if guess.meant == "config" and settings is None and isinstance(document[key], dict):
            settings = document[key]
    values = _meant(project, _settings(file.name, settings), faults)
    places = [place for key, value in values.items() for place in _secure(value, (key,))]
    faults += [_encrypted((str(key).removeprefix(f"{project}:"), *rest), file.name) for key, *rest in places]
    encrypted = {place[0] for place in places}
    return StackFile(file.name, document, {k: v for k, v in values.items() if k not in encrypted}, tuple(faults))


def _secure(value: object, at: Place) -> list[Place]:
    """Where a value that the CLI encrypted stands in another one (`pulumi config set --path --secret`)."""
    if not isinstance(value, dict):
        return []
    inner = cast(Document, value)
    return [at] if "secure" in inner else [place for key in inner for place in _secure(inner[key], (*at, key))]


def _name(document: Document) -> str:
    name = document.get("name")
    if isinstance(name, str) and name:
        return name
    value = harmless(("name",), name) if "name" in document else ABSENT
    raise FaultyFileError(PROJECT_FILE, [Fault("name", value, "expected a text: name the project, as its keys do")])


def _in_project(place: Place) -> Place:
    """The setting at a place of Pulumi.yaml, whose values stand under `default` or `value` of their keys."""
    if len(place) > 1 and place[0] == "config":
        return (place[1], *place[3:]) if place[2:3] in (("default",), ("value",)) else (place[1], *place[2:])
    return place


def _settings(file: str, stated: object) -> Document:
    if stated is not None and not isinstance(stated, dict):
        message = "expected a block of keys: write a key a line, indented"
        raise FaultyFileError(file, [Fault("config", harmless(("config",), stated), message)])
    return cast(Document, stated or {})


def _meant(project: str, settings: Document, faults: list[Fault]) -> dict[str, Any]:
    """Full key to value; under a misspelt project it counts for the key that was meant, where that is not stated."""
    found = {_full(project, key): value for key, value in settings.items() if _correct(project, key) is None}
    for key, value in settings.items():
        correct = _correct(project, key)
        if correct is None and _full(project, key) != key and _full(project, key) in settings:
            message = f"stated twice, as {key} and as {_full(project, key)}: keep one"
            faults.append(Fault(written((key,)), harmless((key,), value), message))
        if correct is not None:
            message = f'no key of this project ({project}): did you mean "{correct}"?'
            faults.append(Fault(written((key,)), harmless((key,), value), message))
            found.setdefault(correct, value)
    return found


def _full(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _correct(project: str, key: str) -> str | None:
    """The key that was meant by one under what is almost the project's name."""
    space, _, name = key.rpartition(":")
    if space in ("", project, *_PROVIDERS):
        return None
    return f"{project}:{name}" if get_close_matches(space.lower(), [project.lower()]) else None


def _default(key: str, declared: object, faults: list[Fault]) -> object:
    """The value of a key in Pulumi.yaml: stated bare, or under `value` or `default`. There null is as good as none."""
    at: Place = ("config", key)
    if declared is None:
        faults.append(Fault(written(at), None, "declares nothing: give it a type or a default, or leave the key out"))
    if not isinstance(declared, dict):
        return declared
    meant = dict(cast(Document, declared))
    for name in [name for name in meant if name not in _OF_DECLARATION]:
        guess = nearest(name, _OF_DECLARATION)
        more = "" if guess.meant else "; what the key holds stands under default"
        faults.append(Fault(written((*at, name)), harmless((*at, name), meant[name]), guess.message + more))
        meant.setdefault(guess.meant or name, meant[name])
    return meant.get("default") if meant.get("value") is None else meant["value"]


def _encrypted(at: Place, file: str) -> Fault:
    stack = file.removeprefix("Pulumi.").removesuffix(".yaml")
    return Fault(
        written(at),
        bare("[encrypted]"),
        "is encrypted, and the rehearsal has no key for it: give it a value of its own for the rehearsal, "
        f"or use the CLI alone (pulumi up -s {stack})",
    )
