"""What a region costs in a month, by its workload and the sizes that it has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.errors import RehearsalError
from settings import Settings


@dataclass(frozen=True)
class RegionCost:
    """Of one region."""

    parts: dict[str, float]
    """By component."""
    currency: str
    date: str
    """Of the table of prices."""
    unknown: str = ""
    """Why the cost is not known."""

    @property
    def amount(self) -> float:
        return sum(self.parts.values())

    def as_json(self) -> dict[str, Any]:
        known = {"month": self.amount, "parts": self.parts} if not self.unknown else {"unknown": self.unknown}
        return {**known, "currency": self.currency, "date": self.date}

    @property
    def short(self) -> str:
        """Without its parts."""
        return "not known" if self.unknown else f"{self.amount:,.0f} {self.currency}"

    def __str__(self) -> str:
        if self.unknown:
            return f"not known: {self.unknown}"
        parts = ", ".join(f"{name} {amount:,.0f}" for name, amount in self.parts.items())
        return f"{self.amount:,.0f} {self.currency} a month by prices of {self.date}: {parts}"


def of(settings: Settings, prices: Path | None = None) -> RegionCost | None:
    """None without a workload. `prices` is a table in place of the project's own. RehearsalError where it is none."""
    if settings.workload is None:
        return None
    # Imported where it is needed: a stack without a workload does not wait for the model.
    from capacity import cost
    from capacity.prices import PriceError, own, read

    try:
        table = own() if prices is None else read(prices)
    except PriceError as error:
        raise RehearsalError(str(error)) from None
    try:
        parts = {one.component: one.amount for one in cost.of_stack(settings, table)}
    except PriceError as error:
        return RegionCost({}, table.currency, table.date, str(error))
    return RegionCost(parts, table.currency, table.date)
