"""A dashboard's variables: their values from Prometheus, and their places in queries, as Grafana does it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dashboards.errors import DashboardError, PanelError
from dashboards.prometheus import Source
from dashboards.window import Window

_ALL: Final = "$__all"
_LABEL_VALUES: Final = re.compile(r"label_values\((?:(?P<series>.+),\s*)?(?P<label>\w+)\)")
_PLACE: Final = re.compile(r"\$(?:(?P<plain>[A-Za-z_]\w*)|\{(?P<braced>\w+)(?P<form>[^}]*)\})")


@dataclass(frozen=True)
class Chosen:
    """What a variable stands for."""

    label: str
    text: str
    """For people."""
    value: str
    """For queries; of several, a regular expression."""


def chosen(dashboard: Mapping[str, Any], source: Source, window: Window) -> dict[str, Chosen]:
    """Every variable by name. DashboardError where Prometheus knows values, and none is the one that was chosen."""
    found: dict[str, Chosen] = {}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "datasource":
            found[variable["name"]] = _chosen(variable, found, source, window)
    return found


def _chosen(variable: Mapping[str, Any], before: Mapping[str, Chosen], source: Source, window: Window) -> Chosen:
    name, label = variable["name"], variable.get("label") or variable["name"]
    asked = _LABEL_VALUES.fullmatch(variable["query"]) if variable["type"] == "query" else None
    if asked is None:
        raise DashboardError(f"cannot tell the values of the variable {name}: only label_values(…) can be asked")
    try:
        series = asked["series"]
        values = source.label_values(asked["label"], series and filled(series, before), window)
    except PanelError as error:
        raise DashboardError(f"variable {name}: {error}") from None
    current = variable["current"]["value"]
    picked: list[str] = [current] if isinstance(current, str) else list(current)
    if picked == [_ALL]:
        return Chosen(label, f"All ({', '.join(values) or 'none known'})", variable.get("allValue") or _any_of(values))
    unknown = [value for value in picked if value not in values] if values else []
    if unknown:
        known = ", ".join(values)
        raise DashboardError(
            f"Prometheus has no {name} {', '.join(unknown)}, but {known}: name the STACK of one that it has"
        )
    return Chosen(label, ", ".join(picked), picked[0] if len(picked) == 1 else _any_of(picked))


def filled(text: str, values: Mapping[str, Chosen]) -> str:
    """The text with the variables' values in their places. PanelError for one that is not known."""

    def value(place: re.Match[str]) -> str:
        name = place["plain"] or place["braced"]
        if name not in values or place["form"]:
            raise PanelError(f"the page knows no variable {place[0]}, in `{text}`")
        return values[name].value

    return _PLACE.sub(value, text)


def _any_of(values: Sequence[str]) -> str:
    # In a quoted string of PromQL a backslash stands twice.
    return "(" + "|".join(re.escape(value).replace("\\", "\\\\") for value in values) + ")"
