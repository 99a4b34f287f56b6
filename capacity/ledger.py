"""Figures with their arithmetic: computed once as numbers, and once more in words when somebody asks."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from capacity.arithmetic import FUNCTIONS
from capacity.facts import GIB, KIB, MIB, Fact


class Figure(NamedTuple):
    """A number of a plan and how it comes about."""

    name: str
    """Component and what of it, such as `qdrant.memory`."""
    value: float
    unit: str
    formula: str
    """Arithmetic over the names of `terms`, as Python writes it."""
    terms: Mapping[str, float | Fact]

    def __str__(self) -> str:
        """A line of arithmetic, then one for each number with a source of its own, and for each function."""
        formula = self.formula.replace("**", "^").replace("*", "×")
        words = formula.replace("_", " ")
        numbers = re.sub(r"[a-z_]+(?=\b)(?!\()", lambda match: self._number(match[0]), formula)
        lines = [f"{self.name} = {shown(self.value, self.unit)}", f"  = {words}", f"  = {numbers}"]
        for name, term in self.terms.items():
            if isinstance(term, Fact):
                lines.append(f"    {name.replace('_', ' ')}: {shown(term.value, term.unit)}, {term.source}")
        called = dict.fromkeys(re.findall(r"[a-z_]+(?=\()", self.formula))
        lines += [f"    {name.replace('_', ' ')}(): {told}" for name in called if (told := FUNCTIONS[name].words)]
        return "\n".join(lines)

    def _number(self, name: str) -> str:
        term = self.terms.get(name)
        return name if term is None else exact(number(term))

    @property
    def sources(self) -> dict[str, str]:
        """Source of each term that has one."""
        return {name: term.source for name, term in self.terms.items() if isinstance(term, Fact)}


def number(term: float | Fact) -> float:
    return term.value if isinstance(term, Fact) else term


class Ledger:
    """Keeps figures; `QUIET` keeps none."""

    keeps = True
    """Whether it is worth telling it anything: telling takes longer than computing."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def note(self, name: str, value: float, unit: str, formula: str, /, **terms: float | Fact) -> float:
        """Keeps a figure, and answers its value."""
        self.figures.append(Figure(name, value, unit, formula, terms))
        return value


class Quiet(Ledger):
    """Keeps nothing: for plans of which nobody asks why."""

    keeps = False

    def note(self, name: str, value: float, unit: str, formula: str, /, **terms: float | Fact) -> float:
        del name, unit, formula, terms
        return value


QUIET: Final = Quiet()

_BYTES: Final = ((1024 * GIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"))


def shown(value: float, unit: str) -> str:
    """A number with its unit, as people write it."""
    if unit == "B" or unit.startswith(("B ", "B/")):
        for size, name in _BYTES:
            if abs(value) >= size:
                return f"{plain(value / size)} {name}{unit[1:]}"
    number = plain(value)
    return f"{number} {_SEVERAL.sub(_one, unit) if number == '1' else unit}".rstrip()


_SEVERAL: Final = re.compile(r"^[a-z]{2,}s\b")
"""The first word for more than one."""


def _one(several: re.Match[str]) -> str:
    word = several[0]
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("sses", "shes")) else word[:-1]


def exact(value: float) -> str:
    """Digits enough for arithmetic that one does again: six that count, or three after the point, to a million."""
    if value == int(value) or abs(value) >= 1_000_000:
        return f"{value:,.0f}"
    return f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) >= 1000 else f"{value:.6g}"


def plain(value: float) -> str:
    """Four digits that count, or all before the point."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
