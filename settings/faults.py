"""What is wrong with a stack file: one fault a line, in the order of the file, each with a remedy."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, cast

Place = tuple[str | int, ...]
"""Keys and list indexes from the top of the stack file."""


class Absent(Enum):
    """Stands for a value that was not given."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

_SECRET = re.compile(r"password|passwd|secret|token|credential|private|api[-_]?key|access[-_]?key", re.IGNORECASE)
_NOT_SECRET = ("secret_name", "private")
_MAY_HOLD_SECRETS = re.compile(r"://[^/\s]*@|-----BEGIN|\n|\{")
"""URLs with credentials, keys, and whole documents."""
_LONGEST = 60


@dataclass(frozen=True)
class Fault:
    """One fault: where it stands, what stands there, the rule and the remedy."""

    path: str
    value: object
    message: str
    default: bool = False
    """The value is a default: the file does not state it."""
    derived: bool = False
    """The value follows from the workload."""
    key: str = field(default="", compare=False)
    """The setting (top-level key) that it is a fault of."""

    def __str__(self) -> str:
        seen = "" if self.value is ABSENT else f" = {shown(self.value)}{self._source}"
        return f"{self.path}{seen}   {self.message}"

    @property
    def _source(self) -> str:
        if self.derived:
            return " (from the workload)"
        return " (default)" if self.default else ""


class SettingsError(Exception):
    """The stack file cannot be used; all faults at once."""

    def __init__(self, stack: str, faults: Sequence[Fault]) -> None:
        self.stack = stack
        self.faults = tuple(faults)
        super().__init__(stack, self.faults)

    def __str__(self) -> str:
        # The CLI hands over both files as one.
        return told(f"Pulumi.{self.stack}.yaml or Pulumi.yaml", self.faults)


def told(file: str, faults: Iterable[Fault | str]) -> str:
    """The faults of a file as they are printed."""
    return "\n".join([file, *(f"  {fault}" for fault in faults)])


def written(place: Place) -> str:
    """A place as a path: multiregion.regions[1].name."""
    path = ""
    for part in place:
        if isinstance(part, int):
            path += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_:-]*", part):
            path += f".{part}" if path else part
        else:
            path += f"[{json.dumps(part, ensure_ascii=False)}]"
    return path


def harmless(place: Place, value: object) -> object:
    """The value, unless it is or may hold a secret."""
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    if isinstance(value, str) and _MAY_HOLD_SECRETS.search(value):
        return _Hidden("[not shown]")
    if key not in _NOT_SECRET and _SECRET.search(key):
        return _Hidden("[secret]")
    return _Hidden(_outline(cast(object, value))) if isinstance(value, Mapping | list | tuple) else value


class _Hidden(str):
    """A text that is shown without quotes."""

    __slots__ = ()


def bare(text: str) -> str:
    """A text that is shown as it is written, without quotes."""
    return _Hidden(_cut(text))


def _outline(value: object) -> str:
    if isinstance(value, Mapping):
        return "{…}" if value else "{}"
    items = cast(Sequence[object], value)
    plain = all(isinstance(item, str | int) and _harmless_text(str(item)) for item in items)
    text = f"[{', '.join(str(item) for item in items)}]"
    return text if plain and len(text) <= _LONGEST else f"[{len(items)} item{'s' * (len(items) != 1)}]"


def _harmless_text(text: str) -> bool:
    return text.isprintable() and not _MAY_HOLD_SECRETS.search(text)


def shown(value: object) -> str:
    """A value as faults show it."""
    if isinstance(value, _Hidden):
        return str(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(_cut(value), ensure_ascii=False)
    return "null" if value is None else _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
