"""Plain data as the checks get it, read without surprises: absent, unknown and misshapen are told apart."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final


class Unknown:
    """A value that only the update will know. Use the one instance `UNKNOWN`, of which a copy is the same."""

    _one: "Unknown | None" = None

    def __new__(cls) -> "Unknown":
        if cls._one is None:
            cls._one = super().__new__(cls)
        return cls._one

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()

Plain = Any
"""JSON values (dict, list, str, int, float, bool, None) in which `UNKNOWN` may stand at any depth."""


class Unreadable(Exception):  # noqa: N818  (says what the data is, not that something failed)
    """A field that a check needs cannot be read. The text names the field and never its value, which may be secret."""


def at(manifest: Plain, *path: str) -> Plain:
    """The value at a path, None where a part of the path is absent. Raises Unreadable at an unknown."""
    value = manifest
    for depth, key in enumerate(path):
        if value is None:
            return None
        if type(value) is not dict and not isinstance(value, Mapping):  # of most the first is enough, and quick
            raise Unreadable(f"{_dotted(path[:depth])} is not an object")
        value = value.get(key)
        if value is UNKNOWN:
            raise Unreadable(f"{_dotted(path[: depth + 1])} cannot be known yet")
    return value


def field_of(manifest: Plain, key: str) -> Plain:
    """A field as it is: None where it is absent or there is no object, `UNKNOWN` where only the update knows it."""
    return manifest.get(key) if isinstance(manifest, Mapping) else None


def says_true(manifest: Plain, *path: str) -> bool:
    """Whether a switch is on that AWS or a driver takes as text, too."""
    return at(manifest, *path) in ("true", True)


def object_at(manifest: Plain, *path: str) -> Mapping[str, Plain]:
    """The object at a path; Unreadable when it is absent or something else."""
    value = at(manifest, *path)
    if not isinstance(value, Mapping):
        raise Unreadable(f"{_dotted(path)} is missing" if value is None else f"{_dotted(path)} is not an object")
    return value


def list_at(manifest: Plain, *path: str) -> Sequence[Plain]:
    """The list at a path, empty when absent. Its items are known, what they contain may not be."""
    value = at(manifest, *path)
    if value is None:
        return ()
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise Unreadable(f"{_dotted(path)} is not a list")
    if any(item is UNKNOWN for item in value):
        raise Unreadable(f"{_dotted(path)} cannot be known yet")
    return value


def text_at(manifest: Plain, *path: str, default: str = "") -> str:
    value = at(manifest, *path)
    if value is None:
        return default
    if not isinstance(value, str):
        raise Unreadable(f"{_dotted(path)} is not text")
    return value


def flag_at(manifest: Plain, *path: str, default: bool) -> bool:
    value = at(manifest, *path)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Unreadable(f"{_dotted(path)} is neither true nor false")
    return value


def number_at(manifest: Plain, *path: str) -> int | None:
    """The whole number at a path, None when absent."""
    value = at(manifest, *path)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable(f"{_dotted(path)} is not a whole number")
    return value


def texts_at(manifest: Plain, *path: str) -> tuple[str, ...]:
    """The list of texts at a path, empty when absent."""
    values = list_at(manifest, *path)
    if not all(isinstance(value, str) for value in values):
        raise Unreadable(f"{_dotted(path)} holds something else than text")
    return tuple(values)


def labels_at(manifest: Plain, *path: str) -> dict[str, str]:
    """The labels (text to text) at a path, empty when absent."""
    value = at(manifest, *path)
    if value is None:
        return {}
    found = object_at(manifest, *path)
    return {key: text_at(found, key) for key in found}


def json_at(manifest: Plain, *path: str) -> Plain:
    """What the text at a path says in JSON; Unreadable when it is absent or says nothing."""
    text = text_at(manifest, *path)
    if at(manifest, *path) is None:
        raise Unreadable(f"{_dotted(path)} is missing")
    try:
        return json.loads(text)
    except ValueError:
        raise Unreadable(f"{_dotted(path)} is not JSON") from None


def _dotted(path: Sequence[str]) -> str:
    return ".".join(path) or "the resource"
