"""Needs rounded up to what one buys."""

import math

from capacity.facts import GIB, MIB

_NEARLY = 1e-9
"""Below it a remainder is one of floating point."""


def up(value: float, step: float = 1.0) -> float:
    """The next multiple of a step."""
    return math.ceil(value / step - _NEARLY) * step


def whole(value: float) -> int:
    return math.ceil(value - _NEARLY)


def memory(value: float) -> float:
    """Bytes: to quarters of a GiB below 4 GiB, else to whole ones."""
    return up(value, 256 * MIB) if value < 4 * GIB else up(value, GIB)


def cores(value: float) -> float:
    """To quarters of a core below four cores, else to halves."""
    return up(value, 0.25) if value < 4 else up(value, 0.5)


def volume(value: float) -> float:
    """Bytes: in steps of 10 GiB, which volumes can grow by later."""
    return max(10 * GIB, up(value, 10 * GIB))


def odd(value: float) -> int:
    number = whole(value)
    return number if number % 2 else number + 1


def multiple(value: float, of: int) -> int:
    """The next multiple of a whole number."""
    return whole(value / of) * of


def power_of_two(value: float) -> int:
    return 1 << max(0, whole(math.log2(max(1.0, value))))
