"""Needs rounded up to what one buys."""

import math

from capacity.facts import GIB, MIB

NEARLY = 1e-9
"""Below it a remainder is one of floating point."""
_VOLUME = 10 * GIB


def more(value: float, than: float) -> bool:
    """Whether a value is more, and not by what floating point adds."""
    return value > than * (1 + NEARLY)


def up(value: float, step: float = 1.0) -> float:
    """The next multiple of a step."""
    return math.ceil(value / step - NEARLY) * step


def whole(value: float) -> int:
    return math.ceil(value - NEARLY)


def memory(value: float) -> float:
    """Bytes: to quarters of a GiB below 4 GiB, else to whole ones."""
    step = 256 * MIB if value < 4 * GIB else GIB
    return math.ceil(value / step - NEARLY) * step


def cores(value: float) -> float:
    """To quarters of a core below four cores, else to halves."""
    step = 0.25 if value < 4 else 0.5
    return math.ceil(value / step - NEARLY) * step


def volume(value: float) -> float:
    """Bytes: in steps of 10 GiB, which volumes can grow by later."""
    steps = math.ceil(value / _VOLUME - NEARLY)
    return (steps if steps > 1 else 1) * _VOLUME


def odd(value: float) -> int:
    number = whole(value)
    return number if number % 2 else number + 1


def multiple(value: float, of: int) -> int:
    """The next multiple of a whole number."""
    return whole(value / of) * of


def power_of_two(value: float) -> int:
    return 1 << max(0, whole(math.log2(max(1.0, value))))
