"""Memories of the service's shape: the keys and values that it writes for a payload of a given size.

Text is English, from the documentation that Python carries: its trigrams and its compression are those of sentences,
and random letters would have others. somafractalmemory at 9d8f7f1, core.py, `store_memory` and `store`.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pydoc_data import topics
from typing import Any

NAMESPACE = "default"
_SEED = 20251029
_WHEN = 1_761_700_000.123456
"""Of the first memory; the others follow by a second."""


@dataclass(frozen=True)
class Memory:
    """What is written for one memory."""

    data_key: str
    meta_key: str
    value: dict[str, Any]
    created: float

    @property
    def data(self) -> str:
        """Value of the data key, as both stores are given it."""
        return json.dumps(self.value)

    @property
    def meta(self) -> str:
        """Value of the meta key in PostgreSQL; in Redis it is a hash."""
        return json.dumps({"creation_timestamp": self.created})


@cache
def _text() -> str:
    """Letters that take one byte each in JSON."""
    words = " ".join(" ".join(text.split()) for text in topics.topics.values())
    return "".join(letter for letter in words if letter.isascii() and letter.isprintable() and letter not in '"\\')


def memories(count: int, payload_bytes: int, first: int = 0) -> Iterator[Memory]:
    """`count` memories whose payloads are as many bytes of JSON each; the same ones every time."""
    text = _text()
    for number in range(first, first + count):
        chance = random.Random(_SEED + number)  # noqa: S311 (nothing is secret)
        frame = {"task": "", "importance": chance.randint(1, 5)}
        room = payload_bytes - len(json.dumps(frame))
        start = chance.randrange(len(text) - room)
        payload = {**frame, "task": text[start : start + room]}
        coordinate = tuple(round(chance.uniform(0, 1000), 3) for _ in range(3))
        created = _WHEN + number
        more = {"timestamp": created, "coordinate": list(coordinate), "importance_norm": round(chance.random(), 16)}
        key = f"{NAMESPACE}:{coordinate!r}"
        yield Memory(f"{key}:data", f"{key}:meta", {**payload, "memory_type": "episodic", **more}, created)
