"""Quantities that the file states, as they stand there: what is left out follows them and is no fault of its own."""

from typing import cast

from settings.draft import Draft
from settings.faults import ABSENT, Place
from settings.quantity import Quantity, amount_of_bytes, cores
from settings.rules.rule import place


def stated_quantity(draft: Draft, at: Place) -> Quantity | None:
    """A quantity that the file states and that is one; the last part of its place says of what."""
    value = draft.stated(at)
    try:
        return None if value is ABSENT or value is None else (cores if at[-1] == "cpu" else amount_of_bytes)(value)
    except ValueError:
        return None


def region_resources(draft: Draft) -> list[Place]:
    """The `resources` block of each region in the list."""
    regions = draft.stated(place("multiregion.regions"))
    count = len(cast("list[object]", regions)) if isinstance(regions, list | tuple) else 0
    return [place(f"multiregion.regions[{index}].resources") for index in range(count)]
