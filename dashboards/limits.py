"""Thresholds: the colour of a value, and where colours begin."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboards.answers import Panel
from dashboards.errors import PanelError

COLOURS: Final = ("green", "blue", "orange", "red")
"""That page.css has, with text that can be read on them; from good to bad."""
GOOD: Final = "green"


@dataclass(frozen=True)
class Step:
    """A colour, and the value from which it holds: infinitely low for the first."""

    value: float
    colour: str


def steps(panel: Panel) -> tuple[Step, ...]:
    """Of a panel, upwards. PanelError for colours and modes that the page does not know."""
    stated = panel["fieldConfig"]["defaults"]["thresholds"]
    if stated["mode"] != "absolute":
        raise PanelError(f"the page knows no thresholds of the mode {stated['mode']!r}, only absolute ones")
    made = (Step(_value(step), colour(step["color"])) for step in stated["steps"])
    return tuple(sorted(made, key=lambda step: step.value))


def _value(step: Mapping[str, Any]) -> float:
    return -math.inf if step["value"] is None else float(step["value"])


def colour(name: str) -> str:
    """The same. PanelError for one that the page does not have."""
    if name not in COLOURS:
        raise PanelError(f"the page has no colour {name!r}: it has {', '.join(COLOURS)}")
    return name


def colour_of(value: float, limits: tuple[Step, ...]) -> str:
    """That holds at a value."""
    return next(step.colour for step in reversed(limits) if value >= step.value)


def mapped(value: str, mappings: list[dict[str, Any]]) -> tuple[str | None, str | None]:
    """Text and colour that a value has by mappings. PanelError for another kind of mapping than by value."""
    for mapping in mappings:
        if mapping["type"] != "value":
            raise PanelError(f"the page knows no mapping by {mapping['type']!r}, only by value")
        if value in mapping["options"]:
            shown = mapping["options"][value]
            return shown.get("text"), colour(shown["color"]) if "color" in shown else None
    return None, None
