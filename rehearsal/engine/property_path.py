"""Paths into properties in Pulumi's syntax: `spec.replicas`, `root["key.with.dots"]`, `list[0].name`, `list[*]`, `*`.

Source: pulumi/pulumi, sdk/go/common/resource/property_path.go.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

from rehearsal.engine.model import Secret, Value

Part = str | int
Path = tuple[Part, ...]
ANY: Final = "*"
ABSENT: Final = object()
"""What `get` answers where there is nothing."""
_PART = re.compile(r'\.?([^.\[\]"]+)|\.?\[(\d+|\*)\]|\.?\["((?:[^"\\]|\\.)*)"\]')


def parse(text: str) -> Path:
    """The parts of a path: names, list indexes and `*`. ValueError when the text is no path."""
    parts: list[Part] = []
    position = 0
    while position < len(text):
        found = _PART.match(text, position)
        if found is None:
            raise ValueError(f"not a property path: {text!r}")
        name, index, quoted = found.groups()
        if index is not None:
            parts.append(ANY if index == ANY else int(index))
        else:
            parts.append(name if name is not None else quoted.replace('\\"', '"'))
        position = found.end()
    return tuple(parts)


def show(path: Path) -> str:
    """The text of a path."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r'[^.\[\]"]+', part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


def get(value: Value, path: Path) -> Value:
    """What stands at a path without `*`, or ABSENT. Looks through secret marks."""
    for part in path:
        value = _open(value)
        if isinstance(value, Mapping) and part in value:
            value = cast(Mapping[Part, Value], value)[part]
        elif isinstance(value, list) and isinstance(part, int) and part < len(cast(list[Value], value)):
            value = cast(list[Value], value)[part]
        else:
            return ABSENT
    return value


def placed(value: Value, path: Path, new: Value) -> Value:
    """The value with `new` at a path (ABSENT takes it away), parents made where they are missing; the rest is shared.

    Lists are neither grown nor shortened: an index outside leaves the value as it is.
    """
    if not path:
        return new
    if isinstance(value, Secret):
        return Secret(placed(value.value, path, new))
    part, rest = path[0], path[1:]
    if isinstance(value, list):
        items = cast(list[Value], value)
        if new is ABSENT and not rest:
            return items
        return [placed(item, rest, new) if index == part else item for index, item in enumerate(items)]
    mapping = cast(Mapping[Part, Value], value) if isinstance(value, Mapping) else {}
    below = mapping.get(part)
    if new is ABSENT and (not rest or below is None):
        return {key: item for key, item in mapping.items() if key != part}
    return {**mapping, part: placed(below, rest, new)}


def spread(path: Path, *values: Value) -> Iterator[Path]:
    """The paths without `*` that a path means in any of the values."""
    if ANY not in path:
        yield path
        return
    at = path.index(ANY)
    keys: dict[Part, None] = {}
    for value in values:
        inside = _open(get(value, path[:at]))
        if isinstance(inside, Mapping):
            keys.update(dict.fromkeys(cast(Mapping[Part, Value], inside)))
        elif isinstance(inside, list):
            keys.update(dict.fromkeys(range(len(cast(list[Value], inside)))))
    for key in keys:
        yield from spread((*path[:at], key, *path[at + 1 :]), *values)


def kept(texts: Iterable[str], old: Value, new: Value) -> Value:
    """`new` with what `old` has at each of the paths that are written so."""
    for text in texts:
        for path in spread(parse(text), old, new):
            new = placed(new, path, get(old, path))
    return new


def differences(old: Value, new: Value, at: Path = ()) -> Iterator[Path]:
    """The deepest paths at which two values differ; lists of different length differ as a whole."""
    old, new = _open(old), _open(new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        before, after = cast(Mapping[str, Value], old), cast(Mapping[str, Value], new)
        for key in dict.fromkeys((*before, *after)):
            yield from differences(before.get(key, ABSENT), after.get(key, ABSENT), (*at, key))
    elif isinstance(old, list) and isinstance(new, list) and len(cast(list[Value], old)) == len(cast(list[Value], new)):
        for index, (one, other) in enumerate(zip(cast(list[Value], old), cast(list[Value], new), strict=True)):
            yield from differences(one, other, (*at, index))
    elif old != new:
        yield at


def covers(path: Path, other: Path) -> bool:
    """Whether `other` stands at or below `path`, or above it; `*` stands for any one part."""
    return all(part in (ANY, found) for part, found in zip(path, other, strict=False))


def _open(value: Value) -> Value:
    return value.value if isinstance(value, Secret) else value
