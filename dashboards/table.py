"""Panels of rows: the labels of series and their values now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dashboards import limits
from dashboards.answers import Answers, Panel
from dashboards.errors import PanelError
from dashboards.units import unit

Row = dict[str, str | float]
VALUE: Final = "Value"
_COLOURED: Final = {"type": "color-background"}


@dataclass(frozen=True)
class Cell:
    """Of a row."""

    text: str
    number: bool
    colour: str | None


@dataclass(frozen=True)
class Drawing:
    """All that the template needs."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def colours(self) -> tuple[str, ...]:
        """Of the cells."""
        return tuple(cell.colour for row in self.rows for cell in row if cell.colour)


@dataclass(frozen=True)
class _Frame:
    """A table on its way through transformations."""

    columns: list[str]
    rows: list[Row]


def drawing(panel: Panel, answers: Answers) -> Drawing:
    """Rows and columns. PanelError where the JSON asks for what the page cannot draw."""
    if len(panel["targets"]) != 1:
        raise PanelError("the page draws tables of one query only")
    frame = _frame(answers)
    for transformation in panel.get("transformations", []):
        change = _TRANSFORMATIONS.get(transformation["id"])
        if change is None:
            raise PanelError(f"the page cannot do the transformation {transformation['id']!r}")
        frame = change(frame, transformation["options"])
    rows = tuple(tuple(_cell(panel, column, row.get(column)) for column in frame.columns) for row in frame.rows)
    return Drawing(tuple(frame.columns), rows)


def _frame(answers: Answers) -> _Frame:
    labels = dict.fromkeys(label for answer in answers.series for label in sorted(answer.labels))
    rows: list[Row] = [{**answer.labels, "Time": "", VALUE: answer.values[-1]} for answer in answers.series]
    return _Frame(["Time", *labels, VALUE], rows)


def _organize(frame: _Frame, options: Mapping[str, Any]) -> _Frame:
    """Columns left out, in order, and renamed (grafana.com, Transform data, Organize fields by name)."""
    hidden, order, names = options["excludeByName"], options["indexByName"], options["renameByName"]
    kept = [column for column in frame.columns if not hidden.get(column)]
    ordered = sorted(kept, key=lambda column: order.get(column, len(order)))
    renamed = [{names.get(column, column): value for column, value in row.items()} for row in frame.rows]
    return _Frame([names.get(column, column) for column in ordered], renamed)


def _matrix(frame: _Frame, options: Mapping[str, Any]) -> _Frame:
    """A row for each value of one label, a column for each of another (the same page, Grouping to matrix)."""
    down, across, value = options["rowField"], options["columnField"], options["valueField"]
    columns = sorted({str(row.get(across, "")) for row in frame.rows})
    rows: dict[str, Row] = {name: {down: name} for name in sorted({str(row.get(down, "")) for row in frame.rows})}
    for row in frame.rows:
        rows[str(row.get(down, ""))][str(row.get(across, ""))] = row[value]
    return _Frame([down, *columns], list(rows.values()))


_TRANSFORMATIONS: Final = {"organize": _organize, "groupingToMatrix": _matrix}


def _cell(panel: Panel, column: str, value: str | float | None) -> Cell:
    config = panel["fieldConfig"]
    number = value is not None and not isinstance(value, str)
    own = _own(config.get("overrides", []), column, number=number)
    plain = value if isinstance(value, str) else "" if value is None else f"{value:g}"
    text, colour = limits.mapped(plain, own.get("mappings", []))
    if value is not None and not isinstance(value, str):
        text = text or unit(config["defaults"]["unit"]).text(value)
        colour = colour or limits.colour_of(value, limits.steps(panel))
    return Cell(text or plain, number, colour if "custom.cellOptions" in own else None)


def _own(overrides: Sequence[Mapping[str, Any]], column: str, *, number: bool) -> dict[str, Any]:
    """What a column has of its own."""
    found: dict[str, Any] = {}
    for override in overrides:
        matcher = override["matcher"]["id"], override["matcher"]["options"]
        if matcher[0] != "byName" and matcher != ("byType", "number"):
            raise PanelError(f"the page cannot find columns {matcher[0]} {matcher[1]!r}")
        if column == matcher[1] if matcher[0] == "byName" else number:
            found |= {one["id"]: one["value"] for one in override["properties"]}
    unknown = sorted(found.keys() - {"mappings", "custom.cellOptions"})
    if unknown or found.get("custom.cellOptions", _COLOURED) != _COLOURED:
        raise PanelError(f"the page cannot draw cells with {', '.join(unknown) or found['custom.cellOptions']}")
    return found
