"""What `make calibrate` measured last, as the model asks for it."""

import json
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from capacity.facts import Fact

FILE: Final = Path(__file__).with_name("calibration.json")


@cache
def measured() -> Mapping[str, Any]:
    """The whole file."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def source() -> str:
    """Who measured, and when."""
    found = measured()
    return f"measured by {found['command']} on {found['date']}"


def servers() -> tuple[str, ...]:
    """Those of Redis and Valkey that were measured on the allocator of their images."""
    return tuple(measured()["model"]["redis"]["servers"])


def _numbers(group: str, server: str | None) -> Mapping[str, Any]:
    found = measured()["model"][group]
    return found if server is None else found["servers"][server]


def _of(server: str | None) -> str:
    return source() if server is None else f"{source()}: {server}"


def fact(group: str, name: str, unit: str, server: str | None = None) -> Fact:
    """A number that was measured; of one of the servers of a group that has several."""
    return Fact(float(_numbers(group, server)[name]), unit, _of(server))


class Curve:
    """A number that was measured at some sizes of a payload: between them a straight line, beyond them the last one.

    It never falls, so that a larger payload never needs less: a size that measured less counts as the one before.
    """

    def __init__(self, group: str, name: str, unit: str, server: str | None = None) -> None:
        found = sorted((float(size), float(value)) for size, value in _numbers(group, server)[name].items())
        sizes = [size for size, _ in found]
        values = [max(value for _, value in found[: index + 1]) for index in range(len(found))]
        self._least = values[0]
        self._lines = [
            (size, value, (after - value) / (to - size))
            for (size, value), (to, after) in pairwise(zip(sizes, values, strict=True))
        ][::-1]
        """Where each begins, its value there, and by how much it rises; the last one first."""
        self.unit, self.source = unit, _of(server)

    def at(self, size: float) -> float:
        for begin, value, rise in self._lines:
            if size > begin:
                return value + rise * (size - begin)
        return self._least

    def fact(self, size: float) -> Fact:
        """The number at a size, with where it comes from."""
        return Fact(self.at(size), self.unit, self.source)
