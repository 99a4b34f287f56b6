"""What a region costs in a month, by the sizes that it has and, where it states one, its workload."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.errors import RehearsalError
from settings import Settings


@dataclass(frozen=True)
class RegionCost:
    """Of one region."""

    parts: dict[str, float | None]
    """By component; None where a table of prices has no machine that takes the pods."""
    currency: str
    date: str
    """Of the table of prices."""
    unknown: str = ""
    """Why the cost is not known."""
    left_out: str = ""
    """What is not in it, in words."""

    @property
    def amount(self) -> float:
        """Of the parts that are known."""
        return sum(amount for amount in self.parts.values() if amount is not None)

    @property
    def lacking(self) -> tuple[str, ...]:
        """Parts that the amount is without."""
        return tuple(name for name, amount in self.parts.items() if amount is None)

    def as_json(self) -> dict[str, Any]:
        known = {"month": self.amount, "parts": self.parts} if not self.unknown else {"unknown": self.unknown}
        without = {"without": list(self.lacking)} if self.lacking else {}
        return {**known, **without, "currency": self.currency, "date": self.date, "left_out": self.left_out}

    @property
    def short(self) -> str:
        """Without its parts and the date of its prices."""
        if self.unknown:
            return "not known"
        without = f" (without {' and '.join(self.lacking)})" if self.lacking else ""
        return f"{self.amount:,.0f} {self.currency}{without}"

    def __str__(self) -> str:
        if self.unknown:
            return f"not known: {self.unknown}"
        without = f", without {' and '.join(self.lacking)}" if self.lacking else ""
        parts = ", ".join(
            f"{name} not known" if amount is None else f"{name} {amount:,.0f}" for name, amount in self.parts.items()
        )
        left_out = f"; {self.left_out}" if self.left_out else ""
        return f"{self.amount:,.0f} {self.currency} a month by prices of {self.date}{without}: {parts}{left_out}"


def of(settings: Settings, prices: Path | None = None) -> RegionCost | None:
    """None where neither a workload nor nodes of its own are stated. `prices` is a table in place of the project's own.
    RehearsalError where it is none.
    """
    buys_nodes = settings.platform == "aws" and settings.aws.cluster.existing is None
    if settings.workload is None and not buys_nodes:
        return None
    # Imported where it is needed: other stacks do not wait for the model.
    from capacity import cost
    from capacity.prices import PriceError, own, read

    try:
        table = own() if prices is None else read(prices)
    except PriceError as error:
        raise RehearsalError(str(error)) from None
    left_out = cost.left_out(workload=settings.workload is not None)
    try:
        parts = {one.component: one.amount for one in cost.of_stack(settings, table)}
    except PriceError as error:
        return RegionCost({}, table.currency, table.date, str(error), left_out)
    return RegionCost(parts, table.currency, table.date, left_out=left_out)
