"""Where something stops, found by halving: for needs that only grow."""

from collections.abc import Callable
from typing import Final

MOST: Final = 1e12
"""Memories, or points: more than anybody has."""
_NEAR: Final = 0.5


def ends(holds: Callable[[float], bool], most: float) -> tuple[float, float]:
    """Two values no further apart than a half, from nought to `most`: up to the first, something holds that never does
    again once it does not; from the second on, it does not. Nought and `most` themselves are not asked.
    """
    low, high = 0.0, most
    while high - low > _NEAR:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low, high
