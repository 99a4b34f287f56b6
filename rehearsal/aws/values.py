"""Reading inputs that may be unknown: what is not known yet is answered as None, so that nobody judges it."""

from collections.abc import Mapping
from typing import cast

from rehearsal.engine.model import UNKNOWN, Unknown, Value


def get(value: Value, *path: str | int) -> Value:
    """What stands at a path of keys and indexes; None where it is unset or unknown."""
    for part in path:
        if isinstance(value, Mapping) and part in value:
            value = cast(Mapping[str | int, Value], value)[part]
        elif isinstance(value, list) and isinstance(part, int) and part < len(cast(list[Value], value)):
            value = cast(list[Value], value)[part]
        else:
            return None
    return None if isinstance(value, Unknown) else value


def text(value: Value, *path: str | int) -> str | None:
    """The text at a path, None where there is none or an empty one."""
    found = get(value, *path)
    return found if isinstance(found, str) and found else None


def texts(value: Value, *path: str | int) -> list[str]:
    """The known texts of a list at a path."""
    return [one for one in items(value, *path) if isinstance(one, str)]


def items(value: Value, *path: str | int) -> list[Value]:
    """The known items of a list at a path; none where there is no list."""
    found = get(value, *path)
    return [one for one in cast(list[Value], found) if not isinstance(one, Unknown)] if isinstance(found, list) else []


def joined(*parts: Value) -> Value:
    """The parts as one text; UNKNOWN while one of them is."""
    if any(isinstance(part, Unknown) for part in parts):
        return UNKNOWN
    return "".join(str(part) for part in parts)


def stated(inputs: Mapping[str, Value], name: str, default: Value) -> Value:
    """An input, unknown or not, or what AWS takes where it is unset."""
    value = inputs.get(name)
    return default if value is None else value
