"""What `make calibrate` measured last, as the model asks for it."""

import json
from bisect import bisect_left
from collections.abc import Mapping
from functools import cache
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


def fact(group: str, name: str, unit: str) -> Fact:
    """A number that was measured."""
    return Fact(float(measured()["model"][group][name]), unit, source())


class Curve:
    """A number that was measured at some sizes of a payload: between them a straight line, beyond them the last one.

    It never falls, so that a larger payload never needs less: a size that measured less counts as the one before.
    """

    def __init__(self, group: str, name: str, unit: str) -> None:
        found = sorted((float(size), float(value)) for size, value in measured()["model"][group][name].items())
        self._sizes = [size for size, _ in found]
        self._values = [max(value for _, value in found[: index + 1]) for index in range(len(found))]
        self.unit, self.source = unit, source()
        self._last = (0.0, self._values[0])

    def at(self, size: float) -> float:
        if size == self._last[0]:
            return self._last[1]
        sizes, values = self._sizes, self._values
        right = min(max(bisect_left(sizes, size), 1), len(sizes) - 1)
        slope = (values[right] - values[right - 1]) / (sizes[right] - sizes[right - 1])
        found = values[right - 1] + slope * (max(size, sizes[0]) - sizes[right - 1])
        self._last = (size, found)
        return found

    def fact(self, size: float) -> Fact:
        """The number at a size, with where it comes from."""
        return Fact(self.at(size), self.unit, self.source)
