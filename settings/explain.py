"""Words for what pydantic found: what was expected, what was meant."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from settings.model import keys

_EXPECTED = {
    "bool_type": "expected true or false",
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "string_type": "expected a text",
    "tuple_type": "expected a list",
    "mapping_type": "expected keys with texts",
    "dict_type": "expected keys with texts",
    "model_type": "expected a block of keys",
    "model_attributes_type": "expected a block of keys",
    "too_short": "expected at least one entry",
    "too_long": "too many entries",
    "invalid_key": "a key that is no text: write it in quotes",
    "string_too_short": "is empty: give it a value or leave it out",
}

_MISSING = {
    "image": 'the service\'s image is missing: name it with a pinned tag, as in "ghcr.io/owner/memory:1.2.3"',
    "name": "the region's name is missing: it is the name of its stack",
    "host": 'the host is missing: name one, as in "memory.example.com"',
}

_WRITTEN = {"int_type": r"-?[0-9]+", "float_type": r"-?[0-9]+(\.[0-9]+)?", "bool_type": "true|false"}
"""What a text in quotes may hold that was meant without."""

_LONGEST = 60
"""Characters of a value that a remedy repeats."""


@dataclass(frozen=True)
class Nearest:
    """What to say about an unknown key, and the known key that was probably meant."""

    message: str
    meant: str | None


def nearest(key: str, known: tuple[str, ...]) -> Nearest:
    """An unknown key and the known one next to it."""
    close = get_close_matches(key.lower().replace("-", "_"), known, n=1)
    if close:
        return Nearest(f'unknown key: did you mean "{close[0]}"?', close[0])
    return Nearest(f"unknown key: known here are {', '.join(known)}" if known else "unknown key", None)


def explain(line: ErrorDetails, block: object) -> tuple[str, str | None]:
    """Message and, for an unknown key, the key that was probably meant."""
    kind, context = line["type"], line.get("ctx", {})
    if kind == "extra_forbidden":
        found = nearest(str(line["loc"][-1]), keys_at(block, line["loc"][:-1]))
        return found.message, found.meant
    if kind == "missing":
        return _MISSING.get(str(line["loc"][-1]), "missing: give it a value"), None
    return _wrong_value(kind, context, line), None


def _wrong_value(kind: str, context: Mapping[str, Any], line: ErrorDetails) -> str:
    given = line["input"]
    if kind == "value_error":
        return str(context["error"])
    if kind == "greater_than_equal":
        return f"too low: must be {_number(context['ge'])} or more"
    if kind == "less_than_equal":
        return f"too high: must be {_number(context['le'])} or less"
    if kind == "greater_than":
        return f"too low: must be more than {context['gt']:g}"
    if kind == "less_than":
        return f"too high: must be less than {context['lt']:g}"
    if kind == "literal_error":
        return _unknown_value(str(given), str(context["expected"]))
    expected = _EXPECTED.get(kind, line["msg"])
    return expected + _remedy(kind, given)


def _number(bound: float) -> str:
    """A bound as people write it; a large one with separators, unlike a port."""
    return f"{bound:,.0f}" if abs(bound) >= 100_000 else f"{bound:g}"


def _unknown_value(given: str, expected: str) -> str:
    """`expected` is pydantic's "'a', 'b' or 'c'"."""
    close = get_close_matches(given, re.findall(r"'([^']*)'", expected), n=1)
    return f'unknown: did you mean "{close[0]}"?' if close else f"unknown: use {expected}".replace("'", '"')


def _remedy(kind: str, given: object) -> str:
    if given is None:
        return ": give it a value or leave the key out"
    if len(str(given)) > _LONGEST:
        return ""
    if isinstance(given, str):
        plain = given.strip().lower()
        if re.fullmatch(_WRITTEN.get(kind, "(?!)"), plain):
            return f": write {plain} without quotes"
        if kind in ("int_type", "float_type") and re.fullmatch(r"\d{1,3}([,' ]\d{3})+", plain):
            return f": write {re.sub(r'[^0-9]', '', plain)}"
    if kind == "string_type" and isinstance(given, bool | int | float):
        return f': write "{str(given).lower()}" in quotes'
    if kind == "tuple_type" and isinstance(given, str) and re.fullmatch(r"[\w./-]{1,30}", given):
        return f": write [{given}]"
    return ""


def keys_at(annotation: object, location: tuple[int | str, ...]) -> tuple[str, ...]:
    """Keys that a model knows at a place under it."""
    model = model_in(annotation)
    for part in (part for part in location if isinstance(part, str)):
        name = next((name for name, key in keys(model).items() if key == part), None) if model else None
        model = model_in(model.model_fields[name].annotation) if model and name else None
    return tuple(keys(model).values()) if model else ()


def model_in(annotation: object) -> type[BaseModel] | None:
    """The model that a type holds: itself, or within a list or an optional."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (tuple, Union, UnionType, Annotated):
        return next(filter(None, map(model_in, cast(tuple[object, ...], get_args(annotation)))), None)
    return None
