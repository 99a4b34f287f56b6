"""Pods of no state, spread evenly over zones of which some may be lost."""

from functools import cache
from typing import NamedTuple

from capacity import rounding


class Spread(NamedTuple):
    """How many it takes."""

    pods: int
    """The fewest, or as many in each zone."""
    spare: float
    """How many times those that are left there are, at most, whatever the load: with it, more load never asks less."""


def left(number: int, zones: int, lost: int) -> int:
    """What is left of pods when the fullest zones are lost."""
    return number - lost * -(-number // zones)


def pods(wanted: float, least: int, zones: int, lost: int) -> Spread:
    """Pods of which so many are left; `least` are there whatever is wanted."""
    few = least
    while left(few, zones, lost) < 1:
        few += 1
    times = zones / (zones - lost)
    number = few if left(few, zones, lost) >= wanted else rounding.multiple(wanted * times, zones)
    return Spread(number, max(few / left(few, zones, lost), times))


def fewest(wanted: int, least: int, zones: int, lost: int) -> int:
    """The fewest pods of which so many are left, but no fewer than `least`."""
    number = max(least, -(-wanted * zones // (zones - lost)))
    while left(number, zones, lost) < wanted:
        number += 1
    return number


@cache
def spare(least: int, zones: int, lost: int) -> float:
    """How many times those that are left the `fewest` are, at most, however many are wanted: with it, more load never
    asks less. With each round of the zones less, so that the first ones have the most.
    """
    numbers = (fewest(wanted, least, zones, lost) for wanted in range(1, 2 * zones + 1))
    return max(number / left(number, zones, lost) for number in numbers)
