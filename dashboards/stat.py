"""Panels of single values."""

from dataclasses import dataclass
from typing import Final

from dashboards import limits
from dashboards.answers import Answers, Panel, calculation
from dashboards.errors import PanelError
from dashboards.units import unit

_COLOURED: Final = {"background_solid": True, "none": False}


@dataclass(frozen=True)
class Tile:
    """A value; its name where there are several, its colour where the panel is coloured."""

    name: str
    text: str
    colour: str | None


@dataclass(frozen=True)
class Drawing:
    """All that the template needs."""

    tiles: tuple[Tile, ...]

    @property
    def colours(self) -> tuple[str, ...]:
        """Of the values."""
        return tuple(tile.colour for tile in self.tiles if tile.colour)


def drawing(panel: Panel, answers: Answers) -> Drawing:
    """A tile for each series. PanelError where the JSON asks for what the page cannot draw."""
    defaults, options = panel["fieldConfig"]["defaults"], panel["options"]
    modes = {name: options[name] for name in ("colorMode", "graphMode")}
    if modes["colorMode"] not in _COLOURED or modes["graphMode"] != "none":
        raise PanelError(f"the page cannot draw values with {modes}")
    coloured, unit_, steps = _COLOURED[modes["colorMode"]], unit(defaults["unit"]), limits.steps(panel)
    (name,) = options["reduceOptions"]["calcs"]
    _, reckon = calculation(name)
    tiles: list[Tile] = []
    for answer in answers.series:
        value = reckon(answer.values)
        text, colour = limits.mapped(f"{value:g}", defaults.get("mappings", []))
        shown = colour or limits.colour_of(value, steps)
        tiles.append(
            Tile(
                answer.name if len(answers.series) > 1 else "",
                text or unit_.text(value),
                shown if coloured else None,
            )
        )
    return Drawing(tuple(tiles))
