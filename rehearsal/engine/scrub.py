"""Takes known secret values out of messages: API servers echo what they refuse."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from rehearsal.engine.model import MASK, Secret, Value

SHORTEST = 4
"""Shorter values are in too many words to be taken out; no generated secret is that short."""


class Scrubber:
    """Masks the secrets of some values, as they are, in base64, and line by line."""

    def __init__(self, values: Iterable[Value]) -> None:
        found: set[str] = set()
        for value in values:
            for text in _secrets(value, inside=False):
                found.update((text, base64.b64encode(text.encode()).decode(), repr(text)[1:-1]))
                found.update(line for line in text.splitlines() if len(line) > 2 * SHORTEST)
        self._texts = sorted((text for text in found if len(text) >= SHORTEST), key=len, reverse=True)

    def __call__(self, message: str) -> str:
        for text in self._texts:
            message = message.replace(text, MASK)
        return message


def _secrets(value: Value, inside: bool) -> Iterator[str]:
    if isinstance(value, Secret):
        yield from _secrets(value.value, inside=True)
    elif isinstance(value, Mapping):
        for item in cast(Mapping[str, Value], value).values():
            yield from _secrets(item, inside)
    elif isinstance(value, (list, tuple)):
        for item in cast(list[Value], value):
            yield from _secrets(item, inside)
    elif inside and isinstance(value, str):
        yield value
