"""CPU that work takes, where a busy machine makes single runs of it dearer."""

from collections.abc import Callable
from statistics import median

BATCHES = 5


def each(times: int, work: Callable[[int], object], clock: Callable[[], float]) -> float:
    """Seconds by a clock of one of several: the median of batches. `work` is given a number of its own each time, below
    `BATCHES * times`.
    """

    def batch(first: int) -> float:
        started = clock()
        for number in range(first, first + times):
            work(number)
        return (clock() - started) / times

    return median(batch(number * times) for number in range(BATCHES))
