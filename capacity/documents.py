"""YAML as files and changes have it: plain keys and values, or a sentence on the first that is none, with its place."""

import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedOrderedMap, CommentedSet
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import Node, ScalarNode, SequenceNode

from settings.faults import Place, shown, written

_WIDE: Final = 4096
DEEPEST: Final = 20
"""Blocks one in the other: far more than any setting has."""
MOST: Final = 10_000
"""Values, those of an alias as often as it stands there: a page of aliases can stand for more than memory holds."""


class FileError(Exception):
    """A file that cannot be used, and what to do."""


def round_trip() -> YAML:
    """What reads a document, and writes it with its comments."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _WIDE
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def text(file: Path) -> str:
    """What a file holds. Raises FileError."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise FileError(f"{file}: {error.strerror}: name a file that can be read") from None
    except UnicodeDecodeError as error:
        raise FileError(f"{file}: no YAML: {error}: save it as UTF-8") from None


def parsed(file: Path) -> Any:
    """What a YAML or JSON file holds. Raises FileError."""
    return of_yaml(text(file), str(file))


def of_yaml(text: str, where: str) -> Any:
    """The same of a text; `where` it stands is told. Raises FileError."""
    _shallow(text, where)
    try:
        circle = _circle(round_trip().compose(text), (), {}) if "&" in text and "*" in text else None
        found = round_trip().load(text)
    except RecursionError:
        raise FileError(f"{where}: {_TOO_DEEP}") from None
    except YAMLError as error:
        raise FileError(f"{where}: no YAML: {' '.join(str(error).split())}: correct it") from None
    except ValueError as error:  # such as a date without quotes that the calendar does not have
        raise FileError(
            f"{where}: a value that cannot be read ({error}): correct it; a date is written like 2026-01-31"
        ) from None
    except (LookupError, AttributeError, TypeError):  # what the parser did not think of
        raise FileError(f"{where}: no YAML: a tag or an alias that cannot be read: write plain values") from None
    if circle is not None:
        raise FileError(f"{where}: {written(circle)}: an alias of what it stands in: write what is meant")
    _plain(found, where)
    return found


def _shallow(text: str, where: str) -> None:
    """Raises FileError where far more brackets are open than there may be: the parser takes minutes to see it."""
    open_ = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        open_ += 1 if bracket in "[{" else -1
        if open_ > 10 * DEEPEST:
            raise FileError(f"{where}: {_TOO_DEEP}")


def _circle(node: Node | None, place: Place, seen: dict[int, bool]) -> Place | None:
    """Where an alias of something stands in it, which the parser reads as nothing. `seen` is false of what is whole."""
    if node is None or isinstance(node, ScalarNode):
        return None
    if id(node) in seen:
        return place if seen[id(node)] else None
    seen[id(node)] = True
    inner: list[Any] = list(enumerate(node.value)) if isinstance(node, SequenceNode) else node.value
    for key, value in inner:
        found = _circle(value, (*place, key if isinstance(key, int) else str(key.value)), seen)
        if found is not None:
            return found
    seen[id(node)] = False
    return None


_TOO_DEEP: Final = f"more than {DEEPEST} blocks one in the other: write fewer"


class _Found(NamedTuple):
    """A value of a document."""

    value: Any
    place: Place


def _plain(document: Any, where: str) -> None:
    """Raises FileError where something is no plain key or value; the first in the order of the document."""
    left, values = [_Found(document, ())], 0
    while left:
        found = left.pop()
        values += 1
        if values > MOST:
            raise FileError(f"{where}: more than {MOST:,} values, counted where aliases stand: write fewer")
        if fault := _fault(found):
            at = f"{written(found.place)}: " if found.place else ""
            raise FileError(f"{where}: {at}{fault}")
        left += reversed(_inner(found))


def _inner(of: _Found) -> list[_Found]:
    if isinstance(of.value, Mapping):
        keys = cast(Mapping[str, Any], of.value)
        return [_Found(value, (*of.place, key)) for key, value in keys.items()]
    if isinstance(of.value, list):
        items = cast(list[Any], of.value)
        return [_Found(value, (*of.place, number)) for number, value in enumerate(items)]
    return []


def _fault(found: _Found) -> str:
    """What is wrong with a value, and the remedy; empty for nothing."""
    value, tag = found.value, getattr(getattr(found.value, "tag", None), "value", None)
    if len(found.place) > DEEPEST:
        return _TOO_DEEP
    if isinstance(value, CommentedOrderedMap):
        return "!!omap: write its keys as a block of keys"
    if isinstance(value, CommentedSet):
        return "!!set: write a list"
    if tag is not None:
        return f"the tag {tag}: write the value without one"
    if isinstance(value, bytes):
        return "!!binary: write a text"
    if isinstance(value, datetime.datetime):
        return "a moment: write it in quotes, or a date like 2026-01-31"
    if isinstance(value, Mapping):
        odd = [key for key in cast(Mapping[Any, Any], value) if not isinstance(key, str)]
        return f"the key {shown(odd[0])} is no text: write it in quotes" if odd else ""
    if value is None or isinstance(value, str | int | float | datetime.date | list):
        return ""
    return f"{type(cast(object, value)).__name__}: write plain keys, texts and numbers"
