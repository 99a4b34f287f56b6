"""Values in words, by Grafana's ids of units."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dashboards.errors import PanelError

_PLAIN_UP_TO: Final = 1e6
"""Of the largest scale; beyond, with an exponent."""


@dataclass(frozen=True)
class Unit:
    """Scales from the smallest to the largest: how much one is, and what is written after it."""

    scales: tuple[tuple[float, str], ...]
    digits: int = 3
    """Significant ones."""

    def scale(self, value: float) -> tuple[float, str]:
        """The largest that is no larger than the value."""
        size = abs(value) * (1 + 0.5 * 10**-self.digits)  # 999.9 is rounded, and becomes one of the next
        fitting = [scale for scale in self.scales if scale[0] <= size]
        return fitting[-1] if fitting else self.scales[0] if value else self._one

    @property
    def _one(self) -> tuple[float, str]:
        """The scale of a nought."""
        return min(self.scales, key=lambda scale: abs(math.log(scale[0])))

    def text(self, value: float, digits: int | None = None) -> str:
        """The value with its unit."""
        if math.isnan(value):
            return "–"
        if math.isinf(value):
            return "∞" if value > 0 else "−∞"
        size, suffix = self.scale(value)
        return f"{_number(value / size, digits or self.digits)}{suffix}"

    def apart(self, values: Sequence[float]) -> list[str]:
        """The values with as many digits as tell them apart."""
        for digits in range(self.digits, 16):
            texts = [self.text(value, digits) for value in values]
            if len(set(texts)) == len(set(values)):
                return texts
        return [self.text(value, 16) for value in values]


def _number(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    if abs(value) >= _PLAIN_UP_TO or abs(value) < 1 / _PLAIN_UP_TO:
        return f"{value:.{digits}g}".replace("-", "−")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if decimals else text).replace("-", "−")


def _counted(after: str) -> tuple[tuple[float, str], ...]:
    return tuple((1000.0**power, f" {letter}{after}".rstrip()) for power, letter in enumerate(("", "K ", "M ", "G ")))


UNITS: Final = {
    "short": Unit(((1, ""), (1e3, " K"), (1e6, " Mil"), (1e9, " Bil"), (1e12, " Tri"))),
    "percentunit": Unit(((0.01, "%"),), digits=4),
    "s": Unit(((1e-9, " ns"), (1e-6, " µs"), (1e-3, " ms"), (1, " s"), (60, " min"), (3600, " h"), (86400, " d"))),
    "d": Unit(((1 / 1440, " min"), (1 / 24, " h"), (1, " d"))),
    "bytes": Unit(tuple((1024.0**power, f" {name}") for power, name in enumerate(("B", "KiB", "MiB", "GiB", "TiB")))),
    "reqps": Unit(_counted("req/s")),
    "ops": Unit(_counted("ops/s")),
}


def unit(name: str) -> Unit:
    """By Grafana's id. PanelError for one that the page does not know."""
    if name not in UNITS:
        raise PanelError(f"the page knows no unit {name!r}: add it to dashboards/units.py")
    return UNITS[name]
