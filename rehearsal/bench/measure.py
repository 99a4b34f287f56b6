"""One measured number, and how several are shown."""

import io
import itertools
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from rehearsal.progress import Progress

QUIET = Progress(io.StringIO())
"""For work that is measured: what it says would cost time."""


@dataclass(frozen=True)
class Measure:
    """A number with its goal: at most `goal`, or at least, in `unit`. Without a goal it is printed for information."""

    name: str
    value: float | None
    """None for what could not be measured; then `unit` says why."""
    unit: str
    goal: float | None = None
    at_least: bool = False

    @classmethod
    def missing(cls, what: str, programs: str) -> "Measure":
        """What is not measured where some programs are not installed."""
        return cls(f"NOT MEASURED: {what}", None, f"needs {programs} on PATH")

    @property
    def holds(self) -> bool | None:
        """Whether the goal is reached; None for what could not be measured."""
        if self.value is None:
            return None
        if self.goal is None:
            return True
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def as_json(self) -> dict[str, Any]:
        value = None if self.value is None else round(self.value, 3)
        return {**asdict(self), "value": value, "holds": self.holds}


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one run, in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@dataclass(frozen=True)
class Turns:
    """Seconds of two pieces of work, round by round."""

    ones: tuple[float, ...]
    others: tuple[float, ...]

    @property
    def one(self) -> float:
        return statistics.median(self.ones)

    @property
    def other(self) -> float:
        return statistics.median(self.others)

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios: the two of a round met the same machine, those of two rounds may not."""
        return statistics.median(one / other for one, other in zip(self.ones, self.others, strict=True))


def side_by_side(rounds: int, one: Callable[[int], object], other: Callable[[int], object]) -> Turns:
    """Two pieces of work, run in turns so that both meet the same machine; each is told its round."""
    ones: list[float] = []
    others: list[float] = []
    for number in range(rounds):
        pairs = [(one, ones), (other, others)]
        for work, times in pairs if number % 2 == 0 else reversed(pairs):
            started = time.perf_counter()
            work(number)
            times.append(time.perf_counter() - started)
    return Turns(tuple(ones), tuple(others))


def in_turns(rounds: int, works: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """What several pieces of work answer, round by round, each in every place of the order once in a while."""
    found: dict[str, list[float]] = {name: [] for name in works}
    orders = list(itertools.permutations(works))
    # Shuffled, else the last ones would begin no round before the first have begun many; the same each time.
    random.Random(0).shuffle(orders)  # noqa: S311 nothing is secret
    for order in itertools.islice(itertools.cycle(orders), rounds):
        for name in order:
            found[name].append(works[name]())
    return found


def ratio(ones: Sequence[float], others: Sequence[float]) -> float:
    """The median of the rounds' ratios."""
    return Turns(tuple(ones), tuple(others)).ratio


def show(measured: Sequence[Measure], console: Console) -> None:
    """The table of `make bench`."""
    table = Table("what", "value", "unit", "goal", "holds")
    for entry in measured:
        goal = "" if entry.goal is None else f"{'≥' if entry.at_least else '≤'} {entry.goal:g}"
        verdict = "" if entry.goal is None else "yes" if entry.holds else "NO"
        table.add_row(entry.name, "" if entry.value is None else f"{entry.value:.3f}", entry.unit, goal, verdict)
    console.print(table)
