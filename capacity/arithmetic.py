"""Functions that the arithmetic of a figure names, with what each of them does in words."""

import math
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from capacity import rounding, spread


class Function(NamedTuple):
    """What stands before a bracket."""

    call: Callable[..., float]
    words: str
    """Empty where everybody knows it."""


FUNCTIONS: Final[Mapping[str, Function]] = {
    "max": Function(max, ""),
    "min": Function(min, ""),
    "log": Function(math.log, ""),
    "floor": Function(lambda value: math.floor(value + rounding.NEARLY), ""),
    "ceil": Function(rounding.whole, ""),
    "multiple": Function(rounding.multiple, "the next multiple of a whole number"),
    "odd": Function(rounding.odd, "the next odd number"),
    "power_of_two": Function(rounding.power_of_two, "the next power of two"),
    "cores": Function(rounding.cores, "the next quarter of a core, from four cores on the next half"),
    "memory": Function(rounding.memory, "the next quarter of a GiB, from 4 GiB on the next whole one"),
    "volume": Function(rounding.volume, "the next multiple of 10 GiB"),
    "fewest": Function(
        spread.fewest,
        "the fewest, and no fewer than the second number says, of which as many are left as the first says when the "
        "fullest of so many zones are lost: number - lost × ceil(number / zones)",
    ),
    "evenly": Function(
        lambda *of: spread.pods(*of).pods,
        "no more than the second number says where as many of them are left as the first says when so many zones are "
        "lost; else as many in each zone, of which (zones - lost) / zones are left",
    ),
    "even_spare": Function(
        lambda *of: spread.pods(0, *of).spare,
        "how many times those that are left there are, at most, whatever is asked",
    ),
    "spare": Function(spread.spare, "how many times those that are left there are, at most, whatever is asked"),
}
"""By name."""
