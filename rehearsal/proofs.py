"""What the proof of a zone's loss says of each component of a region, as a table and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from policies.checks import proof, read
from policies.checks.model import Resource
from policies.checks.placement import TooManyError
from policies.checks.proof import Proof

COLUMNS = ("component", "pods", "needs", "left", "then evictable", "outlives an eviction and a zone", "back elsewhere")


def of(resources: Sequence[Resource], zones: Sequence[str]) -> tuple[Proof, ...]:
    """Of everything that runs always. A component that may be placed in too many ways is left to the policy."""
    return tuple(_proven(resources, zones))


def _proven(resources: Sequence[Resource], zones: Sequence[str]) -> Iterator[Proof]:
    for component in proof.components(read.stack(resources), zones):
        try:
            yield proof.prove(component, zones)
        except TooManyError:
            continue


def as_json(proven: Proof) -> dict[str, Any]:
    """The worst of all placements and zones."""
    return {
        "component": proven.component.title,
        "pods": proven.component.number,
        "placements": len(proven.layouts),
        "needed": proven.component.needed,
        "left": proven.left,
        "serves": proven.serves,
        "evictable_then": max(max(case.evictable) for case in proven.cases),
        "guarded": proven.guarded,
        "serves_after_eviction_and_loss": proven.serves_after_eviction,
        "back_elsewhere": _back(proven),
    }


def table() -> Table:
    """Without rows; the first two columns say of where they are."""
    made = Table(title="the loss of any one zone, in every placement", title_justify="left")
    for column in ("platform", "region", *COLUMNS):
        made.add_column(column)
    return made


def row(proven: Proof) -> list[str]:
    """The cells under `COLUMNS`."""
    told = as_json(proven)
    left = f"{told['left']} of {told['pods']}" + ("" if told["serves"] else ": too few")
    evictable = f"{told['evictable_then']}" + ("" if told["guarded"] else ": too many")
    after = "yes" if told["serves_after_eviction_and_loss"] else "no"
    lost = told["pods"] - told["left"]
    return [
        told["component"].removeprefix("the "), str(told["pods"]), str(told["needed"]), left, evictable, after,
        "" if told["back_elsewhere"] is None else f"{told['back_elsewhere']} of {lost}",
    ]  # fmt: skip


def _back(proven: Proof) -> int | None:
    """The fewest pods that are made again in the other zones, once the lost one's nodes are gone; None where there are
    more ways than can be followed."""
    try:
        return min(there - case.left for case in proven.cases for there in case.back(tainted=False))
    except TooManyError:
        return None
