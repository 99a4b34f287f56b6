"""What a drill found, as a table and as JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from rehearsal.drills.watching import Event, Place

GOAL_SECONDS = 300.0
"""For all drills of a region, on two cores."""
DRAIN = "drain "
"""What the drills begin with of which there is one for each node."""
SIMULATED = "durations are simulated: of control plane and scheduler alone, no server starts, catches up or elects"


@dataclass(frozen=True)
class Row:
    """One component in one drill."""

    component: str
    pods: int
    needed: int
    """Pods without which it does not serve."""
    wants: str
    """What needs them: a majority, a commit; empty where any pod will do."""
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
    evicted: int | None = None
    """Pods that the budgets gave up before a zone was lost."""
    lost_pods: tuple[Place, ...] = ()
    """Pods that went, by name, and the zones where they were."""
    came_back: tuple[Place, ...] = ()
    """Pods that were made in their place, and the zones where they are at the end."""
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
    zone: str = ""
    """That was lost."""

    @property
    def agrees(self) -> bool:
        return not any(row.differs for row in self.rows)

    @property
    def served(self) -> bool:
        return all(row.served for row in self.rows)


def as_json(region: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "region": region,
        "simulated": SIMULATED,
        "agrees": all(outcome.agrees for outcome in outcomes),
        "seconds": round(_seconds(outcomes), 1),
        "goal_seconds": GOAL_SECONDS,
        "cases": [
            {
                "case": outcome.case,
                "zone": outcome.zone,
                "seconds": round(outcome.seconds, 1),
                "agrees": outcome.agrees,
                "events": [asdict(event) for event in outcome.events],
                "components": [{**asdict(row), "served": row.served} for row in outcome.rows],
            }
            for outcome in outcomes
        ],
    }


def show(region: str, outcomes: Sequence[Outcome], console: Console) -> None:
    """A row for each drill, one for all nodes whose drain went well, so that it fits a screen; then what differs from
    the proof. `as_json` has all.
    """
    table = Table(title=f"drills of {region}", title_justify="left", show_edge=False, pad_edge=False)
    for column in ("drill", "seconds", "degraded", "longest", "not served", "as proven"):
        table.add_column(column, justify="right" if column in ("seconds", "degraded", "longest") else "left")
    for cells in _rows(outcomes):
        table.add_row(*cells)
    console.print(table)
    for outcome in outcomes:
        for words in _told(outcome):
            console.print(f"{outcome.case}: {words}", markup=False)
    console.print(f"{_seconds(outcomes):.0f} s in all, {GOAL_SECONDS:.0f} s at most on two cores; {SIMULATED}")


def _seconds(outcomes: Sequence[Outcome]) -> float:
    return sum(outcome.seconds for outcome in outcomes)


def _told(outcome: Outcome) -> Iterator[str]:
    """Where the pods of a lost zone are, and what differs from the proof."""
    lost = [place for row in outcome.rows for place in row.lost_pods]
    if outcome.zone and lost:
        zones = Counter(place.zone or "nowhere" for row in outcome.rows for place in row.came_back)
        back = ", ".join(f"{zone} {number}" for zone, number in sorted(zones.items()))
        yield f"{len(lost)} lost, back: {back or 'none'}"
    for row in outcome.rows:
        for words in row.differs:
            yield f"{row.component}: {words}"


def _rows(outcomes: Sequence[Outcome]) -> Iterator[list[str]]:
    drained = [one for one in outcomes if one.case.startswith(DRAIN) and one.agrees and one.served]
    for outcome in outcomes:
        if outcome not in drained:
            yield _cells(outcome.case, [outcome])
        elif outcome is drained[0]:
            yield _cells(outcome.case if len(drained) == 1 else f"{DRAIN}{len(drained)} nodes, in turn", drained)


def _cells(case: str, outcomes: Sequence[Outcome]) -> list[str]:
    """Of one drill, or of several of which nobody was down: all their seconds, and the worst of each."""
    degraded = [[row for row in outcome.rows if row.least < row.pods] for outcome in outcomes]
    down = [row for outcome in outcomes for row in outcome.rows if not row.served]
    longest = max((row.degraded_seconds for rows in degraded for row in rows), default=0.0)
    return [
        case, f"{_seconds(outcomes):.0f}", f"{max(map(len, degraded))} of {len(outcomes[0].rows)}", f"{longest:.1f} s",
        _named(down), "yes" if all(outcome.agrees for outcome in outcomes) else "no",
    ]  # fmt: skip


def _named(down: Sequence[Row]) -> str:
    if len(down) > 1:
        return f"{len(down)} ({max(row.down_seconds for row in down):.1f} s)"
    return ", ".join(f"{_title(row)} ({row.down_seconds:.1f} s)" for row in down)


def _title(row: Row) -> str:
    return row.component.removeprefix("the ")
