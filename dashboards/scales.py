"""Axes: from where to where, and the round values between."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from dashboards.units import Unit
from dashboards.window import Window

_HEIGHTS: Final = 4
"""Steps of an axis, about."""
_TIMES: Final = 6
_DAY: Final = 86400
_ROUND: Final = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, _DAY, 2 * _DAY, 7 * _DAY)
"""Seconds between moments on the axis."""
_FURTHEST: Final = 1e300
"""Beyond it, differences would be infinite."""
_NEAREST: Final = 1e-300
"""Below it, they would be nought."""
_EDGE: Final = 0.07
"""Of the width, where no label of time fits."""


@dataclass(frozen=True)
class Tick:
    """A label on an axis, and its place: 0 is the lower or left end, 1 the other."""

    place: float
    text: str


@dataclass(frozen=True)
class Axis:
    """Of values."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def place(self, value: float) -> float:
        """Of a value, 0 at the lower end, 1 at the upper one."""
        return (_within(value) - self.low) / (self.high - self.low)


def axis(values: Sequence[float], soft: tuple[float | None, float | None], unit: Unit) -> Axis:
    """That shows all finite values and the soft limits."""
    shown = [_within(value) for value in (*values, *soft) if value is not None and math.isfinite(value)] or [0.0]
    low, high = min(shown), max(shown)
    if high - low < _NEAREST:
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < _NEAREST:
        high = low + 1
    factor, _ = unit.scale(max(abs(low), abs(high)))
    step = _round((high - low) / factor / _HEIGHTS) * factor
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    marks = [number * step for number in range(first, last + 1)]
    low, high = marks[0], marks[-1]
    texts = unit.apart(marks)
    return Axis(
        low, high, tuple(Tick((mark - low) / (high - low), text) for mark, text in zip(marks, texts, strict=True))
    )


def times(window: Window) -> tuple[Tick, ...]:
    """Round moments of a window, in UTC."""
    length = window.end - window.start
    step = next(
        (step for step in _ROUND if length / step <= _TIMES), _ROUND[-1] * math.ceil(length / _ROUND[-1] / _TIMES)
    )
    form = "%b %d" if step >= _DAY else "%H:%M" if length <= _DAY else "%b %d %H:%M"
    first = math.ceil(window.start / step) * step
    moments = [first + number * step for number in range(int((window.end - first) // step) + 1)]
    return tuple(
        Tick(window.place(moment), datetime.fromtimestamp(moment, UTC).strftime(form))
        for moment in moments
        if _EDGE <= window.place(moment) <= 1 - _EDGE
    )


def _within(value: float) -> float:
    return max(-_FURTHEST, min(_FURTHEST, value))


def _round(step: float) -> float:
    """1, 2 or 5 times a power of ten, no smaller than the step but for a little."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(times * power for times in (1, 2, 2.5, 5, 10) if times * power >= step * (1 - 1e-9))
