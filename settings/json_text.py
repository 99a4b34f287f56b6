"""Blocks that come as JSON text: the Pulumi CLI hands over in that form whatever is no text itself."""

import json
from collections.abc import Mapping
from typing import Final, cast

DEEPEST: Final = 50
"""Levels within each other that a setting may have; far more than any needs."""


class NotJsonError(ValueError):
    """Why a text cannot be used as JSON."""


def parse(text: str) -> object:
    """The value of a JSON text; NotJsonError where it has none that can be used."""
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise NotJsonError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except NotJsonError:
        raise
    except ValueError:  # Python's limit on the digits of a number
        raise NotJsonError("a number of more than 4300 digits") from None
    except RecursionError:
        raise NotJsonError("nested too deeply") from None
    if _deeper(value, DEEPEST):
        raise NotJsonError("nested too deeply")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Of a key that is stated twice, JSON's reader would silently take the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise NotJsonError(f"{json.dumps(twice, ensure_ascii=False)} is stated twice")
    return found


def _deeper(value: object, levels: int) -> bool:
    """Are more than so many blocks and lists within each other?"""
    within = [value]
    for _ in range(levels + 1):
        within = [
            item
            for one in within
            if isinstance(one, dict | list)
            for item in (cast(Mapping[str, object], one).values() if isinstance(one, dict) else cast(list[object], one))
        ]
    return bool(within)
