"""Panels of lines over time."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from dashboards import limits, scales
from dashboards.answers import Answer, Answers, Panel, calculation
from dashboards.errors import PanelError
from dashboards.units import Unit, unit
from dashboards.window import Window

SIZE: Final = 1000
"""Of the drawing in both directions; it is stretched to the panel."""
COLOURS: Final = 8
"""In page.css; further lines have the same ones, dashed and dotted."""
DASHES: Final = ("", "7 4", "2 4")
IN_SIGHT: Final = 8
"""Rows of a legend that are always seen."""
_FILLED: Final = {"off": (False, False), "dashed": (True, False), "area": (False, True), "dashed+area": (True, True)}
"""Styles of thresholds: whether there is a line, and whether its side is tinted."""
_CUSTOM: Final = {
    "axisSoftMax": None,
    "axisSoftMin": None,
    "fillOpacity": (0,),
    "lineWidth": None,
    "showPoints": ("never",),
    "thresholdsStyle": None,
}
"""What the page draws of Grafana's options, and with which values; None for all."""


@dataclass(frozen=True)
class Line:
    """A series, drawn and in words."""

    name: str
    colour: int
    dash: str
    path: str
    """Of SVG, in a square of SIZE."""
    values: tuple[str, ...]
    """One for each of the legend's columns."""


@dataclass(frozen=True)
class Limit:
    """A line of a threshold; its place is as an axis has it."""

    colour: str
    place: float
    text: str
    """Which side is in the colour, and from where on."""


@dataclass(frozen=True)
class Band:
    """The side of a threshold where values are not good; y from the top, as SVG has it."""

    colour: str
    y: float
    height: float


@dataclass(frozen=True)
class Drawing:
    """All that the template needs."""

    lines: tuple[Line, ...]
    columns: tuple[str, ...]
    width: float
    axis: scales.Axis
    times: tuple[scales.Tick, ...]
    limits: tuple[Limit, ...]
    bands: tuple[Band, ...]
    label: str
    """For who hears the page."""
    colours: tuple[str, ...]
    """Of the last values, where limits are drawn."""

    @property
    def seen(self) -> tuple[Line, ...]:
        """Rows of the legend that are always in sight."""
        return self.lines if len(self.lines) <= IN_SIGHT + 1 else self.lines[:IN_SIGHT]

    @property
    def more(self) -> tuple[Line, ...]:
        """Rows that are opened."""
        return self.lines[len(self.seen) :]

    @property
    def margin(self) -> int:
        """Characters of the widest label of values."""
        return max(len(tick.text) for tick in self.axis.ticks)


def drawing(panel: Panel, answers: Answers, window: Window) -> Drawing:
    """Lines, axes and limits. PanelError where the JSON asks for what the page cannot draw."""
    defaults = panel["fieldConfig"]["defaults"]
    custom, unit_ = defaults.get("custom", {}), unit(defaults["unit"])
    with_lines, with_bands = _style(custom)
    steps = limits.steps(panel)
    legend = panel["options"]["legend"]
    calculations = [calculation(name) for name in legend["calcs"]]
    values = [value for answer in answers.series for value in answer.values]
    axis = scales.axis(values, (custom.get("axisSoftMin"), custom.get("axisSoftMax")), unit_)
    ordered = _sorted(answers.series, legend)
    lines = tuple(
        Line(
            answer.name,
            number % COLOURS,
            DASHES[number // COLOURS % len(DASHES)],
            path(answer.points, axis, window),
            tuple(unit_.text(reckon(answer.values)) for _, reckon in calculations),
        )
        for number, answer in enumerate(ordered)
    )
    return Drawing(
        lines=lines,
        columns=tuple(title for title, _ in calculations),
        width=custom.get("lineWidth", 1),
        axis=axis,
        times=scales.times(window),
        limits=tuple(_limits(steps, axis, unit_)) if with_lines else (),
        bands=tuple(_bands(steps, axis)) if with_bands else (),
        label=_label(panel["title"], ordered, unit_),
        colours=tuple(limits.colour_of(answer.values[-1], steps) for answer in ordered if with_lines or with_bands),
    )


def _style(custom: Mapping[str, Any]) -> tuple[bool, bool]:
    for name, value in custom.items():
        known = _CUSTOM.get(name, ())
        if known is not None and value not in known:
            raise PanelError(f"the page cannot draw lines with {name} = {value!r}")
    mode = custom.get("thresholdsStyle", {}).get("mode", "off")
    if mode not in _FILLED:
        raise PanelError(f"the page cannot draw thresholds in the style {mode!r}")
    return _FILLED[mode]


def _sorted(series: Sequence[Answer], legend: Mapping[str, Any]) -> list[Answer]:
    """As the legend is: Grafana writes `Last *` for the title of a column of the last values."""
    by = str(legend.get("sortBy", "")).removesuffix(" *")
    reckon = next((one for title, one in map(calculation, legend["calcs"]) if title == by), None)
    if reckon is None:
        return list(series)
    # By name first, so that those with the same value keep their places from page to page.
    named = sorted(series, key=lambda answer: answer.name)
    return sorted(named, key=lambda answer: reckon(answer.values), reverse=bool(legend.get("sortDesc")))


def path(points: Sequence[tuple[float, float]], axis: scales.Axis, window: Window) -> str:
    """Of SVG: broken where a moment is missing or has no finite value; a point alone is a dot."""
    return "".join(_run(run, axis, window) for run in _runs(points, window.step))


def _runs(points: Sequence[tuple[float, float]], step: int) -> Iterator[list[tuple[float, float]]]:
    """Points without a gap between them."""
    run: list[tuple[float, float]] = []
    for at, value in points:
        finite = math.isfinite(value)
        if run and (not finite or at - run[-1][0] > 1.5 * step):
            yield run
            run = []
        if finite:
            run.append((at, value))
    if run:
        yield run


def _run(points: Sequence[tuple[float, float]], axis: scales.Axis, window: Window) -> str:
    placed = [(f"{window.place(at) * SIZE:.1f}", f"{_y(value, axis):.1f}") for at, value in points]
    if len(placed) == 1:
        ((x, y),) = placed
        return f"M{x} {y}h0"
    # Of a level stretch its ends are enough.
    kept = [
        place
        for before, place, after in zip([None, *placed], placed, [*placed[1:], None], strict=False)
        if before is None or after is None or not before[1] == place[1] == after[1]
    ]
    return "M" + "L".join(f"{x} {y}" for x, y in kept)


def _y(value: float, axis: scales.Axis) -> float:
    return SIZE * (1 - axis.place(value))


def _limits(steps: Sequence[limits.Step], axis: scales.Axis, unit_: Unit) -> Iterator[Limit]:
    """Of each value between two colours: in the worse one."""
    for below, above in pairwise(steps):
        if axis.low <= above.value <= axis.high:
            worse = max(below, above, key=lambda step: limits.COLOURS.index(step.colour))
            side = "from" if worse is above else "below"
            text = f"{worse.colour} {side} {unit_.text(above.value)}"
            yield Limit(worse.colour, axis.place(above.value), text)


def _bands(steps: Sequence[limits.Step], axis: scales.Axis) -> Iterator[Band]:
    ends = [*(step.value for step in steps[1:]), math.inf]
    for step, end in zip(steps, ends, strict=True):
        low, high = max(step.value, axis.low), min(end, axis.high)
        if step.colour != limits.GOOD and low < high:
            yield Band(step.colour, _y(high, axis), _y(low, axis) - _y(high, axis))


def _label(title: str, series: Sequence[Answer], unit_: Unit) -> str:
    last = "; ".join(f"{answer.name} {unit_.text(answer.values[-1])}" for answer in series)
    return f"{title}: lines over time. Last values: {last}"
