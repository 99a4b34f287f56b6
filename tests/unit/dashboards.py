"""The dashboards of the checkout's regions, with what their parts say."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

from observability import recording
from observability.dashboards import dashboard
from observability.rule import Recording
from observability.scope import Scope, scope
from rehearsal.engine.project import Project
from settings.grafana import Dashboard

NAMES: tuple[Dashboard, ...] = get_args(Dashboard)
REGIONS = ("us-east", "us-west")
DOCS = "https://git.example.com/docs"

_SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}")
_BY = re.compile(r"\bby \(([^)]*)\)")
_LEGEND = re.compile(r"\{\{(\w+)\}\}")
_VARIABLE = re.compile(r"\$\{?([a-z]\w*)")


@cache
def region(name: str, backups: bool = True) -> Scope:
    """A region of the checkout; with backups, and with a place where docs/ can be read."""
    made = scope(Project.load(Path(__file__).parents[2]).settings()[name])
    return replace(made, backups=backups, monitoring=made.monitoring.model_copy(update={"docs": DOCS}))


@dataclass(frozen=True)
class Asked:
    """A query of a panel."""

    expr: str
    legend: str

    @property
    def selectors(self) -> list[tuple[str, str]]:
        """Each series that it reads, with the matchers."""
        return _SELECTOR.findall(self.expr)

    @property
    def series(self) -> set[str]:
        return {name for name, _ in self.selectors}

    @property
    def grouped(self) -> set[str] | None:
        """Labels that it keeps; None where it keeps all."""
        found = _BY.search(self.expr)
        return None if found is None else labels(found[1])

    @property
    def named(self) -> set[str]:
        """Labels in its legend."""
        return set(_LEGEND.findall(self.legend))

    @property
    def rest(self) -> str:
        """What is left of it without selectors, labels, durations and numbers."""
        without = re.sub(r"\b(?:by|on) \([^)]*\)|\[[^\]]*\]", "", _SELECTOR.sub("", self.expr))
        return re.sub(r"\b[\d.e-]+\b", "", without)


@dataclass(frozen=True)
class Panel:
    """A panel of the JSON."""

    raw: dict[str, Any]

    @property
    def title(self) -> str:
        return self.raw["title"]

    @property
    def row(self) -> bool:
        return self.raw["type"] == "row"

    @property
    def asked(self) -> list[Asked]:
        return [Asked(target["expr"], target["legendFormat"]) for target in self.raw["targets"]]

    @property
    def unit(self) -> str:
        return self.raw["fieldConfig"]["defaults"]["unit"]

    @property
    def lines(self) -> list[tuple[float, str]]:
        """Its limits, with the colour from each on."""
        steps = self.raw["fieldConfig"]["defaults"]["thresholds"]["steps"]
        return [(step["value"], step["color"]) for step in steps if step["value"] is not None]

    @property
    def links(self) -> list[str]:
        return [link["url"] for link in self.raw["links"]]

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Left, top, width, height."""
        at = self.raw["gridPos"]
        return at["x"], at["y"], at["w"], at["h"]


@dataclass(frozen=True)
class Board:
    """A dashboard of the JSON."""

    raw: dict[str, Any]

    @property
    def every(self) -> list[Panel]:
        """Rows, too."""
        return [Panel(raw) for raw in self.raw["panels"]]

    @property
    def panels(self) -> list[Panel]:
        return [panel for panel in self.every if not panel.row]

    @property
    def asked(self) -> list[Asked]:
        return [asked for panel in self.panels for asked in panel.asked]

    @property
    def variables(self) -> dict[str, dict[str, Any]]:
        return {variable["name"]: variable for variable in self.raw["templating"]["list"]}

    @property
    def used(self) -> set[str]:
        """Variables of its queries and data sources, but for those of Grafana itself."""
        texts = [asked.expr for asked in self.asked]
        texts += [variable["query"] for variable in self.variables.values()]
        texts += [target["datasource"]["uid"] for panel in self.panels for target in panel.raw["targets"]]
        return {name for text in texts for name in _VARIABLE.findall(text)}

    def panel(self, title: str) -> Panel:
        (found,) = (panel for panel in self.panels if panel.title == title)
        return found


def board(name: Dashboard, of: Scope) -> Board:
    return Board(dashboard(name, of))


def labels(listed: str) -> set[str]:
    return {label.strip() for label in listed.split(",")} - {""}


def recorded(of: Scope) -> dict[str, Recording]:
    """What a region records, by its name."""
    rules = (rule for group in recording.groups(of) for rule in group.rules)
    return {rule.record: rule for rule in rules if isinstance(rule, Recording)}


def kept(rule: Recording) -> set[str]:
    """Labels that a recorded series may have."""
    named = {label for listed in _BY.findall(rule.expr) for label in labels(listed)}
    return {"region", *named, *rule.labels, *(["component"] if '"component"' in rule.expr else [])}


def pairs(panels: list[Panel]) -> Iterator[tuple[Panel, Panel]]:
    for place, one in enumerate(panels):
        for other in panels[place + 1 :]:
            yield one, other
