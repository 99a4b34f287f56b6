"""The page: a region's dashboards, each panel in its place on Grafana's grid."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from dashboards import limits, paper, stat, table, timeseries
from dashboards.answers import Answers, Panel, asked
from dashboards.errors import DashboardError, PanelError
from dashboards.prometheus import Source
from dashboards.variables import Chosen, chosen
from dashboards.window import Window, seconds_shown
from observability.dashboards import dashboard
from observability.scope import Scope

Dashboard = Mapping[str, Any]
"""As Grafana's older JSON has it."""


class Drawing(Protocol):
    """What a template draws."""

    @property
    def colours(self) -> tuple[str, ...]:
        """That values have by their limits."""
        ...


_DRAWINGS: Final[Mapping[str, Callable[[Panel, Answers, Window], Drawing]]] = {
    "timeseries": timeseries.drawing,
    "stat": lambda panel, answers, _: stat.drawing(panel, answers),
    "table": lambda panel, answers, _: table.drawing(panel, answers),
}
"""By the type of the panel; each has a template of that name."""


@dataclass(frozen=True)
class Link:
    """To another place on the page, or elsewhere."""

    title: str
    address: str

    @property
    def outside(self) -> bool:
        """Leaves the page."""
        return not self.address.startswith("#")


@dataclass(frozen=True)
class Shown:
    """A panel as the template needs it."""

    anchor: str
    dashboard: str
    title: str
    kind: str
    remedy: str
    place: str
    """Of CSS, on the grid of its row."""
    links: tuple[Link, ...]
    drawing: Drawing
    unanswered: tuple[str, ...]
    """Queries that returned nothing."""
    empty: str
    """What is said where no query returned anything; else nothing."""

    @property
    def worst(self) -> str:
        """The worst colour of its values."""
        return max(self.drawing.colours, key=limits.COLOURS.index, default=limits.GOOD)


@dataclass(frozen=True)
class Section:
    """A row of a dashboard."""

    question: str
    panels: tuple[Shown, ...]


@dataclass(frozen=True)
class Board:
    """A dashboard as the template needs it."""

    anchor: str
    name: str
    title: str
    purpose: str
    links: tuple[Link, ...]
    variables: tuple[Chosen, ...]
    window: Window
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Page:
    """All dashboards of a region, and what they lack."""

    region: str
    source: str
    drawn_at: float
    boards: tuple[Board, ...]

    @property
    def panels(self) -> tuple[Shown, ...]:
        """Of all dashboards."""
        return tuple(panel for board in self.boards for section in board.sections for panel in section.panels)

    @property
    def empty(self) -> tuple[Shown, ...]:
        """Panels none of whose queries returned anything."""
        return tuple(panel for panel in self.panels if panel.empty)

    @property
    def beyond(self) -> tuple[Shown, ...]:
        """Panels with a value beyond its limits now, the worst first; one that several dashboards have, once."""
        beyond: dict[str, Shown] = {}
        for panel in self.panels:
            if panel.worst != limits.GOOD:
                beyond.setdefault(panel.title, panel)
        return tuple(sorted(beyond.values(), key=lambda panel: limits.COLOURS.index(panel.worst), reverse=True))

    @property
    def html(self) -> str:
        """The page itself, with all that it needs."""
        return paper.environment().get_template("page.html").render(page=self)


def drawn(scope: Scope, source: Source, end: float, seconds: float | None = None, address: str = "") -> Page:
    """The dashboards of a region until a moment (seconds since the epoch), for as long as each says or for `seconds`.

    DashboardError with everything that Prometheus refuses or the page cannot draw. `address` is where figures are from.
    """
    names = {name: dashboard(name, scope) for name in scope.dashboards}
    anchors = {raw["uid"]: f"#{raw['uid']}" for raw in names.values()}
    boards: list[Board] = []
    faults: list[str] = []
    for name, raw in names.items():
        window = Window.until(end, seconds or seconds_shown(raw["time"]))
        boards.append(_board(name, raw, source, window, anchors, faults))
    if faults:
        raise DashboardError("\n".join(faults))
    return Page(scope.region, address, end, tuple(boards))


def _board(
    name: str, raw: Dashboard, source: Source, window: Window, anchors: Mapping[str, str], faults: list[str]
) -> Board:
    variables = chosen(raw, source, window)
    sections: list[Section] = []
    for row, panels in _rows(raw["panels"]):
        shown: list[Shown] = []
        for panel in panels:
            try:
                answers = asked(panel, variables, source, window)
                shown.append(_shown(name, raw["uid"], row, panel, answers, window, anchors))
            except PanelError as error:
                faults.append(f"{name}: {panel['title']}: {error}")
        sections.append(Section(row["title"], tuple(shown)))
    links = tuple(_links(raw["links"], anchors))
    return Board(
        raw["uid"], name, raw["title"], raw["description"], links, tuple(variables.values()), window, tuple(sections)
    )


def _rows(panels: Sequence[Panel]) -> Iterator[tuple[Panel, Sequence[Panel]]]:
    """Each row and the panels below it."""
    starts = [place for place, panel in enumerate(panels) if panel["type"] == "row"]
    for start, end in zip(starts, [*starts[1:], len(panels)], strict=True):
        yield panels[start], panels[start + 1 : end]


def _shown(
    name: str,
    uid: str,
    row: Panel,
    panel: Panel,
    answers: Answers,
    window: Window,
    anchors: Mapping[str, str],
) -> Shown:
    draw = _DRAWINGS.get(panel["type"])
    if draw is None:
        raise PanelError(f"the page cannot draw the type {panel['type']!r}: it draws {', '.join(_DRAWINGS)}")
    drawing = draw(panel, answers, window)
    return Shown(
        anchor=f"{uid}-{panel['id']}",
        dashboard=name,
        title=panel["title"],
        kind=panel["type"],
        remedy=panel["description"],
        place=_place(panel, row),
        links=tuple(_links(panel["links"], anchors)),
        drawing=drawing,
        unanswered=answers.unanswered,
        empty="" if answers.series else panel["fieldConfig"]["defaults"]["noValue"],
    )


def _place(panel: Panel, row: Panel) -> str:
    at, top = panel["gridPos"], row["gridPos"]["y"] + row["gridPos"]["h"]
    return f"grid-column: {at['x'] + 1} / span {at['w']}; grid-row: {at['y'] - top + 1} / span {at['h']}"


def _links(links: Sequence[Mapping[str, Any]], anchors: Mapping[str, str]) -> Iterator[Link]:
    """Those to other dashboards lead to their places on the page."""
    for link in links:
        found = re.match(r"/d/([\w-]+)", link["url"])
        yield Link(link["title"], anchors[found[1]] if found else link["url"])
