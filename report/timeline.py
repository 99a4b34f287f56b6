"""Drills on an axis of time. Places are percents of its width, so that a drawing fits any screen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dashboards.scales import Tick, axis
from dashboards.units import Unit
from report.document import Case, Event, Tried

SECONDS: Final = Unit(((1.0, " s"),))
_APART: Final = 5.0
"""Percents between marks in one row, at least; closer ones stand in the next row."""


@dataclass(frozen=True)
class Stretch:
    """Of time, with as many healthy pods."""

    left: float
    width: float
    healthy: int
    state: str
    """`whole`, `degraded`, or `down` with fewer than are needed."""
    height: float
    """Share of the pods that are healthy, in percents."""


@dataclass(frozen=True)
class Lane:
    """One component."""

    tried: Tried
    stretches: tuple[Stretch, ...]
    needed: float
    """Height of what is needed, in percents."""


@dataclass(frozen=True)
class Mark:
    """An event on the axis."""

    number: int
    place: float
    row: int
    event: Event


@dataclass(frozen=True)
class Timeline:
    """One drill."""

    case: Case
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    end: float
    """Where the drill ends."""
    lanes: tuple[Lane, ...]
    """Of the components that were touched."""
    untouched: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Of marks."""
        return 1 + max((mark.row for mark in self.marks), default=0)


def timeline(case: Case) -> Timeline:
    """As wide as the drill was long."""
    ends = [case.seconds, *(event.at for event in case.events)]
    scale = axis([0.0, max(ends)], (None, None), SECONDS)

    def place(at: float) -> float:
        return 100 * max(0.0, min(1.0, scale.place(at)))

    touched = [one for one in case.components if one.touched]
    return Timeline(
        case,
        scale.ticks,
        tuple(_marks(case.events, [place(event.at) for event in case.events])),
        place(max(ends)),
        tuple(Lane(one, tuple(_stretches(one, case, place)), _share(one.needed, one)) for one in touched),
        tuple(one.component for one in case.components if not one.touched),
    )


def _marks(events: Sequence[Event], places: Sequence[float]) -> Iterator[Mark]:
    last: list[float] = []
    """Of each row, where its last mark is."""
    for number, (event, at) in enumerate(zip(events, places, strict=True), 1):
        row = next((row for row, place in enumerate(last) if at - place >= _APART), len(last))
        last[row : row + 1] = [at]
        yield Mark(number, at, row, event)


def _stretches(one: Tried, case: Case, place: Callable[[float], float]) -> Iterator[Stretch]:
    ends = [at for at, _ in one.healthy[1:]] + [case.seconds]
    for (at, healthy), end in zip(one.healthy, ends, strict=False):
        left, right = place(at), place(max(at, end))
        state = "down" if healthy < one.needed else "degraded" if healthy < one.pods else "whole"
        yield Stretch(left, right - left, healthy, state, _share(healthy, one))


def _share(number: int, of: Tried) -> float:
    return 100.0 * min(1.0, number / of.pods) if of.pods else 0.0
