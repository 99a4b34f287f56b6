"""What a drill found, as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from rehearsal.drills.watching import Event

SIMULATED = "durations are simulated: of control plane and scheduler alone, no server starts, catches up or elects"


@dataclass(frozen=True)
class Row:
    """One component in one drill."""

    component: str
    pods: int
    needed: int
    """Pods without which it does not serve."""
    placement: str
    """Pods by zone: before a zone was lost, at the end of other drills, under load."""
    least: int
    """Healthy pods at the worst moment that was seen."""
    down_seconds: float
    """Seen with fewer healthy pods than it needs."""
    degraded_seconds: float
    """Seen with fewer than in ordinary operation."""
    left: int | None = None
    """Pods that went on without the zone."""
    lost: int | None = None
    evictable: int | None = None
    """Evictions that the budgets then allowed."""
    back: int | None = None
    """Pods that were made again in other zones."""
    denied: int = 0
    """Evictions that were denied at first, of all components."""
    healthy: tuple[tuple[float, int], ...] = ()
    """Each change of the number of healthy pods: seconds after the beginning, and how many."""
    differs: tuple[str, ...] = ()
    """From what the proof says, in words."""

    @property
    def served(self) -> bool:
        return self.least >= self.needed


@dataclass(frozen=True)
class Outcome:
    """One drill."""

    case: str
    seconds: float
    rows: tuple[Row, ...]
    events: tuple[Event, ...] = ()

    @property
    def agrees(self) -> bool:
        return not any(row.differs for row in self.rows)


def as_json(region: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "region": region,
        "simulated": SIMULATED,
        "agrees": all(outcome.agrees for outcome in outcomes),
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 1),
        "cases": [
            {
                "case": outcome.case,
                "seconds": round(outcome.seconds, 1),
                "agrees": outcome.agrees,
                "events": [asdict(event) for event in outcome.events],
                "components": [{**asdict(row), "served": row.served} for row in outcome.rows],
            }
            for outcome in outcomes
        ],
    }


def show(region: str, outcomes: Sequence[Outcome], console: Console) -> None:
    """A row for each drill, short enough for a screen, then what differs from the proof; `as_json` has all."""
    table = Table(title=f"drills of {region}", title_justify="left", show_edge=False, pad_edge=False)
    for column in ("drill", "seconds", "degraded", "longest", "not served", "as proven"):
        table.add_column(column, justify="right" if column in ("seconds", "degraded", "longest") else "left")
    for outcome in outcomes:
        table.add_row(*_cells(outcome))
    console.print(table)
    for outcome in outcomes:
        for row in outcome.rows:
            for words in row.differs:
                console.print(f"{outcome.case}: {row.component}: {words}", markup=False)
    console.print(SIMULATED)


def _cells(outcome: Outcome) -> list[str]:
    degraded = [row for row in outcome.rows if row.least < row.pods]
    down = [f"{_title(row)} ({row.down_seconds:.1f} s)" for row in outcome.rows if not row.served]
    longest = max((row.degraded_seconds for row in degraded), default=0.0)
    return [
        outcome.case, f"{outcome.seconds:.0f}", f"{len(degraded)} of {len(outcome.rows)}", f"{longest:.1f} s",
        ", ".join(down), "yes" if outcome.agrees else "no",
    ]  # fmt: skip


def _title(row: Row) -> str:
    return row.component.removeprefix("the ")
