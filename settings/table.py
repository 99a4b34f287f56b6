"""The configuration tables of docs/configuration.md and of README.md, made from the models."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from settings.model import keys
from settings.quantity import Quantity, cores
from settings.resources import Amounts, ResourceList
from settings.settings import Configuration

BEGIN = "<!-- begin of the generated table: `make docs` writes it -->"
END = "<!-- end of the generated table -->"
BEGIN_OVERVIEW = "<!-- begin of the generated overview: `make docs` writes it -->"
END_OVERVIEW = "<!-- end of the generated overview -->"

_NAMES: Mapping[object, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "secret text",
}
_REQUIRED = "**required**"
_NONE = "–"


class StaleError(Exception):
    """A document whose table is not the models'."""


@dataclass(frozen=True)
class Row:
    """One key of the table."""

    key: str
    kind: str
    default: str
    meaning: str


def markdown() -> str:
    """A heading and a table for each block."""
    return "\n\n".join(_block(name, field) for name, field in Configuration.model_fields.items())


def overview() -> str:
    """One table with a row for each block and the names of its keys."""
    rows = (
        f"| `{name}` | {field.description} | {', '.join(f'`{key}`' for key in _keys(field)) or _NONE} |"
        for name, field in Configuration.model_fields.items()
    )
    return "\n".join(["| block | what it sets | keys |", "|---|---|---|", *rows])


def with_table(document: str) -> str:
    """The document with the table or the overview between its markers renewed. Raises StaleError without markers."""
    for begin, end, text in ((BEGIN, END, markdown), (BEGIN_OVERVIEW, END_OVERVIEW, overview)):
        head, found, rest = document.partition(begin)
        _, closed, tail = rest.partition(end)
        if found and closed:
            return f"{head}{begin}\n\n{text()}\n\n{end}{tail}"
    raise StaleError(f"has no place for the table: put the lines {BEGIN} and {END} where it belongs")


def _keys(field: FieldInfo) -> list[str]:
    model = _model(field.annotation)
    return list(keys(model).values()) if model else []


def _block(name: str, field: FieldInfo) -> str:
    model = _model(field.annotation)
    rows = list(_rows(name, model, field.get_default())) if model else [_row(name, field, field.get_default())]
    lines = [
        f"### `{name}`",
        "",
        str(field.description),
        "",
        "| key | type | default | meaning |",
        "|---|---|---|---|",
        *(f"| `{row.key}` | {row.kind} | {row.default} | {row.meaning} |" for row in rows),
    ]
    return "\n".join(lines)


def _rows(path: str, model: type[BaseModel], default: object) -> Iterator[Row]:
    """A row for each key under a block. `default` is the block's own, which its keys' defaults are taken from."""
    for name, key in keys(model).items():
        field = model.model_fields[name]
        at = f"{path}.{key}"
        value = (
            getattr(default, name) if isinstance(default, BaseModel) else field.get_default(call_default_factory=False)
        )
        nested, listed = _model(field.annotation), _model_in_list(field.annotation)
        if nested in (Amounts, ResourceList):
            yield from _named(f"{str(field.description).rstrip('.')}: ", _rows(at, nested, value))
        elif nested:
            yield from _rows(at, nested, value)
        else:
            yield _row(at, field, value)
        if listed:
            yield from _rows(f"{at}[]", listed, None)


def _named(prefix: str, rows: Iterator[Row]) -> Iterator[Row]:
    """Rows whose meaning says of what."""
    return (replace(row, meaning=prefix + row.meaning) for row in rows)


def _row(path: str, field: FieldInfo, default: object) -> Row:
    required = field.is_required() and not isinstance(default, Quantity)
    shown = _REQUIRED if required else _default(default)
    return Row(path, _kind(field.annotation, field.metadata), shown, str(field.description))


def _default(value: object) -> str:
    if value is None or value in ((), {}):
        return _NONE
    return f"`{json.dumps(_plain(value), ensure_ascii=False)}`"


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="python", by_alias=True, exclude_defaults=True)
    if isinstance(value, Quantity):
        return value.text
    if isinstance(value, tuple):
        return [_plain(item) for item in cast(tuple[object, ...], value)]
    return dict(cast(Mapping[str, object], value)) if isinstance(value, Mapping) else value


def _kind(annotation: Any, metadata: list[Any]) -> str:
    """The type in words."""
    if annotation is Quantity:
        return "CPU quantity" if any(getattr(item, "func", None) is cores for item in metadata) else "quantity of bytes"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return next(_kind(*_stripped(argument, metadata)) for argument in arguments if argument is not type(None))
    if origin is tuple:
        return "list of " + ("blocks" if _model(arguments[0]) else _plural(_kind(*_stripped(arguments[0], []))))
    if origin is Literal:
        return " or ".join(f"`{argument}`" for argument in arguments)
    return _NAMES.get(annotation, "texts by key")


def _plural(kind: str) -> str:
    return kind if kind.startswith("`") else f"{kind}s"


def _stripped(annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any]]:
    """Annotated without its wrapping, and what it was annotated with."""
    extra = getattr(annotation, "__metadata__", None)
    return (annotation.__origin__, list(extra)) if extra else (annotation, metadata)


def _model(annotation: Any) -> type[BaseModel] | None:
    """The block that a key holds, itself or as an optional one."""
    for candidate in (annotation, *(get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _model_in_list(annotation: Any) -> type[BaseModel] | None:
    return _model(get_args(annotation)[0]) if get_origin(annotation) is tuple else None
