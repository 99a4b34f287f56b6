"""What Pulumi.yaml and a stack file say about configuration, and what is wrong with how they say it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from rehearsal.engine import documents
from rehearsal.engine.documents import FaultyFileError
from settings.faults import ABSENT, Fault, Place, bare, harmless, written

Document = Mapping[str, Any]

PROJECT_FILE: Final = "Pulumi.yaml"


@dataclass(frozen=True)
class ProjectFile:
    """Pulumi.yaml."""

    document: Document
    name: str
    values: Mapping[str, Any]
    """Full key (`project:key`) to the value that every stack has unless it says otherwise."""


@dataclass(frozen=True)
class StackFile:
    """One Pulumi.<stack>.yaml."""

    name: str
    document: Document
    values: Mapping[str, Any]
    """Full key (`project:key`) to value."""
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
    """Pulumi.yaml of a directory; RehearsalError when there is none or it is not what Pulumi reads."""
    document = documents.read(directory / PROJECT_FILE, _in_project)
    name = document.get("name")
    if not isinstance(name, str) or not name:
        value = harmless(("name",), name) if "name" in document else ABSENT
        raise FaultyFileError(PROJECT_FILE, [Fault("name", value, "expected a text: name the project, as its keys do")])
    keys = _settings(PROJECT_FILE, document)
    found = {_full(name, key): _default(stated) for key, stated in keys.items()}
    return ProjectFile(document, name, {key: value for key, value in found.items() if value is not None})


def read_stack(file: Path, project: str) -> StackFile:
    """A stack file of a project; RehearsalError when it cannot be read at all."""

    def spoken(place: Place) -> Place:
        if len(place) > 1 and place[0] == "config":
            return (str(place[1]).removeprefix(f"{project}:"), *place[2:])
        return place

    document = documents.read(file, spoken)
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for key, value in _settings(file.name, document).items():
        if isinstance(value, dict) and "secure" in value:
            faults.append(_encrypted(key.removeprefix(f"{project}:"), file.name))
        else:
            values[_full(project, key)] = value
    return StackFile(file.name, document, values, tuple(faults))


def _in_project(place: Place) -> Place:
    """The setting at a place of Pulumi.yaml, whose values stand under `default` or `value` of their keys."""
    if len(place) > 1 and place[0] == "config":
        return (place[1], *place[3:]) if place[2:3] in (("default",), ("value",)) else (place[1], *place[2:])
    return place


def _settings(file: str, document: Document) -> Document:
    settings = document.get("config")
    if settings is not None and not isinstance(settings, dict):
        message = "expected a block of keys: write a key a line, indented"
        raise FaultyFileError(file, [Fault("config", harmless(("config",), settings), message)])
    return cast(Document, settings or {})


def _full(project: str, key: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _default(stated: Any) -> Any:
    """The value of a project key: stated bare, or under `value` or `default` of its schema."""
    if not isinstance(stated, dict):
        return stated
    schema = cast(Document, stated)
    return schema.get("value", schema.get("default"))


def _encrypted(key: str, file: str) -> Fault:
    stack = file.removeprefix("Pulumi.").removesuffix(".yaml")
    return Fault(
        written((key,)),
        bare("[encrypted]"),
        "is encrypted, and the rehearsal has no key for it: give it a value of its own for the rehearsal, "
        f"or use the CLI alone (pulumi up -s {stack})",
    )
