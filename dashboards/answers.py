"""What a panel's queries return, under the names of their legends."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dashboards.errors import PanelError
from dashboards.prometheus import Series, Source
from dashboards.variables import Chosen, filled
from dashboards.window import Window

Panel = Mapping[str, Any]
"""As Grafana's older JSON has it."""
_LABEL: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Answer:
    """A series that a query returned."""

    name: str
    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    @property
    def values(self) -> list[float]:
        """Those that are numbers, in the order of time."""
        return [value for _, value in self.points if not math.isnan(value)]


@dataclass(frozen=True)
class Answers:
    """Of all queries of a panel."""

    series: tuple[Answer, ...]
    unanswered: tuple[str, ...]
    """Queries that returned nothing."""


def asked(panel: Panel, variables: Mapping[str, Chosen], source: Source, window: Window) -> Answers:
    """Asks all queries of a panel. PanelError where one is refused."""
    series: list[Answer] = []
    unanswered: list[str] = []
    for target in panel["targets"]:
        expr = filled(target["expr"], variables)
        found = source.query_range(expr, window) if target["range"] else source.query(expr, window.end)
        told = [one for one in (_named(target["legendFormat"], each) for each in found) if one.values]
        series += told
        if not told:
            unanswered.append(expr)
    return Answers(tuple(series), tuple(unanswered))


def _named(legend: str, series: Series) -> Answer:
    name = _LABEL.sub(lambda label: series.labels.get(label[1], ""), legend).strip()
    return Answer(name or _plain(series.labels), series.labels, series.points)


def _plain(labels: Mapping[str, str]) -> str:
    """As Prometheus writes a series."""
    listed = ", ".join(f'{name}="{value}"' for name, value in labels.items() if name != "__name__")
    return f"{labels.get('__name__', '')}{{{listed}}}"


_CALCULATIONS: Final[Mapping[str, tuple[str, Callable[[Sequence[float]], float]]]] = {
    "lastNotNull": ("Last", lambda values: values[-1]),
    "max": ("Max", max),
    "min": ("Min", min),
}
"""Grafana's name, and for people."""


def calculation(name: str) -> tuple[str, Callable[[Sequence[float]], float]]:
    """How a series becomes one value. PanelError where the page does not know it."""
    if name not in _CALCULATIONS:
        raise PanelError(f"the page cannot reckon {name!r}: add it to dashboards/answers.py")
    return _CALCULATIONS[name]
